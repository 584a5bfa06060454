// The operators that decide: `&&` and `||` with absorption of errors in either order, `?:`, `!`, equality, order, `in`.

/// `a && b && …` (decides on false) and `a || b || …` (decides on true). Unknown beats error.
final class JunctionNode: Node {
    let operands: [Node]
    private let first: Node
    private let second: Node
    private let isPair: Bool
    /// The value that ends the evaluation.
    let decides: Bool

    init(_ id: UInt32, decides: Bool, _ operands: [Node]) {
        self.operands = operands
        first = operands[0]
        second = operands[1]
        isPair = operands.count == 2
        self.decides = decides
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let a = first.evaluate(scope)
        if a.tag == .bool, a.asBool == decides { return a }
        if isPair, a.tag == .bool {
            let b = second.evaluate(scope)
            return b.tag == .bool ? b : typed(b)
        }
        return rest(a, scope)
    }

    @inline(never)
    private func rest(_ a: Value, _ scope: EvaluationScope) -> Value {
        var pending = a.tag == .bool ? Value.absent : typed(a)
        for i in 1..<operands.count {
            let value = operands[i].evaluate(scope)
            if value.tag == .bool {
                if value.asBool == decides { return value }
            } else if pending.tag == .absent || pending.tag == .error && value.tag == .unknown {
                pending = typed(value)
            }
        }
        return pending.tag == .absent ? .bool(!decides) : pending
    }

    private func typed(_ value: Value) -> Value {
        value.isKnown ? error(.noSuchOverload, "'&&' and '||' take bool operands") : value
    }
}

final class NotNode: Node {
    let operand: Node

    init(_ id: UInt32, _ operand: Node) {
        self.operand = operand
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = operand.evaluate(scope)
        if value.tag == .bool { return .bool(!value.asBool) }
        return value.isKnown ? error(.noSuchOverload, "'!' takes a bool operand") : value
    }
}

/// `@not_strictly_false(e)`: true for whatever may still turn out true.
final class NotStrictlyFalseNode: Node {
    let operand: Node

    init(_ id: UInt32, _ operand: Node) {
        self.operand = operand
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value { .bool(!operand.evaluate(scope).isFalse) }
}

final class ConditionalNode: Node {
    let condition: Node
    let yes: Node
    let no: Node

    init(_ id: UInt32, _ condition: Node, _ yes: Node, _ no: Node) {
        self.condition = condition
        self.yes = yes
        self.no = no
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = condition.evaluate(scope)
        if value.tag == .bool { return value.asBool ? yes.evaluate(scope) : no.evaluate(scope) }
        return value.isKnown ? error(.noSuchOverload, "the condition of '?:' is a bool") : value
    }
}

final class EqualityNode: Node {
    let left: Node
    let right: Node
    let negated: Bool

    init(_ id: UInt32, _ left: Node, _ right: Node, negated: Bool) {
        self.left = left
        self.right = right
        self.negated = negated
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        var a = left.evaluate(scope)
        var b = right.evaluate(scope)
        if !a.isKnown { return a.tag == .error && b.tag == .unknown ? b : a }
        if !b.isKnown { return b }
        if a.tag == .map || a.tag == .list || a.tag == .record {
            a = a.asMap(scope)
            b = b.asMap(scope)
        }
        if !scope.spend(min(a.weight, b.weight)) { return located(EvaluationScope.overBudget) }
        let equal = Equality.areEqual(a, b, scope)
        return equal.tag == .bool ? .bool(equal.asBool != negated) : located(equal)
    }
}

/// `e == "constant"`, the most common rule there is.
final class ConstantEqualityNode: Node {
    let operand: Node
    let constant: Value
    let negated: Bool

    init(_ id: UInt32, _ operand: Node, _ constant: Value, negated: Bool) {
        self.operand = operand
        self.constant = constant
        self.negated = negated
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = operand.evaluate(scope)
        if value.tag == .string { return .bool(Value.sameRun(value, constant) != negated) }
        return value.isKnown ? .bool(negated) : value
    }
}

final class OrderNode: Node {
    enum Relation { case less, lessOrEqual, greater, greaterOrEqual }

    let left: Node
    let right: Node
    let relation: Relation

    init(_ id: UInt32, _ left: Node, _ right: Node, _ relation: Relation) {
        self.left = left
        self.right = right
        self.relation = relation
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let a = left.evaluate(scope)
        let b = right.evaluate(scope)
        if !a.isKnown { return a.tag == .error && b.tag == .unknown ? b : a }
        if !b.isKnown { return b }
        if !scope.spend(min(a.weight, b.weight)) { return located(EvaluationScope.overBudget) }
        guard let order = Equality.compare(a, b) else {
            return error(.noSuchOverload, "these two values have no order")
        }
        switch relation {
        case .less: return .bool(order == .less)
        case .lessOrEqual: return .bool(order == .less || order == .equal)
        case .greater: return .bool(order == .greater)
        case .greaterOrEqual: return .bool(order == .greater || order == .equal)
        }
    }
}

/// `e in container`
final class MembershipNode: Node {
    let element: Node
    let container: Node

    init(_ id: UInt32, _ element: Node, _ container: Node) {
        self.element = element
        self.container = container
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let a = element.evaluate(scope)
        let b = container.evaluate(scope)
        if !a.isKnown { return a.tag == .error && b.tag == .unknown ? b : a }
        if !b.isKnown { return b }
        return located(scope.contains(b, a))
    }
}

/// `e in [constants]`: the list was made a hashed map when the program was planned.
final class ConstantMembershipNode: Node {
    let element: Node
    let set: Value

    init(_ id: UInt32, _ element: Node, set: Value) {
        self.element = element
        self.set = set
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = element.evaluate(scope)
        switch value.tag {
        case .string, .int, .uint, .bool, .double:
            return scope.isPaid(value)
                ? .bool(set.member(value).tag != .absent) : located(EvaluationScope.overBudget)
        default: return value.isKnown ? .bool(false) : value
        }
    }
}

/// `default(e, d)`: d where e is null, or misses a key or a root.
final class DefaultNode: Node {
    let operand: Node
    let fallback: Node

    init(_ id: UInt32, _ operand: Node, _ fallback: Node) {
        self.operand = operand
        self.fallback = fallback
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = operand.evaluate(scope)
        switch value.tag {
        case .null: return fallback.evaluate(scope)
        case .error where value.errorKind == .noSuchKey || value.errorKind == .undeclared:
            return fallback.evaluate(scope)
        default: return value
        }
    }
}

/// `coalesce(a, b, …)`: the first that has a value and is not null; null when one was null; else the last error.
final class CoalesceNode: Node {
    let operands: [Node]

    init(_ id: UInt32, _ operands: [Node]) {
        self.operands = operands
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        var last = error(.invalidArgument, "coalesce() without arguments")
        var sawNull = false
        for operand in operands {
            let value = operand.evaluate(scope)
            switch value.tag {
            case .null: sawNull = true
            case .error: last = value
            default: return value
            }
        }
        return sawNull ? .null : last
    }
}
