// Looks into decisions: which rules were asked, what each came to and why, which parts of them have been seen both ways,
// and what another set of rules would have decided. By the same truth table and programs as `Authorizer`.

import CEL

/// What the rules of one level came to.
package struct LevelTrace: Sendable {
    package struct Asked: Sendable {
        /// Index in `set.rules`.
        package var rule: Int
        package var outcome: RuleOutcome
    }

    package let set: RuleSet
    /// In the order in which they were asked; rules after the deciding one were not.
    package var asked: [Asked]
    package var judgement: Judgement

    /// What a rule set decides.
    package struct Judgement: Hashable, Sendable {
        package var visibility: Visibility
        package var rule: Int?
        package var reason: DecisionReason

        init(_ result: TruthTable.Result) {
            rule = result.rule
            reason = result.reason
            visibility =
                switch result.verdict {
                case .allow: .allowed
                case .deny: .denied
                case .undetermined: .possible
                }
        }
    }
}

/// A rule as the truth table sees it.
package struct TableRow: Hashable, Sendable {
    package var action: RuleAction
    package var mode: EnforcementMode
    package var outcome: RuleOutcome

    package init(action: RuleAction, mode: EnforcementMode, outcome: RuleOutcome) {
        self.action = action
        self.mode = mode
        self.outcome = outcome
    }
}

/// Confined to one thread.
package final class PolicyExaminer {
    private let evaluator: RuleEvaluator

    package init(env: [String: String] = [:]) throws(AuthError) {
        evaluator = try RuleEvaluator(env: env)
    }

    /// Asks every level that enforces, until one denies, as `Authorizer` does.
    package func trace(_ levels: RuleLevels, _ inputs: RuleInputs) -> [LevelTrace] {
        evaluator.begin(inputs)
        defer { evaluator.end() }
        var traces: [LevelTrace] = []
        var cost = 0
        for set in levels.sets where set.mode == .enforce {
            let context = evaluator.context(for: set.environment)
            var asked: [LevelTrace.Asked] = []
            let result = TruthTable.decide(set.enforced) { rule in
                let outcome = set.outcome(rule, context, &cost)
                asked.append(LevelTrace.Asked(rule: rule, outcome: outcome))
                return outcome
            }
            traces.append(LevelTrace(set: set, asked: asked, judgement: LevelTrace.Judgement(result)))
            if result.verdict == .deny { break }
        }
        return traces
    }

    /// What every part of a rule came to.
    package func explain(_ program: Program, _ inputs: RuleInputs) -> Explanation {
        evaluator.begin(inputs)
        defer { evaluator.end() }
        return program.explain(in: evaluator.context(for: program.checked.environment))
    }

    /// Asks the levels as `trace` does and notes what the parts of the rules came to.
    /// - Parameter coverage: by rule set and rule; nil: that rule is not of interest.
    package func cover(
        _ levels: RuleLevels, _ inputs: RuleInputs, _ coverage: (RuleSet, Int) -> RuleCoverage?
    ) {
        evaluator.begin(inputs)
        defer { evaluator.end() }
        for set in levels.sets where set.mode == .enforce {
            let context = evaluator.context(for: set.environment)
            let result = TruthTable.decide(set.enforced) { rule in
                if let covered = coverage(set, rule) { return covered.run(in: context) }
                var cost = 0
                return set.outcome(rule, context, &cost)
            }
            if result.verdict == .deny { break }
        }
    }

    /// Evaluates programs on one request's attributes.
    package func outcomes(_ programs: [Program], _ inputs: RuleInputs) -> [RuleOutcome] {
        evaluator.begin(inputs)
        defer { evaluator.end() }
        var cost = 0
        return programs.map {
            RuleEvaluator.outcome($0, evaluator.context(for: $0.checked.environment), &cost)
        }
    }

    /// What a rule set with these rows would decide, in the order of the table.
    package static func judge(_ rows: [TableRow], defaultAction: Verdict) -> LevelTrace.Judgement {
        func numbers(_ action: RuleAction) -> [Int] {
            rows.indices.filter { rows[$0].action == action && rows[$0].mode == .enforce }
        }
        let steps = TruthTable.Steps(
            deny: numbers(.deny), require: numbers(.require), allow: numbers(.allow), defaultAction: defaultAction)
        return LevelTrace.Judgement(TruthTable.decide(steps) { rows[$0].outcome })
    }
}

/// What one rule has come to over any number of requests.
package final class RuleCoverage {
    package let coverage: Coverage
    package private(set) var wasTrue = 0
    package private(set) var wasFalse = 0
    package private(set) var failed = 0
    package private(set) var unknown = 0

    package init(_ program: Program) throws(CompileError) { coverage = try program.coverage() }

    package var asked: Int { wasTrue + wasFalse + failed + unknown }

    func run(in context: EvaluationContext) -> RuleOutcome {
        let outcome = RuleEvaluator.outcome(of: coverage.run(in: context), coverage.program)
        switch outcome {
        case .isTrue: wasTrue += 1
        case .isFalse: wasFalse += 1
        case .failed: failed += 1
        case .unknown: unknown += 1
        }
        return outcome
    }
}
