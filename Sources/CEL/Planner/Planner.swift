// Turns a checked expression into nodes: constants folded, paths of names fused, roots resolved to slots, macros recognised
// by the shape of their expansion.

struct Planner {
    let checked: CheckedExpression
    let layouts: [String: RecordLayout]
    /// Every node is kept and recorded: for explain, coverage and residuals. Otherwise nodes are folded and fused.
    let isInstrumented: Bool
    let constants: Arena
    /// Variables of macros, innermost last.
    private var locals: [(name: String, slot: Int)] = []
    private var nextLocal = 0
    private(set) var localCount = 0
    private(set) var nodeCount = 0
    /// With probes: the nodes that have one.
    private(set) var probed: Set<ExprID> = []
    /// Mistakes that only planning finds, such as a pattern that is none.
    private(set) var problems: [Diagnostic] = []

    var ast: AST { checked.ast }

    init(_ checked: CheckedExpression, layouts: [String: RecordLayout], isInstrumented: Bool, constants: Arena) {
        self.checked = checked
        self.layouts = layouts
        self.isInstrumented = isInstrumented
        self.constants = constants
    }

    mutating func plan(_ id: ExprID) -> Node {
        nodeCount += 1
        let node = unprobed(id)
        guard isInstrumented else { return node }
        probed.insert(id)
        return ProbeNode(node, id: UInt32(id.index))
    }

    private mutating func unprobed(_ id: ExprID) -> Node {
        let number = UInt32(id.index)
        switch checked.ast[id] {
        case .literal(let literal): return ConstantNode(number, value(of: literal))
        case .ident(let name): return reference(id, name)
        case .select(let operand, let field, let testOnly, let optional):
            return select(id, operand, field, testOnly: testOnly, optional: optional)
        case .call(let function, let target, let arguments): return call(id, function, target, arguments)
        case .list(let elements, let optional):
            if !isInstrumented, let list = constantList(elements, optional) { return ConstantNode(number, list) }
            let planned = elements.enumerated().map { (plan($1), optional.contains(Int32($0))) }
            return folded(ListNode(number, planned), planned.map { $0.0 })
        case .map(let entries):
            let planned = entries.map { (plan($0.key), plan($0.value), $0.optional) }
            return folded(MapNode(number, planned), planned.flatMap { [$0.0, $0.1] })
        case .message(let type, _):
            return failure(id, .undeclared, "no message type '\(type)'")
        case .comprehension(let fold): return comprehension(id, fold)
        }
    }

    /// The value of a list of literals and empty lists: a node for each element of a long list would take longer to make
    /// than the list. Nil for any other list.
    private mutating func constantList(_ elements: [ExprID], _ optional: Set<Int32>) -> Value? {
        guard optional.isEmpty else { return nil }
        for element in elements {
            switch checked.ast[element] {
            case .literal: break
            case .list(let inner, let optional) where optional.isEmpty && inner.isEmpty: break
            default: return nil
            }
        }
        nodeCount += elements.count
        var builder = ListBuilder(arena: constants, capacity: elements.count)
        for element in elements {
            guard case .literal(let literal) = checked.ast[element] else {
                builder.append(.emptyList)
                continue
            }
            builder.append(value(of: literal))
        }
        return builder.finish()
    }

    // MARK: Names and constants

    func failure(_ id: ExprID, _ kind: EvaluationError.Kind, _ message: String) -> Node {
        FailureNode(UInt32(id.index), constants.error(kind, message))
    }

    func value(of literal: Literal) -> Value {
        switch literal {
        case .null: .null
        case .bool(let x): .bool(x)
        case .int(let x): .int(x)
        case .uint(let x): .uint(x)
        case .double(let x): .double(x)
        case .string(let x): constants.string(x)
        case .bytes(let x): constants.bytes(x)
        }
    }

    func missing(_ root: String) -> Value { constants.error(.undeclared, "'\(root)' is not set") }

