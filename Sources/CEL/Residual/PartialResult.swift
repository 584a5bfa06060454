// Partial evaluation: what a rule comes to while some of its inputs are unknown. As in cel-go: unknown beats error,
// `false && unknown` is false, and what is left is an expression over the unknown parts.

public enum PartialResult: Sendable {
    case value(CELValue)
    case failed(EvaluationError)
    /// What remains to be decided; `unparsed()` prints it.
    case residual(AST)
}

extension Program {
    /// Evaluates with variables by name; `CELValue.unknown`, as a variable or as a member of one, marks what is unknown.
    public func partiallyEvaluate(_ inputs: [String: CELValue]) throws(EvaluationError) -> PartialResult {
        let context = EvaluationContext(checked.environment)
        try context.bind(inputs)
        return partiallyEvaluate(in: context)
    }

    /// Evaluates with the roots bound in `context`.
    package func partiallyEvaluate(in context: EvaluationContext) -> PartialResult {
        let value = run(in: context)
        if value.tag == .error { return .failed(error(value)) }
        if value.tag != .unknown {
            do throws(EvaluationError) {
                let copy = try copy(value, in: context, atMost: CELValue.mostParts)
                // A value with a part that is not known is none yet.
                if !copy.holdsUnknown { return .value(copy) }
            } catch { return .failed(error) }
        }
        let program: Program
        do throws(CompileError) { program = try instrumented() } catch {
            // What was planned once is planned again.
            preconditionFailure("\(error)")
        }
        let (_, values) = program.record(in: context)
        var pruning = Pruning(ast: checked.ast, types: checked.types, values: values)
        pruning.prune(checked.ast.root)
        return .residual(pruning.ast)
    }
}

/// Replaces in place what is known by literals and drops the operands that no longer matter.
private struct Pruning {
    /// Longer lists and maps stay the expressions that they came from.
    static let mostLiteralParts = 65

    var ast: AST
    let types: [CELType]
    let values: [Value]

    private func value(_ id: ExprID) -> Value {
        // A node that pruning made has no recorded value.
        Int(id.index) < values.count ? values[Int(id.index)] : .absent
    }

    mutating func prune(_ id: ExprID) {
        let value = value(id)
        if value.tag != .absent, value.isKnown, CELValue.hasAtMost(Pruning.mostLiteralParts, in: value),
            let literal = literal(value, ast.range(of: id))
        {
            replace(id, by: literal)
            return
        }
        // A call of a custom function prints as it was written.
        if ast.inlinedCalls.contains(id) { return }
        switch ast[id] {
        case .call("_&&_", nil, let operands) where operands.count == 2: junction(id, operands, neutral: true)
        case .call("_||_", nil, let operands) where operands.count == 2: junction(id, operands, neutral: false)
        case .call("_?_:_", nil, let parts) where parts.count == 3:
            let condition = self.value(parts[0])
            if condition.tag == .bool {
                let taken = parts[condition.isTrue ? 1 : 2]
                prune(taken)
                become(id, taken)
            } else {
                prune(parts[0])
            }
        case .call("_[_]", nil, let parts), .call("_[?_]", nil, let parts):
            // The operand is on the way to what is unknown; as a literal it would lose that.
            if parts.count == 2 { prune(parts[1]) }
        case .call(_, let target, let arguments):
            if let target, self.value(target).tag != .absent { prune(target) }
            for argument in arguments { prune(argument) }
        case .list(let elements, _): for element in elements { prune(element) }
        case .map(let entries):
            for entry in entries {
                prune(entry.key)
                prune(entry.value)
            }
        // A fold's body has no one value, and macros print as they were written.
        case .comprehension, .select, .ident, .literal, .message: break
        }
    }

    private mutating func junction(_ id: ExprID, _ operands: [ExprID], neutral: Bool) {
        let (left, right) = (value(operands[0]), value(operands[1]))
        // `true && x` is x only where x is a bool for certain: otherwise it is an error that x alone is not.
        if left.tag == .bool, left.isTrue == neutral, isBool(operands[1]) {
            prune(operands[1])
            become(id, operands[1])
        } else if right.tag == .bool, right.isTrue == neutral, isBool(operands[0]) {
            prune(operands[0])
            become(id, operands[0])
        } else {
            prune(operands[0])
            prune(operands[1])
        }
    }

    private func isBool(_ id: ExprID) -> Bool {
        if Int(id.index) < types.count, types[Int(id.index)] == .bool { return true }
        return switch ast[id] {
        case .select(_, _, testOnly: true, _): true
        case .call("_==_", nil, _), .call("_!=_", nil, _), .call("!_", nil, _), .call("_&&_", nil, _),
            .call("_||_", nil, _), .call("@in", nil, _):
            true
        default: false
        }
    }

    private mutating func replace(_ id: ExprID, by expr: Expr) {
        ast[id] = expr
        ast.macroCalls[id] = nil
        ast.inlinedCalls.remove(id)
    }

    private mutating func become(_ id: ExprID, _ other: ExprID) {
        ast[id] = ast[other]
        ast.macroCalls[id] = ast.macroCalls[other]
        if ast.inlinedCalls.contains(other) { ast.inlinedCalls.insert(id) } else { ast.inlinedCalls.remove(id) }
    }

    /// The expression that evaluates to `value`; nil for values that have none, and for large ones.
    private mutating func literal(_ value: Value, _ range: SourceRange) -> Expr? {
        switch value.tag {
        case .null: return .literal(.null)
        case .bool: return .literal(.bool(value.isTrue))
        case .int: return .literal(.int(value.asInt))
        case .uint: return .literal(.uint(value.asUInt))
        case .double: return value.asDouble.isFinite ? .literal(.double(value.asDouble)) : nil
        case .string: return .literal(.string(value.text))
        case .bytes: return .literal(.bytes(Array(value.run)))
        case .timestamp:
            return call("timestamp", Timestamps.text(seconds: value.asInt, nanoseconds: value.length), range)
        case .duration: return call("duration", Durations.text(value.asInt), range)
        case .ip: return call("ip", Network.text(value), range)
        case .cidr: return call("cidr", Network.text(value), range)
        case .list:
            var elements: [ExprID] = []
            for element in value.elements {
                guard let expr = literal(element, range) else { return nil }
                elements.append(ast.add(expr, range))
            }
            return .list(elements: elements, optional: [])
        case .map:
            var entries: [Expr.MapEntry] = []
            for entry in value.entries {
                guard let key = literal(entry.key, range), let expr = literal(entry.value, range) else { return nil }
                entries.append(
                    Expr.MapEntry(key: ast.add(key, range), value: ast.add(expr, range), optional: false))
            }
            return .map(entries)
        default: return nil
        }
    }

    private mutating func call(_ function: String, _ text: String, _ range: SourceRange) -> Expr {
        .call(function: function, target: nil, arguments: [ast.add(.literal(.string(text)), range)])
    }
}
