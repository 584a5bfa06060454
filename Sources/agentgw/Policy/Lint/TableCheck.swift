// Test tables that prove less than they seem to.

import Auth

enum TableCheck {
    /// Fewer cases are a beginning.
    private static let fewest = 1

    static func lint(_ table: TestTable, _ files: FileReader) -> [Finding] {
        let rule = LintRule.tableWithoutDeny
        var findings: [Finding] = []
        if table.cases.count >= fewest, !table.cases.contains(where: refuses) {
            findings.append(
                Finding(
                    rule: rule.id, severity: rule.severity, position: table.cases[0].position,
                    message: "no case of this table expects that anything is denied",
                    hint: "add a request that must not pass"))
        }
        guard case .success(let bytes) = files.read(table.file, YAMLComposer.maximumBytes) else { return findings }
        let source = YAMLSource(file: table.file, bytes: bytes)
        return IgnoreComments(source, YAMLComposer.compose(source).root).apply(to: findings)
    }

    /// Whether a case would fail if everything were allowed.
    private static func refuses(_ testCase: TestCase) -> Bool {
        guard let expect = testCase.expect else { return false }
        if let verdict = expect.verdict, verdict.value != .allow { return true }
        return expect.hidden != nil || expect.error != nil || expect.scopes != nil || expect.visible != nil
            || (expect.status.map { $0.value >= 400 } ?? false)
    }
}
