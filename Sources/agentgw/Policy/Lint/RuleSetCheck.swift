// Rules beside other rules: which decide nothing, and which sets let everything through. Everything about two rules is
// proved for every case, with the meaning that errors have: an allow with one grants nothing, a deny with one denies.

import Auth
import CEL

struct RuleSetCheck: PolicyCheck {
    func findings(in subject: LintSubject) -> [Finding] {
        subject.sets.flatMap { rules in pairs(rules, subject.prover) + whole(rules, subject.policy) }
    }

    // MARK: Pairs

    /// What of a rule's values makes it act.
    private static func acts(_ action: RuleAction) -> Truth {
        switch action {
        case .allow: .yes
        case .deny: [.yes, .fails]
        // A require acts by not holding.
        case .require: [.no, .fails]
        }
    }

    /// A rule that is compared with others. A class, since every pair of a set is looked at.
    private final class Candidate {
        let index: Int
        let view: RuleView
        let condition: Condition
        let acts: Truth
        /// In every case; such a rule covers also what has nothing to do with it.
        let alwaysActs: Bool
        let isLive: Bool
        /// By subject.
        let tests: [Int: [ConditionTest]]
        /// Tests that must be true where the rule is.
        let required: [ConditionTest]

        init(_ index: Int, _ rules: LintSubject.Rules, _ prover: Prover) {
            self.index = index
            view = rules.views[index]
            condition = rules.conditions[index]
            acts = RuleSetCheck.acts(view.rule.action)
            var tests: [Int: [ConditionTest]] = [:]
            condition.visitTests { test in
                let test = prover.space.tests[test]
                tests[test.subject, default: []].append(test)
            }
            self.tests = tests
            required = condition.required.map { prover.space.tests[$0] }
            // Without two tests of one value and without constants, a condition comes out either way.
            let isPlain = !condition.hasConstants && tests.values.allSatisfy { $0.count == 1 && $0[0].isFree }
            alwaysActs = !isPlain && prover.isAlways(condition, acts)
            isLive = isPlain || prover.canBe([.init(condition: condition, truth: acts)]) != false
        }
    }

    private func pairs(_ rules: LintSubject.Rules, _ prover: Prover) -> [Finding] {
        // A rule in shadow mode stands in nobody's light. What never acts is another check's, and follows from anything.
        let live = rules.views.indices.filter { rules.views[$0].rule.mode == .enforce }
            .map { Candidate($0, rules, prover) }.filter(\.isLive)
        let byAction = Dictionary(grouping: live) { $0.view.rule.action }
        let stopping = (byAction[.deny] ?? []) + (byAction[.require] ?? [])
        return live.compactMap { rule in
            let action = rule.view.rule.action
            return (action == .allow ? overridden(rule, stopping, prover) : nil)
                ?? shadowed(rule, byAction[action] ?? [], prover)
        }
    }

    /// Whether `other` acts whenever `rule` does.
    private func covers(_ other: Candidate, _ rule: Candidate, _ prover: Prover) -> Bool {
        if other.alwaysActs { return true }
        if other.view.rule.action == .require {
            guard other.tests.keys.contains(where: { rule.tests[$0] != nil }) else { return false }
        } else {
            // Most pairs have nothing to do with each other, which is seen without a search.
            for test in other.required {
                guard let own = rule.tests[test.subject], own.contains(where: test.mayFollow) else { return false }
            }
            guard other.tests.keys.contains(where: { rule.tests[$0] != nil }) else { return false }
        }
        return prover.follows(rule.condition, rule.acts, other.condition, other.acts)
    }

    private func shadowed(_ rule: Candidate, _ live: [Candidate], _ prover: Prover) -> Finding? {
        for other in live where other !== rule {
            guard covers(other, rule, prover) else { continue }
            let isDuplicate = covers(rule, other, prover)
            // Of two that say the same, the second is one too many.
            if isDuplicate, other.index > rule.index { continue }
            let name = other.view.name
            if isDuplicate {
                return rule.view.finding(.duplicateRule, "\(name) says the same", hint: "leave one of them out")
            }
            let effect =
                switch rule.view.rule.action {
                case .allow: "\(name) already grants whatever this rule grants"
                case .deny: "\(name) already denies whatever this rule denies"
                case .require: "\(name) already requires all of this"
                }
            return rule.view.finding(.shadowedRule, effect, hint: "leave this rule out, or narrow \(name)")
        }
        return nil
    }

