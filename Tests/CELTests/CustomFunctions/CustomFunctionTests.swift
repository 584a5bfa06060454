// Functions that a configuration defines: their notation, and that a call means its body whatever the caller's names are.

import Testing

@testable import CEL

@Suite struct CustomFunctionTests {
    private static let environment = Environment(variables: ["jwt": .jsonMap, "path": .string, "x": .int])
    private static let inputs: [String: CELValue] = [
        "jwt": .map([("sub", "ann"), ("groups", .list(["dev", "ops"]))]), "path": "/mcp", "x": 7,
    ]

    private static func program(_ definitions: String, _ expression: String) throws -> Program {
        var parsed = try ParsedExpression.parse(expression)
        try CustomFunctions(parsing: definitions).expand(&parsed)
        return try environment.check(parsed).plan(layouts: [:])
    }

    private static func value(_ definitions: String, _ expression: String) throws -> CELValue {
        try program(definitions, expression).evaluate(inputs)
    }

    private static func finding(_ definitions: String, _ expression: String = "true") -> String {
        do {
            _ = try value(definitions, expression)
            return "none"
        } catch let error as CompileError {
            let first = error.diagnostics[0]
            return "\(first.range.start)-\(first.range.end): \(first.text)"
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        ("isAnn() { jwt.sub == 'ann' }", "isAnn()", CELValue.bool(true)),
        ("isAnn() { jwt.sub == 'ann' }", "!isAnn() || isAnn()", .bool(true)),
        ("this.isIn(group) { group in this.groups }", "jwt.isIn('dev') && !jwt.isIn('x')", .bool(true)),
        ("add(a, b) { a + b }", "add(1, add(2, x))", .int(10)),
        ("any(first, rest...) { ([first] + rest).exists(g, g in jwt.groups) }", "any('a', 'b', 'ops')", .bool(true)),
        ("any(first, rest...) { ([first] + rest).exists(g, g in jwt.groups) }", "any('a')", .bool(false)),
        ("count(all...) { size(all) }", "count() + count(1, 2)", .int(2)),
        // Braces in texts, maps, comments; definitions in any order.
        (
            "# one {\nb() { {'}': '{'}['}'] + a() } // two }\na() { '}' } # three", "b()", .string("{}")
        ),
        ("m() { {'a': {'b': 1}}.a.b }", "m()", .int(1)),
        ("t() { '''}\"''' + r'\\' }", "t()", .string("}\"\\")),
        // Names of a body and of its caller that are alike stay apart.
        ("f(y) { [1, 2].map(x, x + y) }", "f(x)", .list([.int(8), .int(9)])),
        ("f(y) { [1, 2].map(x, x + y) }", "[10].map(x, f(x))", .list([.list([.int(11), .int(12)])])),
        ("f(y) { [1, 2].map(x, x + y) }", "[10].map(x, f(x + 1))", .list([.list([.int(12), .int(13)])])),
        ("f() { x }", "[1].map(x, f() + x)", .list([.int(8)])),
        ("f(jwt) { jwt }", "f(3)", .int(3)),
        ("f(x) { [5].map(x, x) + [x] }", "f(1)", .list([.int(5), .int(1)])),
        ("f(a, b) { a - b }", "[1].map(a, [2].map(b, f(b, a)))", .list([.list([.int(1)])])),
        ("f(a, b) { a - b }", "5.with(b, f(b + 1, b))", .int(1)),
        ("f(v) { v.transformMap(k, w, w + x) }", "f({'a': 1})", .map([("a", .int(8))])),
        ("f(o) { o.optMap(v, v + 1).orValue(0) }", "f(optional.of(1)) + f(optional.none())", .int(2)),
        ("f(v) { has(v.sub) && has(jwt.sub) }", "f(jwt)", .bool(true)),
        ("f(m) { m[?'sub'].orValue('?') + m['sub'] }", "f(jwt)", .string("annann")),
        ("f(v) { v ? 'y' : 'n' }", "f(true)", .string("y")),
        ("g() { 2 }\nf() { g() * g() }", "f() * g()", .int(8)),
        ("pick(l) { l[1] }", "pick([x, x + 1])", .int(8)),
    ])
    func aCallMeansItsBody(_ definitions: String, _ expression: String, _ expected: CELValue) throws {
        #expect(try Self.value(definitions, expression) == expected)
    }

