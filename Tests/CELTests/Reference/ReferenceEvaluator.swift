// The language's core as plainly as it can be written: safe enum values, a walk over the tree, one case a rule of the
// specification. Slow, and the oracle of the planned evaluator.

@testable import CEL

enum ReferenceResult: Equatable {
    case value(CELValue)
    case error
}

struct ReferenceEvaluator {
    let ast: AST
    let variables: [String: CELValue]

    func evaluate() -> ReferenceResult { evaluate(ast.root, [:]) }

    private func evaluate(_ id: ExprID, _ locals: [String: CELValue?]) -> ReferenceResult {
        switch ast[id] {
        case .literal(let literal): return .value(ReferenceEvaluator.value(literal))
        case .ident(let name):
            if let local = locals[name] { return local.map { .value($0) } ?? .error }
            return variables[name].map { .value($0) } ?? .error
        case .select(let operand, let field, let testOnly, _):
            guard case .value(.map(let entries)) = evaluate(operand, locals) else { return .error }
            let found = entries.first { $0.key == .string(field) }
            if testOnly { return .value(.bool(found != nil)) }
            return found.map { .value($0.value) } ?? .error
        case .list(let elements, _):
            var values: [CELValue] = []
            for element in elements {
                guard case .value(let value) = evaluate(element, locals) else { return .error }
                values.append(value)
            }
            return .value(.list(values))
        case .map(let entries):
            var result: [(key: CELValue, value: CELValue)] = []
            for entry in entries {
                guard case .value(let key) = evaluate(entry.key, locals),
                    case .value(let value) = evaluate(entry.value, locals), ReferenceEvaluator.isKey(key),
                    !result.contains(where: { ReferenceEvaluator.equal($0.key, key) })
                else { return .error }
                result.append((key, value))
            }
            return .value(.map(result))
        case .call(let function, let target, let arguments):
            return call(function, (target.map { [$0] } ?? []) + arguments, locals)
        case .comprehension(let fold): return comprehension(fold, locals)
        case .message: return .error
        }
    }

    private func comprehension(_ fold: Expr.Comprehension, _ locals: [String: CELValue?]) -> ReferenceResult {
        let elements: [CELValue]
        switch evaluate(fold.range, locals) {
        case .value(.list(let list)): elements = list
        case .value(.map(let entries)): elements = entries.map(\.key)
        default: return .error
        }
        var inner = locals
        func set(_ name: String, _ result: ReferenceResult) {
            if case .value(let value) = result { inner[name] = .some(value) } else { inner[name] = .some(nil) }
        }
        set(fold.accumulator, evaluate(fold.initial, locals))
        for element in elements {
            set(fold.variable, .value(element))
            switch evaluate(fold.condition, inner) {
            case .value(.bool(true)): break
            case .value(.bool(false)): return finish(fold, inner)
            default: return .error
            }
            set(fold.accumulator, evaluate(fold.step, inner))
        }
        return finish(fold, inner)
    }

    private func finish(_ fold: Expr.Comprehension, _ locals: [String: CELValue?]) -> ReferenceResult {
        var outer = locals
        outer[fold.variable] = nil
        return evaluate(fold.result, outer)
    }

    private func call(_ function: String, _ arguments: [ExprID], _ locals: [String: CELValue?]) -> ReferenceResult {
        switch function {
        case "_&&_", "_||_":
            let decides = function == "_||_"
            let results = arguments.map { evaluate($0, locals) }
            if results.contains(.value(.bool(decides))) { return .value(.bool(decides)) }
            return results.allSatisfy { $0 == .value(.bool(!decides)) } ? .value(.bool(!decides)) : .error
        case "_?_:_":
            switch evaluate(arguments[0], locals) {
            case .value(.bool(let yes)): return evaluate(arguments[yes ? 1 : 2], locals)
            default: return .error
            }
        case "@not_strictly_false":
            return .value(.bool(evaluate(arguments[0], locals) != .value(.bool(false))))
        default: break
        }
        var values: [CELValue] = []
        for argument in arguments {
            guard case .value(let value) = evaluate(argument, locals) else { return .error }
            values.append(value)
        }
        return ReferenceEvaluator.strict(function, values).map { .value($0) } ?? .error
    }

