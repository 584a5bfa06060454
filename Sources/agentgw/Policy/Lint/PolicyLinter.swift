// The linter's door: everything that is not wrong enough to stop the gateway from loading, and still not what was meant.

/// A check of one policy.
///
/// To add one: a type per check (or per family of checks) in this folder, named in `checks`. A check looks at
/// `policy.ruleSets` (compiled rules with their trees: `rule.program.checked`), at `policy.configuration` (everything around
/// them) or at `policy.root` (the YAML tree), and says what it found with positions from `rule.site`:
///
///     Finding(
///         rule: id, severity: .warning, position: rule.site.start(of: range), end: rule.site.end(of: range),
///         message: "…", hint: "…",
///         fix: rule.site.edit(replacing: range, with: "…").map { Fix(summary: "…", edits: [$0]) })
protocol PolicyCheck: Sendable {
    func findings(in policy: LoadedPolicy) -> [Finding]
}

struct PolicyLinter: Sendable {
    var checks: [any PolicyCheck] = [PartialTextCheck()]

    /// A sentence for each rule of the linter, by its id.
    var descriptions: [String: String] { PartialTextCheck.descriptions }

    /// All findings about a policy that loads, in the order of the file.
    func lint(_ policy: LoadedPolicy) -> [Finding] {
        var seen: Set<Finding> = []
        return checks.flatMap { $0.findings(in: policy) }.filter { seen.insert($0).inserted }
            .sorted(by: Finding.precedes)
    }
}
