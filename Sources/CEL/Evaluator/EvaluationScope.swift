// What an evaluation runs in: the roots' values, the comprehensions' variables, the arena, the budget. One pointer, passed
// down the nodes.
// Invariant: the state lives on the stack of `Program.run` for as long as the scope is used.

struct EvaluationState {
    var roots: UnsafePointer<Value>
    var locals: UnsafeMutablePointer<Value>
    var arena: Unmanaged<Arena>
    var regexes: Unmanaged<RegexCache>
    /// What is left to spend; below zero the evaluation's result is the cost error, whatever else comes out.
    var budget: Int
    /// By node id, when the program was built with probes.
    var probes: UnsafeMutablePointer<Value>?
    /// By node id: bit 0 when a boolean node was false, bit 1 when it was true.
    var outcomes: UnsafeMutablePointer<UInt8>?
}

package struct EvaluationScope {
    let state: UnsafeMutablePointer<EvaluationState>

    package var arena: Arena { state.pointee.arena.takeUnretainedValue() }

    /// Pays for `units` of work. False when the budget is spent.
    @inline(__always)
    func spend(_ units: Int) -> Bool {
        state.pointee.budget &-= units
        return state.pointee.budget >= 0
    }

    static var overBudget: Value { .error(.cost, "the expression costs more than its budget") }

    /// A record value of `type` over `object`.
    package func record(_ type: RecordLayout, _ object: UnsafeRawPointer) -> Value {
        let box = arena.allocate(MemoryLayout<RecordBox>.stride).bindMemory(to: RecordBox.self, capacity: 1)
        box.initialize(to: RecordBox(type: .passUnretained(type), object: object))
        return Value(.record, payload: UInt64(UInt(bitPattern: box)))
    }

    // MARK: Access

    /// Pays for the hash of a long text; a short one's is part of the node.
    @inline(__always)
    func isPaid(_ key: Value) -> Bool { key.tag != .string || key.length < 1024 || spend(key.weight) }

    /// `value.key` and `value[key]` alike; absent when there is no such member, an error for what has no members.
    func member(_ value: Value, _ key: Value) -> Value {
        switch value.tag {
        case .map:
            switch key.tag {
            case .string: return isPaid(key) ? value.member(key) : EvaluationScope.overBudget
            case .int, .uint, .bool, .double: return value.member(key)
            default: return .error(.noSuchOverload, "a map has no keys of this type")
            }
        case .record:
            guard key.tag == .string else { return .error(.noSuchOverload, "this object has names as keys only") }
            return value.recordField(key, self)
        case .list:
            let index: Int
            switch key.tag {
            case .int: index = Int(key.asInt)
            case .uint:
                guard let exact = Int(exactly: key.asUInt) else { return .absent }
                index = exact
            case .double:
                guard let exact = Int(exactly: key.asDouble) else {
                    return .error(.invalidArgument, "a list's index is a whole number")
                }
                index = exact
            default: return .error(.noSuchOverload, "a list's index is a whole number")
            }
            let elements = value.elements
            guard index >= 0, index < elements.count else { return .absent }
            return elements[index]
        default:
            return .error(.noSuchOverload, "this type of value has no members")
        }
    }

    /// As `member`, a missing member being an error, and the member of an optional an optional.
    func select(_ value: Value, _ key: Value) -> Value {
        if value.tag == .optional { return optionalMember(value, key) }
        let found = member(value, key)
        if found.tag == .absent { return missing(value, key) }
        return found
    }

    func missing(_ value: Value, _ key: Value) -> Value {
        if value.tag == .list { return arena.error(.outOfRange, "index out of bounds: \(CELValue(key).debugText)") }
        return arena.noSuchKey(key)
    }

    /// `value.?key`, `value[?key]`
    func optionalMember(_ value: Value, _ key: Value) -> Value {
        var operand = value
        if value.tag == .optional {
            operand = value.wrapped
            if operand.tag == .absent { return .none }
        }
        let found = member(operand, key)
        switch found.tag {
        case .absent: return .none
        case .error, .unknown: return found
        default: return arena.optional(found)
        }
    }

    /// `key in container`
    func contains(_ container: Value, _ key: Value) -> Value {
        switch container.tag {
        case .list:
            let elements = container.elements
            if !spend(elements.count) { return EvaluationScope.overBudget }
            var unknown = Value.absent
            for element in elements {
                // Two long texts of one length are compared byte by byte.
                if element.length == key.length, !spend(key.weight) { return EvaluationScope.overBudget }
                let equal = Equality.areEqual(element, key, self)
                if equal.isTrue || equal.tag == .error { return equal }
                if equal.tag == .unknown { unknown = equal }
            }
            return unknown.tag == .unknown ? unknown : .bool(false)
        case .map, .record:
            switch key.tag {
            case .string, .int, .uint, .bool, .double:
                guard isPaid(key) else { return EvaluationScope.overBudget }
                let found = container.tag == .map ? container.member(key) : container.recordField(key, self)
                return found.isKnown ? .bool(found.tag != .absent) : found
            default: return .bool(false)
            }
        default: return .error(.noSuchOverload, "'in' takes a list or a map on its right")
        }
    }
}
