// One decision: the single type that logs, traces, `explain` and the admin page show, and that the client's reply is
// made from (ARCHITECTURE §4).

/// The moment of a request's way at which rules are asked, and so the attributes that they can read.
package enum DecisionPhase: String, Sendable, CaseIterable {
    /// The head is known: `request`, `source`, `destination`, who is asking.
    case request
    /// A list of tools, prompts or resources is filtered: `mcp` without arguments.
    case mcpList = "mcp.list"
    /// One MCP message is judged: `mcp` with arguments.
    case mcpCall = "mcp.call"
    case a2a
    /// An AI request is understood: `llm` with the model.
    case llm
    /// A backend is chosen: `backend`.
    case backend
}

/// Why a verdict came out as it did.
package enum DecisionReason: Hashable, Sendable {
    /// A deny rule or an allow rule was true.
    case matched
    case requirementNotMet
    case nothingGranted
    /// No rule decided, and `defaultAction` did.
    case defaultAction
    /// An error in the deciding rule, by its class.
    case error(String)
    case cost
    /// Partial evaluation left it open.
    case unknown

    package var code: String {
        switch self {
        case .matched: "matched"
        case .requirementNotMet: "requirement_not_met"
        case .nothingGranted: "nothing_granted"
        case .defaultAction: "default_action"
        case .error(let name): "error.\(name)"
        case .cost: "cost"
        case .unknown: "unknown"
        }
    }
}

/// Which rule, for people: its id and where it stands. Made at load, shared by the decisions that name it.
package final class RuleReference: Sendable {
    package let id: String
    package let action: RuleAction
    package let position: FilePosition
    /// The name of the rule set it belongs to.
    package let ruleSet: String

    init(id: String, action: RuleAction, position: FilePosition, ruleSet: String) {
        self.id = id
        self.action = action
        self.position = position
        self.ruleSet = ruleSet
    }
}

package struct Decision: Sendable {
    package var id: DecisionID
    /// What is done.
    package var verdict: Verdict
    package var reason: DecisionReason
    /// nil when no rule decided.
    package var rule: RuleReference?
    package var phase: DecisionPhase
    /// SHA-256 over the rule sets that were asked, in order; names the policy's version.
    package var policy: PolicyDigest
    /// Evaluation steps, all levels together.
    package var cost: Int
    /// Set by the caller, who has the clock.
    package var duration: Duration = .zero
    /// What rules in shadow mode would have done. Never changes `verdict`.
    package var shadow: ShadowFinding?

    package var isAllowed: Bool { verdict == .allow }

    package init(
        id: DecisionID, verdict: Verdict, reason: DecisionReason, rule: RuleReference?, phase: DecisionPhase,
        policy: PolicyDigest, cost: Int
    ) {
        self.id = id
        self.verdict = verdict
        self.reason = reason
        self.rule = rule
        self.phase = phase
        self.policy = policy
        self.cost = cost
    }
}

/// A rule set or rule in shadow mode would have denied.
package struct ShadowFinding: Sendable {
    package var reason: DecisionReason
    package var rule: RuleReference?
    package var ruleSet: String
}

/// Names a version of a policy.
package struct PolicyDigest: Hashable, Sendable, CustomStringConvertible {
    let value: SHA256Value

    /// The first sixteen hexadecimal digits: enough to tell versions apart.
    package var description: String { String(value.hex.prefix(16)) }
    package var hex: String { value.hex }
}
