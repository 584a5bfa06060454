// A rule that is wrong in one small way. A test that notices shows that it tests that part of the rule.

import Auth
import CEL

struct Mutant: Sendable {
    enum Change: Hashable, Sendable {
        /// Another expression.
        case expression(String)
        case action(RuleAction)
        case dropped
    }

    /// What was done: `drop conjunct`, `flip operator`, …
    var kind: String
    var rule: PolicyRule
    /// Index of the rule set in the policy.
    var set: Int
    var change: Change
    /// Of the changed part, in the rule's expression.
    var range: SourceRange
    /// Of `.expression`.
    var program: Program?

    /// The rule before and after, as a diff shows it.
    var diff: (before: String, after: String) {
        let before = "\(rule.action.rawValue): \(rule.expression)"
        switch change {
        case .expression(let text): return (before, "\(rule.action.rawValue): \(text)")
        case .action(let action): return (before, "\(action.rawValue): \(rule.expression)")
        case .dropped: return (before, "")
        }
    }
}
