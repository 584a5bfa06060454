// The lists and sets extensions, and optionals.

extension FunctionLibrary {
    static let lists: [Function] = [
        Function("distinct", .receiver, 1) { a, _, scope in
            guard a[0].tag == .list else { return noOverload }
            var seen = MapBuilder(arena: scope.arena, capacity: 8)
            var out = ListBuilder(arena: scope.arena)
            for element in a[0].elements {
                guard scope.spend(1 + element.weight) else { return EvaluationScope.overBudget }
                switch element.tag {
                case .string, .int, .uint, .bool, .double, .bytes:
                    if seen.insert(element, .null) { out.append(element) }
                default:
                    guard scope.spend(out.count) else { return EvaluationScope.overBudget }
                    let so = out.finish().elements
                    if !so.contains(where: { Equality.areEqual($0, element, scope).isTrue }) { out.append(element) }
                }
            }
            return out.finish()
        },
        Function("flatten", .receiver, 1...2) { a, n, scope in
            guard a[0].tag == .list, n == 1 || a[1].tag == .int else { return noOverload }
            let depth = n == 1 ? 1 : a[1].asInt
            guard depth >= 0 else { return invalid("flatten() takes a level that is not negative") }
            var out = ListBuilder(arena: scope.arena)
            return flatten(a[0], depth, &out, scope) ? out.finish() : EvaluationScope.overBudget
        },
        Function("lists.range", .global, 1) { a, _, scope in
            guard a[0].tag == .int else { return noOverload }
            let count = Int(max(0, a[0].asInt))
            return paid(count, scope) {
                var out = ListBuilder(arena: scope.arena, capacity: count)
                for i in 0..<count { out.append(.int(i)) }
                return out.finish()
            }
        },
        Function("slice", .receiver, 3) { a, _, _ in
            guard a[0].tag == .list, a[1].tag == .int, a[2].tag == .int else { return noOverload }
            let (from, to) = (a[1].asInt, a[2].asInt)
            guard from >= 0, from <= to, to <= Int64(a[0].length) else {
                return .error(.outOfRange, "slice out of range")
            }
            return .list(UnsafeBufferPointer(rebasing: a[0].elements[Int(from)..<Int(to)]))
        },
        Function("sort", .receiver, 1) { a, _, scope in
            a[0].tag == .list ? sort(a[0].elements, keys: a[0].elements, scope) : noOverload
        },
        Function("@sortByAssociatedKeys", .receiver, 2) { a, _, scope in
            guard a[0].tag == .list, a[1].tag == .list, a[0].length == a[1].length else { return noOverload }
            return sort(a[0].elements, keys: a[1].elements, scope)
        },
        Function("first", .receiver, 1) { a, _, scope in
            guard a[0].tag == .list else { return noOverload }
            return a[0].elements.first.map(scope.arena.optional) ?? .none
        },
        Function("last", .receiver, 1) { a, _, scope in
            guard a[0].tag == .list else { return noOverload }
            return a[0].elements.last.map(scope.arena.optional) ?? .none
        },
    ]

    private static func flatten(
        _ list: Value, _ depth: Int64, _ out: inout ListBuilder, _ scope: EvaluationScope
    ) -> Bool {
        for element in list.elements {
            guard scope.spend(1) else { return false }
            if element.tag == .list, depth > 0 {
                guard flatten(element, depth - 1, &out, scope) else { return false }
            } else {
                out.append(element)
            }
        }
        return true
    }

    private static func sort(
        _ elements: UnsafeBufferPointer<Value>, keys: UnsafeBufferPointer<Value>, _ scope: EvaluationScope
    ) -> Value {
        // Each key takes part in as many comparisons as the count has binary digits.
        let digits = 64 - elements.count.leadingZeroBitCount
        for key in keys {
            guard scope.spend(digits * (1 + key.weight)) else { return EvaluationScope.overBudget }
        }
        guard let first = keys.first else { return .emptyList }
        guard keys.allSatisfy({ $0.tag == first.tag && Equality.compare($0, $0) != nil }) else {
            return .error(.noSuchOverload, "sort() takes elements of one type that has an order")
        }
        let order = keys.indices.sorted { i, j in
            let order = Equality.compare(keys[i], keys[j])
            return order == .less || order != .greater && i < j
        }
        return scope.arena.list(order.map { elements[$0] })
    }

