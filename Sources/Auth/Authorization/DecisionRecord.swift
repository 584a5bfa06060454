// A decision as one JSON line: what the decision log has, allow and deny alike, and what `diff` and `explain` read back.

import JSON

extension Decision {
    /// Writes the members of the record into an object that the caller has begun, so that it can add the time, the route
    /// and the trace.
    /// - Parameters:
    ///   - inputs: for `reads`; nil leaves it out.
    ///   - paths: what the rules that were asked read, see `RuleLevels.attributePaths`.
    package func writeMembers(
        into writer: inout JSONWriter, inputs: RuleInputs?, paths: [AttributePath]
    ) {
        writer.name("id")
        writer.value(id.description)
        writer.name("verdict")
        writer.value(verdict.rawValue)
        writer.name("reason")
        writer.value(reason.code)
        writer.name("phase")
        writer.value(phase.rawValue)
        if let rule {
            writer.name("rule")
            writer.value(rule)
        }
        writer.name("policy")
        writer.value(policy.description)
        writer.name("cost")
        writer.value(cost)
        writer.name("duration_ns")
        writer.value(duration.nanoseconds)
        if let shadow {
            writer.name("shadow")
            writer.object { writer in
                writer.name("verdict")
                writer.value(Verdict.deny.rawValue)
                writer.name("reason")
                writer.value(shadow.reason.code)
                writer.name("rule_set")
                writer.value(shadow.ruleSet)
                if let rule = shadow.rule {
                    writer.name("rule")
                    writer.value(rule)
                }
            }
        }
        guard let inputs else { return }
        writer.name("principal")
        writer.value(inputs.principal.identity)
        writer.name("reads")
        writer.object { writer in
            for path in paths {
                var value = JSONWriter()
                guard inputs.write(path, into: &value) else { continue }
                writer.name(path.description)
                writer.raw(value.bytes)
            }
        }
    }

    /// The record as one object, without a line end.
    package func record(inputs: RuleInputs?, paths: [AttributePath]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writeMembers(into: &$0, inputs: inputs, paths: paths) }
        return writer.bytes
    }

    /// What a client may know: that it was refused, and the name under which an operator finds why.
    package var clientMessage: String { "authorization failed (decision \(id))" }
}

extension JSONWriter {
    fileprivate mutating func value(_ rule: RuleReference) {
        object { writer in
            writer.name("id")
            writer.value(rule.id)
            writer.name("action")
            writer.value(rule.action.rawValue)
            writer.name("set")
            writer.value(rule.ruleSet)
            if rule.position != .none {
                writer.name("position")
                writer.value(rule.position.description)
            }
        }
    }
}

extension Rejection {
    /// The reply to a request that the rules denied.
    /// - Parameter scopes: what would help, see `ScopeChallenge`; empty when nothing would.
    package static func denied(
        _ decision: Decision, metadataURL: String? = nil, scopes: [String] = []
    ) -> Rejection {
        let log = "denied: \(decision.reason.code)" + (decision.rule.map { " by \($0.id) (\($0.position))" } ?? "")
        guard !scopes.isEmpty else {
            return .text(403, decision.clientMessage, reason: log, code: "denied")
        }
        let challenge = Challenge(
            error: .insufficientScope, errorDescription: decision.clientMessage, scopes: scopes,
            resourceMetadata: metadataURL)
        return .oauth(
            403, error: Challenge.ErrorCode.insufficientScope.rawValue, description: decision.clientMessage,
            challenges: [challenge], reason: log, code: "insufficient_scope")
    }
}
