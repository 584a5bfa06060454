// Values as users of the library give and take them: ordinary Swift, safe, copied.

/// A value of the language.
public enum CELValue: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// Seconds since 1970 and nanoseconds after them.
    case timestamp(seconds: Int64, nanoseconds: UInt32)
    /// Nanoseconds.
    case duration(Int64)
    case type(String)
    case list([CELValue])
    /// In order of insertion.
    case map([(key: CELValue, value: CELValue)])
    indirect case optional(CELValue?)
    /// Values of abstract types, by the name of the type and their text: an IP address, a network. A `secret` that an
    /// evaluation gives has no text but a placeholder.
    indirect case opaque(String, String)
    /// Not known yet: as an input, whatever depends on it is not decided.
    case unknown

    init(_ value: Value) {
        switch value.tag {
        case .absent, .error, .unknown: self = .unknown
        case .null: self = .null
        case .bool: self = .bool(value.asBool)
        case .int: self = .int(value.asInt)
        case .uint: self = .uint(value.asUInt)
        case .double: self = .double(value.asDouble)
        case .string: self = .string(value.text)
        case .bytes: self = .bytes(Array(value.run))
        case .timestamp: self = .timestamp(seconds: value.asInt, nanoseconds: value.length)
        case .duration: self = .duration(value.asInt)
        case .type: self = .type(value.text)
        case .list: self = .list(value.elements.map { CELValue($0) })
        case .map: self = .map(value.entries.map { (CELValue($0.key), CELValue($0.value)) })
        case .optional: self = .optional(value.wrapped.tag == .absent ? nil : CELValue(value.wrapped))
        case .ip, .cidr: self = .opaque("\(value.typeName)", Network.text(value))
        case .secret: self = .opaque("secret", "\(HeaderViews.placeholder)")
        case .record: self = .opaque("record", "")
        }
    }

    /// The most parts that a value is copied out with. A list that holds another several times is larger when copied, by a
    /// power of its depth, than the memory and the budget that it took to build.
    static let mostParts = 1_000_000

    /// A copy of an evaluation's result.
    static func copy(_ value: Value, atMost parts: Int = mostParts) throws(EvaluationError) -> CELValue {
        guard hasAtMost(parts, in: value) else {
            throw EvaluationError(.cost, "the value has more than \(parts) parts")
        }
        return CELValue(value)
    }

    /// Whether a value has no more parts than that, copied out.
    static func hasAtMost(_ parts: Int, in value: Value) -> Bool {
        var rest = parts
        return hasFewer(value, &rest)
    }

    private static func hasFewer(_ value: Value, _ parts: inout Int) -> Bool {
        parts -= 1
        guard parts >= 0 else { return false }
        switch value.tag {
        case .list:
            for element in value.elements where !hasFewer(element, &parts) { return false }
        case .map:
            for entry in value.entries where !hasFewer(entry.value, &parts) { return false }
        case .optional: return hasFewer(value.wrapped, &parts)
        default: break
        }
        return true
    }

    /// A value inside `arena`. Nil for a map with two equal keys or an opaque value that is none.
    func value(in arena: Arena) -> Value? {
        switch self {
        case .null: return .null
        case .bool(let x): return .bool(x)
        case .int(let x): return .int(x)
        case .uint(let x): return .uint(x)
        case .double(let x): return .double(x)
        case .string(let x): return arena.string(x)
        case .bytes(let x): return arena.bytes(x)
        case .timestamp(let seconds, let nanoseconds): return .timestamp(seconds: seconds, nanoseconds: nanoseconds)
        case .duration(let x): return .duration(x)
        case .type(let x): return .type(named: arena.copy(x.utf8))
        case .list(let elements):
            var values: [Value] = []
            for element in elements {
                guard let value = element.value(in: arena) else { return nil }
                values.append(value)
            }
            return arena.list(values)
        case .map(let entries):
            var builder = MapBuilder(arena: arena, capacity: entries.count)
            for (key, value) in entries {
                guard let key = key.value(in: arena), let value = value.value(in: arena),
                    builder.insert(key, value)
                else { return nil }
            }
            return builder.finish()
        case .optional(let wrapped):
            guard let wrapped else { return Value.none }
            return wrapped.value(in: arena).map(arena.optional)
        case .opaque(let type, let text):
            switch type {
            case "net.IP": return Network.address(Array(text.utf8), arena)
            case "net.CIDR": return Network.block(Array(text.utf8), arena)
            case "secret": return .secret(arena.copy(text.utf8))
            default: return nil
            }
        case .unknown: return .unknown
        }
    }
}

