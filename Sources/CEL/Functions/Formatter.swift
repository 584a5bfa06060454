// `"…".format([…])` of the strings extension.

#if canImport(Glibc)
import Glibc
#endif

struct Formatter {
    private let scope: EvaluationScope
    private var out = ""

    static func format(_ pattern: String, _ arguments: UnsafeBufferPointer<Value>, _ scope: EvaluationScope) -> Value {
        var formatter = Formatter(scope: scope)
        if let failure = formatter.run(Array(pattern.unicodeScalars), arguments) { return failure }
        return scope.arena.string(formatter.out)
    }

    private init(scope: EvaluationScope) { self.scope = scope }

    private mutating func run(_ pattern: [Unicode.Scalar], _ arguments: UnsafeBufferPointer<Value>) -> Value? {
        var position = 0
        var next = 0
        while position < pattern.count {
            let scalar = pattern[position]
            position += 1
            guard scalar == "%" else {
                out.unicodeScalars.append(scalar)
                continue
            }
            guard position < pattern.count else { return invalid("a format ends with '%'") }
            if pattern[position] == "%" {
                position += 1
                out += "%"
                continue
            }
            var precision: Int?
            if pattern[position] == "." {
                position += 1
                var value = 0
                var digits = 0
                while position < pattern.count, (0x30...0x39).contains(pattern[position].value), digits < 4 {
                    value = value * 10 + Int(pattern[position].value - 0x30)
                    digits += 1
                    position += 1
                }
                // More digits than any double has.
                guard digits > 0, value <= 1000 else { return invalid("a format's precision is a number up to 1000") }
                precision = value
            }
            guard position < pattern.count else { return invalid("a format ends within a clause") }
            let verb = pattern[position]
            position += 1
            guard "sdfebxXo".unicodeScalars.contains(verb) else {
                return invalid("a format has no clause '%\(verb)'")
            }
            guard next < arguments.count else { return .error(.outOfRange, "a format has more clauses than arguments") }
            let argument = arguments[next]
            next += 1
            guard let text = text(verb, argument, precision) else {
                return scope.arena.error(
                    .noSuchOverload, "'%\(verb)' cannot format a value of type \(argument.typeName)")
            }
            guard scope.spend(1 + text.utf8.count >> 3) else { return EvaluationScope.overBudget }
            out += text
        }
        return nil
    }

    private func invalid(_ message: String) -> Value { scope.arena.error(.invalidArgument, message) }

    private func text(_ verb: Unicode.Scalar, _ value: Value, _ precision: Int?) -> String? {
        switch verb {
        case "s":
            var shown = ""
            return display(value, &shown) ? shown : nil
        case "d":
            switch value.tag {
            case .int: return String(value.asInt)
            case .uint: return String(value.asUInt)
            case .double where !value.asDouble.isFinite: return Numbers.text(value.asDouble)
            default: return nil
            }
        case "f", "e":
            let double: Double
            switch value.tag {
            case .double: double = value.asDouble
            case .int: double = Double(value.asInt)
            case .uint: double = Double(value.asUInt)
            default: return nil
            }
            if !double.isFinite { return Numbers.text(double) }
            return Formatter.printf("%.*\(verb)", precision ?? 6, double)
        case "b":
            switch value.tag {
            case .int: return String(value.asInt, radix: 2)
            case .uint: return String(value.asUInt, radix: 2)
            case .bool: return value.asBool ? "1" : "0"
            default: return nil
            }
        case "o":
            switch value.tag {
            case .int: return String(value.asInt, radix: 8)
            case .uint: return String(value.asUInt, radix: 8)
            default: return nil
            }
        default:
            let upper = verb == "X"
            switch value.tag {
            case .int: return String(value.asInt, radix: 16, uppercase: upper)
            case .uint: return String(value.asUInt, radix: 16, uppercase: upper)
            case .string, .bytes: return Hex.encode(value.run, uppercase: upper)
            default: return nil
            }
        }
    }

    private static func printf(_ format: String, _ precision: Int, _ value: Double) -> String {
        // The largest double has 309 digits before the point.
        var buffer = [CChar](repeating: 0, count: 320 + precision)
        let length = withVaList([Int32(precision), value]) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(decoding: buffer.prefix(Int(max(0, length))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Appends a value's text; false for what has none, and when the budget runs out. Appending to a text costs about two
    /// units of anything else.
    private func display(_ value: Value, _ out: inout String) -> Bool {
        switch value.tag {
        case .string, .type, .bytes: out += value.text
        case .null: out += "null"
        case .bool: out += value.asBool ? "true" : "false"
        case .int: out += String(value.asInt)
        case .uint: out += String(value.asUInt)
        case .double: out += Numbers.text(value.asDouble)
        case .timestamp: out += Timestamps.text(seconds: value.asInt, nanoseconds: value.length)
        case .duration: out += Durations.text(value.asInt)
        case .ip, .cidr: out += Network.text(value)
        case .secret: out += "\(HeaderViews.placeholder)"
        case .list:
            out += "["
            for (position, element) in value.elements.enumerated() {
                if position > 0 { out += ", " }
                guard scope.spend(2 + element.weight), display(element, &out) else { return false }
            }
            out += "]"
        case .map:
            var parts: [(key: String, text: String)] = []
            for entry in value.entries {
                var (key, text) = ("", "")
                guard scope.spend(4 + entry.key.weight + entry.value.weight), display(entry.key, &key),
                    display(entry.value, &text)
                else { return false }
                // What is inside of a map is copied into it: a map in a map in a map, as often.
                guard scope.spend(text.utf8.count >> 3) else { return false }
                parts.append((key, text))
            }
            parts.sort { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
            out += "{" + parts.map { "\($0.key): \($0.text)" }.joined(separator: ", ") + "}"
        default: return false
        }
        return true
    }
}

enum Hex {
    static func encode(_ bytes: some Sequence<UInt8>, uppercase: Bool = false) -> String {
        let digits = Array((uppercase ? "0123456789ABCDEF" : "0123456789abcdef").utf8)
        var out: [UInt8] = []
        for byte in bytes {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}
