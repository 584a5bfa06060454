import Testing

@testable import CEL

@Suite struct CheckerTests {
    static let environment = Environment(
        variables: [
            "jwt": .object("jwt"), "request": .object("request"), "x": .int, "names": .list(.string), "d": .dyn,
        ],
        unavailableVariables: ["response": "known only when the upstream has answered"],
        records: [
            RecordType(
                "jwt",
                fields: ["sub": .init(.string), "groups": .init(.list(.string)), "scope": .init(.string)]),
            RecordType(
                "request",
                fields: [
                    "path": .init(.string), "headers": .init(.map(key: .string, value: .dyn)),
                    "body": .init(.bytes, unavailable: "bodies are not read in this phase"),
                ]),
        ])

    @Test(arguments: [
        ("jwt.sub == 'a'", "bool"), ("x + 1", "int"), ("names.map(n, size(n))", "list(int)"),
        ("names.exists(n, n.startsWith('a')) && !(x < 3)", "bool"), ("request.headers['x-a']", "dyn"),
        ("has(jwt.sub) ? [1] : []", "list(int)"), ("{'a': 1}", "map(string, int)"), ("[1, 'a']", "list(dyn)"),
        ("optional.of(x).orValue(2)", "int"), ("math.greatest(1, 2)", "int"), ("type(x)", "type(int)"),
        ("base64.encode(b'a')", "string"), ("d.a.b", "dyn"), ("'%d'.format([x])", "string"),
        ("names.transformMap(i, v, v)", "map(int, string)"), ("cel.bind(y, x, y + 1)", "int"), ("-x", "int"),
        ("timestamp('2026-01-01T00:00:00Z').getHours('Europe/Berlin')", "int"),
        ("cidr('10.0.0.0/8').containsIP('10.1.1.1')", "bool"),
    ])
    func typesAreDeduced(_ source: String, _ type: String) throws {
        #expect(try CheckerTests.environment.check(source).type.description == type)
    }

    @Test(arguments: [
        ("'admin' in jwt.grups", "unknown field 'grups' of 'jwt'; did you mean 'groups'?", 15),
        ("jwtt.sub", "undeclared reference to 'jwtt'; did you mean 'jwt'?", 0),
        ("jwt.sub.startWith('a')", "undeclared function 'startWith'; did you mean 'startsWith'?", 0),
        ("x + 'a'", "no operator for 'int + string'", 0),
        ("y + 1", "undeclared reference to 'y'", 0),
        ("X + 1", "undeclared reference to 'X'; did you mean 'x'?", 0),
        ("x +", "the expression ends where a value is expected", 3),
        ("'a' in 'abc'", "no operator for 'string in string'; did you mean 'contains()'?", 0),
        (
            "request.body == b''", "field 'body' of 'request' is not available here: bodies are not read in this phase",
            8
        ),
        ("response.code", "'response' is not available here: known only when the upstream has answered", 0),
        ("x == 'a'", "no operator for 'int == string'", 0),
        ("names.exists(n, n)", "no operator for 'bool || string'", 0),
        ("x.all(y, true)", "a macro cannot go through a 'int': it takes a list or a map", 0),
        ("jwt.sub.foo", "type 'string' has no fields", 0),
    ])
    func mistakesAreFoundWithTheirPlaceAndASuggestion(_ source: String, _ text: String, _ offset: Int) throws {
        let error = #expect(throws: CompileError.self) { try CheckerTests.environment.check(source) }
        let first = try #require(error?.diagnostics.first)
        #expect(first.text == text)
        #expect(Int(first.range.start) == offset)
    }

    @Test func allMistakesOfAnExpressionAreReported() {
        let error = #expect(throws: CompileError.self) {
            try CheckerTests.environment.check("jwt.a == 1 && jwt.b == 2 && foo")
        }
        #expect(error?.diagnostics.count == 3)
    }

    @Test(arguments: [
        "", "1 +", "a..b", "[1, 2", "(1", "'abc", "f(", "a ? b", "1 2", "a.all(1, true)", "has(a)", "for", "{1: }",
        "\"\\q\"",
        "9223372036854775808", "-9223372036854775809", "18446744073709551616u", "1e999", "'\\ud800'", "a = b", "a & b",
        "`a`",
        "0x", "1abc", "b'\\u0041'", "a.`x", "rb'a'",
    ])
    func malformedTextIsRefusedWithAPlace(_ source: String) throws {
        let error = #expect(throws: CompileError.self) { try ParsedExpression.parse(source) }
        let first = try #require(error?.diagnostics.first)
        #expect(Int(first.range.start) <= source.utf8.count)
    }

    @Test func hostileInputIsRefusedOrReadWithoutRecursion() throws {
        #expect(throws: CompileError.self) {
            try ParsedExpression.parse(
                String(repeating: "(", count: 100_000) + "1" + String(repeating: ")", count: 100_000))
        }
        #expect(throws: CompileError.self) {
            try ParsedExpression.parse(String(repeating: "!", count: 100_000) + "true")
        }
        #expect(throws: CompileError.self) { try ParsedExpression.parse("a" + String(repeating: ".b", count: 10_000)) }
        #expect(throws: CompileError.self) { try ParsedExpression.parse(String(repeating: "a", count: 1 << 20)) }
        let terms = try ParsedExpression.parse(Array(repeating: "true", count: 10_000).joined(separator: " || "))
        #expect(terms.ast.count == 19_999)
    }

    @Test func aDiagnosticShowsTheLineAndAMark() throws {
        let error = #expect(throws: CompileError.self) {
            try CheckerTests.environment.check("true &&\n  'admin' in jwt.grups")
        }
        let text = try #require(error?.diagnostics.first).render(
            source: "true &&\n  'admin' in jwt.grups", name: "rules.yaml")
        #expect(
            text == """
                rules.yaml:2:18: error: unknown field 'grups' of 'jwt'; did you mean 'groups'?
                  2 |   'admin' in jwt.grups
                    |                  ^~~~~
                """)
    }

    @Test func mutatedExpressionsNeverCrashTheFrontEnd() {
        let seeds = [
            "jwt.groups.exists(g, g.startsWith('eng-')) && request.headers['x'] != \"a\\u0041\"",
            "[1, 2.5, 3u].map(x, x > 1, {x: -x}) == optional.of(b'\\x00').orValue(r'\\d')",
            "a.?b[?0].`c-d` ? 1 : has(a.b.c) || !!x",
        ]
        let punctuation = Array("()[]{}.,?:'\"`!&|<=>-+0a\\".utf8)
        var random = Random(seed: 0xce1)
        for round in 0..<20_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<(1 + random.below(5)) {
                switch random.below(3) {
                case 0: bytes[random.below(bytes.count)] = UInt8(32 + random.below(95))
                case 1: if bytes.count > 1 { bytes.remove(at: random.below(bytes.count)) }
                default: bytes.insert(punctuation[random.below(punctuation.count)], at: random.below(bytes.count))
                }
            }
            let source = String(decoding: bytes, as: UTF8.self)
            do {
                _ = try CheckerTests.environment.check(source)
            } catch {
                #expect(!error.diagnostics.isEmpty, "seed 0xce1, round \(round)")
            }
        }
    }
}

struct Random {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}