extension CELValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension CELValue {
    /// As a literal of the language, where there is one.
    public var debugText: String {
        switch self {
        case .null: return "null"
        case .bool(let x): return String(x)
        case .int(let x): return String(x)
        case .uint(let x): return "\(x)u"
        case .double(let x):
            return x.isNaN ? "double(\"NaN\")" : x.isInfinite ? "double(\"\(x < 0 ? "-" : "")Infinity\")" : String(x)
        case .string(let x): return CELValue.quoted(Array(x.utf8))
        case .bytes(let x):
            return "b\""
                + x.map {
                    $0 > 0x1f && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c
                        ? String(UnicodeScalar($0)) : "\\x" + (($0 < 16 ? "0" : "") + String($0, radix: 16))
                }.joined() + "\""
        case .timestamp(let seconds, let nanoseconds):
            return "timestamp(\"\(Timestamps.text(seconds: seconds, nanoseconds: nanoseconds))\")"
        case .duration(let x): return "duration(\"\(Durations.text(x))\")"
        case .type(let x): return x
        case .list(let elements): return "[" + elements.map(\.debugText).joined(separator: ", ") + "]"
        case .map(let entries):
            return "{" + entries.map { "\($0.key.debugText): \($0.value.debugText)" }.joined(separator: ", ") + "}"
        case .optional(let wrapped):
            return wrapped.map { "optional.of(\($0.debugText))" } ?? "optional.none()"
        case .opaque(let type, let text):
            return type == "net.IP" ? "ip(\"\(text)\")" : type == "net.CIDR" ? "cidr(\"\(text)\")" : "<\(type)>"
        case .unknown: return "<unknown>"
        }
    }

    static func quoted(_ utf8: [UInt8]) -> String {
        var out = "\""
        for scalar in String(decoding: utf8, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let hex = String(scalar.value, radix: 16)
                    out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }
}

extension CELValue {
    /// Whether the value or a part of it is not known.
    var holdsUnknown: Bool {
        switch self {
        case .unknown: true
        case .list(let elements): elements.contains(where: \.holdsUnknown)
        case .map(let entries): entries.contains { $0.value.holdsUnknown }
        case .optional(let wrapped): wrapped?.holdsUnknown ?? false
        default: false
        }
    }
}

extension CELValue: Equatable {
    /// As the language compares, but that types count: `1` is not `1u`, and a NaN is a NaN.
    public static func == (a: CELValue, b: CELValue) -> Bool {
        switch (a, b) {
        case (.null, .null), (.unknown, .unknown): true
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.uint(let x), .uint(let y)): x == y
        case (.double(let x), .double(let y)): x == y || x.isNaN && y.isNaN
        case (.string(let x), .string(let y)), (.type(let x), .type(let y)): x.utf8.elementsEqual(y.utf8)
        case (.bytes(let x), .bytes(let y)): x == y
        case (.timestamp(let s, let n), .timestamp(let t, let m)): s == t && n == m
        case (.duration(let x), .duration(let y)): x == y
        case (.list(let x), .list(let y)): x == y
        case (.map(let x), .map(let y)):
            x.count == y.count && x.allSatisfy { p in y.contains { $0.key == p.key && $0.value == p.value } }
        case (.optional(let x), .optional(let y)): x == y
        case (.opaque(let s, let x), .opaque(let t, let y)): s == t && x == y
        default: false
        }
    }
}
