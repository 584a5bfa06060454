// From a decision record's route and phase to the rules that are asked there.

import Auth

/// The rules that a record is about in one snapshot.
package enum RecordedPlace {
    case found(RuleLevels)
    /// Nothing is asked there: the request goes on.
    case noRules
    case noRoute
    /// The record does not say which of several; the text says what it lacks.
    case ambiguous(String)
}

extension Snapshot {
    /// - Parameters:
    ///   - route: `3000/public/api`; empty for a request that no route took.
    ///   - target: of an MCP message, when the record has it.
    package func place(route: String, phase: DecisionPhase, target: String?) -> RecordedPlace {
        let listeners = configuration.binds.flatMap { binds[$0.port]?.listeners ?? [] }
        guard !route.isEmpty else {
            let rules = listeners.map(\.rules).filter { !$0.isEmpty }
            if rules.count > 1 { return .ambiguous("the listener") }
            return rules.first.map { .found($0) } ?? .noRules
        }
        guard let found = listeners.flatMap(\.routes).first(where: { $0.label == route }) else { return .noRoute }
        switch phase {
        case .request: return found.rules.isEmpty ? .noRules : .found(found.rules)
        case .backend, .llm: return unique(found.backends.filter { $0.weight > 0 }.map { $0.rules })
        case .mcpCall, .mcpList:
            let choices = found.backends.filter { $0.weight > 0 }
            guard choices.count == 1, case .mcp(let mcp) = choices[0].kind else {
                return unique(choices.map(\.mcpRules))
            }
            guard !mcp.rulesByTarget.isEmpty else {
                return choices[0].mcpRules.isEmpty ? .noRules : .found(choices[0].mcpRules)
            }
            guard let target else { return .ambiguous("mcp.target") }
            let rules = mcp.rulesByTarget[target] ?? choices[0].mcpRules
            return rules.isEmpty ? .noRules : .found(rules)
        case .a2a:
            return unique(
                found.backends.filter { $0.weight > 0 }.map { backend in
                    if case .a2a(let agent) = backend.kind { agent.rules } else { RuleLevels([]) }
                })
        }
    }

    private func unique(_ levels: [RuleLevels]) -> RecordedPlace {
        guard let first = levels.first else { return .noRules }
        guard levels.allSatisfy({ $0.digest == first.digest }) else { return .ambiguous("the backend") }
        return first.isEmpty ? .noRules : .found(first)
    }
}
