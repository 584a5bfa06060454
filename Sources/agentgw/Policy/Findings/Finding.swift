// What the offline tool has to say about a policy: the one type that the loader, the linter and the test runner report in,
// and that every output format is made from.

import Auth

/// One finding. Equal findings are reported once.
struct Finding: Hashable, Sendable {
    enum Severity: String, Hashable, Sendable, CaseIterable, Comparable {
        case note, warning, error

        static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }

        private var rank: Int {
            switch self {
            case .note: 0
            case .warning: 1
            case .error: 2
            }
        }
    }

    /// The id of the check that found it: `load` for what stops the gateway from loading, else the lint rule's.
    var rule: String
    var severity: Severity
    var position: FilePosition
    /// Behind the last character that is meant; nil: only where it begins is known.
    var end: FilePosition?
    /// One sentence, without a full stop: what is wrong.
    var message: String
    /// What to do about it.
    var hint: String?
    /// What `--fix` would do.
    var fix: Fix?

    init(
        rule: String, severity: Severity, position: FilePosition, end: FilePosition? = nil, message: String,
        hint: String? = nil, fix: Fix? = nil
    ) {
        self.rule = rule
        self.severity = severity
        self.position = position
        self.end = end
        self.message = message
        self.hint = hint
        self.fix = fix
    }
}

/// A change of files that makes a finding go away and changes no decision that was meant.
struct Fix: Hashable, Sendable {
    /// In the imperative: `use hasScope("mcp:read")`.
    var summary: String
    /// They do not overlap.
    var edits: [SourceEdit]
}

struct SourceEdit: Hashable, Sendable {
    var file: String
    /// In bytes of `YAMLSource.bytes` (the file without a byte order mark).
    var range: Range<Int>
    var replacement: String
}

extension Finding {
    init(_ diagnostic: Diagnostic) {
        self.init(
            rule: diagnostic.rule ?? Self.load, severity: diagnostic.severity == .error ? .error : .warning,
            position: diagnostic.position,
            message: diagnostic.path.isEmpty ? diagnostic.message : "\(diagnostic.path): \(diagnostic.message)")
    }

    /// What the gateway itself says when it loads the file, in the same words.
    static let load = "load"

    /// By file, then by place.
    static func precedes(_ a: Finding, _ b: Finding) -> Bool {
        (a.position.file, a.position.line, a.position.column, a.rule)
            < (b.position.file, b.position.line, b.position.column, b.rule)
    }
}