    private func reference(_ id: ExprID, _ name: String) -> Node {
        let number = UInt32(id.index)
        switch checked.references[Int(id.index)] {
        case .local(let local):
            if let slot = locals.last(where: { $0.name == local })?.slot { return LocalNode(number, index: slot) }
        case .variable(let root):
            if let slot = checked.environment.slots[root] {
                return RootNode(number, slot: slot, missing: missing(root))
            }
        case .type(let type): return ConstantNode(number, .type(named: constants.copy(Planner.name(of: type).utf8)))
        case .function, nil: break
        }
        // Accumulators are nobody's to declare.
        if let slot = locals.last(where: { $0.name == name })?.slot { return LocalNode(number, index: slot) }
        return failure(id, .undeclared, "undeclared reference to '\(name)'")
    }

    private static func name(of type: CELType) -> String {
        switch type {
        case .list: "list"
        case .map: "map"
        case .type: "type"
        case .opaque(let name, _): name
        default: type.description
        }
    }

    // MARK: Selections

    private mutating func select(
        _ id: ExprID, _ operand: ExprID, _ field: String, testOnly: Bool, optional: Bool
    ) -> Node {
        let number = UInt32(id.index)
        switch checked.references[Int(id.index)] {
        case .variable, .type: return reference(id, field)
        default: break
        }
        let key = constants.string(field)
        if testOnly {
            var root: Int?
            if case .variable(let name) = checked.references[Int(operand.index)] {
                root = checked.environment.slots[name]
            }
            return PresenceNode(number, operand: plan(operand), key: key, root: root)
        }
        if !optional, let path = path(id) { return path }
        return MemberNode(number, operand: plan(operand), key: ConstantNode(number, key), optional: optional)
    }

    /// A chain of constant keys from a root as one node; nil when `id` is none.
    mutating func path(_ id: ExprID) -> Node? {
        if isInstrumented { return nil }
        var keys: [Value] = []
        var current = id
        while true {
            if case .variable(let root) = checked.references[Int(current.index)] {
                guard let slot = checked.environment.slots[root], !keys.isEmpty else { return nil }
                let steps = steps(keys.reversed(), from: checked.types[Int(current.index)])
                return PathNode(UInt32(id.index), slot: slot, missing: missing(root), steps: steps)
            }
            switch checked.ast[current] {
            case .select(let operand, let field, false, false):
                keys.append(constants.string(field))
                current = operand
            case .call("_[_]", nil, let arguments) where arguments.count == 2:
                guard case .literal(let literal) = checked.ast[arguments[1]] else { return nil }
                switch literal {
                case .string, .int: keys.append(value(of: literal))
                default: return nil
                }
                current = arguments[0]
            default: return nil
            }
        }
    }

    private func steps(_ keys: [Value], from type: CELType) -> [PathNode.Step] {
        var layout: RecordLayout?
        if case .object(let name) = type { layout = layouts[name] }
        return keys.map { key in
            var step = PathNode.Step(key: key, hash: key.keyHash, record: nil, token: 0)
            if let known = layout, key.tag == .string, let token = known.token(key.text) {
                step.record = .passUnretained(known)
                step.token = token
                layout = known.nested[token]
            } else {
                layout = nil
            }
            return step
        }
    }

    // MARK: Folding

    /// The node's value when all its parts are constant and it has one; else the node.
    func folded(_ node: Node, _ parts: [Node]) -> Node {
        guard !isInstrumented, parts.allSatisfy({ $0 is ConstantNode }) else { return node }
        let value = EvaluationContext.constant(node, constants)
        return value.isKnown ? ConstantNode(node.id, value) : node
    }

    mutating func report(_ message: String, _ id: ExprID) {
        problems.append(Diagnostic(message, checked.ast.range(of: id)))
    }

    // MARK: Comprehensions

