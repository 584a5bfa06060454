// Why a rule decided as it did: every part of the expression with its value, from one evaluation of a program with probes.

public struct Explanation: Sendable {
    public enum Outcome: Sendable {
        case value(CELValue)
        case failed(EvaluationError)
        /// Decided before its turn came.
        case notEvaluated
    }

    /// A part of the expression. What a macro's body did is what it did for the last element.
    public struct Part: Sendable {
        public let node: ExprID
        public let range: SourceRange
        public let outcome: Outcome
    }

    public let result: Outcome
    /// In the order of the source text, outer parts first; literals are left out.
    public let parts: [Part]
    /// In nodes, elements and bytes.
    public let cost: Int
}

/// Which outcomes the boolean parts of an expression have had, over any number of evaluations.
public final class Coverage {
    public let program: Program
    private let outcomes: UnsafeMutablePointer<UInt8>

    /// - Parameter program: built with probes (`Program.instrumented`).
    init(_ program: Program) {
        self.program = program
        outcomes = .allocate(capacity: program.checked.ast.count)
        outcomes.initialize(repeating: 0, count: program.checked.ast.count)
    }

    deinit { outcomes.deallocate() }

    package func run(in context: EvaluationContext, budget: Int = EvaluationContext.defaultBudget) -> Value {
        program.run(in: context, budget: budget, probes: nil, outcomes: outcomes)
    }

    /// Evaluates with variables by name, counting what happens.
    public func evaluate(_ inputs: [String: CELValue]) throws(EvaluationError) -> CELValue {
        let context = EvaluationContext(program.checked.environment)
        try context.bind(inputs)
        let value = run(in: context)
        if value.tag == .error { throw program.error(value) }
        return try CELValue.copy(value)
    }

    /// Every boolean part that stands in the source, with what it has been.
    public var parts: [(node: ExprID, range: SourceRange, wasTrue: Bool, wasFalse: Bool)] {
        let ast = program.checked.ast
        return (0..<ast.count).compactMap { index in
            guard program.checked.types[index] == .bool, program.visits(ExprID(index)) else { return nil }
            if case .literal = ast[ExprID(index)] { return nil }
            let seen = outcomes[index]
            return (ExprID(index), ast.range(of: ExprID(index)), seen & 2 != 0, seen & 1 != 0)
        }
    }

    /// The boolean parts that have not been both true and false, with what they have been.
    public var gaps: [(range: SourceRange, wasTrue: Bool, wasFalse: Bool)] {
        parts.filter { !($0.wasTrue && $0.wasFalse) }.map { ($0.range, $0.wasTrue, $0.wasFalse) }
    }
}

extension Program {
    /// The same expression with every part kept apart and recorded.
    public func instrumented() throws(CompileError) -> Program {
        try Program(checked, layouts: layouts, isInstrumented: true)
    }

    /// Collects the outcomes of boolean parts.
    public func coverage() throws(CompileError) -> Coverage { Coverage(try instrumented()) }

    /// Whether a node stands in the source: the pieces of a macro's expansion that nobody wrote do not.
    func visits(_ id: ExprID) -> Bool {
        if case .call("@not_strictly_false", _, _) = checked.ast[id] { return false }
        return probed.contains(id) && checked.ast.inlined[id] == nil
    }

    /// Evaluates with variables by name and says what every part came to.
    public func explain(_ inputs: [String: CELValue]) throws(EvaluationError) -> Explanation {
        let context = EvaluationContext(checked.environment)
        try context.bind(inputs)
        return explain(in: context)
    }

    /// Evaluates with the roots bound in `context` and says what every part came to.
    package func explain(in context: EvaluationContext) -> Explanation {
        let program: Program
        do throws(CompileError) { program = try instrumented() } catch {
            // What was planned once is planned again.
            preconditionFailure("\(error)")
        }
        let (value, values) = program.record(in: context)
        let ast = checked.ast
        var parts: [Explanation.Part] = []
        for index in 0..<ast.count where program.visits(ExprID(index)) {
            if case .literal = ast[ExprID(index)] { continue }
            parts.append(
                Explanation.Part(
                    node: ExprID(index), range: ast.range(of: ExprID(index)), outcome: outcome(values[index])))
        }
        parts.sort { ($0.range.start, -$0.range.end) < ($1.range.start, -$1.range.end) }
        return Explanation(result: outcome(value), parts: parts, cost: context.cost)
    }

    /// Evaluates a program with probes: its value and those of its nodes, absent where none was computed.
    func record(in context: EvaluationContext) -> (Value, [Value]) {
        var values = [Value](repeating: .absent, count: checked.ast.count)
        let value = values.withUnsafeMutableBufferPointer {
            run(in: context, budget: EvaluationContext.defaultBudget, probes: $0.baseAddress, outcomes: nil)
        }
        return (value, values)
    }

    private func outcome(_ value: Value) -> Explanation.Outcome {
        switch value.tag {
        case .absent: return .notEvaluated
        case .error: return .failed(error(value))
        default:
            do throws(EvaluationError) { return .value(try CELValue.copy(value)) } catch { return .failed(error) }
        }
    }
}
