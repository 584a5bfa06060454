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

        /// The rules that an explanation in a few lines is about: the one that decided, or all that could have and did
        /// not.
        var deciding: [Rule] {
            guard let level = levels.last else { return [] }
            let decided = level.rules.filter(\.isDeciding)
            if !decided.isEmpty { return decided }
            let open = level.rules.filter { $0.outcome == .unknown }
            return open.isEmpty ? level.rules.filter { $0.reference.action == .allow } : open
        }
    }

    /// One item of a list.
    struct Item {
        var name: String
        var isShown: Bool
        var stage: Stage
    }

    var outcome: TrialOutcome
    var stages: [Stage]
    /// Of a list that was filtered.
    var items: [Item] = []
    /// Who asks, as logs name them.
    var principal: String
    /// It depends on what is not known.
    var isOpen = false
    /// What else there is to say.
    var notes: [String] = []
    /// The decision that the verdict follows from, where the request itself is not here.
    private var recorded: Decision? { outcome.stages.isEmpty ? stages.last?.decision : nil }

    /// - Parameter items: the names of a list's items.
    init(_ outcome: TrialOutcome, items: [String] = [], _ bench: PolicyBench) {
        self.init(outcome, items: items, examiner: bench.examiner) { set in
            bench.ruleSet(of: set).map(bench.policy.label) ?? set.name
        }
        // A policy file is nobody's route.
        if bench.policy.form == .rules { self.outcome.route = "" }
    }

    /// - Parameter place: how people know a rule set.
    init(_ outcome: TrialOutcome, items: [String] = [], examiner: PolicyExaminer, place: (RuleSet) -> String) {
        self.outcome = outcome
        principal = outcome.principal.identity
        func levels(_ levels: RuleLevels, _ inputs: RuleInputs) -> [Level] {
            examiner.trace(levels, inputs).map { trace in
                Level(
                    set: trace.set, place: place(trace.set), judgement: trace.judgement,
                    rules: trace.asked.map { asked in
                        let rule = trace.set.rules[asked.rule]
                        return Rule(
                            reference: rule.reference, outcome: asked.outcome,
                            isDeciding: trace.judgement.rule == asked.rule,
                            tree: RuleTree(rule.program, examiner.explain(rule.program, inputs)))
                    }, notAsked: trace.set.rules.count { $0.mode == .enforce } - trace.asked.count)
            }
        }
        stages = outcome.stages.map { stage in
            Stage(
                decision: stage.decision, levels: levels(stage.levels, stage.inputs),
                subject: Self.subject(stage.inputs))
        }
        self.items = zip(items, outcome.listed).prefix(Self.mostItems).map { name, listing in
            let levels = levels(listing.levels, listing.inputs)
            let last = levels.last
            let decision = Decision(
                id: DecisionID(0), verdict: listing.isShown ? .allow : .deny,
                reason: last?.judgement.reason ?? .defaultAction,
                rule: last?.rules.first(where: \.isDeciding)?.reference, phase: .mcpList,
                policy: listing.levels.digest, cost: 0)
            return Item(
                name: name, isShown: listing.isShown, stage: Stage(decision: decision, levels: levels, subject: name))
        }
    }

    /// Of a list that are explained: who asks about more asks about one of them.
    private static let mostItems = 200

    init(outcome: TrialOutcome, stages: [Stage], principal: String) {
        self.outcome = outcome
        self.stages = stages
        self.principal = principal
    }

    private static func subject(_ inputs: RuleInputs) -> String {
        if let a2a = inputs.a2a { return a2a.method + (a2a.skill.map { " \($0)" } ?? "") }
        guard let mcp = inputs.mcp else { return "" }
        let name = mcp.tool?.name ?? mcp.prompt?.name ?? mcp.resource?.uri
        return mcp.method + (name.map { " \($0)" } ?? "")
    }

    /// `deny  rule payments-2 (policies/payments.yaml:14:5)  digest 9f2c…`
    func headline(_ style: TextStyle) -> String {
        let verdict = outcome.verdict == .allow ? style.green("allow") : style.red(outcome.verdict.rawValue)
        if isOpen { return style.yellow("undecided") + "  \(notes.joined(separator: "; "))" }
        guard let decision = outcome.decision ?? recorded else {
            let asked = items.isEmpty ? "no rule was asked" : "no rule was asked but for each item"
            return "\(verdict)  \(outcome.code.isEmpty ? asked : "\(outcome.code): \(outcome.detail)")"
        }
        return "\(verdict)  \(Self.why(decision, style))  \(style.dim("digest \(decision.policy)"))"
    }

    private static func why(_ decision: Decision, _ style: TextStyle) -> String {
        let who =
            decision.rule.map { "rule \(style.bold($0.id)) (\($0.position))" }
            ?? "no rule decided: \(sentence(decision.reason))"
        switch decision.reason {
        case .error(let name): return who + "  error \(name)"
        case .requirementNotMet: return who + "  requirement not met"
        case .cost: return who + "  evaluation budget spent"
        default: return who
        }
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
    /// - Parameter names: the items of a list that it is about; without any, the request itself.
    func brief(_ style: TextStyle, items names: [String] = []) -> String {
        let told = items.filter { names.contains($0.name) }.prefix(Self.briefItems)
        guard told.isEmpty else {
            return told.map { item in
                let mark = item.isShown ? style.green("shown") : style.red("hidden")
                let isOpen = item.stage.levels.contains { $0.judgement.visibility == .possible }
                let why = isOpen && item.isShown ? "it depends on the arguments" : Self.why(item.stage.decision, style)
                return (["\(style.bold(item.name)) is \(mark)  \(why)"] + Self.trees(item.stage.deciding, style))
                    .joined(separator: "\n")
            }.joined(separator: "\n")
        }
        let stage = stages.last { !$0.decision.isAllowed } ?? stages.last
        return ([headline(style)] + Self.trees(stage?.deciding ?? [], style)).joined(separator: "\n")
    }

    private static func trees(_ rules: [Rule], _ style: TextStyle) -> [String] {
        var lines: [String] = []
        for rule in rules.prefix(briefRules) {
            if !rule.isDeciding {
                lines.append(
                    style.dim("  \(rule.reference.action.rawValue) \(rule.reference.id) (\(rule.reference.position)):"))
            }
            lines += rule.tree.drawn(style).map { "  \($0)" }
        }
        if rules.count > briefRules {
            lines.append(style.dim("  … and \(rules.count - briefRules) more rules that did not grant it"))
        }
        return lines
    }

    private static let briefRules = 5
    private static let briefItems = 3
}
