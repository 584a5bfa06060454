// Field access: chains of constant names fused into one node, and the general forms.

/// `root.a.b["c"]`: constant names from a declared root, keys hashed when the program was planned.
final class PathNode: Node {
    struct Step {
        var key: Value
        var hash: UInt64
        /// The record type that declares this step and the field's token; nil for maps.
        var record: Unmanaged<RecordLayout>?
        var token: Int
    }

    let slot: Int
    let missing: Value
    private let steps: UnsafeMutablePointer<Step>
    private let count: Int

    init(_ id: UInt32, slot: Int, missing: Value, steps: [Step]) {
        self.slot = slot
        self.missing = missing
        self.steps = .allocate(capacity: steps.count)
        self.steps.initialize(from: steps, count: steps.count)
        count = steps.count
        super.init(id)
    }

    deinit { steps.deallocate() }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        var value = scope.state.pointee.roots[slot]
        if value.tag == .absent { return located(missing) }
        var position = 0
        while position < count {
            let step = steps + position
            let found: Value
            switch value.tag {
            case .map:
                found = value.member(step.pointee.key, hash: step.pointee.hash)
            case .record:
                found = PathNode.field(value, step, scope)
            case .unknown: return located(value)
            default: return located(general(value, position, scope))
            }
            if found.tag == .absent { return located(.error(.noSuchKey, detail: step.keyPointer)) }
            value = found
            position += 1
        }
        return located(value)
    }

    @inline(__always)
    static func field(_ value: Value, _ step: UnsafePointer<Step>, _ scope: EvaluationScope) -> Value {
        guard let box = value.recordBox else { return .absent }
        if let record = step.pointee.record, record.toOpaque() == box.pointee.type.toOpaque() {
            return record._withUnsafeGuaranteedRef { $0.read(step.pointee.token, box.pointee.object, scope) }
        }
        return value.recordField(step.pointee.key, scope)
    }

    private func general(_ start: Value, _ from: Int, _ scope: EvaluationScope) -> Value {
        var value = start
        for position in from..<count {
            value = scope.select(value, steps[position].key)
            if !value.isKnown { return value }
        }
        return value
    }
}

extension UnsafeMutablePointer<PathNode.Step> {
    fileprivate var keyPointer: UnsafePointer<Value> {
        UnsafePointer(UnsafeRawPointer(self).assumingMemoryBound(to: Value.self))
    }
}

/// `operand.field`, `operand[key]`; `operand.?field`, `operand[?key]` when `optional`.
final class MemberNode: Node {
    let operand: Node
    let key: Node
    let optional: Bool

    init(_ id: UInt32, operand: Node, key: Node, optional: Bool) {
        self.operand = operand
        self.key = key
        self.optional = optional
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = operand.evaluate(scope)
        let key = self.key.evaluate(scope)
        if value.tag == .unknown { return value }
        if key.tag == .unknown { return key }
        if value.tag == .error { return value }
        if key.tag == .error { return key }
        return located(optional ? scope.optionalMember(value, key) : scope.select(value, key))
    }
}

/// `has(operand.field)`
final class PresenceNode: Node {
    let operand: Node
    let key: Value
    /// The operand is a declared root: nothing is present in a root that is not set.
    let root: Int?

    init(_ id: UInt32, operand: Node, key: Value, root: Int?) {
        self.operand = operand
        self.key = key
        self.root = root
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        if let root, scope.state.pointee.roots[root].tag == .absent { return .bool(false) }
        var value = operand.evaluate(scope)
        if !value.isKnown { return value }
        if value.tag == .optional {
            value = value.wrapped
            if value.tag == .absent { return .bool(false) }
        }
        guard value.tag == .map || value.tag == .record else {
            return error(.noSuchOverload, "has() asks for a member of a map or object")
        }
        let found = scope.member(value, key)
        return found.isKnown ? .bool(found.tag != .absent) : located(found)
    }
}

final class ListNode: Node {
    let elements: [(node: Node, optional: Bool)]
    let anyOptional: Bool

    init(_ id: UInt32, _ elements: [(node: Node, optional: Bool)]) {
        self.elements = elements
        anyOptional = elements.contains { $0.optional }
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        if elements.isEmpty { return .emptyList }
        let values = scope.arena.values(elements.count)
        var count = 0
        var failure = Value.absent
        for (node, optional) in elements {
            var value = node.evaluate(scope)
            if !value.isKnown {
                if failure.tag == .absent || failure.tag == .error && value.tag == .unknown { failure = value }
                continue
            }
            if optional {
                guard value.tag == .optional else { return error(.noSuchOverload, "[?e] takes an optional value") }
                value = value.wrapped
                if value.tag == .absent { continue }
            }
            values[count] = value
            count += 1
        }
        if failure.tag != .absent { return failure }
        return count == 0 ? .emptyList : .list(UnsafeBufferPointer(start: values, count: count))
    }
}

final class MapNode: Node {
    let entries: [(key: Node, value: Node, optional: Bool)]

    init(_ id: UInt32, _ entries: [(key: Node, value: Node, optional: Bool)]) {
        self.entries = entries
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        if entries.isEmpty { return .emptyMap }
        var builder = MapBuilder(arena: scope.arena, capacity: entries.count)
        var failure = Value.absent
        for (keyNode, valueNode, optional) in entries {
            let key = keyNode.evaluate(scope)
            var value = valueNode.evaluate(scope)
            for part in [key, value] where !part.isKnown {
                if failure.tag == .absent || failure.tag == .error && part.tag == .unknown { failure = part }
            }
            if failure.tag != .absent { continue }
            switch key.tag {
            case .string, .int, .uint, .bool: break
            default: return error(.noSuchOverload, "a map's key is a string, an int, a uint or a bool")
            }
            if optional {
                guard value.tag == .optional else { return error(.noSuchOverload, "{?k: e} takes an optional value") }
                value = value.wrapped
                if value.tag == .absent { continue }
            }
            if !scope.spend(key.weight) { return located(EvaluationScope.overBudget) }
            if !builder.insert(key, value) { return error(.invalidArgument, "the same key twice in a map") }
        }
        return failure.tag == .absent ? builder.finish() : failure
    }
}
