// Types of what is made of parts: lists, maps, messages, and the folds that macros become.

extension Checker {
    mutating func list(_ elements: [ExprID], _ optional: Set<Int32>) -> CELType {
        var joined: CELType?
        for (index, element) in elements.enumerated() {
            var type = visit(element)
            if optional.contains(Int32(index)) { type = optionalContent(type, element) }
            joined = joined.map { unifier.join($0, type) } ?? type
        }
        return .list(joined ?? unifier.freshVariable())
    }

    private mutating func optionalContent(_ type: CELType, _ id: ExprID) -> CELType {
        let resolved = unifier.resolve(type)
        let (inner, isOptional) = Checker.unwrapOptional(resolved)
        if isOptional { return inner }
        if resolved == .dyn || resolved == .error { return .dyn }
        report("an optional value was expected instead of '\(resolved)'", id)
        return .error
    }

    mutating func map(_ entries: [Expr.MapEntry]) -> CELType {
        var keyType: CELType?
        var valueType: CELType?
        for entry in entries {
            let key = visit(entry.key)
            switch unifier.resolve(key) {
            case .bool, .int, .uint, .string, .dyn, .error, .variable, .parameter: break
            case let other: report("a map's key cannot be a '\(other)'", entry.key)
            }
            keyType = keyType.map { unifier.join($0, key) } ?? key
            var value = visit(entry.value)
            if entry.optional { value = optionalContent(value, entry.value) }
            valueType = valueType.map { unifier.join($0, value) } ?? value
        }
        return .map(key: keyType ?? unifier.freshVariable(), value: valueType ?? unifier.freshVariable())
    }

    mutating func message(
        _ id: ExprID, _ name: String, _ fields: [Expr.FieldInitializer]
    ) -> CELType {
        for field in fields { visit(field.value) }
        report("unknown message type '\(name)'", id)
        return .error
    }

    mutating func comprehension(_ fold: Expr.Comprehension) -> CELType {
        let visited = visit(fold.range)
        let range = unifier.resolve(visited)
        let accumulator = visit(fold.initial)
        var first: CELType
        var second: CELType = .dyn
        switch range {
        case .list(let element):
            first = fold.variable2 == nil ? element : .int
            second = element
        case .map(let key, let value):
            first = key
            second = value
        case .object:
            first = .string
        case .dyn, .error, .variable, .parameter:
            first = .dyn
        default:
            report("a macro cannot go through a '\(range)': it takes a list or a map", fold.range)
            first = .error
            second = .error
        }
        // The bound value of cel.bind has no element, and any name may shadow.
        if fold.variable == "#unused" { first = .dyn }
        let outer = scopes.count
        scopes.append((fold.accumulator, accumulator))
        scopes.append((fold.variable, first))
        if let name = fold.variable2 { scopes.append((name, second)) }
        let condition = visit(fold.condition)
        if !unifier.isAssignable(condition, .bool) { report("a condition must be a bool", fold.condition) }
        let step = visit(fold.step)
        if !unifier.isAssignable(step, accumulator) {
            // What a macro's predicate must be is what its accumulator is.
            report(
                "expected '\(unifier.resolve(accumulator, final: true))' instead of '\(unifier.resolve(step, final: true))'",
                fold.step)
        }
        // The result sees the accumulator alone.
        scopes.removeSubrange((outer + 1)...)
        let result = visit(fold.result)
        scopes.removeLast()
        return unifier.resolve(result)
    }
}
