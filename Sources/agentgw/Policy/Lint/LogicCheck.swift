// Conditions that are always the same. A chain is reported when no case of its values makes it true (or false): by the
// prover, and the innermost such chain only.

import CEL

struct LogicCheck: PolicyCheck {
    func findings(in subject: LintSubject) -> [Finding] {
        subject.sets.flatMap { rules in rules.views.flatMap { findings($0, subject.prover) } }
    }

    private func findings(_ view: RuleView, _ prover: Prover) -> [Finding] {
        constants(view) + repetitions(view) + chains(view, prover)
    }

    // MARK: What reads nothing

    private func constants(_ view: RuleView) -> [Finding] {
        var result: [Finding] = []
        func walk(_ id: ExprID, isRoot: Bool, in chain: Expr? = nil) {
            if case .literal(.bool(let value)) = view.ast[id] {
                // `allow: true` is a rule; RuleSetCheck looks at sets of nothing else.
                if isRoot, value { return }
                return result.append(finding(view, id, value, isRoot: isRoot, in: chain))
            }
            if isCondition(view, id), view.readsNothing(id) {
                if case .success(.bool(let value))? = view.value(id) {
                    result.append(finding(view, id, value, isRoot: isRoot, in: chain))
                }
                return
            }
            if view.macro(id) != nil { return }
            switch view.ast[id] {
            case .call("_&&_", nil, let operands), .call("_||_", nil, let operands), .call("!_", nil, let operands):
                for operand in operands { walk(operand, isRoot: false, in: view.ast[id]) }
            case .call("_?_:_", nil, let operands):
                walk(operands[0], isRoot: false)
                // A literal as one of two results is how an `if` is written.
                for operand in operands.dropFirst() {
                    if case .literal = view.ast[operand] { continue }
                    walk(operand, isRoot: false)
                }
            default: break
            }
        }
        walk(view.ast.root, isRoot: true)
        return result
    }

    private func isCondition(_ view: RuleView, _ id: ExprID) -> Bool { view.type(id) == .bool }

    private func finding(
        _ view: RuleView, _ id: ExprID, _ value: Bool, isRoot: Bool, in chain: Expr?
    ) -> Finding {
        let rest =
            switch chain {
            case .call("_&&_", nil, _)?: value ? ": leave it out" : ": what stands beside it does not count"
            case .call("_||_", nil, _)?: value ? ": what stands beside it does not count" : ": leave it out"
            default: isRoot ? Self.effect(view, value) : ""
            }
        return view.finding(.constantCondition, at: id, "this is always \(value)\(rest)")
    }

    /// What a rule that is always the same does.
    /// - Parameter mayFail: it is an error where a value is absent.
    private static func effect(_ view: RuleView, _ value: Bool, mayFail: Bool = false) -> String {
        switch (view.rule.action, value) {
        case (.allow, false): ": the rule never grants"
        case (.allow, true): mayFail ? ": the rule grants whatever is no error" : ": the rule grants everything"
        case (.deny, false): mayFail ? ": the rule denies only by an error" : ": the rule never denies"
        case (.deny, true): ": the rule denies every request"
        case (.require, false): ": the rule denies every request"
        case (.require, true): mayFail ? ": the rule denies only by an error" : ": the rule requires nothing"
        }
    }

    // MARK: Twice the same

    private func repetitions(_ view: RuleView) -> [Finding] {
        ["_&&_", "_||_"].flatMap { function in
            view.chains(function).flatMap { chain in
                var seen: Set<String> = []
                return view.operands(function, chain).compactMap { operand in
                    seen.insert(view.ast.unparsed(operand)).inserted
                        ? nil
                        : view.finding(.duplicateCondition, at: operand, "this condition stands in the chain already")
                }
            }
        }
    }

    // MARK: What is proved

    private func chains(_ view: RuleView, _ prover: Prover) -> [Finding] {
        let reader = ConditionReader(view: view, space: prover.space)
        var result: [Finding] = []
        var reported: [SourceRange] = []
        func walk(_ id: ExprID) {
            for child in view.children(id) { walk(child) }
            guard view.macro(id) == nil, case .call(let function, nil, let operands) = view.ast[id] else { return }
            let isChain = function == "_&&_" || function == "_||_"
            let isComparison = function == "_==_" || function == "_!=_"
            guard isChain || isComparison, operands.count == 2, !view.readsNothing(id) else { return }
            let range = view.ast.range(of: id)
            guard !reported.contains(where: { $0.start >= range.start && $0.end <= range.end }) else { return }
            let condition = reader.condition(id)
            guard isChain ? sharesSubject(condition, prover.space) : isSame(condition, prover.space) else { return }
            if prover.isAlways(condition, [.no, .fails]) {
                reported.append(range)
                result.append(
                    view.finding(
                        .contradiction, range,
                        (isChain ? "these are never true together" : "this is never true")
                            + (id == view.ast.root
                                ? Self.effect(view, false, mayFail: mayFail(condition, prover)) : ""),
                        hint: isChain ? "|| asks for one of them" : nil))
            } else if prover.isAlways(condition, [.yes, .fails]) {
                reported.append(range)
                result.append(
                    view.finding(
                        .tautology, range,
                        (isChain ? "one of these is always true" : "this is always true")
                            + (id == view.ast.root ? Self.effect(view, true, mayFail: mayFail(condition, prover)) : ""),
                        hint: isChain ? "&& asks for all of them" : nil))
            }
        }
        walk(view.ast.root)
        return result
    }

    private func mayFail(_ condition: Condition, _ prover: Prover) -> Bool {
        prover.canBe([.init(condition: condition, truth: .fails)]) != false
    }

    /// `x == x` or `x != x`.
    private func isSame(_ condition: Condition, _ space: ConditionSpace) -> Bool {
        var found = false
        condition.visitTests { if space.tests[$0].kind == .same { found = true } }
        return found
    }

    /// Whether two tests are about one value; otherwise a chain is never the same in every case.
    private func sharesSubject(_ condition: Condition, _ space: ConditionSpace) -> Bool {
        var subjects: Set<Int> = []
        var shares = false
        condition.visitTests { test in
            if !subjects.insert(space.tests[test].subject).inserted { shares = true }
        }
        return shares
    }
}
