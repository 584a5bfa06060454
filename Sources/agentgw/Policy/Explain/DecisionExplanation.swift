// Why a request was decided as it was: every time that rules were asked, every rule that was, and what each of its parts
// came to. The text, JSON and HTML of `explain` are made from this.

import Auth
import CEL
import Proxy

struct DecisionExplanation {
    /// One rule that was asked.
    struct Rule {
        var reference: RuleReference
        var outcome: RuleOutcome
        /// It decided.
        var isDeciding: Bool
        var tree: RuleTree
    }

    /// One level: one rule set.
    struct Level {
        var set: RuleSet
        var place: String
        var judgement: LevelTrace.Judgement
        /// In the order in which they were asked.
        var rules: [Rule]
        var notAsked: Int
    }

    struct Stage {
        var decision: Decision
        var levels: [Level]
        /// What was asked about, as decision records name it: `tools/call echo`.
        var subject: String
    }

    var outcome: TrialOutcome
    var stages: [Stage]
    /// Who asks, as logs name them.
    var principal: String
    /// It depends on what is not known.
    var isOpen = false
    /// What else there is to say.
    var notes: [String] = []
    /// The decision that the verdict follows from, where the request itself is not here.
    private var recorded: Decision? { outcome.stages.isEmpty ? stages.last?.decision : nil }

    init(_ outcome: TrialOutcome, _ bench: PolicyBench) {
        self.init(outcome, examiner: bench.examiner) { bench.ruleSet(of: $0)?.placed.place.label ?? $0.name }
    }

    /// - Parameter place: how people know a rule set.
    init(_ outcome: TrialOutcome, examiner: PolicyExaminer, place: (RuleSet) -> String) {
        self.outcome = outcome
        principal = outcome.principal.identity
        stages = outcome.stages.map { stage in
            Stage(
                decision: stage.decision,
                levels: examiner.trace(stage.levels, stage.inputs).map { trace in
                    Level(
                        set: trace.set, place: place(trace.set), judgement: trace.judgement,
                        rules: trace.asked.map { asked in
                            let rule = trace.set.rules[asked.rule]
                            return Rule(
                                reference: rule.reference, outcome: asked.outcome,
                                isDeciding: trace.judgement.rule == asked.rule,
                                tree: RuleTree(rule.program, examiner.explain(rule.program, stage.inputs)))
                        }, notAsked: trace.set.rules.count { $0.mode == .enforce } - trace.asked.count)
                }, subject: Self.subject(stage))
        }
    }

    init(outcome: TrialOutcome, stages: [Stage], principal: String) {
        self.outcome = outcome
        self.stages = stages
        self.principal = principal
    }

    private static func subject(_ stage: TrialStage) -> String {
        guard let mcp = stage.inputs.mcp else { return "" }
        let name = mcp.tool?.name ?? mcp.prompt?.name ?? mcp.resource?.uri
        return mcp.method + (name.map { " \($0)" } ?? "")
    }

    /// The rules that an explanation in a few lines is about: the one that decided, or all that could have and did not.
    var deciding: [Rule] {
        guard let stage = stages.last(where: { !$0.decision.isAllowed }) ?? stages.last, let level = stage.levels.last
        else { return [] }
        let decided = level.rules.filter(\.isDeciding)
        return decided.isEmpty ? level.rules.filter { $0.reference.action == .allow } : decided
    }

    /// `deny  rule payments-2 (policies/payments.yaml:14:5)  digest 9f2c…`
    func headline(_ style: TextStyle) -> String {
        let verdict = outcome.verdict == .allow ? style.green("allow") : style.red(outcome.verdict.rawValue)
        if isOpen { return style.yellow("undecided") + "  \(notes.joined(separator: "; "))" }
        guard let decision = outcome.decision ?? recorded else {
            return "\(verdict)  \(outcome.code.isEmpty ? "no rule was asked" : "\(outcome.code): \(outcome.detail)")"
        }
        let who =
            decision.rule.map { "rule \(style.bold($0.id)) (\($0.position))" }
            ?? "no rule decided: \(Self.sentence(decision.reason))"
        let reason: String
        switch decision.reason {
        case .error(let name): reason = "  error \(name)"
        case .requirementNotMet: reason = "  requirement not met"
        case .cost: reason = "  evaluation budget spent"
        default: reason = ""
        }
        return "\(verdict)  \(who)\(reason)  \(style.dim("digest \(decision.policy)"))"
    }

    static func sentence(_ reason: DecisionReason) -> String {
        switch reason {
        case .nothingGranted: "no allow rule granted it"
        case .defaultAction: "the default action"
        case .matched: "matched"
        case .requirementNotMet: "a requirement was not met"
        case .error(let name): "error \(name)"
        case .cost: "the evaluation budget was spent"
        case .unknown: "it is not known yet"
        }
    }

    static func text(_ outcome: RuleOutcome) -> String {
        switch outcome {
        case .isTrue: "true"
        case .isFalse: "false"
        case .unknown: "unknown"
        case .failed(.error(let name)): "error \(name)"
        case .failed(.cost): "over budget"
        case .failed(.notBoolean): "not a boolean"
        }
    }

    /// For a failed case: the rules that made the difference.
    func brief(_ style: TextStyle) -> String {
        var lines = [headline(style)]
        for rule in deciding.prefix(Self.briefRules) {
            if !rule.isDeciding {
                lines.append(
                    style.dim("  \(rule.reference.action.rawValue) \(rule.reference.id) (\(rule.reference.position)):"))
            }
            lines += rule.tree.drawn(style).map { "  \($0)" }
        }
        if deciding.count > Self.briefRules {
            lines.append(style.dim("  … and \(deciding.count - Self.briefRules) more rules that did not grant it"))
        }
        return lines.joined(separator: "\n")
    }

    private static let briefRules = 5
}
