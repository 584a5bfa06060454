import Testing

@testable import CEL

@Suite struct PartialEvaluationTests {
    private let environment = Environment(variables: ["jwt": .jsonMap, "mcp": .jsonMap])
    private let inputs: [String: CELValue] = [
        "jwt": .map([("sub", "ann"), ("roles", .list(["admin", "dev"]))]),
        "mcp": .map([("tool", .map([("name", "get-sum"), ("arguments", .unknown)]))]),
    ]

    @Test(arguments: [
        (#"jwt.sub == "ann" && mcp.tool.arguments.a > 1"#, "mcp.tool.arguments.a > 1"),
        (#"jwt.sub == "bob" && mcp.tool.arguments.a > 1"#, "false"),
        (#"mcp.tool.arguments.a > 1 && jwt.sub == "bob""#, "false"),
        (#"mcp.tool.arguments.a > 1 || jwt.sub == "ann""#, "true"),
        (#"mcp.tool.arguments.a == jwt.sub"#, #"mcp.tool.arguments.a == "ann""#),
        (#"jwt.sub == "ann" ? mcp.tool.arguments.a == 1 : false"#, "mcp.tool.arguments.a == 1"),
        (#"jwt.nothing == 1 && mcp.tool.arguments.a == 1"#, "jwt.nothing == 1 && mcp.tool.arguments.a == 1"),
        (#"has(mcp.tool.arguments) && "admin" in jwt.roles"#, "has(mcp.tool.arguments)"),
        (#"mcp.tool.arguments.l.exists(x, x == jwt.sub)"#, "mcp.tool.arguments.l.exists(x, x == jwt.sub)"),
        (#"mcp.tool.name == "get-sum""#, "true"), (#"jwt.sub + "!""#, #""ann!""#),
        (
            "mcp.tool.arguments.a == {1: [true, 2u, 1.5, null], 'x': b'\\x00'}",
            #"mcp.tool.arguments.a == {1: [true, 2u, 1.5, null], "x": b"\x00"}"#
        ),
        (
            "timestamp('2026-01-01T00:00:00Z') + duration('1h') < mcp.tool.arguments.a",
            #"timestamp("2026-01-01T01:00:00Z") < mcp.tool.arguments.a"#
        ),
        (
            "mcp.tool.arguments.a - duration('1h') == duration('90s')",
            #"mcp.tool.arguments.a - duration("3600s") == duration("90s")"#
        ),
        ("ip('::0001') == mcp.tool.arguments.a", #"ip("::1") == mcp.tool.arguments.a"#),
        (
            "cidr('10.0.0.0/8').containsIP(mcp.tool.arguments.a)",
            #"cidr("10.0.0.0/8").containsIP(mcp.tool.arguments.a)"#
        ),
        ("[jwt.sub, mcp.tool.arguments.a] == []", #"["ann", mcp.tool.arguments.a] == []"#),
        ("{'a': mcp.tool.arguments.a, jwt.sub: 1} == {}", #"{"a": mcp.tool.arguments.a, "ann": 1} == {}"#),
        ("mcp.tool.arguments[jwt.sub] == 1", #"mcp.tool.arguments["ann"] == 1"#),
        (
            #"mcp.tool.arguments.a ? jwt.sub == "ann" : jwt.sub == "bob""#,
            #"mcp.tool.arguments.a ? jwt.sub == "ann" : jwt.sub == "bob""#
        ),
        ("mcp.tool.arguments.a || jwt.sub == 'bob'", "mcp.tool.arguments.a || false"),
        ("mcp.tool.arguments.a == 1 || jwt.sub == 'bob'", "mcp.tool.arguments.a == 1"),
        ("mcp.tool.arguments.a == type(1)", "mcp.tool.arguments.a == type(1)"),
        ("mcp.tool.arguments.a == double('NaN')", #"mcp.tool.arguments.a == double("NaN")"#),
        ("mcp.tool", "mcp.tool"), ("[mcp.tool, 1]", "[mcp.tool, 1]"),
        ("optional.of(mcp.tool)", "optional.of(mcp.tool)"),
        ("toJson(mcp.tool) == ''", #"toJson(mcp.tool) == """#), ("size(mcp.tool)", "2"),
        ("variables().mcp.tool.arguments.a == 1", "variables().mcp.tool.arguments.a == 1"),
    ])
    func whatIsKnownIsGone(_ source: String, _ expected: String) throws {
        let text: String =
            switch try environment.compile(source).partiallyEvaluate(inputs) {
            case .value(let value): value.debugText
            case .failed(let error): "\(error.kind)"
            case .residual(let ast): ast.unparsed()
            }
        #expect(text == expected, "\(source)")
    }

    @Test(arguments: [
        #"mcp.tool.arguments.a > 1 && jwt.sub == "ann""#, #"jwt.nothing || mcp.tool.arguments.a > 1"#,
        #"!(mcp.tool.arguments.a == 5) || jwt.sub == "bob""#, #"[1, 5].exists(x, x == mcp.tool.arguments.a)"#,
    ])
    func theResidualDecidesAsTheRule(_ source: String) throws {
        let program = try environment.compile(source)
        guard case .residual(let ast) = try program.partiallyEvaluate(inputs) else {
            Issue.record("\(source) is decided")
            return
        }
        for a: Int64 in [0, 1, 5] {
            var known = inputs
            known["mcp"] = .map([("tool", .map([("name", "get-sum"), ("arguments", .map([("a", .int(a))]))]))])
            let whole = try? program.evaluate(known)
            let rest = try? environment.compile(ast.unparsed()).evaluate(known)
            #expect(whole == rest, "\(source) leaves \(ast.unparsed()); a = \(a)")
        }
    }

    @Test func explainTellsWhatWasNotEvaluated() throws {
        let explanation = try environment.compile(#"jwt.sub == "bob" && mcp.tool.name == "x""#).explain(inputs)
        guard case .value(.bool(false)) = explanation.result else {
            Issue.record("\(explanation.result)")
            return
        }
        let skipped = explanation.parts.filter { if case .notEvaluated = $0.outcome { true } else { false } }
        #expect(!skipped.isEmpty)
        #expect(explanation.parts.contains { if case .value(.string("ann")) = $0.outcome { true } else { false } })
        #expect(explanation.cost > 0)
    }

    @Test func coverageNamesThePartsThatHadOneOutcomeOnly() throws {
        let coverage = try environment.compile(#"jwt.sub == "bob" || mcp.tool.name == "get-sum""#).coverage()
        #expect(try coverage.evaluate(inputs) == .bool(true))
        #expect(coverage.gaps.count == 3)
        var bob = inputs
        bob["jwt"] = .map([("sub", "bob")])
        #expect(try coverage.evaluate(bob) == .bool(true))
        #expect(coverage.gaps.count == 2)
    }
}
