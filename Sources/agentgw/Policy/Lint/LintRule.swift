// A rule of the linter: what it is about, why, and an example of each kind. docs/lint.md is written from these, the tests
// run the examples, and `agentgw check-policy rules` prints them.

struct LintRule: Sendable {
    let id: String
    let severity: Finding.Severity
    /// A sentence: what it finds.
    let summary: String
    /// Why it matters.
    let reason: String
    /// A file with this finding and no other.
    let bad: String
    /// The same, written right: no finding at all.
    let good: String
    /// What `--fix` does; nil: nothing.
    let fix: String?

    init(
        _ id: String, _ summary: String, _ reason: String, severity: Finding.Severity = .warning, bad: String,
        good: String, fix: String? = nil
    ) {
        self.id = id
        self.severity = severity
        self.summary = summary
        self.reason = reason
        self.bad = bad
        self.good = good
        self.fix = fix
    }
}

extension LintRule {
    /// In the order of the documentation.
    static let groups: [(title: String, rules: [LintRule])] = [
        ("Parts of texts", partialText), ("Headers, hosts and methods", wire), ("Who is asking", identity),
        ("Errors and types", errors), ("Logic", logic), ("Rule sets", ruleSets), ("MCP tools", tools),
        ("Configurations", configuration), ("Tests and comments", comments),
    ]

    static let all = groups.flatMap(\.rules)

    /// Severity, summary, reason, examples: a section of docs/lint.md.
    var section: String {
        var text = "### \(id)\n\n\(severity.rawValue)\(fix == nil ? "" : " · `--fix`") · \(summary)\n\n\(reason)\n"
        text += "\n```yaml\n# finding\n\(bad)```\n\n```yaml\n# none\n\(good)```\n"
        if let fix { text += "\n`--fix`: \(fix)\n" }
        return text
    }
}

extension LintRule {
    /// docs/lint.md, all of it.
    static var page: String {
        let table = groups.map { group in
            "| **\(group.title)** | |\n" + group.rules.map { "| [\($0.id)](#\($0.id)) | \($0.summary) |\n" }.joined()
        }.joined()
        return preface(count: all.count) + "\n| rule | finds |\n|---|---|\n" + table
            + groups.map { group in
                "\n## \(group.title)\n\n" + group.rules.map(\.section).joined(separator: "\n")
            }.joined()
    }

    private static func preface(count: Int) -> String {
        """
        # Lint rules

        `agentgw check-policy` reports, beside what the gateway would refuse to load, what loads and is not what was meant: \(count)
        rules. A warning makes exit code 1, a note does not; `--fail-on` moves that border, `--no-lint` leaves lint out.
        `agentgw check-policy rules` lists the rules, `agentgw check-policy rules ID` explains one. This page is the output of
        `agentgw check-policy rules --format markdown`.

        What a rule grants: the parts of an `allow` or a `require` that let a request pass when they are true, and those of a
        `deny` that do so under a `!`. A comparison that is too wide in a plain `deny` only denies more.

        What is said of two rules, or of conditions that are always the same, is proved for every value that a request can bring,
        with the meaning of errors: an `allow` that errs grants nothing, a `deny` that errs denies. Where that is not certain,
        nothing is said.

        ## Accepting a finding

        ```yaml
        rules:
          # lint:ignore path-without-border the paths of this service are flat
          - allow: 'request.path.startsWith("/admin")'
        mode: shadow   # lint:ignore shadow-mode until the first of the month
        ```

        A comment on a line of its own is about what begins on the next line, with everything that is indented below it; a comment
        at the end of a line is about that line. Several rules are divided by commas. The reason is required, and a comment that no
        finding needs is a finding. Errors of loading cannot be ignored; its warnings can, those without a rule of their own as
        `load`.

        ## Mending

            agentgw check-policy --fix [PATH]...

        changes files in place where a finding says how (`--fix` below), and reports what is left. Comments, quotes, line breaks
        and everything else stay. A change makes the policy decide otherwise only as its finding says, and mostly it grants less: run
        the tests, and look at the difference. A fixed file that would not load, or would have another finding, is not written.

        ## All rules

        """.replacing("        \n", with: "\n")
    }
}
