// Folds over lists and maps: the general form that macros expand to, and the forms that the planner recognises.

/// What a comprehension runs over, one element at a time.
struct Cursor {
    private let elements: UnsafeBufferPointer<Value>
    private let entries: UnsafeBufferPointer<MapEntry>
    private let isMap: Bool
    private var position = 0

    /// Nil for what cannot be iterated.
    @inline(__always)
    init?(_ value: Value) {
        elements = value.tag == .list ? value.elements : UnsafeBufferPointer(start: nil, count: 0)
        isMap = value.tag == .map
        entries = isMap ? value.entries : UnsafeBufferPointer(start: nil, count: 0)
        guard isMap || value.tag == .list else { return nil }
    }

    var count: Int { isMap ? entries.count : elements.count }

    /// Puts the next element where the body looks for it. False at the end.
    @inline(__always)
    mutating func advance(_ locals: UnsafeMutablePointer<Value>, _ first: Int, _ second: Int) -> Bool {
        if isMap {
            guard position < entries.count else { return false }
            locals[first] = entries[position].key
            if second >= 0 { locals[second] = entries[position].value }
        } else {
            guard position < elements.count else { return false }
            if second >= 0 {
                locals[first] = .int(position)
                locals[second] = elements[position]
            } else {
                locals[first] = elements[position]
            }
        }
        position += 1
        return true
    }
}

struct ComprehensionFrame {
    /// Slots of the variables; `second` is negative in the one-variable form.
    let first: Int
    let second: Int
    let accumulator: Int
    /// What a turn costs: the nodes of the body.
    let cost: Int
}

final class FoldNode: Node {
    let range: Node
    let initial: Node
    let condition: Node
    let step: Node
    let result: Node
    let frame: ComprehensionFrame

    init(
        _ id: UInt32, range: Node, initial: Node, condition: Node, step: Node, result: Node, frame: ComprehensionFrame
    ) {
        self.range = range
        self.initial = initial
        self.condition = condition
        self.step = step
        self.result = result
        self.frame = frame
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let range = self.range.evaluate(scope)
        if !range.isKnown { return range }
        guard var cursor = Cursor(range.asMap(scope)) else { return error(.noSuchOverload, "not a list or a map") }
        let locals = scope.state.pointee.locals
        locals[frame.accumulator] = initial.evaluate(scope)
        while cursor.advance(locals, frame.first, frame.second) {
            if !scope.spend(frame.cost) { return located(EvaluationScope.overBudget) }
            let condition = self.condition.evaluate(scope)
            if condition.isFalse { break }
            if condition.tag != .bool { return condition.isKnown ? error(.noSuchOverload, "not a bool") : condition }
            locals[frame.accumulator] = step.evaluate(scope)
        }
        return result.evaluate(scope)
    }
}

/// `cel.bind(x, e, body)`: a fold over nothing.
final class BindNode: Node {
    let initial: Node
    let result: Node
    let local: Int

    init(_ id: UInt32, local: Int, initial: Node, result: Node) {
        self.local = local
        self.initial = initial
        self.result = result
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        scope.state.pointee.locals[local] = initial.evaluate(scope)
        return result.evaluate(scope)
    }
}

/// `exists` (decides on true) and `all` (decides on false): an error or unknown is forgiven when another element decides.
final class QuantifierNode: Node {
    let range: Node
    let predicate: Node
    let decides: Bool
    let frame: ComprehensionFrame

    init(_ id: UInt32, range: Node, predicate: Node, decides: Bool, frame: ComprehensionFrame) {
        self.range = range
        self.predicate = predicate
        self.decides = decides
        self.frame = frame
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let range = self.range.evaluate(scope)
        if !range.isKnown { return range }
        guard var cursor = Cursor(range.asMap(scope)) else { return error(.noSuchOverload, "not a list or a map") }
        let locals = scope.state.pointee.locals
        var pending = Value.absent
        while cursor.advance(locals, frame.first, frame.second) {
            if !scope.spend(frame.cost) { return located(EvaluationScope.overBudget) }
            let value = predicate.evaluate(scope)
            if value.tag == .bool {
                if value.asBool == decides { return value }
            } else if pending.tag == .absent || pending.tag == .error && value.tag == .unknown {
                pending = value.isKnown ? error(.noSuchOverload, "the predicate is not a bool") : value
            }
        }
        return pending.tag == .absent ? .bool(!decides) : pending
    }
}