    private func overridden(_ rule: Candidate, _ stopping: [Candidate], _ prover: Prover) -> Finding? {
        for other in stopping where covers(other, rule, prover) {
            let name = other.view.name
            return rule.view.finding(
                .overriddenRule,
                other.view.rule.action == .deny
                    ? "\(name) denies whatever this rule would grant"
                    : "\(name) never holds when this rule would grant",
                hint: "a deny or require wins over every allow")
        }
        return nil
    }

    // MARK: The whole set

    private func whole(_ rules: LintSubject.Rules, _ policy: LoadedPolicy) -> [Finding] {
        let set = rules.set
        func finding(_ rule: LintRule, _ message: String, _ hint: String) -> Finding {
            Finding(rule: rule.id, severity: rule.severity, position: set.position, message: message, hint: hint)
        }
        var result: [Finding] = []
        let isShadow = set.compiled.mode == .shadow
        if isShadow {
            let node = policy.root.value(of: "mode", at: set.position, policy.source)
            result.append(
                Finding(
                    rule: LintRule.shadowMode.id, severity: LintRule.shadowMode.severity,
                    position: node.map { policy.source.position(at: $0.offset) } ?? set.position,
                    message: "these rules are only recorded: nothing is denied by them",
                    hint: "take mode: shadow out when the rules are as they should be"))
        }
        for view in rules.views where view.rule.mode == .shadow && !isShadow {
            result.append(
                view.finding(
                    .shadowMode, "this rule is only recorded: it decides nothing",
                    hint: "take mode: shadow out when the rule is as it should be"))
        }
        let enforced = rules.views.filter { $0.rule.mode == .enforce || isShadow }
        if enforced.isEmpty, set.defaultAction == .allow, rules.views.isEmpty {
            result.append(
                finding(.allowAll, "a rule set without rules allows everything", "write rules, or defaultAction: deny"))
        }
        let allows = enforced.filter { $0.rule.action == .allow }
        let others = enforced.filter { $0.rule.action != .allow }
        if others.isEmpty, let first = allows.first(where: { $0.isLiteral(true) }) {
            result.append(
                first.finding(.allowAll, "nothing else is asked: every request passes", hint: "say who may do what"))
        }
        let saysDefault = policy.root.value(of: "defaultAction", at: set.position, policy.source) != nil
        if allows.isEmpty, !enforced.isEmpty, enforced.allSatisfy({ $0.rule.action == .deny }), !saysDefault {
            result.append(
                finding(
                    .noDefaultDeny, "there are only denies: whatever they do not name is allowed",
                    "add an allow, or defaultAction: allow when that is meant"))
        }
        return result
    }
}

extension RuleView {
    /// How a message names the rule.
    var name: String {
        let line = rule.position.line
        return rule.id.hasPrefix("rules[") ? "the \(rule.action.rawValue) in line \(line)" : "\(rule.id) (line \(line))"
    }

    func isLiteral(_ value: Bool) -> Bool {
        if case .literal(.bool(value)) = ast[ast.root] { true } else { false }
    }
}

extension YAMLNode {
    /// The value of a key of the mapping that stands at a position.
    func value(of key: String, at position: FilePosition, _ source: YAMLSource) -> YAMLNode? {
        var pending = [self]
        while let node = pending.popLast() {
            switch node.content {
            case .scalar: break
            case .sequence(let elements): pending += elements
            case .mapping(let entries):
                if source.position(at: node.offset) == position, let entry = entries.first(where: { $0.key == key }) {
                    return entry.value
                }
                pending += entries.map(\.value)
            }
        }
        return nil
    }
}
