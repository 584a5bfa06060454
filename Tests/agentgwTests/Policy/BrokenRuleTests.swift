// The corpus of broken rules: every fault is found, at its place, and nothing else is said. A file of the corpus holds many
// documents, each a policy or configuration whose first lines say what is wrong with it and where that is reported.

import Auth
import Testing

@testable import agentgw

@Suite struct BrokenRuleTests {
    struct Fault: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var text: String
        /// `line:column rule`
        var findings: [String]
    }

    private static let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")

    static let files = [
        "misspelt", "types", "phase-and-syntax", "partial-text", "wire", "identity", "absence", "logic", "rule-sets",
        "configurations",
    ]

    private static func read(_ name: String) -> [Fault] {
        let path = "/\(folder)/Corpus/broken-rules/\(name).yaml"
        guard case .success(let bytes) = FileReader.system.read(path, 1 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "---\n").map { document in
            let head = document.split(separator: "\n").prefix { $0.hasPrefix("# ") }
            let fault = head.first { $0.hasPrefix("# fault: ") }.map { String($0.dropFirst(9)) } ?? ""
            let findings = head.filter { $0.hasPrefix("# finding: ") }.map { String($0.dropFirst(11)) }
            return Fault(testDescription: "\(name): \(fault)", text: String(document), findings: findings)
        }
    }

    static let faults = files.flatMap(read)

    @Test(arguments: faults)
    func everyFaultIsReportedAtItsPlaceAndNothingElse(fault: Fault) {
        let found = PolicyFixture.run(["p.yaml": fault.text], lints: true).report.findings
        #expect(
            found.map { "\($0.position.line):\($0.position.column) \($0.rule)" } == fault.findings,
            "\(found.map { "\($0.position): \($0.message)" })")
        // What does not load is an error, what is only unwise is none.
        #expect(found.allSatisfy { ($0.severity == .error) == ($0.rule == Finding.load) })
    }

    @Test func theCorpusHasWhatItShould() {
        #expect(Self.faults.count >= 250, "\(Self.faults.count)")
        #expect(Self.faults.allSatisfy { !$0.findings.isEmpty })
        #expect(Set(Self.faults.map(\.testDescription)).count == Self.faults.count)
        // Every rule that reads a policy is in it.
        let found = Set(Self.faults.flatMap(\.findings).compactMap { $0.split(separator: " ").last.map(String.init) })
        let missing = Set(LintRule.all.map(\.id)).subtracting(found).subtracting([LintRule.tableWithoutDeny.id])
        #expect(missing.isEmpty, "\(missing.sorted())")
    }
}
