// Which route takes a request: examples of each rule, and the table against its specification on random configurations.

import Proxy
import Testing

@Suite struct RouteTableTests {
    // MARK: Helpers

    struct Request {
        var method = "GET"
        var host = "example.com"
        var path = "/"
        var query: String?
        var headers: [(String, String)] = []
    }

    static func match(_ table: RouteTable, _ request: Request) -> RouteTable.Match? {
        let block = HeaderBlock()
        for (name, value) in request.headers { block.append(name, value) }
        let parts = [request.method, request.host, request.path, request.query ?? ""].map { Array($0.utf8) }
        return parts[0].withUnsafeBufferPointer { method in
            parts[1].withUnsafeBufferPointer { host in
                parts[2].withUnsafeBufferPointer { path in
                    parts[3].withUnsafeBufferPointer { query in
                        table.match(
                            RoutableRequest(
                                method: ByteView(method), host: ByteView(host), path: ByteView(path),
                                query: request.query == nil ? nil : ByteView(query), headers: block))
                    }
                }
            }
        }
    }

    /// The name of the route that takes the request.
    static func name(_ routes: [Route], _ request: Request) throws -> String? {
        let table = try RouteTable(routes)
        return match(table, request).map { table.routes[$0.route].name }
    }

    static func route(_ name: String, hosts: [HostPattern] = [], _ matches: RouteMatch...) -> Route {
        Route(name: name, hostnames: hosts, matches: matches)
    }

    // MARK: Paths

    @Test(arguments: [
        ("/foo", "prefix"), ("/foo/", "prefix"), ("/foo/bar", "prefix"), ("/foobar", "root"), ("/fo", "root"),
        ("/", "root"), ("/Foo", "root"),
    ])
    func prefixesEndOnSegmentBorders(_ path: String, _ expected: String) throws {
        let routes = [
            Self.route("prefix", RouteMatch(path: .prefix("/foo"))), Self.route("root", RouteMatch(path: .prefix("/"))),
        ]
        #expect(try Self.name(routes, Request(path: path)) == expected)
    }

    @Test(arguments: [("/foo", "bare"), ("/foo/", "slash"), ("/foo/x", nil), ("/", "root"), ("/x", nil)])
    func exactPathsDifferByTheirTrailingSlash(_ path: String, _ expected: String?) throws {
        let routes = [
            Self.route("bare", RouteMatch(path: .exact("/foo"))),
            Self.route("slash", RouteMatch(path: .exact("/foo/"))),
            Self.route("root", RouteMatch(path: .exact("/"))),
        ]
        #expect(try Self.name(routes, Request(path: path)) == expected)
    }

    @Test(arguments: [
        ("/a/b/c", "exact"), ("/a/b/d", "long"), ("/a/x", "short"), ("/z/1", "regex"), ("/z/x", "root"),
    ])
    func exactBeatsLongestPrefixBeatsRegexBeatsRoot(_ path: String, _ expected: String) throws {
        let routes = [
            Self.route("root", RouteMatch(path: .prefix("/"))),
            Self.route("regex", RouteMatch(path: .regex("/[az]/[0-9b].*"))),
            Self.route("short", RouteMatch(path: .prefix("/a"))), Self.route("long", RouteMatch(path: .prefix("/a/b"))),
            Self.route("exact", RouteMatch(path: .exact("/a/b/c"))),
        ]
        #expect(try Self.name(routes, Request(path: path)) == expected)
    }

    @Test func regexCoversTheWholePathWhateverItsAlternatives() throws {
        let routes = [Self.route("r", RouteMatch(path: .regex("/a|/ab")))]
        #expect(try Self.name(routes, Request(path: "/ab")) == "r")
        #expect(try Self.name(routes, Request(path: "/abc")) == nil)
        #expect(try Self.name(routes, Request(path: "/x/a")) == nil)
        #expect(try Self.name(routes, Request(path: "/a\n")) == nil)
    }

    @Test func matchTellsHowMuchOfThePathThePrefixTook() throws {
        let table = try RouteTable([
            Self.route("p", RouteMatch(path: .prefix("/a/bc"))), Self.route("r", RouteMatch(path: .prefix("/"))),
            Self.route("e", RouteMatch(path: .exact("/e"))),
        ])
        #expect(Self.match(table, Request(path: "/a/bc/d"))?.prefixLength == 5)
        #expect(Self.match(table, Request(path: "/x"))?.prefixLength == 0)
        let exact = Self.match(table, Request(path: "/e"))
        #expect(exact?.route == 2 && exact?.prefixLength == nil)
    }

    // MARK: Hosts

