// What became of a request that was tried offline.

import Auth

/// How the gateway would answer.
package enum TrialVerdict: String, Sendable, CaseIterable {
    /// Sent on.
    case allow
    /// Refused for who asks or for what the rules say.
    case deny
    /// No listener or no route takes it. Rules were asked of the listener at most.
    case unrouted
    /// Refused as HTTP or for its path, before anybody looked who asks.
    case malformed
    /// A preflight or OAuth metadata: answered without asking who.
    case answered
}

/// One time that rules were asked, with what they were asked about.
package struct TrialStage {
    package var levels: RuleLevels
    package var inputs: RuleInputs
    package var decision: Decision
}

/// One item of a list.
package struct TrialListing {
    package var isShown: Bool
    /// Empty when there are no rules.
    package var levels: RuleLevels
    package var inputs: RuleInputs
}

package struct TrialOutcome {
    package var verdict: TrialVerdict
    /// Of the gateway's own reply; nil for what is sent on.
    package var status: Int?
    /// The word of the access log: `denied`, `expired`, `no_route`, …; empty for what is sent on.
    package var code = ""
    /// A sentence for operators.
    package var detail = ""
    /// `WWW-Authenticate` fields.
    package var challenges: [String] = []
    /// The scopes that the challenge names.
    package var scopes: [String] = []
    /// `3000/public/api`; empty when nothing took the request.
    package var route = ""
    package var principal = Principal.anonymous
    /// In the order in which they were asked; the last one decided when the verdict came from rules.
    package var stages: [TrialStage] = []
    /// Of a list: for each item whether it is shown, and what the rules were asked about it.
    package var listed: [TrialListing] = []

    package init(_ verdict: TrialVerdict) { self.verdict = verdict }

    /// The decision that refused, or the last that granted.
    package var deciding: TrialStage? {
        if verdict == .deny { return stages.last { !$0.decision.isAllowed } }
        return stages.last { $0.decision.rule != nil } ?? stages.last
    }
}

/// What an MCP or A2A client asks for.
package enum TrialMessage {
    /// A message about nothing in particular: `initialize`, `ping`, a list without items.
    case message(MCPCall)
    /// One tool, prompt or resource, and its target's name and its own.
    case call(MCPCall)
    /// A list, and what its targets say is in it.
    case list(MCPCall, [MCPItem])
    /// Of an A2A client.
    case agent(A2ACall)
}