/// `map` and `filter`: `accumulator + [element]`, without copying the list at each turn.
final class CollectNode: Node {
    let range: Node
    let predicate: Node?
    let element: Node
    let frame: ComprehensionFrame

    init(_ id: UInt32, range: Node, predicate: Node?, element: Node, frame: ComprehensionFrame) {
        self.range = range
        self.predicate = predicate
        self.element = element
        self.frame = frame
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let range = self.range.evaluate(scope)
        if !range.isKnown { return range }
        guard var cursor = Cursor(range.asMap(scope)) else { return error(.noSuchOverload, "not a list or a map") }
        let locals = scope.state.pointee.locals
        var builder = ListBuilder(arena: scope.arena, capacity: predicate == nil ? cursor.count : 8)
        var failure = Value.absent
        while cursor.advance(locals, frame.first, frame.second) {
            if !scope.spend(frame.cost) { return located(EvaluationScope.overBudget) }
            if let predicate {
                let value = predicate.evaluate(scope)
                if value.isFalse { continue }
                if value.tag != .bool {
                    if value.tag == .unknown { return value }
                    if failure.tag == .absent {
                        failure = value.isKnown ? error(.noSuchOverload, "the predicate is not a bool") : value
                    }
                    continue
                }
            }
            let value = element.evaluate(scope)
            if value.tag == .unknown { return value }
            if value.tag == .error {
                if failure.tag == .absent { failure = value }
                continue
            }
            builder.append(value)
        }
        return failure.tag == .absent ? builder.finish() : failure
    }
}

/// `transformMap` and `transformMapEntry`.
final class CollectMapNode: Node {
    let range: Node
    let predicate: Node?
    /// Nil when `value` gives a map whose entries are added.
    let key: Node?
    let value: Node
    let frame: ComprehensionFrame

    init(_ id: UInt32, range: Node, predicate: Node?, key: Node?, value: Node, frame: ComprehensionFrame) {
        self.range = range
        self.predicate = predicate
        self.key = key
        self.value = value
        self.frame = frame
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let range = self.range.evaluate(scope)
        if !range.isKnown { return range }
        guard var cursor = Cursor(range.asMap(scope)) else { return error(.noSuchOverload, "not a list or a map") }
        let locals = scope.state.pointee.locals
        var builder = MapBuilder(arena: scope.arena, capacity: 8)
        while cursor.advance(locals, frame.first, frame.second) {
            if !scope.spend(frame.cost) { return located(EvaluationScope.overBudget) }
            if let predicate {
                let value = predicate.evaluate(scope)
                if value.isFalse { continue }
                if value.tag != .bool {
                    return value.isKnown ? error(.noSuchOverload, "the predicate is not a bool") : value
                }
            }
            let value = self.value.evaluate(scope)
            if !value.isKnown { return value }
            if let key {
                let key = key.evaluate(scope)
                if !key.isKnown { return key }
                if !scope.spend(key.weight) { return located(EvaluationScope.overBudget) }
                if !builder.insert(key, value) { return error(.invalidArgument, "the same key twice in a map") }
            } else {
                guard value.tag == .map else { return error(.noSuchOverload, "not a map") }
                for entry in value.entries {
                    if !scope.spend(1 + entry.key.weight) { return located(EvaluationScope.overBudget) }
                    if !builder.insert(entry.key, entry.value) {
                        return error(.invalidArgument, "the same key twice in a map")
                    }
                }
            }
        }
        return builder.finish()
    }
}
