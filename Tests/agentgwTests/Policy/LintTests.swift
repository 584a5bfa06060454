// Every lint rule finds its own example, mends it where it says that it does, and finds nothing in the example that says it
// right; the page about the rules is the one that the program writes.

import Auth
import Testing

@testable import agentgw

extension LintRule: CustomTestStringConvertible {
    public var testDescription: String { id }
}

@Suite struct LintTests {
    private static let table = LintRule.tableWithoutDeny.id

    /// A table stands beside a policy.
    private static func findings(_ text: String, of rule: LintRule) -> [Finding] {
        let files =
            rule.id == table ? ["p.yaml": "rules: ['request.path == \"/\"']\n", "p.test.yaml": text] : ["p.yaml": text]
        return PolicyFixture.run(files, lints: true).report.findings
    }

    @Test(arguments: LintRule.all)
    func theBadExampleHasTheFindingAndNoOther(rule: LintRule) {
        let found = Self.findings(rule.bad, of: rule)
        #expect(Set(found.map(\.rule)) == [rule.id], "\(found)")
        #expect(found.allSatisfy { $0.severity == rule.severity && $0.position.line >= 1 && !$0.message.isEmpty })
    }

    @Test(arguments: LintRule.all)
    func theGoodExampleHasNone(rule: LintRule) {
        #expect(Self.findings(rule.good, of: rule) == [])
    }

    @Test(arguments: LintRule.all.filter { $0.fix != nil })
    func whatSaysThatItMendsItselfDoes(rule: LintRule) throws {
        let loader = PolicyLoader(environment: Environment([:]), files: Fixture.loader(files: [:]).files)
        let fixer = LintFixer(loader: loader)
        let outcome = try #require(fixer.fix(file: "p.yaml", bytes: Array(rule.bad.utf8)))
        #expect(outcome.mended.allSatisfy { $0.rule == rule.id })
        let text = String(decoding: outcome.bytes, as: UTF8.self)
        #expect(Self.findings(text, of: rule) == [], "\(text)")
        #expect(fixer.fix(file: "p.yaml", bytes: outcome.bytes) == nil, "a second time changes nothing")
    }

    @Test(arguments: LintRule.all.filter { $0.fix == nil })
    func whatDoesNotSayThatItMendsItselfOffersNothing(rule: LintRule) {
        #expect(Self.findings(rule.bad, of: rule).allSatisfy { $0.fix == nil })
    }

    @Test func idsAreDistinctAndSentencesEnd() {
        #expect(Set(LintRule.all.map(\.id)).count == LintRule.all.count)
        for rule in LintRule.all {
            #expect(rule.summary.hasSuffix(".") && rule.reason.hasSuffix("."), "\(rule.id)")
            #expect(rule.id.utf8.allSatisfy { 0x61...0x7A ~= $0 || $0 == 0x2D }, "\(rule.id)")
        }
    }

    @Test func thePageIsTheOneThatTheProgramWrites() throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let page = String(decoding: try FileReader.system.read("/\(root)/docs/lint.md", 1 << 20).get(), as: UTF8.self)
        #expect(page == LintRule.page, "agentgw check-policy rules --format markdown > docs/lint.md")
    }
}