    private func isIdent(_ id: ExprID, _ name: String) -> Bool { checked.ast[id] == .ident(name) }
    private func isLiteral(_ id: ExprID, _ value: Bool) -> Bool { checked.ast[id] == .literal(.bool(value)) }
    private func isEmptyList(_ id: ExprID) -> Bool {
        if case .list(let elements, _) = checked.ast[id] { return elements.isEmpty }
        return false
    }

    private mutating func declare(_ name: String) -> Int {
        let slot = nextLocal
        nextLocal += 1
        localCount = max(localCount, nextLocal)
        locals.append((name, slot))
        return slot
    }

    private mutating func comprehension(_ id: ExprID, _ fold: Expr.Comprehension) -> Node {
        let number = UInt32(id.index)
        let (depth, names) = (nextLocal, locals.count)
        defer {
            nextLocal = depth
            locals.removeSubrange(names...)
        }
        if isEmptyList(fold.range), isLiteral(fold.condition, false) {
            let initial = plan(fold.initial)
            let slot = declare(fold.accumulator)
            return BindNode(number, local: slot, initial: initial, result: plan(fold.result))
        }
        let range = plan(fold.range)
        let before = nodeCount
        let initial = plan(fold.initial)
        let accumulator = declare(fold.accumulator)
        let first = declare(fold.variable)
        let second = fold.variable2.map { declare($0) } ?? -1
        func frame(_ count: Int) -> ComprehensionFrame {
            ComprehensionFrame(first: first, second: second, accumulator: accumulator, cost: max(1, count - before))
        }
        if let node = recognized(number, fold, range, frame) { return node }
        let condition = plan(fold.condition)
        let step = plan(fold.step)
        locals.removeSubrange((names + 1)...)
        let cost = frame(nodeCount)
        return FoldNode(
            number, range: range, initial: initial, condition: condition, step: step, result: plan(fold.result),
            frame: cost)
    }

    /// The macros whose expansion need not be followed step by step.
    private mutating func recognized(
        _ number: UInt32, _ fold: Expr.Comprehension, _ range: Node, _ frame: (Int) -> ComprehensionFrame
    ) -> Node? {
        guard isIdent(fold.result, fold.accumulator) else { return nil }
        if case .call("@not_strictly_false", nil, _) = checked.ast[fold.condition],
            case .call(let function, nil, let arguments) = checked.ast[fold.step], arguments.count == 2,
            isIdent(arguments[0], fold.accumulator), function == "_&&_" || function == "_||_",
            isLiteral(fold.initial, function == "_&&_")
        {
            let predicate = plan(arguments[1])
            return QuantifierNode(
                number, range: range, predicate: predicate, decides: function == "_||_", frame: frame(nodeCount))
        }
        guard isLiteral(fold.condition, true) else { return nil }
        var step = fold.step
        var filter: ExprID?
        if case .call("_?_:_", nil, let parts) = checked.ast[step], parts.count == 3,
            isIdent(parts[2], fold.accumulator)
        {
            filter = parts[0]
            step = parts[1]
        }
        guard case .call(let function, nil, let arguments) = checked.ast[step], let first = arguments.first,
            isIdent(first, fold.accumulator)
        else { return nil }
        if function == "_+_", arguments.count == 2, isEmptyList(fold.initial),
            case .list(let elements, let optional) = checked.ast[arguments[1]], elements.count == 1, optional.isEmpty
        {
            let predicate = filter.map { plan($0) }
            let element = plan(elements[0])
            return CollectNode(number, range: range, predicate: predicate, element: element, frame: frame(nodeCount))
        }
        if function == "cel.@mapInsert", checked.ast[fold.initial] == .map([]) {
            let predicate = filter.map { plan($0) }
            let key = arguments.count == 3 ? plan(arguments[1]) : nil
            let value = plan(arguments[arguments.count - 1])
            return CollectMapNode(
                number, range: range, predicate: predicate, key: key, value: value, frame: frame(nodeCount))
        }
        return nil
    }
}
