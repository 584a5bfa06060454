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
        case "s": return display(value)
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

    private func display(_ value: Value) -> String? {
        switch value.tag {
        case .string, .type: return value.text
        case .null: return "null"
        case .bool: return value.asBool ? "true" : "false"
        case .int: return String(value.asInt)
        case .uint: return String(value.asUInt)
        case .double: return Numbers.text(value.asDouble)
        case .bytes: return value.text
        case .timestamp: return Timestamps.text(seconds: value.asInt, nanoseconds: value.length)
        case .duration: return Durations.text(value.asInt)
        case .ip, .cidr: return Network.text(value)
        case .secret: return "\(HeaderViews.placeholder)"
        case .list:
            var parts: [String] = []
            for element in value.elements {
                guard scope.spend(1), let text = display(element) else { return nil }
                parts.append(text)
            }
            return "[" + parts.joined(separator: ", ") + "]"
        case .map:
            var parts: [(String, String)] = []
            for entry in value.entries {
                guard scope.spend(1), let key = display(entry.key), let text = display(entry.value) else { return nil }
                parts.append((key, text))
            }
            parts.sort { Array($0.0.utf8).lexicographicallyPrecedes(Array($1.0.utf8)) }
            return "{" + parts.map { "\($0.0): \($0.1)" }.joined(separator: ", ") + "}"
        default: return nil
        }
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
