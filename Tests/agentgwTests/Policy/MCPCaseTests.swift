// MCP in test tables: names as clients write them, lists, challenges.

import Testing

@testable import agentgw

@Suite struct MCPCaseTests {
    private let targets = "[{mcp: {targets: [{name: a, mcp: {host: h, port: 1}}, {name: b, mcp: {host: h, port: 1}}]}}]"

    private func failures(_ rules: String, _ tests: String) -> [String] {
        PolicyFixture.failures(
            PolicyFixture.gateway("mcpAuthorization: {rules: [\(rules)]}", backends: targets),
            "defaults: {jwt: {sub: x}}\ntests:\n\(tests)\n")
    }

    @Test func namesAreBroughtToTheirTargets() {
        let failed = failures(
            #"'mcp.tool.target == "b" && mcp.tool.name == "echo"'"#,
            """
            - {name: prefixed, mcp: {tool: b_echo}, expect: allow}
            - {name: other, mcp: {tool: a_echo}, expect: deny}
            - {name: own, mcp: {tool: echo, target: b}, expect: allow}
            - {name: bare, mcp: {tool: echo}, expect: deny}
            - {name: unknown, mcp: {tool: echo, target: other}, expect: deny}
            - {name: message, mcp: {method: initialize}, expect: {verdict: allow, rule: none}}
            """)
        #expect(
            failed == [
                "bare: \"echo\" names no server: clients write it with the server's name before it, such as \"a_echo\" "
                    + "(there are a, b), or say whose it is with `target`",
                "unknown: there is no target \"other\"; there are a, b",
            ])
    }

    @Test func listsShowWhatSomeCallMayUse() {
        let failed = failures(
            #"'mcp.tool.name == "pay" && mcp.tool.arguments.amount < 10', 'mcp.tool.name == "echo"'"#,
            """
            - {name: list, mcp: {method: tools/list}, tools: [a_pay, a_echo, b_rm], expect: {visible: [a_echo, a_pay], hidden: [b_rm]}}
            - {name: too many, mcp: {method: tools/list}, tools: [a_pay, b_rm], expect: {visible: [a_pay, b_rm]}}
            - {name: shown, mcp: {method: tools/list}, tools: [a_pay], expect: {hidden: [a_pay]}}
            - {name: no tools, mcp: {method: tools/list}, expect: {visible: []}}
            - {name: large, mcp: {tool: a_pay, arguments: {amount: 10}}, expect: {verdict: deny, status: 403}}
            """)
        #expect(
            failed == [
                "too many: visible [a_pay, b_rm]≠[a_pay]", "shown: hidden [a_pay]≠[a_pay] shown",
                "no tools: a list shows what there is: say so with `tools`",
            ])
    }

    @Test func challengesNameTheScopesThatWouldHelp() {
        let failed = PolicyFixture.failures(
            """
            binds:
            - port: 80
              listeners:
              - routes:
                - backends: [{mcp: {targets: [{name: a, mcp: {host: h, port: 1}}]}}]
                  policies:
                    mcpAuthentication: {issuer: 'https://issuer.example', audiences: [me]}
                    mcpAuthorization: {rules: ['hasScope("mcp:write") && mcp.tool.name == "echo"']}
            """,
            """
            tests:
            - {name: help, jwt: {scope: x}, mcp: {tool: echo}, expect: {verdict: deny, scopes: [mcp:write, x]}}
            - {name: no help, jwt: {scope: x}, mcp: {tool: other}, expect: {verdict: deny, scopes: []}}
            - {name: metadata, request: {method: GET, path: /.well-known/oauth-protected-resource}, expect: answered}
            """)
        #expect(failed == [])
    }
}
