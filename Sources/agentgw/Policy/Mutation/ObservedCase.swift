// What the rules of a policy came to for one case, rule by rule: enough to say what a changed rule would have decided
// without trying the request again.

import Auth
import Proxy

/// One time that rules were asked.
struct ObservedAsk {
    var inputs: RuleInputs
    /// The sets that enforce, outermost first.
    var sets: [ObservedSet]

    /// What all of them together decide: the first that denies, else the innermost.
    func judgement(replacing set: Int?, _ replaced: LevelTrace.Judgement?) -> LevelTrace.Judgement? {
        var last: LevelTrace.Judgement?
        var possible = false
        for observed in sets {
            let judgement = observed.set == set ? replaced ?? observed.judgement : observed.judgement
            if judgement.visibility == .denied { return judgement }
            if judgement.visibility == .possible { possible = true }
            last = judgement
        }
        if possible, last?.visibility == .allowed { last?.visibility = .possible }
        return last
    }
}

struct ObservedSet {
    /// Index of the rule set in the policy.
    var set: Int
    var rows: [TableRow]
    var defaultAction: Verdict
    var judgement: LevelTrace.Judgement
    var compiled: RuleSet
}

struct ObservedCase {
    var judged: JudgedCase
    var stages: [ObservedAsk]
    var listed: [ObservedAsk]

    /// Index of the first ask that a set takes part in is what a mutant of it changes first.
    var asks: [ObservedAsk] { stages + listed }

    init(_ judged: JudgedCase, _ bench: PolicyBench) {
        self.judged = judged
        func observe(_ levels: RuleLevels, _ inputs: RuleInputs) -> ObservedAsk {
            ObservedAsk(
                inputs: inputs,
                sets: levels.sets.filter { $0.mode == .enforce }.compactMap { set in
                    guard let index = bench.ruleSetIndex(of: set) else { return nil }
                    let outcomes = bench.examiner.outcomes(set.rules.map(\.program), inputs)
                    let rows = zip(set.rules, outcomes).map {
                        TableRow(action: $0.reference.action, mode: $0.mode, outcome: $1)
                    }
                    return ObservedSet(
                        set: index, rows: rows, defaultAction: set.defaultAction,
                        judgement: PolicyExaminer.judge(rows, defaultAction: set.defaultAction), compiled: set)
                })
        }
        stages = judged.outcome.stages.map { observe($0.levels, $0.inputs) }
        listed = judged.outcome.listed.map { observe($0.levels, $0.inputs) }
    }
}
