// Calls: operators get nodes of their own, library functions are looked up once, constant arguments are prepared.

extension Planner {
    mutating func call(_ id: ExprID, _ function: String, _ target: ExprID?, _ arguments: [ExprID]) -> Node {
        let number = UInt32(id.index)
        if target == nil, let node = operation(id, function, arguments) { return node }
        var name = function
        var receiver = target
        if case .function(let full, let isNamespaced) = checked.references[Int(id.index)] {
            name = full
            if isNamespaced { receiver = nil }
        }
        if receiver == nil, name == "variables", arguments.isEmpty { return variables(number) }
        if receiver == nil, name == "default" || name == "coalesce" {
            let operands = arguments.map { plan($0) }
            return name == "default" && operands.count == 2
                ? DefaultNode(number, operands[0], operands[1]) : CoalesceNode(number, operands)
        }
        let parts = (receiver.map { [$0] } ?? []) + arguments
        let nodes = parts.map { plan($0) }
        if receiver != nil, nodes.count == 2, name == "or" || name == "orValue" {
            return AlternativeNode(number, nodes[0], nodes[1], unwraps: name == "orValue")
        }
        if receiver != nil, nodes.count == 2 {
            let operation: OperatorNode.Operation? =
                switch name {
                case "contains": .contains
                case "startsWith": .startsWith
                case "endsWith": .endsWith
                default: nil
                }
            if let operation, let text = constant(nodes[1]), isShort(text), constant(nodes[0]) == nil {
                return ConstantTextNode(number, operation, nodes[0], text)
            }
            if let operation { return folded(OperatorNode(number, operation, nodes[0], nodes[1]), nodes) }
        }
        if let node = patternCall(number, name, isReceiver: receiver != nil, parts, nodes) { return node }
        guard let found = FunctionLibrary.find(name, receiver: receiver != nil, arity: nodes.count) else {
            return failure(
                id, FunctionLibrary.isDeclared(name) ? .noSuchOverload : .undeclared,
                FunctionLibrary.isDeclared(name)
                    ? "'\(name)' is not called like this" : "undeclared function '\(name)'")
        }
        let node: Node =
            switch nodes.count {
            case 1: UnaryCallNode(number, found.body, nodes[0])
            case 2: BinaryCallNode(number, found.body, nodes[0], nodes[1])
            default: CallNode(number, found.body, nodes)
            }
        return found.foldable ? folded(node, nodes) : node
    }

    /// A call with a constant pattern, which is compiled here and must be one; nil for any other call.
    private mutating func patternCall(
        _ number: UInt32, _ name: String, isReceiver: Bool, _ parts: [ExprID], _ nodes: [Node]
    ) -> Node? {
        let body = FunctionLibrary.patternBodies[name]
        guard body != nil || name == "matches",
            FunctionLibrary.find(name, receiver: isReceiver, arity: nodes.count) != nil,
            let pattern = constant(nodes[1]), pattern.tag == .string
        else { return nil }
        do throws(RegexError) {
            let regex = try Regex(pattern.run)
            guard let body else { return folded(MatchNode(number, nodes[0], regex), [nodes[0]]) }
            let replacement = nodes.count > 2 ? constant(nodes[2]) : nil
            if let misuse = FunctionLibrary.misuse(of: name, regex, replacement: replacement) {
                throw RegexError(message: misuse)
            }
            return folded(
                CallNode(number, { FunctionLibrary.withPattern(regex, $0, $1, $2, body) }, nodes), nodes)
        } catch {
            report(error.message, parts[1])
            return FailureNode(number, constants.error(.invalidArgument, error.message))
        }
    }

    /// A text so short that comparing with it costs no more than the node. Longer ones are paid for by their length.
    private func isShort(_ value: Value) -> Bool { value.tag == .string && value.length <= 1024 }

    /// The value of a constant node, seen through a probe.
    private func constant(_ node: Node) -> Value? {
        if let probe = node as? ProbeNode { return constant(probe.inner) }
        return (node as? ConstantNode)?.value
    }

