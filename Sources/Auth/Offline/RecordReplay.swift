// Asks rules again about what a decision record says, with the same programs and the same table as the gateway.

import CEL
import JSON

/// The rules of one place, ready for records. Confined to one thread.
package final class RecordReplay {
    package let levels: RuleLevels
    private struct Bound {
        let context: EvaluationContext
        let plan: RecordPlan
    }

    /// In the order of `levels.sets`.
    private var bound: [Bound] = []
    /// What the rules of the record's time read.
    private let wasRead: (String) -> Bool

    package struct Answer: Sendable {
        /// `.possible`: it depends on what the record does not have.
        package var visibility: Visibility
        package var rule: RuleReference?
        package var reason: DecisionReason
        /// Paths that the record lacks and that the rules read; empty when the answer does not depend on any.
        package var missing: [String]
    }

    /// - Parameter recordedBy: the rules that made the records; nil: not known, so that only what a record has is known.
    package init(_ levels: RuleLevels, recordedBy old: RuleLevels?) {
        self.levels = levels
        let paths = Set((old?.attributePaths ?? []).map(\.description))
        wasRead = { paths.contains($0) }
        bound = levels.sets.map { set in
            Bound(
                context: EvaluationContext(set.environment),
                plan: RecordPlan(set.rules.filter { $0.mode == .enforce }.map(\.program)))
        }
    }

    /// What the rules decide. The record's document must stay alive meanwhile.
    package func decide(_ reads: JSONValue?) -> Answer {
        var answer = Answer(visibility: .allowed, rule: nil, reason: .defaultAction, missing: [])
        var cost = 0
        for (set, bound) in zip(levels.sets, bound) where set.mode == .enforce {
            let missing = bind(bound, reads)
            let result = TruthTable.decide(set.enforced) { set.outcome($0, bound.context, &cost) }
            let judgement = LevelTrace.Judgement(result)
            switch judgement.visibility {
            case .denied:
                // A level before it that is open may have refused first, but refused it is.
                return Answer(
                    visibility: .denied, rule: judgement.rule.map { set.rules[$0].reference },
                    reason: judgement.reason, missing: [])
            case .possible:
                answer.visibility = .possible
                answer.missing += missing.filter { !answer.missing.contains($0) }
            case .allowed: break
            }
            answer.rule = judgement.rule.map { set.rules[$0].reference }
            answer.reason = judgement.reason
        }
        return answer
    }

    /// What every rule that is asked comes to, with its parts.
    package func trace(_ reads: JSONValue?) -> [(trace: LevelTrace, explanations: [Explanation])] {
        var result: [(trace: LevelTrace, explanations: [Explanation])] = []
        var cost = 0
        for (set, bound) in zip(levels.sets, bound) where set.mode == .enforce {
            _ = bind(bound, reads)
            var asked: [LevelTrace.Asked] = []
            let table = TruthTable.decide(set.enforced) { rule in
                let outcome = set.outcome(rule, bound.context, &cost)
                asked.append(LevelTrace.Asked(rule: rule, outcome: outcome))
                return outcome
            }
            let explanations = asked.map { set.rules[$0.rule].program.explain(in: bound.context) }
            result.append((LevelTrace(set: set, asked: asked, judgement: LevelTrace.Judgement(table)), explanations))
            if table.verdict == .deny { break }
        }
        return result
    }

    private func bind(_ bound: Bound, _ reads: JSONValue?) -> [String] {
        let context = bound.context
        context.reset()
        var recorded = RecordedReads(reads, wasRead: wasRead)
        for name in bound.plan.roots {
            guard let slot = context.environment.slots[name.name] else { continue }
            context.bind(slot, recorded.root(name, context.arena))
        }
        return recorded.missing
    }
}
