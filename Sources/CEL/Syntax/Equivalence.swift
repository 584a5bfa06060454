// Trees that mean the same because they are the same but for positions and the numbering of nodes.

extension AST {
    /// Whether both trees have the same nodes in the same places. Positions in the source do not count.
    public func isEquivalent(to other: AST) -> Bool { isEquivalent(root, other, other.root) }

    private func isEquivalent(_ id: ExprID, _ other: AST, _ otherID: ExprID) -> Bool {
        var a: [ExprID] = []
        var b: [ExprID] = []
        guard self[id].shape(collecting: &a) == other[otherID].shape(collecting: &b), a.count == b.count else {
            return false
        }
        return zip(a, b).allSatisfy { isEquivalent($0, other, $1) }
    }
}

extension Expr {
    /// The expression without what it names by id and position, which go to `children` in their order.
    fileprivate func shape(collecting children: inout [ExprID]) -> Expr {
        let none = ExprID(-1)
        switch self {
        case .literal, .ident: return self
        case .select(let operand, let field, let testOnly, let optional):
            children.append(operand)
            return .select(operand: none, field: field, testOnly: testOnly, optional: optional)
        case .call(let function, let target, let arguments):
            children += (target.map { [$0] } ?? []) + arguments
            return .call(
                function: function, target: target == nil ? nil : none, arguments: arguments.map { _ in none })
        case .list(let elements, let optional):
            children += elements
            return .list(elements: elements.map { _ in none }, optional: optional)
        case .map(let entries):
            return .map(
                entries.map {
                    children += [$0.key, $0.value]
                    return MapEntry(key: none, value: none, optional: $0.optional)
                })
        case .message(let type, let fields):
            return .message(
                type: type,
                fields: fields.map {
                    children.append($0.value)
                    return FieldInitializer(
                        field: $0.field, value: none, optional: $0.optional, range: SourceRange(0, 0))
                })
        case .comprehension(let fold):
            children += [fold.range, fold.initial, fold.condition, fold.step, fold.result]
            return .comprehension(
                Comprehension(
                    range: none, variable: fold.variable, variable2: fold.variable2, accumulator: fold.accumulator,
                    initial: none, condition: none, step: none, result: none))
        }
    }
}
