// What an expression can cost at most, before it ever runs: a bound in the units of the evaluation's budget (a unit for
// each node, element and byte), for inputs of a stated size. For people who write rules; the budget itself is the guard.

/// Sizes of what an expression reads, for an estimate.
public struct InputSizes: Sendable {
    /// Elements of a list or map.
    public var elements: UInt64
    /// Bytes of a string.
    public var bytes: UInt64

    /// What a large token or body brings.
    public static let typical = InputSizes(elements: 1_000, bytes: 8 * 1024)

    public init(elements: UInt64, bytes: UInt64) {
        self.elements = elements
        self.bytes = bytes
    }
}

extension CheckedExpression {
    /// The cost when every branch is taken and every list and string of the input is of the given size. `UInt64.max` when
    /// it is beyond counting.
    public func worstCaseCost(_ sizes: InputSizes = .typical) -> UInt64 {
        WorstCaseCost(checked: self, sizes: sizes).measure(ast.root).cost
    }
}

private struct WorstCaseCost {
    /// The cost of evaluating a node, and elements or bytes of what it gives.
    struct Measure {
        var cost: UInt64
        var size: UInt64
    }

    let checked: CheckedExpression
    let sizes: InputSizes

    func measure(_ id: ExprID) -> Measure {
        switch checked.ast[id] {
        case .literal(let literal): return Measure(cost: 1, size: size(literal))
        case .ident: return Measure(cost: 1, size: inputSize(id))
        case .select(let operand, _, _, _):
            if case .variable = checked.references[Int(id.index)] { return Measure(cost: 1, size: inputSize(id)) }
            return Measure(cost: add(measure(operand).cost, 1), size: inputSize(id))
        case .call(let function, let target, let arguments):
            return call(function, (target.map { [measure($0)] } ?? []) + arguments.map(measure), id)
        case .list(let elements, _):
            let cost = elements.reduce(1) { add($0, measure($1).cost) }
            return Measure(cost: add(cost, UInt64(elements.count)), size: UInt64(elements.count))
        case .map(let entries):
            let cost = entries.reduce(1) { add(add($0, measure($1.key).cost), measure($1.value).cost) }
            return Measure(cost: add(cost, UInt64(entries.count)), size: UInt64(entries.count))
        case .message(_, let fields):
            return Measure(cost: fields.reduce(1) { add($0, measure($1.value).cost) }, size: UInt64(fields.count))
        case .comprehension(let fold):
            let range = measure(fold.range)
            let turn = add(measure(fold.condition).cost, measure(fold.step).cost)
            let ends = add(measure(fold.initial).cost, measure(fold.result).cost)
            let cost = add(add(range.cost, ends), multiply(range.size, add(turn, 1)))
            // What is bound is as large as its value; what is built, as its range.
            let result = range.size == 0 ? measure(fold.result).size : range.size
            return Measure(cost: cost, size: result)
        }
    }

    private func call(_ function: String, _ operands: [Measure], _ id: ExprID) -> Measure {
        let cost = operands.reduce(1) { add($0, $1.cost) }
        let sum = operands.reduce(0) { add($0, $1.size) }
        switch function {
        case "_&&_", "_||_", "!_", "-_", "_-_", "_*_", "_/_", "_%_", "_[_]", "_[?_]", "@not_strictly_false", "size",
            "dyn", "type":
            return Measure(cost: cost, size: inputSize(id))
        case "_?_:_": return Measure(cost: cost, size: operands.map(\.size).max() ?? 0)
        // Both operands are gone through at most once.
        case "_+_": return Measure(cost: add(cost, sum), size: sum)
        case "replace", "regexReplace", "join", "format":
            let product = operands.reduce(1) { multiply($0, max(1, $1.size)) }
            return Measure(cost: add(cost, product), size: product)
        case "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in": return Measure(cost: add(cost, sum), size: 1)
        default: return Measure(cost: add(cost, sum), size: max(sum, inputSize(id)))
        }
    }

    private func size(_ literal: Literal) -> UInt64 {
        switch literal {
        case .string(let text): UInt64(text.utf8.count)
        case .bytes(let bytes): UInt64(bytes.count)
        default: 1
        }
    }

    private func inputSize(_ id: ExprID) -> UInt64 {
        switch checked.types[Int(id.index)] {
        case .null, .bool, .int, .uint, .double, .timestamp, .duration, .type: 1
        case .string, .bytes, .nullable: sizes.bytes
        case .list, .map, .object, .opaque: sizes.elements
        default: max(sizes.elements, sizes.bytes)
        }
    }

    private func add(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }

    private func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? .max : product
    }
}
