// The reference's operators: members, equality, order and arithmetic on ordinary values. Every function returns, or throws
// a `Failure`.

import CEL

enum Reference {
    typealias Failure = ReferenceEvaluator.Failure

    static func value(of literal: Literal) -> CELValue {
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

    static func name(of type: CELType) -> String {
        switch type {
        case .list: "list"
        case .map: "map"
        case .type: "type"
        case .opaque(let name, _): name
        default: type.description
        }
    }

    // MARK: Members

    static func has(_ operand: CELValue, _ field: String) throws -> Bool {
        switch operand {
        case .map(let entries): return find(.string(field), in: entries) != nil
        case .optional(nil): return false
        case .optional(let wrapped?): return try has(wrapped, field)
        default: throw Failure()
        }
    }

    static func find(_ key: CELValue, in entries: [(key: CELValue, value: CELValue)]) -> CELValue? {
        entries.first { equal($0.key, key) }?.value
    }

    /// Nil when there is no such member; a failure when there cannot be one.
    private static func found(_ operand: CELValue, _ key: CELValue) throws -> CELValue? {
        switch (operand, key) {
        case (.map(let entries), .string), (.map(let entries), .int), (.map(let entries), .uint),
            (.map(let entries), .bool), (.map(let entries), .double):
            return find(key, in: entries)
        case (.list(let list), .int(let index)): return element(list, Int(exactly: index))
        case (.list(let list), .uint(let index)): return element(list, Int(exactly: index))
        case (.list(let list), .double(let index)):
            guard let whole = Int(exactly: index) else { throw Failure() }
            return element(list, whole)
        default: throw Failure()
        }
    }

    private static func element(_ list: [CELValue], _ index: Int?) -> CELValue? {
        index.flatMap { list.indices.contains($0) ? list[$0] : nil }
    }

    static func member(_ operand: CELValue, _ key: CELValue) throws -> CELValue {
        if case .optional = operand { return try optionalMember(operand, key) }
        guard let value = try found(operand, key) else { throw Failure() }
        return value
    }

    static func optionalMember(_ operand: CELValue, _ key: CELValue) throws -> CELValue {
        switch operand {
        case .optional(nil): operand
        case .optional(let wrapped?): .optional(try found(wrapped, key))
        default: .optional(try found(operand, key))
        }
    }

    static func inserting(
        _ key: CELValue, _ value: CELValue, in entries: [(key: CELValue, value: CELValue)]
    ) throws -> [(key: CELValue, value: CELValue)] {
        switch key {
        case .string, .int, .uint, .bool: break
        default: throw Failure()
        }
        guard find(key, in: entries) == nil else { throw Failure() }
        return entries + [(key, value)]
    }

    // MARK: Equality and order

    static func equal(_ a: CELValue, _ b: CELValue) -> Bool {
        switch (a, b) {
        case (.double(let x), .double(let y)): x == y
        case (.int(let x), .double(let y)), (.double(let y), .int(let x)): Int64(exactly: y) == x
        case (.uint(let x), .double(let y)), (.double(let y), .uint(let x)): UInt64(exactly: y) == x
        case (.int(let x), .uint(let y)), (.uint(let y), .int(let x)): UInt64(exactly: x) == y
        case (.list(let x), .list(let y)): x.count == y.count && zip(x, y).allSatisfy { equal($0, $1) }
        case (.map(let x), .map(let y)):
            x.count == y.count
                && x.allSatisfy { p in find(p.key, in: y).map { equal(p.value, $0) } ?? false }
        case (.optional(let x?), .optional(let y?)): equal(x, y)
        default: a == b
        }
    }

    /// Whether `a` comes before `b`. Integers are compared with doubles as doubles.
    static func less(_ a: CELValue, _ b: CELValue) throws -> Bool {
        switch (a, b) {
        case (.int(let x), .int(let y)): return x < y
        case (.uint(let x), .uint(let y)): return x < y
        case (.double(let x), .double(let y)): return x < y
        case (.int(let x), .uint(let y)): return x < 0 || UInt64(x) < y
        case (.uint(let x), .int(let y)): return y > 0 && x < UInt64(y)
        case (.int(let x), .double(let y)): return Double(x) < y
        case (.double(let x), .int(let y)): return x < Double(y)
        case (.uint(let x), .double(let y)): return Double(x) < y
        case (.double(let x), .uint(let y)): return x < Double(y)
        case (.string(let x), .string(let y)): return x.utf8.lexicographicallyPrecedes(y.utf8)
        case (.bytes(let x), .bytes(let y)): return x.lexicographicallyPrecedes(y)
        case (.bool(let x), .bool(let y)): return !x && y
        case (.duration(let x), .duration(let y)): return x < y
        case (.timestamp(let s, let n), .timestamp(let t, let m)): return (s, n) < (t, m)
        default: throw Failure()
        }
    }

    private static func isNaN(_ value: CELValue) -> Bool {
        if case .double(let x) = value { x.isNaN } else { false }
    }

    static func ordered(_ operation: String, _ a: CELValue, _ b: CELValue) throws -> Bool {
        let isLess = try less(a, b)
        let isGreater = try less(b, a)
        if isNaN(a) || isNaN(b) { return false }
        return switch operation {
        case "_<_": isLess
        case "_<=_": !isGreater
        case "_>_": isGreater
        default: !isLess
        }
    }

    // MARK: Arithmetic

    static func checked<T>(_ result: (partialValue: T, overflow: Bool)) throws -> T {
        if result.overflow { throw Failure() }
        return result.partialValue
    }

    static func arithmetic(_ operation: String, _ a: CELValue, _ b: CELValue) throws -> CELValue {
        switch (operation, a, b) {
        case ("_+_", .int(let x), .int(let y)): return .int(try checked(x.addingReportingOverflow(y)))
        case ("_-_", .int(let x), .int(let y)): return .int(try checked(x.subtractingReportingOverflow(y)))
        case ("_*_", .int(let x), .int(let y)): return .int(try checked(x.multipliedReportingOverflow(by: y)))
        case ("_/_", .int(let x), .int(let y)): return .int(try checked(x.dividedReportingOverflow(by: y)))
        case ("_%_", .int(let x), .int(let y)): return .int(try checked(x.remainderReportingOverflow(dividingBy: y)))
        case ("_+_", .uint(let x), .uint(let y)): return .uint(try checked(x.addingReportingOverflow(y)))
        case ("_-_", .uint(let x), .uint(let y)): return .uint(try checked(x.subtractingReportingOverflow(y)))
        case ("_*_", .uint(let x), .uint(let y)): return .uint(try checked(x.multipliedReportingOverflow(by: y)))
        case ("_/_", .uint(let x), .uint(let y)): return .uint(try checked(x.dividedReportingOverflow(by: y)))
        case ("_%_", .uint(let x), .uint(let y)): return .uint(try checked(x.remainderReportingOverflow(dividingBy: y)))
        case ("_+_", .double(let x), .double(let y)): return .double(x + y)
        case ("_-_", .double(let x), .double(let y)): return .double(x - y)
        case ("_*_", .double(let x), .double(let y)): return .double(x * y)
        case ("_/_", .double(let x), .double(let y)): return .double(x / y)
        case ("_+_", .string(let x), .string(let y)): return .string(x + y)
        case ("_+_", .bytes(let x), .bytes(let y)): return .bytes(x + y)
        case ("_+_", .list(let x), .list(let y)): return .list(x + y)
        case ("_+_", .duration(let x), .duration(let y)): return .duration(try checked(x.addingReportingOverflow(y)))
        case ("_-_", .duration(let x), .duration(let y)):
            return .duration(try checked(x.subtractingReportingOverflow(y)))
        case ("_+_", .timestamp(let s, let n), .duration(let d)), ("_+_", .duration(let d), .timestamp(let s, let n)):
            return try ReferenceTime.timestamp(ReferenceTime.nanoseconds(s, n) + Int128(d))
        case ("_-_", .timestamp(let s, let n), .duration(let d)):
            return try ReferenceTime.timestamp(ReferenceTime.nanoseconds(s, n) - Int128(d))
        case ("_-_", .timestamp(let s, let n), .timestamp(let t, let m)):
            let difference = ReferenceTime.nanoseconds(s, n) - ReferenceTime.nanoseconds(t, m)
            guard let fits = Int64(exactly: difference) else { throw Failure() }
            return .duration(fits)
        default: throw Failure()
        }
    }
}
