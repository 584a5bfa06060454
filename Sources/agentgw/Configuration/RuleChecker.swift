// Rules are compiled when they are read, so that what is wrong with one is told like everything else in the file.

import Auth
import CEL

/// Checks a rule against what rules of its kind may read; findings carry byte offsets into the expression.
struct RuleChecker: Sendable {
    struct Finding {
        var message: String
        var offset: Int
        var isError = true
    }

    var check: @Sendable (RuleSetKind, _ expression: String) -> [Finding]

    /// For tests of the structure alone.
    static let none = RuleChecker { _, _ in [] }

    /// The gateway's own engine.
    static let gateway = RuleChecker { _, expression in
        do throws(CompileError) {
            _ = try ParsedExpression.parse(expression)
            return []
        } catch {
            return error.diagnostics.map { Finding(message: $0.text, offset: Int($0.range.start)) }
        }
    }
}
