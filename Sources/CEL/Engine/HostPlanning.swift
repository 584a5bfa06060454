// What hosts of the engine need beyond its public face: planning trees that they have rewritten, and building maps.

extension CheckedExpression {
    /// Plans an expression that a host parsed, rewrote and checked by itself.
    /// - Parameter layouts: of the host's records, by the name of their type (`CELType.object`).
    /// - Throws: what only planning finds, such as a pattern that is none.
    package func plan(layouts: [String: RecordLayout]) throws(CompileError) -> Program {
        try Program(self, layouts: layouts, isInstrumented: false)
    }
}

extension Arena {
    /// A map whose keys are known to differ.
    package func map(_ entries: some Collection<(key: Value, value: Value)>) -> Value {
        var builder = MapBuilder(arena: self, capacity: entries.count)
        for (key, value) in entries { builder.append(key, value) }
        return builder.finish()
    }
}