    @Test(arguments: [
        ("a.example.com", "exact"), ("A.Example.COM", "exact"), ("a.example.com.", "exact"), ("b.example.com", "short"),
        ("x.y.example.com", "long"), ("y.example.com", "short"), ("example.com", "any"), ("xexample.com", "any"),
        ("", "any"), (".", "any"), (".example.com", "any"),
    ])
    func exactHostBeatsLongestWildcardBeatsAny(_ host: String, _ expected: String) throws {
        let routes = [
            Self.route("any", RouteMatch()), Self.route("short", hosts: [.suffix(".example.com")], RouteMatch()),
            Self.route("long", hosts: [.suffix(".y.example.com")], RouteMatch()),
            Self.route("exact", hosts: [.exact("a.example.com")], RouteMatch()),
        ]
        #expect(try Self.name(routes, Request(host: host)) == expected)
    }

    @Test func nextHostBucketIsTriedWhenNoRouteOfTheBetterOneMatches() throws {
        let routes = [
            Self.route("specific", hosts: [.exact("a.com")], RouteMatch(path: .prefix("/only"))),
            Self.route("any", RouteMatch()),
        ]
        #expect(try Self.name(routes, Request(host: "a.com", path: "/only")) == "specific")
        #expect(try Self.name(routes, Request(host: "a.com", path: "/else")) == "any")
    }

    // MARK: Method, headers, query

    @Test func methodThenHeadersThenQueryThenOrderDecideAmongEqualPaths() throws {
        let header = HeaderMatch(name: "x-a", value: .exact("1"))
        let query = QueryMatch(name: "q", value: .exact("1"))
        let routes = [
            Self.route("plain", RouteMatch()), Self.route("plain2", RouteMatch()),
            Self.route("query", RouteMatch(query: [query])), Self.route("header", RouteMatch(headers: [header])),
            Self.route("headerAndQuery", RouteMatch(headers: [header], query: [query])),
            Self.route("method", RouteMatch(method: "POST")),
        ]
        #expect(try Self.name(routes, Request()) == "plain")
        #expect(try Self.name(routes, Request(query: "q=1")) == "query")
        #expect(try Self.name(routes, Request(headers: [("X-A", "1")])) == "header")
        #expect(try Self.name(routes, Request(query: "q=1", headers: [("x-a", "1")])) == "headerAndQuery")
        #expect(try Self.name(routes, Request(method: "POST", query: "q=1", headers: [("x-a", "1")])) == "method")
        #expect(try Self.name(routes, Request(method: "post")) == "plain")
    }

    @Test func headerInSeveralLinesIsComparedAsOneValue() throws {
        let routes = [Self.route("r", RouteMatch(headers: [HeaderMatch(name: "x-a", value: .exact("1, 2"))]))]
        #expect(try Self.name(routes, Request(headers: [("x-a", "1"), ("X-A", "2")])) == "r")
        #expect(try Self.name(routes, Request(headers: [("x-a", "1")])) == nil)
        #expect(try Self.name(routes, Request()) == nil)
        // A second line cannot smuggle a value past a route that demands the first.
        let single = [Self.route("r", RouteMatch(headers: [HeaderMatch(name: "x-a", value: .exact("1"))]))]
        #expect(try Self.name(single, Request(headers: [("x-a", "1"), ("x-a", "evil")])) == nil)
    }

    @Test(arguments: [
        ("a=1", true), ("b=2&a=1", true), ("a=%31", true), ("%61=1", true), ("a=1&a=1", true), ("a=1&a=2", false),
        ("a=2&a=1", false), ("a", false), ("a=", false), ("aa=1", false), ("", false), ("A=1", false),
    ])
    func everyOccurrenceOfAQueryParameterMustMatch(_ query: String, _ expected: Bool) throws {
        let routes = [Self.route("r", RouteMatch(query: [QueryMatch(name: "a", value: .exact("1"))]))]
        #expect(try Self.name(routes, Request(query: query)) == (expected ? "r" : nil))
    }

    @Test func regularExpressionThatDoesNotCompileIsAnError() {
        #expect(throws: RoutingError.self) { try RouteTable([Self.route("r", RouteMatch(path: .regex("/(")))]) }
        #expect(throws: RoutingError.self) { try RouteTable([Self.route("r", RouteMatch(path: .regex("/(?=a)")))]) }
    }

    // MARK: The specification

    /// What the table must answer, said without a trie: all candidates that hold, the best of them first.
    static func specification(_ routes: [Route], _ request: Request) -> (route: Int, match: Int)? {
        var best: (rank: [Int], route: Int, match: Int)?
        for (index, route) in routes.enumerated() {
            for host in route.hostnames.isEmpty ? [HostPattern.any] : route.hostnames {
                guard let hostRank = rank(host, request.host) else { continue }
                for (matchIndex, match) in route.matches.enumerated() {
                    guard let pathRank = rank(match.path, request.path), holds(match, request) else { continue }
                    let rank =
                        hostRank + pathRank + [
                            match.method == nil ? 1 : 0, -match.headers.count, -match.query.count, index, matchIndex,
                        ]
                    if best == nil || rank.lexicographicallyPrecedes(best?.rank ?? []) {
                        best = (rank, index, matchIndex)
                    }
                }
            }
        }
        return best.map { ($0.route, $0.match) }
    }

