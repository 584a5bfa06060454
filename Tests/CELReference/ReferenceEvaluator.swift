// The language as plainly as it can be written: safe enum values, a walk over the tree, one case a rule of the
// specification, nothing shared with the planned evaluator but the tree. Slow, and its oracle: in the unit tests, on the
// conformance suite, on generated expressions and in the fuzzer.

import CEL

public enum ReferenceResult: Equatable {
    case value(CELValue)
    case error
    /// The expression calls something that the reference does not know (`Reference.knows`).
    case unsupported(String)
}

public struct ReferenceEvaluator {
    struct Unsupported: Error { let function: String }
    /// An error of the language; which one is not compared.
    struct Failure: Error {}

    typealias Locals = [String: Result<CELValue, Failure>]

    let checked: CheckedExpression
    let variables: [String: CELValue]

    public init(_ checked: CheckedExpression, _ variables: [String: CELValue]) {
        self.checked = checked
        self.variables = variables
    }

    public func evaluate() -> ReferenceResult {
        do {
            return switch try evaluate(checked.ast.root, [:]) {
            case .success(let value): .value(value)
            case .failure: .error
            }
        } catch let unsupported as Unsupported {
            return .unsupported(unsupported.function)
        } catch { preconditionFailure("\(error)") }
    }

    private func evaluate(_ id: ExprID, _ locals: Locals) throws -> Result<CELValue, Failure> {
        if case .variable(let name) = checked.references[Int(id.index)] {
            return variables[name].map { .success($0) } ?? .failure(Failure())
        }
        if case .type(let type) = checked.references[Int(id.index)] { return .success(.type(Reference.name(of: type))) }
        do {
            return .success(try value(id, locals))
        } catch let failure as Failure { return .failure(failure) }
    }

    /// The value of a node whose parts must all have one.
    private func value(_ id: ExprID, _ locals: Locals) throws -> CELValue {
        switch checked.ast[id] {
        case .literal(let literal): return Reference.value(of: literal)
        case .ident(let name):
            guard let local = locals[name] else { throw Failure() }
            return try local.get()
        case .select(let operand, let field, let testOnly, let optional):
            let operand = try evaluate(operand, locals).get()
            if testOnly { return .bool(try Reference.has(operand, field)) }
            return optional
                ? try Reference.optionalMember(operand, .string(field)) : try Reference.member(operand, .string(field))
        case .list(let elements, let optional):
            var values: [CELValue] = []
            for (position, element) in elements.enumerated() {
                let value = try evaluate(element, locals).get()
                guard optional.contains(Int32(position)) else {
                    values.append(value)
                    continue
                }
                guard case .optional(let wrapped) = value else { throw Failure() }
                if let wrapped { values.append(wrapped) }
            }
            return .list(values)
        case .map(let entries):
            var result: [(key: CELValue, value: CELValue)] = []
            for entry in entries {
                let key = try evaluate(entry.key, locals).get()
                var value = try evaluate(entry.value, locals).get()
                if entry.optional {
                    guard case .optional(let wrapped) = value else { throw Failure() }
                    guard let wrapped else { continue }
                    value = wrapped
                }
                result = try Reference.inserting(key, value, in: result)
            }
            return .map(result)
        case .call(let function, let target, let arguments): return try call(id, function, target, arguments, locals)
        case .comprehension(let fold): return try comprehension(fold, locals)
        case .message: throw Failure()
        }
    }

    private func comprehension(_ fold: Expr.Comprehension, _ locals: Locals) throws -> CELValue {
        let elements: [(first: CELValue, second: CELValue)]
        switch try evaluate(fold.range, locals).get() {
        case .list(let list):
            elements = list.enumerated().map {
                fold.variable2 == nil ? ($1, .null) : (.int(Int64($0)), $1)
            }
        case .map(let entries): elements = entries.map { ($0.key, $0.value) }
        default: throw Failure()
        }
        var inner = locals
        inner[fold.accumulator] = try evaluate(fold.initial, locals)
        for element in elements {
            inner[fold.variable] = .success(element.first)
            if let name = fold.variable2 { inner[name] = .success(element.second) }
            guard case .bool(let goesOn) = try evaluate(fold.condition, inner).get() else { throw Failure() }
            if !goesOn { break }
            inner[fold.accumulator] = try evaluate(fold.step, inner)
        }
        // The result sees the accumulator, and of the rest what is around the macro.
        var outer = locals
        outer[fold.accumulator] = inner[fold.accumulator]
        return try evaluate(fold.result, outer).get()
    }

    private func call(
        _ id: ExprID, _ function: String, _ target: ExprID?, _ arguments: [ExprID], _ locals: Locals
    ) throws -> CELValue {
        var name = function
        var receiver = target
        if case .function(let full, let isNamespaced) = checked.references[Int(id.index)] {
            name = full
            if isNamespaced { receiver = nil }
        }
        let operands = (receiver.map { [$0] } ?? []) + arguments
        switch (name, operands.count) {
        case ("_&&_", 2...) where receiver == nil, ("_||_", 2...) where receiver == nil:
            return try junction(decides: name == "_||_", operands, locals)
        case ("_?_:_", 3):
            guard case .bool(let yes) = try evaluate(operands[0], locals).get() else { throw Failure() }
            return try evaluate(operands[yes ? 1 : 2], locals).get()
        case ("@not_strictly_false", 1):
            if case .success(.bool(false)) = try evaluate(operands[0], locals) { return .bool(false) }
            return .bool(true)
        case ("or", 2) where receiver != nil, ("orValue", 2) where receiver != nil:
            guard case .optional(let wrapped) = try evaluate(operands[0], locals).get() else { throw Failure() }
            if let wrapped { return name == "or" ? .optional(wrapped) : wrapped }
            let other = try evaluate(operands[1], locals).get()
            if name == "or", case .optional = other { return other }
            if name == "or" { throw Failure() }
            return other
        // Which errors they forgive depends on the kind of error, which is not kept here.
        case ("default", _), ("coalesce", _): throw Unsupported(function: name)
        default: break
        }
        // An error in an argument is not known to be one before what cannot be compared is.
        let results = try operands.map { try evaluate($0, locals) }
        let values = try results.map { try $0.get() }
        guard let result = try Reference.call(name, values, isMember: receiver != nil) else {
            throw Unsupported(function: name)
        }
        return result
    }

    /// Commutative: an operand that decides, decides, whatever the others are.
    private func junction(decides: Bool, _ operands: [ExprID], _ locals: Locals) throws -> CELValue {
        var isCertain = true
        var unsupported: Unsupported?
        for operand in operands {
            do {
                switch try evaluate(operand, locals) {
                case .success(.bool(decides)): return .bool(decides)
                case .success(.bool): break
                default: isCertain = false
                }
            } catch let failure as Unsupported { unsupported = failure }
        }
        if let unsupported { throw unsupported }
        if isCertain { return .bool(!decides) }
        throw Failure()
    }
}
