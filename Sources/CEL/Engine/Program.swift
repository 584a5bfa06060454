// The public face of the engine.
//
//     let environment = Environment(variables: ["jwt": .jsonMap, "path": .string])
//     let program = try environment.compile(#"jwt.sub == "ann" && path.startsWith("/mcp")"#)
//     let answer = try program.evaluate(["jwt": .map([("sub", "ann")]), "path": "/mcp"])      // .bool(true)
//
// Inside the gateway nothing is converted: a context is kept per loop, roots are bound by slot, and a rule's outcome is
// read without building anything.
//
//     let context = EvaluationContext(environment)            // once per loop
//     let jwt = environment.slots["jwt"]!                     // once
//     context.reset()                                         // per request
//     context.bind(jwt, tree.root)                            // a ValueTree made once per token, kept alive by its owner
//     context.bind(request, context.record(layout, pointer))  // lazy fields, see RecordLayout
//     switch program.decide(in: context) {
//     case .yes, .no: …
//     case .unknown: …                                        // a root or member was bound to Value.unknown
//     case .failed(let failure): program.error(failure)       // the text is built here, not before
//     }

public final class Program: @unchecked Sendable {
    // Nothing changes after init: any number of threads may evaluate, each in a context of its own.
    public let checked: CheckedExpression
    let root: Node
    let localCount: Int
    let nodeCount: Int
    private let constants: Arena
    let layouts: [String: RecordLayout]
    /// The nodes that were planned.
    let probed: Set<ExprID>

    /// Plans a checked expression.
    /// - Parameters:
    ///   - layouts: the layouts of the host's records by the name of their type (`CELType.object`).
    ///   - isInstrumented: keeps every node apart and records its value, for explanations and residuals.
    package init(
        _ checked: CheckedExpression, layouts: [String: RecordLayout] = [:], isInstrumented: Bool = false
    ) throws(CompileError) {
        self.checked = checked
        self.layouts = layouts
        constants = Arena(size: 512)
        var planner = Planner(checked, layouts: layouts, isInstrumented: isInstrumented, constants: constants)
        root = planner.plan(checked.ast.root)
        localCount = planner.localCount
        nodeCount = planner.nodeCount
        probed = planner.probed
        guard planner.problems.isEmpty else {
            throw CompileError(source: checked.source, diagnostics: planner.problems)
        }
    }

    /// What the expression's value is, `dyn` when it depends on the input.
    public var type: CELType { checked.type }

    // MARK: Ordinary values

    /// Evaluates with variables by name. A variable that is not given is not set: reading it is an error.
    /// - Parameter budget: what the evaluation may cost, in nodes, elements and bytes, and the most parts
    ///   that its value may have.
    public func evaluate(
        _ inputs: [String: CELValue] = [:], budget: Int = 1_000_000
    ) throws(EvaluationError) -> CELValue {
        let context = EvaluationContext(checked.environment)
        try context.bind(inputs)
        let value = run(in: context, budget: budget)
        if value.tag == .error { throw error(value) }
        return try copy(value, in: context, atMost: budget)
    }

    /// A copy of an evaluation's result, the host's objects in it as maps.
    package func copy(
        _ value: Value, in context: EvaluationContext, atMost parts: Int
    ) throws(EvaluationError) -> CELValue {
        guard value.tag.mayHoldParts, CELValue.hasAtMost(parts, in: value) else {
            return try CELValue.copy(value, atMost: parts)
        }
        var state = EvaluationState(
            roots: UnsafePointer(context.roots), locals: context.localSlots(0), arena: .passUnretained(context.arena),
            regexes: .passUnretained(context.regexes), budget: parts, probes: nil, outcomes: nil)
        let (plain, isPaid) = withUnsafeMutablePointer(to: &state) { state in
            (EvaluationScope(state: state).withoutRecords(value), state.pointee.budget >= 0)
        }
        guard isPaid else { throw EvaluationError(.cost, "the value has more than \(parts) parts") }
        return try CELValue.copy(plain, atMost: parts)
    }

    // MARK: The gateway's way

    package enum Outcome {
        case yes
        case no
        /// Depends on what is not known yet.
        case unknown
        /// An error, or a value that is no bool; `error(_:)` says which.
        case failed(Value)
    }

    /// Evaluates a rule. Allocates nothing unless the rule builds lists, maps or strings that outgrow the arena.
    package func decide(in context: EvaluationContext, budget: Int = EvaluationContext.defaultBudget) -> Outcome {
        let value = run(in: context, budget: budget)
        switch value.tag {
        case .bool: return value.asBool ? .yes : .no
        case .unknown: return .unknown
        case .error: return .failed(value)
        default: return .failed(.error(.noSuchOverload, "the rule's value is not a bool"))
        }
    }

    /// Evaluates to a value that lives until the context is reset.
    package func run(in context: EvaluationContext, budget: Int = EvaluationContext.defaultBudget) -> Value {
        run(in: context, budget: budget, probes: nil, outcomes: nil)
    }

    func run(
        in context: EvaluationContext, budget: Int, probes: UnsafeMutablePointer<Value>?,
        outcomes: UnsafeMutablePointer<UInt8>?
    ) -> Value {
        precondition(context.environment === checked.environment, "a context of another environment")
        var state = EvaluationState(
            roots: UnsafePointer(context.roots), locals: context.localSlots(localCount),
            arena: .passUnretained(context.arena), regexes: .passUnretained(context.regexes),
            budget: budget &- nodeCount, probes: probes, outcomes: outcomes)
        let value = withUnsafeMutablePointer(to: &state) { root.evaluate(EvaluationScope(state: $0)) }
        context.cost = budget &- state.budget
        return state.budget < 0 ? EvaluationScope.overBudget : value
    }

    /// What an error value says.
    package func error(_ value: Value) -> EvaluationError {
        let node = Int(value.length)
        let range = node < checked.ast.count ? checked.ast.range(of: ExprID(node)) : nil
        return EvaluationError(value.errorKind, value.errorText, range: range)
    }

    // MARK: What it reads

    /// The paths from roots that the expression names, each up to the first key that is not constant.
    public var attributes: [[String]] { AttributeWalk(checked).paths }
}

extension Value.Tag {
    fileprivate var mayHoldParts: Bool { self == .record || self == .list || self == .map || self == .optional }
}

extension EvaluationScope {
    /// The value with every record in it made a map. Pays a unit for each part.
    fileprivate func withoutRecords(_ value: Value) -> Value {
        guard spend(1) else { return value }
        let value = value.asMap(self)
        switch value.tag {
        case .list: return arena.list(value.elements.map(withoutRecords))
        case .map:
            var builder = MapBuilder(arena: arena, capacity: Int(value.length))
            for entry in value.entries { builder.append(entry.key, withoutRecords(entry.value)) }
            return builder.finish()
        case .optional where value.wrapped.tag != .absent: return arena.optional(withoutRecords(value.wrapped))
        default: return value
        }
    }
}

extension Environment {
    /// Parses, checks and plans an expression.
    /// - Throws: everything that is wrong with it, with positions and suggestions.
    public func compile(_ source: String) throws(CompileError) -> Program {
        try Program(try check(source))
    }

    /// Parses and plans without checking types: mistakes show when they are evaluated.
    public func compileUnchecked(_ source: String) throws(CompileError) -> Program {
        try Program(try resolve(try ParsedExpression.parse(source)))
    }
}
