// Makes expressions of all shapes out of random numbers, or out of a fuzzer's bytes: most of them well-typed, some not.

import CEL

/// Takes its numbers from bytes; ends with zeros, which lead to the simplest choice everywhere.
public struct ByteSource: RandomNumberGenerator {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    public mutating func next() -> UInt64 {
        // In the highest byte, which decides what is chosen out of a few.
        UInt64(rest.popFirst() ?? 0) << 56 | 0x55_5555
    }
}

public struct SourceGenerator<Random: RandomNumberGenerator> {
    /// What the expressions name.
    public static var inputs: [String: CELValue] {
        [
            "i": .int(3), "u": .uint(7), "d": .double(2.5), "s": .string("héllo"), "b": .bool(true),
            "l": .list([.int(1), .string("a"), .int(3)]), "z": .bytes([0xff, 0x61]),
            "t": .timestamp(seconds: 1_790_000_000, nanoseconds: 500_000_000), "r": .duration(5_400_000_000_000),
            "m": .map([("a", .int(1)), ("b", .map([("c", .string("x"))]))]),
        ]
    }

    private var random: Random
    private var names: [String] = []

    public init(_ random: Random) { self.random = random }

    private mutating func pick(_ choices: String...) -> String { choices.randomElement(using: &random) ?? "null" }
    private mutating func number(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

    public mutating func any(_ depth: Int) -> String {
        if depth == 0 { return pick("null", "m", "m.b", "m['b'].c", "m.nope", "l", "int", "1.0", "2u") }
        let d = depth - 1
        switch number(14) {
        case 0..<3: return bool(d)
        case 3..<5: return int(d)
        case 5: return string(d)
        case 6: return list(d)
        case 7: return map(d)
        case 8: return double(d)
        case 9: return time(d)
        case 10: return optional(d) + pick("", ".orValue(\(any(d)))", ".hasValue()", ".value()")
        case 11: return "type(\(any(d)))"
        case 12: return "cel.bind(\(bound()), \(any(d)), \(release(any(d))))"
        default: return names.isEmpty ? pick("u", "z", "bytes(s)") : names[number(names.count)]
        }
    }

    /// Declares a name for what is made next, until `release`.
    private mutating func bound() -> String {
        let name = pick("x", "y", "i")
        names.append(name)
        return name
    }

    private mutating func release(_ text: String) -> String {
        names.removeLast()
        return text
    }

    private mutating func macro(_ range: String, _ macro: String, _ body: (inout Self) -> String) -> String {
        let name = bound()
        return release("\(range).\(macro)(\(name), \(body(&self)))")
    }

    private mutating func twoVariables(_ range: String, _ macro: String, _ body: (inout Self) -> String) -> String {
        names += ["k", "v"]
        defer { names.removeLast(2) }
        return "\(range).\(macro)(k, v, \(body(&self)))"
    }

    public mutating func bool(_ depth: Int) -> String {
        if depth == 0 { return pick("true", "false", "b", "has(m.a)", "has(m.b.d)", "'a' in m") }
        let d = depth - 1
        switch number(14) {
        case 0, 1: return "(\(bool(d)) && \(any(d)))"
        case 2, 3: return "(\(bool(d)) || \(any(d)))"
        case 4: return "!\(bool(d))"
        case 5: return "(\(any(d)) \(pick("==", "!=")) \(any(d)))"
        case 6: return "(\(int(d)) \(pick("<", "<=", ">", ">=")) \(pick(int(d), double(d), "u")))"
        case 7: return "(\(any(d)) in \(pick(list(d), map(d))))"
        case 8: return "\(string(d)).\(pick("startsWith", "endsWith", "contains"))(\(string(d)))"
        case 9, 10: return macro(list(d), pick("all", "exists", "exists_one")) { $0.bool(d) }
        case 11: return twoVariables(pick(map(d), list(d)), pick("all", "exists", "existsOne")) { $0.bool(d) }
        case 12: return "sets.\(pick("contains", "equivalent", "intersects"))(\(list(d)), \(list(d)))"
        default: return "(\(any(d)) ? \(bool(d)) : \(bool(d)))"
        }
    }

    public mutating func int(_ depth: Int) -> String {
        if depth == 0 { return pick("0", "1", "3", "i", "-5", "m.a", "9223372036854775807", "-9223372036854775808") }
        let d = depth - 1
        switch number(9) {
        case 0, 1: return "(\(int(d)) \(pick("+", "-", "*", "/", "%")) \(int(d)))"
        case 2: return "size(\(any(d)))"
        case 3: return "\(list(d))[\(int(d))]"
        case 4: return "int(\(pick(double(d), string(d), "u", "t")))"
        case 5: return "\(time(d)).get\(pick("FullYear", "Month", "DayOfYear", "Hours", "Milliseconds"))()"
        case 6: return "math.\(pick("abs", "sign", "bitNot"))(\(int(d)))"
        case 7: return "math.\(pick("greatest", "least"))(\(int(d)), \(double(d)))"
        default: return "(\(bool(d)) ? \(int(d)) : \(any(d)))"
        }
    }

    private mutating func double(_ depth: Int) -> String {
        if depth == 0 { return pick("0.0", "-1.5", "d", "1e300", "double('NaN')", "9223372036854775807.0") }
        let d = depth - 1
        switch number(3) {
        case 0: return "(\(double(d)) \(pick("+", "-", "*", "/")) \(double(d)))"
        case 1: return "double(\(pick(int(d), string(d), "u")))"
        default: return "math.\(pick("ceil", "round", "trunc", "sqrt"))(\(double(d)))"
        }
    }

    private mutating func time(_ depth: Int) -> String {
        if depth == 0 {
            return pick(
                "t", "r", "timestamp(0)", "timestamp('2024-02-29T23:59:59.5+01:00')", "duration('-1h30m')",
                "timestamp('0001-01-01T00:00:00Z')", "duration('106751d')")
        }
        return pick("(\(time(depth - 1)) + \(time(depth - 1)))", "(\(time(depth - 1)) - \(time(depth - 1)))")
    }

    public mutating func string(_ depth: Int) -> String {
        if depth == 0 { return pick("''", "'a'", "s", "'hé'", "m.b.c", "'a,b,,c'", "'-12'") }
        let d = depth - 1
        switch number(7) {
        case 0, 1: return "(\(string(d)) + \(string(d)))"
        case 2: return "string(\(pick(int(d), bool(d), "u", "z", time(d))))"
        case 3: return "\(string(d)).substring(\(int(0))\(pick("", ", 3")))"
        case 4: return "\(string(d)).replace(\(string(d)), \(string(d))\(pick("", ", 1", ", 0")))"
        case 5: return "\(string(d)).\(pick("trim", "reverse", "lowerAscii", "upperAscii"))()"
        default: return "\(string(d)).split(\(string(d))).join(\(string(d)))"
        }
    }

    private mutating func optional(_ depth: Int) -> String {
        if depth == 0 { return pick("optional.none()", "m.?a", "m.?b.c", "m[?'z']", "l[?1]", "optional.of(1)") }
        let d = depth - 1
        return pick(
            "optional.ofNonZeroValue(\(any(d)))", "\(list(d)).first()", "\(optional(d)).or(\(optional(d)))",
            macro(optional(d), "optMap") { $0.any(d) })
    }

    private mutating func map(_ depth: Int) -> String {
        if depth == 0 { return pick("m", "{}", "{'a': 1, 'b': 2}", "{1: 'x', 2u: 'y'}") }
        let d = depth - 1
        switch number(4) {
        case 0: return "{\(any(d)): \(any(d)), ?'o': \(optional(d))}"
        case 1: return twoVariables(pick(map(d), list(d)), "transformMap") { $0.any(d) }
        case 2: return twoVariables(map(d), "transformMapEntry") { "{\($0.string(d)): \($0.any(d))}" }
        default: return "{\(string(d)): \(any(d)), 'q': \(any(d))}"
        }
    }

    private mutating func list(_ depth: Int) -> String {
        if depth == 0 { return pick("[]", "[1, 2, 3]", "['a', 'b']", "l", "m", "[1, 1.0, 'x', [2]]") }
        let d = depth - 1
        switch number(8) {
        case 0: return "[\(any(d)), ?\(optional(d)), \(any(d))]"
        case 1, 2: return macro(list(d), "map") { $0.any(d) }
        case 3: return macro(list(d), "filter") { $0.bool(d) }
        case 4: return twoVariables(pick(map(d), list(d)), "transformList") { $0.any(d) }
        case 5: return "\(list(d)).\(pick("distinct", "flatten", "reverse", "sort"))()"
        case 6: return macro(list(d), "sortBy") { $0.any(d) }
        default: return "(\(list(d)) + \(list(d)))"
        }
    }
}
