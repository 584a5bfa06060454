// The conditions of a route beside host and path, compiled: method, headers, query parameters.

/// What routes look at in a request. The path is canonical (`CanonicalPath`).
package struct RoutableRequest {
    package var method: ByteView
    /// Without the port.
    package var host: ByteView
    package var path: ByteView
    /// Without the question mark.
    package var query: ByteView?
    package var headers: HeaderBlock

    package init(method: ByteView, host: ByteView, path: ByteView, query: ByteView?, headers: HeaderBlock) {
        self.method = method
        self.host = host
        self.path = path
        self.query = query
        self.headers = headers
    }
}

/// A pattern of a route that is not an RE2 expression. The loader reports it with its place before a table is built.
package struct RoutingError: Error, CustomStringConvertible {
    package var pattern: String
    package var message: String

    package var description: String { "\"\(pattern)\" is not a regular expression: \(message)" }
}

/// A `ValueMatch` ready to run.
enum ValueCondition: Sendable {
    case exact([UInt8])
    case regex(LinearRegex)

    init(_ match: ValueMatch) throws(RoutingError) {
        switch match {
        case .exact(let text): self = .exact(Array(text.utf8))
        case .regex(let pattern): self = .regex(try LinearRegex.routing(pattern))
        }
    }

    func holds(_ value: ByteView) -> Bool {
        switch self {
        case .exact(let bytes): value == bytes
        case .regex(let regex): regex.matches(value)
        }
    }
}

extension LinearRegex {
    static func routing(_ pattern: String) throws(RoutingError) -> LinearRegex {
        do throws(SyntaxError) {
            return try LinearRegex(pattern)
        } catch {
            throw RoutingError(pattern: pattern, message: error.message)
        }
    }
}

struct HeaderCondition: Sendable {
    private let name: [UInt8]
    private let value: ValueCondition

    init(_ match: HeaderMatch) throws(RoutingError) {
        name = Array(match.name.utf8)
        value = try ValueCondition(match.value)
    }

    func holds(_ headers: HeaderBlock) -> Bool {
        name.withUnsafeBufferPointer { name in
            let name = ByteView(name)
            var lines = 0
            var first = ByteView.empty
            headers.forEach(named: name) { value in
                if lines == 0 { first = value }
                lines += 1
            }
            if lines == 1 { return value.holds(first) }
            guard lines > 1 else { return false }
            // One field in several lines (RFC 9110 §5.3): rare enough to allocate.
            var joined: [UInt8] = []
            headers.forEach(named: name) { value in
                if !joined.isEmpty { joined += [UInt8(ascii: ","), 0x20] }
                joined += value
            }
            return joined.withUnsafeBufferPointer { value.holds(ByteView($0)) }
        }
    }
}

struct QueryCondition: Sendable {
    private let name: [UInt8]
    private let value: ValueCondition

    init(_ match: QueryMatch) throws(RoutingError) {
        name = Array(match.name.utf8)
        value = try ValueCondition(match.value)
    }

    /// Every occurrence must match: which of several an upstream takes is unknown here.
    func holds(_ query: ByteView?) -> Bool {
        guard let query else { return false }
        var found = false
        var start = 0
        for at in 0...query.count where at == query.count || query[at] == UInt8(ascii: "&") {
            let pair = query.slice(start, at)
            start = at + 1
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.count
            guard QueryCondition.decoded(pair.slice(0, equals)) == name else { continue }
            let text = QueryCondition.decoded(pair.slice(min(equals + 1, pair.count), pair.count))
            guard text.withUnsafeBufferPointer({ value.holds(ByteView($0)) }) else { return false }
            found = true
        }
        return found
    }

    /// application/x-www-form-urlencoded: `+` is a space, `%XX` a byte; what is neither stays.
    private static func decoded(_ text: ByteView) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var at = 0
        while at < text.count {
            if text[at] == UInt8(ascii: "%"), at + 2 < text.count, let high = ASCII.hexValue(text[at + 1]),
                let low = ASCII.hexValue(text[at + 2])
            {
                result.append(UInt8(high << 4 | low))
                at += 3
            } else {
                result.append(text[at] == UInt8(ascii: "+") ? 0x20 : text[at])
                at += 1
            }
        }
        return result
    }
}

/// One `RouteMatch` of one route, without host and path.
struct RouteCandidate: Sendable {
    let method: [UInt8]?
    let headers: [HeaderCondition]
    let query: [QueryCondition]
    let route: Int
    let match: Int

    init(_ match: RouteMatch, route: Int, index: Int) throws(RoutingError) {
        method = match.method.map { Array($0.utf8) }
        var headers: [HeaderCondition] = []
        for header in match.headers { headers.append(try HeaderCondition(header)) }
        var query: [QueryCondition] = []
        for parameter in match.query { query.append(try QueryCondition(parameter)) }
        self.headers = headers
        self.query = query
        self.route = route
        self.match = index
    }

    /// Among candidates of one path: a method, then more headers, then more query parameters, then the order of the
    /// file.
    static func precedes(_ a: RouteCandidate, _ b: RouteCandidate) -> Bool {
        if (a.method == nil) != (b.method == nil) { return a.method != nil }
        if a.headers.count != b.headers.count { return a.headers.count > b.headers.count }
        if a.query.count != b.query.count { return a.query.count > b.query.count }
        return (a.route, a.match) < (b.route, b.match)
    }

    func holds(_ request: RoutableRequest) -> Bool {
        if let method, !(request.method == method) { return false }
        for header in headers where !header.holds(request.headers) { return false }
        for parameter in query where !parameter.holds(request.query) { return false }
        return true
    }
}
