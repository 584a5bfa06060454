// The configuration's functions in rules, and what rules may not call whoever defines it.

import CEL
import Testing

@testable import Auth

@Suite struct RuleFunctionTests {
    private static func findings(_ expression: String, _ functions: String) throws -> [String] {
        RuleSetKind.http.findings(expression, functions: try CustomFunctions.forRules(functions)).map(\.text)
    }

    private static func refusal(_ functions: String) -> [String] {
        do throws(CompileError) {
            _ = try CustomFunctions.forRules(functions)
            return []
        } catch {
            return error.diagnostics.map { "\($0.range.start): \($0.text)" }
        }
    }

    @Test func rulesCallFunctions() throws {
        let functions = "isReader() { hasScope('mcp:read') }\nthis.inTeam(t) { t in this.teams }"
        #expect(try Self.findings("isReader() && jwt.inTeam('a')", functions) == [])
        #expect(try Self.findings("isReader(1)", functions) == ["isReader() takes 0 arguments"])
        #expect(try Self.findings("isReadr()", functions).first?.hasPrefix("undeclared function 'isReadr'") == true)
    }

    @Test func aFunctionNobodyCallsIsCheckedToo() {
        #expect(
            Self.refusal("f() { requst.path == '/' }")
                == ["6: undeclared reference to 'requst'; did you mean 'request'?"])
        #expect(Self.refusal("f() { jwt.rawToken }") == ["6: not supported yet: jwt.rawToken in a rule"])
        #expect(Self.refusal("f() { variables().size() > 0 }").first?.contains("variables()") == true)
        #expect(
            Self.refusal("f(s) { s.unredacted() }") == ["7: unredacted() shows a credential; a rule may not use it"])
        #expect(Self.refusal("hasScope(s) { true }") == ["0: 'hasScope' is a function already"])
        #expect(Self.refusal("random() { 1.0 }") == ["0: 'random' is a function already"])
    }

    @Test func aFunctionMayReadWhatOneKindOfRulesKnows() throws {
        let functions = "isRead() { mcp.tool.name.startsWith('get-') }"
        #expect(Self.refusal(functions) == [])
        #expect(RuleSetKind.mcp.findings("isRead()", functions: try CustomFunctions.forRules(functions)).isEmpty)
        #expect(
            try Self.findings("isRead()", functions)
                == ["in isRead(): 'mcp' is not available here: it is known only in MCP rules"])
    }

    @Test(arguments: ["variables().size() > 0", "jwt.rawToken.unredacted() == 'x'", "random() < 0.5", "uuid() != ''"])
    func rulesMayNotCallWhatWouldShowOrGuess(_ expression: String) {
        #expect(!RuleSetKind.http.findings(expression).isEmpty)
    }

    @Test func theFunctionsArePartOfThePolicysDigest() throws {
        func digest(_ functions: String?) throws -> PolicyDigest {
            try RuleSet(
                AuthorizationRules(
                    rules: [AuthorizationRule(expression: "true")],
                    functions: try functions.map { try CustomFunctions.forRules($0) })
            ).digest
        }
        #expect(try digest("f() { true }") != digest("f() { false }"))
        #expect(try digest("f() { true }") != digest(nil))
    }
}
