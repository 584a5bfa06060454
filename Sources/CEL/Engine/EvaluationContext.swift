// The reusable part of an evaluation: the roots' values and the memory. One per event loop (or per thread); never shared.

package final class EvaluationContext {
    /// What an evaluation may spend unless told otherwise: some milliseconds.
    package static let defaultBudget = 1_000_000

    package let environment: Environment
    package let arena = Arena()
    let regexes = RegexCache()
    let roots: UnsafeMutablePointer<Value>
    private let rootCount: Int
    private var locals: UnsafeMutablePointer<Value>
    private var localCapacity = 8
    /// What the last evaluation cost, in nodes, elements and bytes.
    package internal(set) var cost = 0

    package init(_ environment: Environment) {
        self.environment = environment
        rootCount = environment.roots.count
        roots = .allocate(capacity: max(1, rootCount))
        roots.initialize(repeating: .absent, count: rootCount)
        locals = .allocate(capacity: localCapacity)
        locals.initialize(repeating: .absent, count: localCapacity)
    }

    deinit {
        roots.deallocate()
        locals.deallocate()
    }

    /// Binds a root by its slot (`Environment.slots`). What the value points to must stay alive until `reset`.
    @inline(__always)
    package func bind(_ slot: Int, _ value: Value) {
        precondition(slot >= 0 && slot < rootCount, "no such root")
        roots[slot] = value
    }

    package func value(_ slot: Int) -> Value {
        precondition(slot >= 0 && slot < rootCount, "no such root")
        return roots[slot]
    }

    /// A record over the host's object, to be bound.
    package func record(_ layout: RecordLayout, _ object: UnsafeRawPointer) -> Value {
        let box = arena.allocate(MemoryLayout<RecordBox>.stride).bindMemory(to: RecordBox.self, capacity: 1)
        box.initialize(to: RecordBox(type: .passUnretained(layout), object: object))
        return Value(.record, payload: UInt64(UInt(bitPattern: box)))
    }

    /// Forgets all roots and everything in the arena.
    package func reset() {
        roots.update(repeating: .absent, count: rootCount)
        arena.reset()
    }

    @inline(__always)
    func localSlots(_ count: Int) -> UnsafeMutablePointer<Value> {
        if count > localCapacity { growLocals(count) }
        return locals
    }

    @inline(never)
    private func growLocals(_ count: Int) {
        locals.deallocate()
        localCapacity = max(count, localCapacity * 2)
        locals = .allocate(capacity: localCapacity)
        locals.initialize(repeating: .absent, count: localCapacity)
    }

    /// Binds ordinary values by name. Names that no expression can use are an error.
    func bind(_ inputs: [String: CELValue]) throws(EvaluationError) {
        for (name, input) in inputs {
            guard let slot = environment.slots[name] else {
                throw EvaluationError(.undeclared, "no variable '\(name)' is declared")
            }
            guard let value = input.value(in: arena) else {
                throw EvaluationError(.invalidArgument, "'\(name)' holds a map with the same key twice, or no address")
            }
            roots[slot] = value
        }
    }

    /// The value of a node that reads no root and no local, in the memory of the program's constants.
    static func constant(_ node: Node, _ constants: Arena) -> Value {
        let regexes = RegexCache()
        var none = Value.absent
        return withExtendedLifetime((constants, regexes)) {
            withUnsafeMutablePointer(to: &none) { slots in
                // Folding must not build at load what a request could not: a tenth of the budget.
                var state = EvaluationState(
                    roots: UnsafePointer(slots), locals: slots, arena: .passUnretained(constants),
                    regexes: .passUnretained(regexes), budget: defaultBudget / 10, probes: nil, outcomes: nil)
                return withUnsafeMutablePointer(to: &state) { state in
                    let value = node.evaluate(EvaluationScope(state: state))
                    return state.pointee.budget < 0 ? EvaluationScope.overBudget : value
                }
            }
        }
    }
}