    static func rank(_ pattern: HostPattern, _ host: String) -> [Int]? {
        switch pattern {
        case .any: [2, 0]
        case .exact(let name): name == host.lowercased() ? [0, 0] : nil
        case .suffix(let suffix):
            host.lowercased().hasSuffix(suffix) && host.count > suffix.count ? [1, -suffix.count] : nil
        }
    }

    static func rank(_ pattern: PathMatch, _ path: String) -> [Int]? {
        switch pattern {
        case .exact(let text): text == path ? [0, 0] : nil
        case .prefix("/"): [3, 0]
        case .prefix(let text): path == text || path.hasPrefix(text + "/") ? [1, -text.count] : nil
        case .regex(let text): (try? Regex(text))?.wholeMatches(path) == true ? [2, 0] : nil
        }
    }

    static func holds(_ match: RouteMatch, _ request: Request) -> Bool {
        if let method = match.method, method != request.method { return false }
        for header in match.headers {
            guard case .exact(let value) = header.value, request.headers.contains(where: { $0 == (header.name, value) })
            else { return false }
        }
        for parameter in match.query {
            guard case .exact(let value) = parameter.value, request.query == "\(parameter.name)=\(value)" else {
                return false
            }
        }
        return true
    }

    @Test func tableAnswersAsItsSpecificationOnRandomConfigurations() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        let segments = ["a", "b", "ab", "c"]
        let hosts: [HostPattern] = [.any, .exact("a.x.com"), .exact("x.com"), .suffix(".x.com"), .suffix(".com")]
        func path() -> String {
            "/"
                + (0..<Int.random(in: 0...3, using: &random)).map { _ in segments.randomElement(using: &random) ?? "a" }
                .joined(separator: "/")
        }
        func randomMatch() -> RouteMatch {
            var match = RouteMatch()
            switch Int.random(in: 0...9, using: &random) {
            case 0...2: match.path = .exact(path() + (Bool.random(using: &random) ? "/" : ""))
            case 3...6: match.path = .prefix(path())
            case 7: match.path = .regex(["/a.*", "/[ab]/?.*", "/", "/c/(a|ab)"].randomElement(using: &random) ?? "/")
            default: break
            }
            if case .exact(let text) = match.path, text.hasSuffix("//") { match.path = .exact("/") }
            if Int.random(in: 0...3, using: &random) == 0 {
                match.method = ["GET", "POST"].randomElement(using: &random)
            }
            if Int.random(in: 0...3, using: &random) == 0 {
                match.headers = [HeaderMatch(name: "x", value: .exact("1"))]
            }
            if Int.random(in: 0...3, using: &random) == 0 { match.query = [QueryMatch(name: "q", value: .exact("1"))] }
            return match
        }
        for _ in 0..<300 {
            let routes = (0..<Int.random(in: 1...12, using: &random)).map { index in
                Route(
                    name: "r\(index)",
                    hostnames: (0..<Int.random(in: 0...2, using: &random)).map { _ in
                        hosts.randomElement(using: &random) ?? .any
                    },
                    matches: (0..<Int.random(in: 1...3, using: &random)).map { _ in randomMatch() })
            }
            let table = try RouteTable(routes)
            for _ in 0..<60 {
                let request = Request(
                    method: ["GET", "POST", "PUT"].randomElement(using: &random) ?? "GET",
                    host: ["a.x.com", "b.x.com", "x.com", "A.X.com", "com", "y.org"].randomElement(using: &random)
                        ?? "",
                    path: path() + (Int.random(in: 0...4, using: &random) == 0 ? "/" : ""),
                    query: Bool.random(using: &random) ? "q=1" : nil,
                    headers: Bool.random(using: &random) ? [("x", "1")] : [])
                guard !request.path.hasSuffix("//") else { continue }
                let found = Self.match(table, request)
                let expected = Self.specification(routes, request)
                #expect(
                    found?.route == expected?.route && found?.match == expected?.match,
                    "seed \(seed): \(request) in \(routes.map { ($0.hostnames, $0.matches.map(\.path)) })")
            }
        }
    }
}

extension Regex where Output == AnyRegexOutput {
    fileprivate func wholeMatches(_ text: String) -> Bool { (try? wholeMatch(in: text)) != nil }
}