    // MARK: Sets

    static let sets: [Function] = [
        Function("sets.contains", .global, 2) { a, _, scope in
            twoLists(a, scope) { isSubset(a[1], of: a[0], scope) }
        },
        Function("sets.equivalent", .global, 2) { a, _, scope in
            twoLists(a, scope) { isSubset(a[1], of: a[0], scope) && isSubset(a[0], of: a[1], scope) }
        },
        Function("sets.intersects", .global, 2) { a, _, scope in
            twoLists(a, scope) {
                let members = Members(a[1], scope)
                return a[0].elements.contains { members.contains($0) }
            }
        },
    ]

    private static func twoLists(_ a: UnsafePointer<Value>, _ scope: EvaluationScope, _ body: () -> Bool) -> Value {
        guard a[0].tag == .list, a[1].tag == .list else { return noOverload }
        guard scope.spend(Int(a[0].length) + Int(a[1].length)) else { return EvaluationScope.overBudget }
        let answer = body()
        return scope.state.pointee.budget < 0 ? EvaluationScope.overBudget : .bool(answer)
    }

    private static func isSubset(_ list: Value, of other: Value, _ scope: EvaluationScope) -> Bool {
        let members = Members(other, scope)
        return list.elements.allSatisfy { members.contains($0) }
    }

    /// A list's elements for many look-ups: hashed those that can be, compared one by one the others.
    private struct Members {
        let hashed: Value
        let others: [Value]
        let scope: EvaluationScope

        init(_ list: Value, _ scope: EvaluationScope) {
            var builder = MapBuilder(arena: scope.arena, capacity: max(1, Int(list.length)))
            var rest: [Value] = []
            for element in list.elements {
                // Below zero the answer is the cost error, whatever else comes out.
                guard scope.spend(element.weight) else { break }
                if Members.isHashable(element) { _ = builder.insert(element, .null) } else { rest.append(element) }
            }
            hashed = builder.finish()
            others = rest
            self.scope = scope
        }

        static func isHashable(_ value: Value) -> Bool {
            switch value.tag {
            case .string, .bytes, .int, .uint, .bool, .double: true
            default: false
            }
        }

        func contains(_ value: Value) -> Bool {
            guard scope.spend(value.weight) else { return false }
            if Members.isHashable(value) { return hashed.member(value).tag != .absent }
            guard scope.spend(others.count) else { return false }
            return others.contains { Equality.areEqual($0, value, scope).isTrue }
        }
    }

    // MARK: Optionals

    static let optionals: [Function] = [
        Function("optional.none", .global, 0) { _, _, _ in .none },
        Function("optional.of", .global, 1) { a, _, scope in scope.arena.optional(a[0]) },
        Function("optional.ofNonZeroValue", .global, 1) { a, _, scope in
            isZero(a[0], scope) ? .none : scope.arena.optional(a[0])
        },
        Function("hasValue", .receiver, 1) { a, _, _ in
            a[0].tag == .optional ? .bool(a[0].wrapped.tag != .absent) : noOverload
        },
        Function("value", .receiver, 1) { a, _, _ in
            guard a[0].tag == .optional else { return noOverload }
            return a[0].wrapped.tag == .absent ? invalid("optional.none() has no value") : a[0].wrapped
        },
        Function("optional.unwrap", .global, 1, unwrap), Function("unwrapOpt", .receiver, 1, unwrap),
    ]

    private static let unwrap: FunctionBody = { a, _, scope in
        guard a[0].tag == .list else { return noOverload }
        var out = ListBuilder(arena: scope.arena)
        for element in a[0].elements {
            guard element.tag == .optional else { return noOverload }
            if element.wrapped.tag != .absent { out.append(element.wrapped) }
        }
        return out.finish()
    }

    private static func isZero(_ value: Value, _ scope: EvaluationScope) -> Bool {
        switch value.tag {
        case .null, .absent: true
        case .bool, .int, .uint, .duration: value.payload == 0
        case .double: value.asDouble == 0
        case .string, .bytes, .list, .map: value.length == 0
        case .timestamp: value.payload == 0 && value.length == 0
        case .optional: value.wrapped.tag == .absent
        case .record: value.asMap(scope).length == 0
        default: false
        }
    }
}
