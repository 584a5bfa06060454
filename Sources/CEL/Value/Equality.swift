// Equality and order (language definition, "Equality", "Ordering"): numbers compare by value across their types, values of
// different kinds are unequal, and NaN equals nothing.

#if canImport(Glibc)
import Glibc
#endif

enum Equality {
    /// A bool, or unknown when the answer hangs on a part that is. Pays for what it compares inside of lists and maps:
    /// one that holds another several times is larger than the memory it takes, by a power of its depth.
    @inline(__always)
    static func areEqual(_ a: Value, _ b: Value, _ scope: EvaluationScope) -> Value {
        if a.tag == b.tag {
            switch a.tag {
            case .string: return .bool(Value.sameRun(a, b))
            case .int, .uint, .bool: return .bool(a.payload == b.payload)
            default: break
            }
        }
        return general(a, b, scope)
    }

    private static func general(_ a: Value, _ b: Value, _ scope: EvaluationScope) -> Value {
        switch (a.tag, b.tag) {
        case (.unknown, _): return a
        case (_, .unknown): return b
        case (.list, .list): return lists(a, b, scope)
        case (.map, .map): return maps(a, b, scope)
        case (.optional, .optional):
            let (x, y) = (a.wrapped, b.wrapped)
            if x.tag == .absent || y.tag == .absent { return .bool(x.tag == y.tag) }
            guard scope.spend(1) else { return EvaluationScope.overBudget }
            return areEqual(x, y, scope)
        default: return .bool(areEqualScalars(a, b))
        }
    }

    /// For values that contain none, as the keys of maps.
    static func areEqualScalars(_ a: Value, _ b: Value) -> Bool {
        switch (a.tag, b.tag) {
        case (.null, .null): true
        case (.string, .string), (.bytes, .bytes), (.type, .type): Value.sameRun(a, b)
        case (.int, .int), (.uint, .uint), (.bool, .bool), (.duration, .duration): a.payload == b.payload
        case (.timestamp, .timestamp): a.payload == b.payload && a.length == b.length
        case (.record, .record): a.payload == b.payload
        case (.ip, .ip), (.cidr, .cidr): Network.equal(a, b)
        default: a.isNumber && b.isNumber && equalNumbers(a, b)
        }
    }

    private static func lists(_ a: Value, _ b: Value, _ scope: EvaluationScope) -> Value {
        guard a.length == b.length else { return .bool(false) }
        let (x, y) = (a.elements, b.elements)
        var unknown = Value.absent
        for i in 0..<x.count {
            guard scope.spend(1 + min(x[i].weight, y[i].weight)) else { return EvaluationScope.overBudget }
            let equal = areEqual(x[i], y[i], scope)
            if equal.isFalse || equal.tag == .error { return equal }
            if equal.tag == .unknown { unknown = equal }
        }
        return unknown.tag == .unknown ? unknown : .bool(true)
    }

    private static func maps(_ a: Value, _ b: Value, _ scope: EvaluationScope) -> Value {
        guard a.length == b.length else { return .bool(false) }
        var unknown = Value.absent
        for entry in a.entries {
            let other = b.member(entry.key)
            if other.tag == .absent { return .bool(false) }
            guard scope.spend(1 + min(entry.value.weight, other.weight)) else { return EvaluationScope.overBudget }
            let equal = areEqual(entry.value, other, scope)
            if equal.isFalse || equal.tag == .error { return equal }
            if equal.tag == .unknown { unknown = equal }
        }
        return unknown.tag == .unknown ? unknown : .bool(true)
    }

    enum Order { case less, equal, greater, unordered }

    private static func order<T: Comparable>(_ a: T, _ b: T) -> Order {
        a < b ? .less : a == b ? .equal : a > b ? .greater : .unordered
    }

    /// Exact, also where a double cannot hold the integer: keys of maps are looked up by this.
    private static func equalNumbers(_ a: Value, _ b: Value) -> Bool {
        switch (a.tag, b.tag) {
        case (.int, .double): Int64(exactly: b.asDouble) == a.asInt
        case (.double, .int): Int64(exactly: a.asDouble) == b.asInt
        case (.uint, .double): UInt64(exactly: b.asDouble) == a.asUInt
        case (.double, .uint): UInt64(exactly: a.asDouble) == b.asUInt
        default: compareNumbers(a, b) == .equal
        }
    }

    /// Integers compare with doubles as doubles: the conformance suite asks that 2⁶³−1 be not less than 2⁶³ as a double.
    static func compareNumbers(_ a: Value, _ b: Value) -> Order {
        switch (a.tag, b.tag) {
        case (.int, .int): order(a.asInt, b.asInt)
        case (.uint, .uint): order(a.asUInt, b.asUInt)
        case (.double, .double): order(a.asDouble, b.asDouble)
        case (.int, .uint): a.asInt < 0 ? .less : order(UInt64(a.asInt), b.asUInt)
        case (.uint, .int): b.asInt < 0 ? .greater : order(a.asUInt, UInt64(b.asInt))
        case (.int, .double): order(Double(a.asInt), b.asDouble)
        case (.uint, .double): order(Double(a.asUInt), b.asDouble)
        case (.double, .int): order(a.asDouble, Double(b.asInt))
        case (.double, .uint): order(a.asDouble, Double(b.asUInt))
        default: .unordered
        }
    }

    /// nil when the two have no order.
    static func compare(_ a: Value, _ b: Value) -> Order? {
        if a.isNumber, b.isNumber { return compareNumbers(a, b) }
        guard a.tag == b.tag else { return nil }
        switch a.tag {
        case .bool: return order(a.payload, b.payload)
        case .string, .bytes: return compare(a.run, b.run)
        case .duration: return order(a.asInt, b.asInt)
        case .timestamp:
            let seconds = order(a.asInt, b.asInt)
            return seconds == .equal ? order(a.length, b.length) : seconds
        default: return nil
        }
    }

    /// By bytes, which for UTF-8 is by code points.
    static func compare(_ a: Bytes, _ b: Bytes) -> Order {
        let common = min(a.count, b.count)
        if common > 0, let x = a.baseAddress, let y = b.baseAddress {
            let difference = memcmp(x, y, common)
            if difference != 0 { return difference < 0 ? .less : .greater }
        }
        return order(a.count, b.count)
    }
}