    private mutating func operation(_ id: ExprID, _ function: String, _ arguments: [ExprID]) -> Node? {
        let number = UInt32(id.index)
        switch (function, arguments.count) {
        case ("_&&_", 2...), ("_||_", 2...):
            return JunctionNode(number, decides: function == "_||_", operands(function, arguments))
        case ("_?_:_", 3):
            let condition = plan(arguments[0])
            if let value = constant(condition), value.tag == .bool, !isInstrumented {
                return plan(arguments[value.asBool ? 1 : 2])
            }
            return ConditionalNode(number, condition, plan(arguments[1]), plan(arguments[2]))
        case ("!_", 1): return one(arguments) { NotNode(number, $0) }
        case ("@not_strictly_false", 1): return NotStrictlyFalseNode(number, plan(arguments[0]))
        case ("_==_", 2), ("_!=_", 2):
            let (left, right) = (plan(arguments[0]), plan(arguments[1]))
            let negated = function == "_!=_"
            if let value = constant(right), isShort(value), constant(left) == nil {
                return ConstantEqualityNode(number, left, value, negated: negated)
            }
            if let value = constant(left), isShort(value), constant(right) == nil {
                return ConstantEqualityNode(number, right, value, negated: negated)
            }
            return folded(EqualityNode(number, left, right, negated: negated), [left, right])
        case ("_<_", 2): return two(arguments) { OrderNode(number, $0, $1, .less) }
        case ("_<=_", 2): return two(arguments) { OrderNode(number, $0, $1, .lessOrEqual) }
        case ("_>_", 2): return two(arguments) { OrderNode(number, $0, $1, .greater) }
        case ("_>=_", 2): return two(arguments) { OrderNode(number, $0, $1, .greaterOrEqual) }
        case ("_+_", 2): return two(arguments) { OperatorNode(number, .add, $0, $1) }
        case ("_-_", 2): return two(arguments) { OperatorNode(number, .subtract, $0, $1) }
        case ("_*_", 2): return two(arguments) { OperatorNode(number, .multiply, $0, $1) }
        case ("_/_", 2): return two(arguments) { OperatorNode(number, .divide, $0, $1) }
        case ("_%_", 2): return two(arguments) { OperatorNode(number, .modulo, $0, $1) }
        case ("_[_]", 2):
            if let path = path(id) { return path }
            return two(arguments) { MemberNode(number, operand: $0, key: $1, optional: false) }
        case ("_[?_]", 2): return two(arguments) { MemberNode(number, operand: $0, key: $1, optional: true) }
        case ("@in", 2):
            let (element, container) = (plan(arguments[0]), plan(arguments[1]))
            if constant(element) == nil, let list = constant(container), let set = set(of: list) {
                return ConstantMembershipNode(number, element, set: set)
            }
            return folded(MembershipNode(number, element, container), [element, container])
        default: return nil
        }
    }

    private mutating func one(_ arguments: [ExprID], _ make: (Node) -> Node) -> Node {
        let operand = plan(arguments[0])
        return folded(make(operand), [operand])
    }

    private mutating func two(_ arguments: [ExprID], _ make: (Node, Node) -> Node) -> Node {
        let (left, right) = (plan(arguments[0]), plan(arguments[1]))
        return folded(make(left, right), [left, right])
    }

    /// The terms of a chain of one operator, which the parser has balanced.
    private mutating func operands(_ function: String, _ arguments: [ExprID]) -> [Node] {
        var result: [Node] = []
        for argument in arguments {
            if !isInstrumented, case .call(function, nil, let inner) = checked.ast[argument], inner.count >= 2 {
                result += operands(function, inner)
            } else {
                result.append(plan(argument))
            }
        }
        return result
    }

    private func variables(_ number: UInt32) -> Node {
        let slots = checked.environment.slots
        return VariablesNode(
            number, checked.environment.roots.compactMap { name in slots[name].map { (constants.string(name), $0) } })
    }

    /// A list of scalars as the keys of a map.
    private func set(of list: Value) -> Value? {
        guard list.tag == .list else { return nil }
        var builder = MapBuilder(arena: constants, capacity: max(1, Int(list.length)))
        for element in list.elements {
            switch element.tag {
            case .string, .int, .uint, .bool, .double: _ = builder.insert(element, .null)
            default: return nil
            }
        }
        return builder.finish()
    }
}

/// `a.or(b)`, `a.orValue(b)`: b is evaluated only where a holds nothing.
final class AlternativeNode: Node {
    let operand: Node
    let alternative: Node
    let unwraps: Bool

    init(_ id: UInt32, _ operand: Node, _ alternative: Node, unwraps: Bool) {
        self.operand = operand
        self.alternative = alternative
        self.unwraps = unwraps
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = operand.evaluate(scope)
        guard value.tag == .optional else {
            return value.isKnown ? error(.noSuchOverload, "or() and orValue() are called on optional values") : value
        }
        if value.wrapped.tag != .absent { return unwraps ? value.wrapped : value }
        let other = alternative.evaluate(scope)
        if !unwraps, other.isKnown, other.tag != .optional {
            return error(.noSuchOverload, "or() takes an optional value")
        }
        return other
    }
}
