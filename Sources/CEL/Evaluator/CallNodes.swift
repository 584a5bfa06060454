// Calls of library functions: strict in their arguments, unknown before error, the function chosen when the program was
// planned and dispatched on the values' types inside.

/// `arguments` includes the target of a receiver call.
typealias FunctionBody =
    @Sendable (_ arguments: UnsafePointer<Value>, _ count: Int, _ scope: EvaluationScope) -> Value

extension Value {
    /// What a function pays for reading this argument once: a function in a loop over a long text is paid for by the text,
    /// whatever it answers.
    @inline(__always)
    var weight: Int {
        switch tag {
        case .string, .bytes, .list, .map: Int(length) >> 4
        default: 0
        }
    }
}

final class UnaryCallNode: Node {
    let argument: Node
    let body: FunctionBody

    init(_ id: UInt32, _ body: @escaping FunctionBody, _ argument: Node) {
        self.argument = argument
        self.body = body
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        var value = argument.evaluate(scope)
        if !value.isKnown { return value }
        if !scope.spend(value.weight) { return located(EvaluationScope.overBudget) }
        return located(withUnsafePointer(to: &value) { body($0, 1, scope) })
    }
}

final class BinaryCallNode: Node {
    let left: Node
    let right: Node
    let body: FunctionBody

    init(_ id: UInt32, _ body: @escaping FunctionBody, _ left: Node, _ right: Node) {
        self.left = left
        self.right = right
        self.body = body
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let a = left.evaluate(scope)
        let b = right.evaluate(scope)
        if !a.isKnown { return a.tag == .error && b.tag == .unknown ? b : a }
        if !b.isKnown { return b }
        if !scope.spend(a.weight + b.weight) { return located(EvaluationScope.overBudget) }
        return located(
            withUnsafePointer(to: (a, b)) {
                body(UnsafeRawPointer($0).assumingMemoryBound(to: Value.self), 2, scope)
            })
    }
}

final class CallNode: Node {
    let arguments: [Node]
    let body: FunctionBody

    init(_ id: UInt32, _ body: @escaping FunctionBody, _ arguments: [Node]) {
        self.arguments = arguments
        self.body = body
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let values = scope.arena.values(max(1, arguments.count))
        var failure = Value.absent
        for (position, argument) in arguments.enumerated() {
            let value = argument.evaluate(scope)
            if !value.isKnown, failure.tag == .absent || failure.tag == .error && value.tag == .unknown {
                failure = value
            }
            values[position] = value
            if !scope.spend(value.weight) { return located(EvaluationScope.overBudget) }
        }
        if failure.tag != .absent { return failure }
        return located(body(values, arguments.count, scope))
    }
}

/// Arithmetic and the commonest string predicates, called without a detour.
final class OperatorNode: Node {
    enum Operation { case add, subtract, multiply, divide, modulo, contains, startsWith, endsWith }

    let left: Node
    let right: Node
    let operation: Operation

    init(_ id: UInt32, _ operation: Operation, _ left: Node, _ right: Node) {
        self.left = left
        self.right = right
        self.operation = operation
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let a = left.evaluate(scope)
        let b = right.evaluate(scope)
        if !a.isKnown { return a.tag == .error && b.tag == .unknown ? b : a }
        if !b.isKnown { return b }
        switch operation {
        case .startsWith:
            if !scope.spend(b.weight) { return located(EvaluationScope.overBudget) }
            if a.tag == .string, b.tag == .string { return .bool(Text.hasPrefix(a.run, b.run)) }
        case .endsWith:
            if !scope.spend(b.weight) { return located(EvaluationScope.overBudget) }
            if a.tag == .string, b.tag == .string { return .bool(Text.hasSuffix(a.run, b.run)) }
        case .contains:
            if a.tag == .string, b.tag == .string {
                if !scope.spend(Text.findCost(b.run, in: a.run)) { return located(EvaluationScope.overBudget) }
                return .bool(Text.find(b.run, in: a.run) != nil)
            }
            return located(scope.containsAny(a, b))
        case .add: return located(Arithmetic.add(a, b, scope))
        case .subtract: return located(Arithmetic.subtract(a, b))
        case .multiply: return located(Arithmetic.multiply(a, b))
        case .divide: return located(Arithmetic.divide(a, b))
        case .modulo: return located(Arithmetic.modulo(a, b))
        }
        return error(.noSuchOverload, "this function takes two strings")
    }
}

/// `e.startsWith("constant")` and its kin.
final class ConstantTextNode: Node {
    let operand: Node
    let constant: Value
    let operation: OperatorNode.Operation

    init(_ id: UInt32, _ operation: OperatorNode.Operation, _ operand: Node, _ constant: Value) {
        self.operand = operand
        self.constant = constant
        self.operation = operation
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = operand.evaluate(scope)
        guard value.tag == .string else { return other(value, scope) }
        switch operation {
        case .startsWith: return .bool(Text.hasPrefix(value.run, constant.run))
        case .endsWith: return .bool(Text.hasSuffix(value.run, constant.run))
        default:
            if !scope.spend(Text.findCost(constant.run, in: value.run)) { return located(EvaluationScope.overBudget) }
            return .bool(Text.find(constant.run, in: value.run) != nil)
        }
    }

    @inline(never)
    private func other(_ value: Value, _ scope: EvaluationScope) -> Value {
        if !value.isKnown { return value }
        if operation == .contains { return located(scope.containsAny(value, constant)) }
        return error(.noSuchOverload, "this function takes two strings")
    }
}

extension EvaluationScope {
    /// `contains` on lists, maps and bytes, as agentgateway has it.
    func containsAny(_ container: Value, _ element: Value) -> Value {
        switch container.tag {
        case .list, .map, .record: return contains(container, element)
        case .bytes where element.tag == .bytes: return .bool(Text.find(element.run, in: container.run) != nil)
        default: return .error(.noSuchOverload, "contains() takes two strings")
        }
    }
}

/// `text.matches("constant")`
final class MatchNode: Node {
    let operand: Node
    let pattern: Regex

    init(_ id: UInt32, _ operand: Node, _ pattern: Regex) {
        self.operand = operand
        self.pattern = pattern
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = operand.evaluate(scope)
        guard value.tag == .string else {
            return value.isKnown ? error(.noSuchOverload, "matches() takes two strings") : value
        }
        if !scope.spend(value.run.count >> 2) { return located(EvaluationScope.overBudget) }
        return .bool(pattern.matches(value.run))
    }
}
