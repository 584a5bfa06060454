// What counts as covered: outcomes of parts, in the order in which the gateway asks.

import Testing

@testable import agentgw

@Suite struct CoverageTests {
    private let policy = """
        rules:
          - {id: d, deny: 'request.method == "PUT"'}
          - {id: a, allow: 'request.path == "/a" && request.host == "h"'}
          - {id: b, allow: 'true'}
          - {id: c, allow: 'false'}

        """

    private func coverage(_ tests: String) throws -> PolicyCoverage {
        let run = PolicyFixture.run(
            ["p.yaml": policy, "p.test.yaml": "tests:\n\(tests)\n"], measuresCoverage: true)
        #expect(run.report.failures == 0)
        return try #require(run.report.coverage)
    }

    @Test func whatComesAfterTheDecisionIsNotSeen() throws {
        let coverage = try self.coverage("- {name: put, request: {method: PUT}, expect: {rule: d}}")
        let rules = coverage.files[0].rules
        #expect(rules.map(\.asked) == [1, 0, 0, 0])
        #expect(rules[0].parts.map { "\($0.wasTrue) \($0.wasFalse)" } == ["true false"])
        // d 1 of 2; a 0 of 6; b and c 0 of 1.
        #expect((coverage.seen, coverage.total) == (1, 10))
        #expect(coverage.percent == 10)
    }

    @Test func partsThatWereSkippedAreNotSeen() throws {
        let coverage = try self.coverage(
            """
            - {name: other, request: {path: /b, host: h}, expect: {rule: b}}
            - {name: both, request: {path: /a, host: h}, expect: {rule: a}}
            """)
        let rule = coverage.files[0].rules[1]
        #expect((rule.wasTrue, rule.wasFalse) == (1, 1))
        #expect(rule.parts.map(\.seen) == [2, 2, 1])
        let text = CoverageText.render(coverage, .plain)
        #expect(text.contains("p.yaml:3:45 never false: request.host == \"h\"\n") == false)
        #expect(text.contains("    3:45 never false: request.host == \"h\"\n"))
        #expect(text.contains("p.yaml:5:21: allow c was never asked\n"))
        let tracefile = LCOVWriter.render(coverage)
        #expect(tracefile.contains("FNDA:2,3:a\n") && tracefile.contains("FNDA:0,5:c\n"))
        #expect(tracefile.contains("BRDA:3,2,0,1\nBRDA:3,2,1,0\n"))
        #expect(
            CoverageHTML.render(coverage).contains(
                "<span class=half title=\"never false\">request.host == &quot;h&quot;</span>"))
    }

    @Test func listsAreCovered() throws {
        let run = PolicyFixture.run(
            [
                "p.yaml": "rules: ['mcp.tool.name == \"a\"']\ntools: [a, b]\n",
                "p.test.yaml": "tests: [{name: l, mcp: {method: tools/list}, expect: {visible: [a]}}]\n",
            ], measuresCoverage: true)
        #expect(run.report.failures == 0)
        #expect(run.report.coverage?.percent == 100)
    }
}