    private static func strict(_ function: String, _ values: [CELValue]) -> CELValue? {
        switch (function, values.first, values.dropFirst().first) {
        case ("!_", .bool(let x)?, _): return .bool(!x)
        case ("-_", .int(let x)?, _): return x == .min ? nil : .int(-x)
        case ("_==_", let a?, let b?): return .bool(equal(a, b))
        case ("_!=_", let a?, let b?): return .bool(!equal(a, b))
        case ("_<_", let a?, let b?): return less(a, b).map { .bool($0) }
        case ("_>_", let a?, let b?): return less(b, a).map { .bool($0) }
        case ("_<=_", let a?, let b?): return less(b, a).map { .bool(!$0) }
        case ("_>=_", let a?, let b?): return less(a, b).map { .bool(!$0) }
        case ("_+_", .int(let a)?, .int(let b)?): return checked(a.addingReportingOverflow(b))
        case ("_-_", .int(let a)?, .int(let b)?): return checked(a.subtractingReportingOverflow(b))
        case ("_*_", .int(let a)?, .int(let b)?): return checked(a.multipliedReportingOverflow(by: b))
        case ("_/_", .int(let a)?, .int(let b)?): return checked(a.dividedReportingOverflow(by: b))
        case ("_%_", .int(let a)?, .int(let b)?): return checked(a.remainderReportingOverflow(dividingBy: b))
        case ("_+_", .string(let a)?, .string(let b)?): return .string(a + b)
        case ("_+_", .list(let a)?, .list(let b)?): return .list(a + b)
        case ("_[_]", .list(let list)?, .int(let i)?):
            return list.indices.contains(Int(i)) ? list[Int(i)] : nil
        case ("_[_]", .list(let list)?, .double(let i)?):
            return Int(exactly: i).flatMap { list.indices.contains($0) ? list[$0] : nil }
        case ("_[_]", .map(let entries)?, let key?): return entries.first { equal($0.key, key) }?.value
        case ("@in", let element?, .list(let list)?): return .bool(list.contains { equal($0, element) })
        case ("@in", let key?, .map(let entries)?): return .bool(entries.contains { equal($0.key, key) })
        case ("size", .string(let x)?, nil): return .int(Int64(x.unicodeScalars.count))
        case ("size", .list(let x)?, nil): return .int(Int64(x.count))
        case ("size", .map(let x)?, nil): return .int(Int64(x.count))
        case ("startsWith", .string(let a)?, .string(let b)?): return .bool(a.utf8.starts(with: b.utf8))
        case ("contains", .string(let a)?, .string(let b)?):
            let (x, y) = (Array(a.utf8), Array(b.utf8))
            return .bool(y.isEmpty || (0..<max(0, x.count - y.count + 1)).contains { x[$0...].starts(with: y) })
        default: return nil
        }
    }

    private static func checked(_ result: (partialValue: Int64, overflow: Bool)) -> CELValue? {
        result.overflow ? nil : .int(result.partialValue)
    }

    private static func isKey(_ value: CELValue) -> Bool {
        switch value {
        case .string, .int, .uint, .bool: true
        default: false
        }
    }

    private static func equal(_ a: CELValue, _ b: CELValue) -> Bool {
        switch (a, b) {
        case (.int(let x), .double(let y)), (.double(let y), .int(let x)): Int64(exactly: y) == x
        case (.double(let x), .double(let y)): x == y
        case (.list(let x), .list(let y)): x.count == y.count && zip(x, y).allSatisfy { equal($0, $1) }
        case (.map(let x), .map(let y)):
            x.count == y.count
                && x.allSatisfy { p in y.contains { equal($0.key, p.key) && equal($0.value, p.value) } }
        default: a == b
        }
    }

    private static func less(_ a: CELValue, _ b: CELValue) -> Bool? {
        switch (a, b) {
        case (.int(let x), .int(let y)): x < y
        case (.int(let x), .double(let y)): Double(x) < y
        case (.double(let x), .int(let y)): x < Double(y)
        case (.double(let x), .double(let y)): x < y
        case (.string(let x), .string(let y)): x.utf8.lexicographicallyPrecedes(y.utf8)
        case (.bool(let x), .bool(let y)): !x && y
        default: nil
        }
    }

    private static func value(_ literal: Literal) -> CELValue {
        switch literal {
        case .null: .null
        case .bool(let x): .bool(x)
        case .int(let x): .int(x)
        case .uint(let x): .uint(x)
        case .double(let x): .double(x)
        case .string(let x): .string(x)
        case .bytes(let x): .bytes(x)
        }
    }
}
