import Testing

@testable import CEL

/// Evaluates without checking types, so that mistakes show when they are evaluated.
private func text(_ source: String, _ inputs: [String: CELValue] = [:]) throws -> String {
    let environment = Environment(variables: inputs.mapValues { _ in .dyn })
    do {
        return try environment.compileUnchecked(source).evaluate(inputs).debugText
    } catch let error as EvaluationError {
        return "\(error.kind)"
    }
}

@Suite struct EvaluationTests {
    @Test(arguments: [
        ("!!true", "true"), ("--1", "1"), ("1 + 2 * 3", "7"), ("'a' + 'b'", "\"ab\""), ("1 == 1.0", "true"),
        ("{1: 'x'}[1u]", "\"x\""), ("[1, 2][2]", "out_of_range"), ("{'a': 1}.b", "no_such_key"),
        ("1 / 0 > 0 || true", "true"), ("false && 1 / 0 > 0", "false"), ("1 / 0 > 0 && false", "false"),
        ("[1, 2].exists(x, 1 / (x - 1) > 0)", "true"), ("[0].exists(x, 1 / x > 0)", "divide_by_zero"),
        ("size('é')", "1"), ("9223372036854775807 + 1", "overflow"), ("'admin' in 'notadmin'", "no_such_overload"),
        ("[1, 2, 3].filter(x, x > 1).map(x, x * 2)", "[4, 6]"), ("{'a': 1}.transformMap(k, v, v + 1)", "{\"a\": 2}"),
        ("[3, 1, 2].sort()", "[1, 2, 3]"), ("['b', 'a'].sortBy(x, x)", "[\"a\", \"b\"]"),
        ("{'a': 1}.?b.orValue(7)", "7"), ("{'a': 1}.?a.orValue(1 / 0)", "1"), ("[1].first()", "optional.of(1)"),
        ("type(1) == int && type(int) == type", "true"), ("undeclared_name", "undeclared_reference"),
        ("no_such_function(1)", "undeclared_reference"), ("fail('no')", "failed"),
        ("'%.2f|%s|%x'.format([2.5, [1, 'a'], 255])", "\"2.50|[1, a]|ff\""),
        ("timestamp('2024-03-10T12:00:00Z').getHours('America/New_York')", "8"),
        ("timestamp('2024-03-10T12:00:00Z').getHours('+02:30')", "14"),
        ("timestamp('2050-07-01T00:00:00Z').getHours('Europe/Berlin')", "2"),
        ("timestamp('2024-01-01T00:00:00Z').getHours('No/Where')", "invalid_argument"),
        ("timestamp('2024-01-01T00:00:00Z') + duration('1h30m')", "timestamp(\"2024-01-01T01:30:00Z\")"),
        ("duration('-1.5h')", "duration(\"-5400s\")"), ("cidr('10.0.0.0/8').containsIP('10.9.8.7')", "true"),
        ("size([,]) + size({,})", "0"), ("1in [1] && 2uin [2u]", "true"),
        ("int(duration('1s'))", "no_such_overload"), ("duration(1)", "no_such_overload"),
        ("cidr('10.0.0.0/8').containsIP('11.0.0.1')", "false"), ("ip('::ffff:10.0.0.1')", "invalid_argument"),
    ])
    func expressionsHaveTheirValues(_ source: String, _ expected: String) throws {
        #expect(try text(source) == expected, "\(source)")
    }

