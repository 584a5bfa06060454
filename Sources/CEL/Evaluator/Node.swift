// The planned program is a tree of these: final classes with constant children. `evaluate` never throws and returns an
// error or unknown as a value.

class Node {
    let id: UInt32

    init(_ id: UInt32) { self.id = id }

    func evaluate(_ scope: EvaluationScope) -> Value { preconditionFailure("abstract") }

    /// Gives an error that has no place yet this node's.
    @inline(__always)
    final func located(_ value: Value) -> Value {
        if value.isKnown { return value }
        return locate(value)
    }

    @inline(never)
    private final func locate(_ value: Value) -> Value {
        var value = value
        if value.length == .max { value.length = id }
        return value
    }

    final func error(_ kind: EvaluationError.Kind, _ message: StaticString) -> Value { locate(.error(kind, message)) }
}

final class ConstantNode: Node {
    let value: Value

    init(_ id: UInt32, _ value: Value) {
        self.value = value
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value { value }
}

/// A declared root, by its slot.
final class RootNode: Node {
    let slot: Int
    /// The root's name as a value, for the error.
    let missing: Value

    init(_ id: UInt32, slot: Int, missing: Value) {
        self.slot = slot
        self.missing = missing
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = scope.state.pointee.roots[slot]
        if value.tag == .absent || value.tag == .unknown { return located(value.tag == .absent ? missing : value) }
        return value
    }
}

/// `variables()`: the declared roots that are set, by name.
final class VariablesNode: Node {
    let variables: [(name: Value, slot: Int)]

    init(_ id: UInt32, _ variables: [(Value, Int)]) {
        self.variables = variables
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        if !scope.spend(variables.count) { return located(EvaluationScope.overBudget) }
        var builder = MapBuilder(arena: scope.arena, capacity: variables.count)
        for (name, slot) in variables {
            let value = scope.state.pointee.roots[slot]
            if value.tag != .absent { builder.append(name, value) }
        }
        return builder.finish()
    }
}

/// A comprehension's variable.
final class LocalNode: Node {
    let index: Int

    init(_ id: UInt32, index: Int) {
        self.index = index
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value { scope.state.pointee.locals[index] }
}

/// What is certain to fail, found when planning: an undeclared name, a function that does not exist.
final class FailureNode: Node {
    let failure: Value

    init(_ id: UInt32, _ failure: Value) {
        self.failure = failure
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value { located(failure) }
}

/// Records what its node evaluated to.
final class ProbeNode: Node {
    let inner: Node

    init(_ inner: Node, id: UInt32) {
        self.inner = inner
        super.init(id)
    }

    override func evaluate(_ scope: EvaluationScope) -> Value {
        let value = inner.evaluate(scope)
        scope.state.pointee.probes?[Int(id)] = value
        if value.tag == .bool { scope.state.pointee.outcomes?[Int(id)] |= value.asBool ? 2 : 1 }
        return value
    }
}
