// Asks the rules. One per event loop: it owns the memory that evaluations work in.

/// What the rules say of a thing whose details are not known yet.
package enum Visibility: Hashable, Sendable {
    case allowed
    /// Some way of calling it is allowed.
    case possible
    case denied
}

package final class Authorizer {
    private var ids: DecisionIDSource
    let evaluator: RuleEvaluator

    /// - Parameter env: the members of `env` in rules.
    package init(env: [String: String] = [:]) throws(AuthError) {
        ids = try DecisionIDSource()
        evaluator = try RuleEvaluator(env: env)
    }

    /// Judges a request by every level; the first that denies decides.
    package func authorize(_ levels: RuleLevels, _ inputs: RuleInputs, phase: DecisionPhase) -> Decision {
        var decision = Decision(
            id: ids.next(), verdict: .allow, reason: .defaultAction, rule: nil, phase: phase, policy: levels.digest,
            cost: 0)
        evaluator.begin(inputs)
        defer { evaluator.end() }
        for set in levels.sets {
            if set.mode == .shadow {
                if decision.shadow == nil { decision.shadow = hypothetical(set, &decision.cost) }
                continue
            }
            let context = evaluator.context(for: set.environment)
            let result = TruthTable.decide(
                set.enforced, value: { $0.value(in: context) }, { set.outcome($0, context, &decision.cost) })
            // Nothing is unknown when a request is judged; if something were, it is not allowed.
            let denies = result.verdict != .allow
            if !denies, set.hypothetical != nil, decision.shadow == nil {
                decision.shadow = hypothetical(set, &decision.cost)
            }
            decision.reason = result.reason
            decision.rule = result.rule.map { set.rules[$0].reference }
            if denies {
                decision.verdict = .deny
                break
            }
        }
        return decision
    }

    /// Judges an item of a list by what is known of it: hidden only when every call would be denied.
    package func visibility(_ levels: RuleLevels, _ inputs: RuleInputs) -> Visibility {
        var visibility = Visibility.allowed
        var cost = 0
        evaluator.begin(inputs)
        defer { evaluator.end() }
        for set in levels.sets where set.mode == .enforce {
            let context = evaluator.context(for: set.environment)
            let result = TruthTable.decide(
                set.enforced, value: { $0.value(in: context) }, { set.outcome($0, context, &cost) })
            switch result.verdict {
            case .allow: break
            case .undetermined: visibility = .possible
            case .deny: return .denied
            }
        }
        return visibility
    }

    /// Whether a list shows the item: `visibility` is not `denied`. Asks no further once some call may be allowed, which
    /// is most of the work when lists are long.
    package func isShown(_ levels: RuleLevels, _ inputs: RuleInputs) -> Bool {
        var cost = 0
        evaluator.begin(inputs)
        defer { evaluator.end() }
        for set in levels.sets where set.mode == .enforce {
            let context = evaluator.context(for: set.environment)
            var mayGrant = false
            let result = TruthTable.decide(set.enforced, value: { $0.value(in: context) }) { rule in
                // After an allow that may grant, no other allow makes the item less visible.
                if mayGrant { return .isFalse }
                let outcome = set.outcome(rule, context, &cost)
                if case .unknown = outcome, set.rules[rule].reference.action == .allow { mayGrant = true }
                return outcome
            }
            if result.verdict == .deny { return false }
        }
        return true
    }

    /// What the set would do if all of it bound; nil when that is to allow.
    private func hypothetical(_ set: RuleSet, _ cost: inout Int) -> ShadowFinding? {
        let steps = set.hypothetical ?? set.enforced
        let context = evaluator.context(for: set.environment)
        let result = TruthTable.decide(
            steps, value: { $0.value(in: context) }, { set.outcome($0, context, &cost) })
        guard result.verdict != .allow else { return nil }
        return ShadowFinding(
            reason: result.reason, rule: result.rule.map { set.rules[$0].reference }, ruleSet: set.name)
    }
}