    @Test(arguments: [
        ("default({'a': 1}.b, 'none')", "\"none\""), ("default(null, 1)", "1"), ("default(1 / 0, 1)", "divide_by_zero"),
        ("coalesce({}.a, null, 3)", "3"), ("coalesce({}.a, null)", "null"), ("coalesce({}.a, {}.b)", "no_such_key"),
        ("base64.encode('hello')", "\"aGVsbG8=\""), ("string(base64.decode('aGVsbG8'))", "\"hello\""),
        ("base64.decode('aGVsbG9=')", "invalid_argument"), ("url.encode('a b/ä')", "\"a%20b%2F%C3%A4\""),
        ("url.decode('a%20b+c')", "\"a b+c\""),
        ("form.decode('a=1&b=x+y&a=2')", "{\"a\": [\"1\", \"2\"], \"b\": \"x y\"}"),
        ("form.encode({'b': 1, 'a': ['x', 'y z'], 'c': null})", "\"a=x&a=y+z&b=1\""),
        ("sha256.encode('abc')", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
        ("sha1.encode('abc')", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""),
        ("md5.encode('abc')", "\"900150983cd24fb0d6963f7d28e17f72\""),
        ("md5.encode('')", "\"d41d8cd98f00b204e9800998ecf8427e\""),
        ("'v1.2'.regexReplace('([0-9]+)', '<$1>')", "\"v<1>.2\""), ("'abc'.stripPrefix('a').stripSuffix('c')", "\"b\""),
        ("{'a': 1, 'b': 2}.merge({'b': 3})", "{\"a\": 1, \"b\": 3}"), ("{'a': 1}.mapValues(v, v + 1)", "{\"a\": 2}"),
        ("{'a': 1, 'b': 2}.filterKeys(k, k == 'a')", "{\"a\": 1}"), ("1.with(x, x + 1)", "2"),
        ("json('{\"a\": [1, 2.5, 18446744073709551615]}')", "{\"a\": [1, 2.5, 18446744073709551615u]}"),
        ("json('{\"a\": 1, \"a\": 2}')", "invalid_argument"),
        ("toJson({'a': [1, true, null, 'x\"']})", "\"{\\\"a\\\":[1,true,null,\\\"x\\\\\\\"\\\"]}\""),
        ("unvalidatedJwtPayload('e30.eyJzdWIiOiJ4In0.c2ln').sub", "\"x\""), ("[1, 2].contains(2)", "true"),
        ("regex.replace('a1b22', '[0-9]+', '#')", "\"a#b#\""),
        ("regex.replace('ab', '(a)(b)', '\\\\2\\\\1')", "\"ba\""),
        ("regex.extract('id=42', 'id=([0-9]+)')", "optional.of(\"42\")"),
        ("regex.extractAll('a1b22', '[0-9]+')", "[\"1\", \"22\"]"), ("sets.contains([1, 2u], [2.0])", "true"),
        ("sets.intersects([[1]], [[1.0]])", "true"), ("[1, 1u, 'a', 'a'].distinct()", "[1, \"a\"]"),
        ("[[1, [2]], [3]].flatten()", "[1, [2], 3]"), ("lists.range(3)", "[0, 1, 2]"),
        ("strings.quote('a\"b')", "\"\\\"a\\\\\\\"b\\\"\""),
    ])
    func libraryFunctionsHaveTheirValues(_ source: String, _ expected: String) throws {
        #expect(try text(source) == expected, "\(source)")
    }

    @Test(arguments: [
        "lists.range(5000).map(x, lists.range(5000).map(y, x * y)).size() > 0",
        "lists.range(100000000).size() > 0",
        "lists.range(3000).all(a, lists.range(3000).all(b, a + b >= 0))",
        "cel.bind(a, 'xxxxxxxxxxxxxxxx', cel.bind(b, a + a + a + a + a + a + a + a, cel.bind(c, b + b + b + b + b + b + b + b, lists.range(9999).map(i, c + c + c + c).size() > 0)))",
        "lists.range(2000).exists(i, lists.range(2000).exists(j, false)) || true",
    ])
    func workWithoutBoundIsStopped(_ source: String) throws {
        #expect(try text(source) == "cost_exceeded", "\(source)")
    }

    @Test func aLongTextInALoopIsPaidFor() throws {
        let long = CELValue.string(String(repeating: "a", count: 1 << 20))
        for call in [
            "x.replace('q', 'r') == ''", "x.split('q') == []", "x == x + ''", "x.trim() < x", "x.charAt(5) == ''",
        ] {
            #expect(
                try text("lists.range(1000).exists(i, \(call) && i < 0)", ["x": long]) == "cost_exceeded", "\(call)")
        }
    }

    @Test func aPatternThatIsNoneIsRefusedWhenTheRuleIsCompiled() {
        let environment = Environment(variables: ["x": .string])
        #expect(throws: CompileError.self) { try environment.compile("x.matches('(a')") }
    }

    @Test func patternsAreLinear() throws {
        let input = String(repeating: "a", count: 1 << 20)
        #expect(try text("x.matches('(a+)+$')", ["x": .string(input)]) == "true")
        #expect(try text("x.matches('^(a+)+b$')", ["x": .string(input)]) == "false")
    }

    @Test func attributesAreThePathsThatAnExpressionNames() throws {
        let environment = Environment(variables: ["jwt": .jsonMap, "mcp": .jsonMap])
        let program = try environment.compile(
            #"jwt.sub == "x" && has(mcp.tool.arguments) && mcp["tool"].name.startsWith("a") && [1].all(i, jwt.n == i)"#)
        #expect(
            Set(program.attributes) == [
                ["jwt", "sub"], ["mcp", "tool", "arguments"], ["mcp", "tool", "name"], ["jwt", "n"],
            ])
    }

    @Test func aRootThatIsNotSetIsAnErrorAndHasNothing() throws {
        let environment = Environment(variables: ["jwt": .jsonMap])
        #expect(try environment.compile("has(jwt.sub)").evaluate([:]) == .bool(false))
        #expect(throws: EvaluationError.self) { try environment.compile("jwt.sub == 'x'").evaluate([:]) }
        #expect(try environment.compile("default(jwt.sub, 'none')").evaluate([:]) == .string("none"))
    }

    @Test func errorsSayWhere() throws {
        let environment = Environment(variables: ["x": .int])
        let error = #expect(throws: EvaluationError.self) {
            try environment.compile("x > 1 && 10 / x > 1").evaluate(["x": .string("a")])
        }
        #expect(error?.kind == .noSuchOverload)
        let divided = #expect(throws: EvaluationError.self) {
            try environment.compile("x == 0 && 10 / x > 1").evaluate(["x": .int(0)])
        }
        #expect(divided?.kind == .divideByZero && divided?.range != nil)
    }
}
