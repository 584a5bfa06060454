// Configurations and policy files as the offline tool loads them.

import Auth
import CEL
import Testing

@testable import agentgw

@Suite struct PolicyLoaderTests {
    private func load(_ text: String, files: [String: String] = [:]) -> PolicyLoader.Outcome {
        let loader = Fixture.loader(files: files)
        return PolicyLoader(environment: loader.environment, files: loader.files)
            .load(file: "dir/p.yaml", bytes: Array(text.utf8))
    }

    private func errors(_ text: String, files: [String: String] = [:]) -> [String] {
        load(text, files: files).findings.filter { $0.severity == .error }
            .map { "\($0.position.line):\($0.position.column): \($0.message)" }
    }

    @Test func aPolicyFileIsOneRuleSetWithItsRulesInPlace() throws {
        let policy = try #require(
            load(
                """
                rules:
                  - 'true'
                  - {id: no, deny: "request.path == '/x' &&
                      request.method == 'GET'"}
                """
            ).policy)
        #expect(policy.form == .rules)
        #expect(policy.ruleSets.map(\.kind) == [.http])
        #expect(policy.rules.map(\.id) == ["rules[0]", "no"])
        let rule = policy.rules[1]
        #expect("\(rule.position)" == "dir/p.yaml:3:21")
        // The second line of a folded scalar.
        let method = try #require(
            (0..<rule.program.checked.ast.count).map { ExprID($0) }.first {
                if case .select(_, "method", _, _) = rule.program.checked.ast[$0] { true } else { false }
            })
        let range = rule.program.checked.ast.range(of: method)
        #expect(rule.site.text(of: range) == "request.method")
        #expect("\(rule.site.start(of: range))" == "dir/p.yaml:4:7")
        #expect(rule.site.end(of: range)?.column == 21)
    }

    @Test func toolsMakeAPolicyFileOneForMCP() throws {
        let policy = try #require(
            load(
                "rules: [{allow: 'mcp.tool.name == \"a\"'}]\ntools: t.json\n",
                files: ["dir/t.json": #"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#]
            ).policy)
        #expect(policy.ruleSets.map(\.kind) == [.mcp])
        #expect(policy.tools.map(\.name) == ["a", "b"])
    }

    @Test func declaredAndSampledClaimsCheckTheRules() {
        let rules = "rules:\n  - allow: jwt.grups == []\n"
        let expected = ["2:16: rules[0].allow: unknown field 'grups' of 'jwt'; did you mean 'groups'?"]
        #expect(errors(rules + "claims: {groups: list(string)}") == expected)
        #expect(errors(rules + "claimsFrom: c.json", files: ["dir/c.json": #"{"groups":["a"]}"#]) == expected)
        #expect(errors(rules).isEmpty)
    }

    @Test func ruleSetsOfAConfigurationAreThereOnceEachFromTheListenerInwards() throws {
        let policy = try #require(
            load(
                """
                binds:
                - port: 3000
                  listeners:
                  - name: l
                    policies: {authorization: {rules: ['true']}}
                    routes:
                    - {name: a, backends: [{host: 'h:1'}], policies: {authorization: {rules: ['true', 'false']}}}
                    - name: b
                      policies: {mcpAuthorization: {rules: ['true']}}
                      backends: [{mcp: {targets: [{name: t, mcp: {host: h, port: 1}}]}}]
                """
            ).policy)
        #expect(policy.form == .configuration)
        #expect(
            policy.ruleSets.map { "\($0.placed.place.label) \($0.placed.place.level) \($0.kind) \($0.rules.count)" }
                == [
                    "3000/l listener http 1", "3000/l/a route http 2", "3000/l/b route mcp 1",
                ])
    }

    @Test func anEditKeepsToTheNotationOfItsScalar() throws {
        let text = "rules:\n  - allow: 'jwt.a == \"it''s\"'\n  - allow: jwt.a == \"x\"\n"
        let policy = try #require(load(text).policy)
        let root = policy.rules[0].program.checked.ast
        let edit = try #require(
            policy.rules[0].site.edit(replacing: root.range(of: root.root), with: "jwt.a == \"o'k $1\""))
        #expect(edit.replacement == "jwt.a == \"o''k $$1\"")
        var bytes = Array(text.utf8)
        bytes.replaceSubrange(edit.range, with: Array(edit.replacement.utf8))
        let again = try #require(load(String(decoding: bytes, as: UTF8.self)).policy)
        #expect(again.rules[0].expression == "jwt.a == \"o'k $1\"")
        // A plain scalar in a block cannot take what would end it.
        let plain = policy.rules[1].program.checked.ast
        #expect(policy.rules[1].site.edit(replacing: plain.range(of: plain.root), with: "{a: 1}") == nil)
    }
}
