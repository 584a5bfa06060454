// What a run of `check-policy` came to, before anything is said about how it looks.

import Auth

struct PolicyReport: Sendable {
    /// The configurations and policy files that were looked at.
    var files: [CheckedFile] = []
    /// From loading and linting, and about test tables that cannot be read.
    var findings: [Finding] = []
    /// Findings that are no more, because the files were changed.
    var mended: [Finding] = []
    var cases: [CaseResult] = []
    /// nil: not asked for.
    var coverage: PolicyCoverage?
    var elapsed: Duration = .zero
    /// What else must be and is not: enough tests, enough coverage. Each is a sentence.
    var shortcomings: [String] = []

    struct CheckedFile: Sendable {
        var file: String
        var ruleSets: Int
        var rules: Int
    }

    var errors: Int { findings.count { $0.severity == .error } }
    var warnings: Int { findings.count { $0.severity == .warning } }
    var failures: Int { cases.count { !$0.isPassed } }

    /// Nothing that has to be looked at: notes do not count.
    var isClean: Bool { errors == 0 && warnings == 0 && failures == 0 && shortcomings.isEmpty }
}

/// One case of a test table.
struct CaseResult: Sendable {
    enum Outcome: Sendable {
        case passed
        case failed([Mismatch])
        /// The case asks for what the policy does not have.
        case broken(String)
    }

    /// Of the test table.
    var file: String
    var name: String
    var position: FilePosition
    var outcome: Outcome
    /// What came out; nil when the request could not be tried.
    var decision: CaseDecision?
    /// Why it was decided as it was, as text without colours; for failed cases.
    var explanation: String?
    var duration: Duration

    var isPassed: Bool {
        if case .passed = outcome { true } else { false }
    }
}

/// What a case's request came to.
struct CaseDecision: Sendable {
    var verdict: String
    /// The id of the rule that decided; nil: none did.
    var rule: String?
    /// As expectations name it.
    var reason: String
    /// Of the gateway's own reply.
    var status: Int?
    var scopes: [String]
    /// Of a list.
    var visible: [String]
}

/// One expectation that was not met.
struct Mismatch: Hashable, Sendable {
    /// `verdict`, `rule`, `error`, `visible`, …
    var what: String
    var expected: String
    var actual: String
    /// Of the expectation.
    var position: FilePosition
    /// What may have been meant: `there is no rule "reader"; did you mean "readers"?`
    var hint: String?

    /// `expected allow, got deny`
    var sentence: String { "expected \(expected), got \(actual)" + (hint.map { " (\($0))" } ?? "") }
}

/// Writes a report in one format, to standard output.
protocol PolicyReporter: Sendable {
    func render(_ report: PolicyReport) -> String
}