    @Test(arguments: [
        ("f() { 1", "4-5: the body of 'f' has no closing '}'"),
        ("f() 1", "4-5: expected '{' instead of '1'"),
        ("f { 1 }", "2-3: expected '(' instead of '{'"),
        ("f(", "1-2: expected a parameter's name, but the definitions end"),
        ("1() { 1 }", "0-1: expected a function's name instead of '1'"),
        ("é() { 1 }", "0-2: expected a function's name instead of 'é'"),
        ("f(a, a) { 1 }", "5-6: 'a' is a parameter already"),
        ("f(this) { 1 }", "2-6: 'this' is a parameter already"),
        ("f(a..., b) { 1 }", "8-9: no parameter may follow 'a...'"),
        ("f() { 1 } f() { 2 }", "10-11: 'f' is defined twice"),
        ("f() { f() }", "0-1: f() calls itself: a function may not recur"),
        ("f() { g() } g() { f() }", "12-13: g() calls f(), which calls it: a function may not recur"),
        ("f() { 1 + }", "10-10: the expression ends where a value is expected"),
        ("f() { g( }", "9-9: the expression ends where a value is expected"),
        ("size() { 1 }", "0-4: 'size' is a function already"),
        ("map() { 1 }", "0-3: 'map' is a function already"),
        ("default() { 1 }", "0-7: 'default' is a function already"),
        ("int() { 1 }", "0-3: 'int' is a function already"),
        ("if() { 1 }", "0-2: 'if' is a reserved word"),
        ("this() { 1 }", "0-4: 'this' is a reserved word"),
        ("f() { g(1) } g() { 2 }", "6-10: g() takes 0 arguments"),
    ])
    func whatIsWrongWithADefinitionHasItsPlace(_ definitions: String, _ expected: String) {
        #expect(Self.finding(definitions) == expected)
    }

    @Test(arguments: [
        ("f(a) { a }", "f()", "0-3: f() takes 1 argument"),
        ("f(a, b...) { a }", "1 + f()", "4-7: f() takes at least 1 argument"),
        ("f() { 1 }", "x.f()", "0-5: 'f' is called as f(…), not on a value"),
        ("this.f() { this }", "f(x)", "0-4: 'f' is called on a value, as in x.f(…)"),
        ("f(a) { a + 1 }", "f('s')", "0-6: in f(): no operator for 'string + int'"),
        ("f(a) { a.b }", "f(x)", "0-4: in f(): type 'int' has no fields"),
        ("f() { nobody }", "x > 0 && f()", "9-12: in f(): undeclared reference to 'nobody'"),
        ("f() { 'a'.matches('(') }", "f()", "0-3: invalid pattern: missing ): ("),
    ])
    func whatIsWrongWithACallHasItsPlace(_ definitions: String, _ expression: String, _ expected: String) {
        #expect(Self.finding(definitions, expression) == expected)
    }

    @Test func whatGrowsBeyondTheBoundsIsRefused() throws {
        // Two to the power of forty.
        let doubling = (1...40).map { "f\($0)() { f\($0 - 1)() + f\($0 - 1)() }\n" }.joined() + "f0() { x + x }"
        #expect(Self.finding(doubling, "f40()").hasSuffix("with its functions, the expression is too large"))
        // A chain that nests deeper than any phase may recurse.
        let deep = (1...255).map { "f\($0)(a) { -(f\($0 - 1)(a + 1)) }\n" }.joined() + "f0(a) { a }"
        #expect(Self.finding(deep, "f255(1)").contains("nested deeper than"))
        let many = (0...256).map { "f\($0)() { 1 }" }.joined(separator: " ")
        #expect(Self.finding(many).hasSuffix("more than 256 functions"))
        let parameters = (0...32).map { "a\($0)" }.joined(separator: ", ")
        #expect(Self.finding("f(\(parameters)) { 1 }").hasSuffix("more than 32 parameters"))
        #expect(Self.finding(String(repeating: " ", count: 70_000)).hasSuffix("bytes of functions"))
    }

    @Test func bodiesAreCheckedByThemselves() throws {
        let functions = try CustomFunctions(
            parsing: "ok(a, rest...) { a.b && rest.exists(r, r) }\nbad() { nobody + 1 }")
        #expect(functions.names == ["bad", "ok"])
        let findings = functions.bodies.flatMap { body -> [String] in
            do throws(CompileError) {
                _ = try Self.environment.check(body.expression)
                return []
            } catch {
                return error.diagnostics.map { "\(body.name) \($0.moved(by: body.start).range.start): \($0.text)" }
            }
        }
        #expect(findings == ["bad 52: undeclared reference to 'nobody'"])
    }

    @Test func attributesAreSeenThroughACall() throws {
        let program = try Self.program("this.isIn(group) { group in this.groups }", "jwt.isIn(path)")
        #expect(Set(program.attributes) == [["path"], ["jwt", "groups"]])
    }

    @Test func residualsAndExplanationsShowTheCall() throws {
        let program = try Self.program("isAnn() { jwt.sub == 'ann' && path == '/' }", "x == 7 && isAnn()")
        guard case .residual(let rest) = try program.partiallyEvaluate(["jwt": .unknown, "path": "/", "x": 7]) else {
            Issue.record("jwt is not known")
            return
        }
        #expect(rest.unparsed() == "isAnn()")
        let explanation = try program.explain(Self.inputs)
        #expect(explanation.parts.map { "\($0.range.start)-\($0.range.end)" } == ["0-17", "0-6", "0-1", "10-17"])
        #expect(try program.coverage().parts.count == 3)
    }
}
