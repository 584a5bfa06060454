// A2A in test tables: messages of both versions, what the gateway does not take, cards.

import Testing

@testable import agentgw

@Suite struct AgentCaseTests {
    private func failures(_ rules: String, _ tests: String) -> [String] {
        PolicyFixture.failures(
            PolicyFixture.gateway("a2a: {}\na2aAuthorization: {rules: [\(rules)]}"),
            "defaults: {jwt: {sub: x}}\ntests:\n\(tests)\n")
    }

    @Test func messagesAreReadAsTheGatewayReadsThem() {
        let failed = failures(
            #"{id: s, allow: 'a2a.method == "message/send" && a2a.skill == "book"'}, {id: t, allow: 'a2a.taskId == "t1"'}"#,
            """
            - {name: skill, a2a: {skill: book}, expect: {verdict: allow, rule: s}}
            - {name: modern, a2a: {method: SendMessage, skill: book}, expect: {verdict: allow, rule: s}}
            - {name: other, a2a: {skill: fly}, expect: {verdict: deny, error: no_such_key}}
            - {name: own metadata, a2a: {message: {metadata: {skillId: book}}}, expect: {verdict: allow, rule: s}}
            - {name: task, a2a: {method: tasks/get, taskId: t1}, expect: {verdict: allow, rule: t}}
            - {name: task of a message, a2a: {taskId: t1, message: more}, expect: {verdict: allow, rule: t}}
            - {name: config, a2a: {method: GetTaskPushNotificationConfig, taskId: t1}, expect: {verdict: allow, rule: t}}
            - {name: as sent, a2a: {method: tasks/get, params: {id: t1}}, expect: {verdict: allow, rule: t}}
            """)
        #expect(failed == [])
    }

    @Test func whatTheGatewayDoesNotTakeMeetsNoRule() {
        let failed = failures(
            "'true'",
            """
            - {name: method, a2a: {method: tasks/destroy}, expect: {verdict: malformed, status: 404, reason: method_not_found}}
            - {name: twin, a2a: {method: tasks/get, params: {id: a, ID: b}}, expect: {verdict: malformed, status: 400}}
            - {name: push, a2a: {method: tasks/pushNotificationConfig/set, params: {taskId: a, pushNotificationConfig: {url: 'http://h/'}}}, expect: {verdict: deny, status: 403}}
            """)
        #expect(failed == [])
    }

    @Test func casesThatAskForWhatIsNotThereSaySo() {
        let failed = failures(
            "'true'",
            """
            - {name: none, request: {method: POST, path: /api}, expect: allow}
            - {name: card, request: {path: /api/.well-known/agent-card.json}, expect: allow}
            - {name: no task, a2a: {method: tasks/get}, expect: allow}
            - {name: mcp, mcp: {tool: x}, request: {path: /api}, expect: allow}
            """)
        #expect(
            failed == [
                "none: the rules of 3000/l/r judge A2A messages, and the case has none: write `a2a`",
                "no task: tasks/get is about a task: write `taskId`", "mcp: the route 3000/l/r leads to no MCP backend",
            ])
        #expect(
            PolicyFixture.failures(
                "rules: ['true']\n",
                "tests: [{name: a, a2a: {}, expect: allow}, {name: b, mcp: {tool: x}, a2a: {}, expect: allow}]\n"
            ).sorted() == [
                "a: the rules are not about A2A: write kind: a2aAuthorization in p.yaml",
                "p.test.yaml:1:44: tests[1]: only one of mcp, a2a can be set",
            ])
        #expect(
            PolicyFixture.failures(
                "kind: a2aAuthorization\nrules: ['a2a.skill == \"book\"']\n",
                "tests: [{name: a, a2a: {skill: book}, expect: allow}]\n") == [])
    }
}
