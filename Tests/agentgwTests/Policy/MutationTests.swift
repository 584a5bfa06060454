// Mutants are small mistakes; tests that look kill them, and what survives comes with a request that tells the two apart.

import Testing

@testable import agentgw

@Suite struct MutationTests {
    private func mutate(_ policy: String, _ table: String) -> MutationReport {
        let run = PolicyFixture.run(["p.yaml": policy, "p.test.yaml": table])
        #expect(run.report.failures == 0)
        #expect(run.report.errors == 0)
        return MutationRun(run.loadedPolicies[0], run.benches).run()
    }

    private let policy = """
        rules:
          - {id: d, deny: 'request.path == "/x"'}
          - {id: a, allow: 'request.method == "GET" && jwt.level > 2'}

        """

    @Test func thoroughTestsKillEveryMutant() {
        let report = mutate(
            policy,
            """
            tests:
            - {name: denied, request: {path: /x}, jwt: {level: 3}, expect: {verdict: deny, rule: d}}
            - {name: granted, jwt: {level: 3}, expect: {verdict: allow, rule: a}}
            - {name: level, jwt: {level: 2}, expect: deny}
            - {name: method, request: {method: PUT}, jwt: {level: 3}, expect: deny}
            """)
        #expect(report.survivors.map { $0.mutant.kind } == [])
        #expect(report.total >= 12)
        #expect(report.score == 100)
    }

    @Test func aSurvivorComesWithACaseThatWouldNotice() throws {
        let report = mutate(
            policy,
            """
            tests:
            - {name: denied, request: {path: /x}, jwt: {level: 9}, expect: {verdict: deny, rule: d}}
            - {name: granted, jwt: {level: 9}, expect: allow}
            - {name: method, request: {method: PUT}, jwt: {level: 9}, expect: deny}
            """)
        let boundary = try #require(report.survivors.first { $0.mutant.kind == "move boundary" })
        #expect(boundary.mutant.diff.after == #"allow: request.method == "GET" && jwt.level >= 2"#)
        let witness = try #require(boundary.witness)
        #expect(witness.yaml.contains("jwt: {level: 2}\n"))
        #expect(witness.yaml.hasSuffix("expect: {verdict: deny, rule: none}\n"))
        // With the cases that were proposed, nothing survives.
        let proposed = report.survivors.compactMap(\.witness?.yaml).enumerated().map { index, yaml in
            yaml.replacing("name: \"notices", with: "name: \"\(index) notices")
        }
        #expect(proposed.count == report.survivors.count)
        let more = mutate(
            policy,
            """
            tests:
            - {name: denied, request: {path: /x}, jwt: {level: 9}, expect: {verdict: deny, rule: d}}
            - {name: granted, jwt: {level: 9}, expect: allow}
            - {name: method, request: {method: PUT}, jwt: {level: 9}, expect: deny}

            """ + proposed.joined())
        #expect(more.survivors.isEmpty)
    }

    @Test func aRefusalThatAMutantLetsPassIsTriedFurther() {
        // Without the listener's rule, the route's decides.
        let report = mutate(
            """
            binds:
            - port: 80
              listeners:
              - policies: {authorization: {rules: [{id: outer, allow: 'request.method == "GET"'}]}}
                routes:
                - {backends: [{host: 'h:80'}], policies: {authorization: {rules: [{id: inner, allow: 'request.path == "/a"'}]}}}
            """,
            """
            tests:
            - {name: outer, request: {method: PUT, path: /b}, expect: deny}
            - {name: both, request: {path: /a}, expect: allow}
            - {name: inner, request: {path: /b}, expect: deny}
            """)
        // What the outer rule refuses, the inner one refuses as well: no test tells them apart.
        #expect(
            report.survivors.contains { $0.mutant.rule.id == "outer" && $0.mutant.kind == "change literal" } == false)
        let dropped = report.survivors.filter { $0.mutant.rule.id == "outer" && $0.mutant.kind == "drop rule" }
        #expect(dropped.count == 1)
        #expect(dropped.first?.witness?.yaml.contains("path: /a") == true)
    }

    @Test func listsKillMutants() {
        let listed = mutate(
            "rules: [{id: r, allow: 'mcp.tool.name.startsWith(\"get_\") && mcp.tool.arguments.n < 3'}]\ntools: [get_a, a_get_]\n",
            "tests: [{name: l, mcp: {method: tools/list}, expect: {visible: [get_a]}}]\n")
        #expect(listed.survivors.map(\.mutant.kind).contains("loosen startsWith") == false)
        #expect(listed.survivors.map(\.mutant.kind).contains("move boundary"))
    }

    @Test func aWitnessIsFoundFarFromTheCasesOfTheTable() throws {
        // Five things at once must be as the rule wants them before any change of it shows.
        let report = mutate(
            """
            rules:
              - id: build
                allow: >-
                  jwt.repository == "shop" && "deploy" in jwt.roles && request.method == "POST"
                  && request.path.startsWith("/deployments/") && jwt.level >= 3
            """,
            "tests: [{name: nothing, expect: deny}]\n")
        #expect(report.survivors.count > 10)
        #expect(report.survivors.filter { $0.witness == nil }.map(\.mutant.diff.after) == [])
        let boundary = try #require(report.survivors.first { $0.mutant.kind == "move boundary" }?.witness)
        #expect(boundary.yaml.contains("request: {method: POST, path: /deployments/}"))
        #expect(boundary.yaml.contains("jwt: {repository: shop, roles: [deploy], level: 3}"))
    }

    @Test func aWitnessMayBeAboutSomethingElseThanTheCases() {
        let report = mutate(
            """
            kind: mcpAuthorization
            rules:
              - {id: t, allow: 'has(mcp.tool) && mcp.tool.name == "a" && hasScope("x")'}
              - {id: p, allow: 'has(mcp.prompt) && mcp.prompt.name.startsWith("q_")'}
              - {id: d, deny: 'has(mcp.tool) && has(mcp.tool.annotations) && has(mcp.tool.annotations.bad) && mcp.tool.annotations.bad'}
            """,
            "tests: [{name: nothing, mcp: {tool: z}, expect: deny}]\n")
        let open = report.survivors.filter { $0.witness == nil }.map(\.mutant.kind)
        #expect(
            !open.contains("drop rule") && !open.contains("swap allow and deny") && !open.contains("loosen startsWith"))
        #expect(open.count < report.survivors.count / 2)
    }
}
