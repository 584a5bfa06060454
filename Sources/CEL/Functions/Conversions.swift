// Conversions between the types (language definition, "Standard functions").

extension FunctionLibrary {
    static let conversions: [Function] = [
        Function("int", .global, 1) { a, _, _ in
            let value = a[0]
            switch value.tag {
            case .int: return value
            case .uint:
                return value.asUInt <= UInt64(Int64.max)
                    ? .int(Int64(value.asUInt)) : .error(.overflow, "beyond the range of int")
            case .double:
                let double = value.asDouble
                // The open range: the ends round.
                guard double > -0x1p63, double < 0x1p63 else { return .error(.overflow, "beyond the range of int") }
                return .int(Int64(double))
            case .string:
                guard let int = Numbers.int(value.run) else { return invalid("not an int") }
                return .int(int)
            case .timestamp: return .int(value.asInt)
            default: return noOverload
            }
        },
        Function("uint", .global, 1) { a, _, _ in
            let value = a[0]
            switch value.tag {
            case .uint: return value
            case .int:
                return value.asInt >= 0 ? .uint(UInt64(value.asInt)) : .error(.overflow, "beyond the range of uint")
            case .double:
                let double = value.asDouble
                guard double >= 0, double < 0x1p64 else { return .error(.overflow, "beyond the range of uint") }
                return .uint(UInt64(double))
            case .string:
                guard let uint = Numbers.uint(value.run) else { return invalid("not a uint") }
                return .uint(uint)
            default: return noOverload
            }
        },
        Function("double", .global, 1) { a, _, _ in
            let value = a[0]
            switch value.tag {
            case .double: return value
            case .int: return .double(Double(value.asInt))
            case .uint: return .double(Double(value.asUInt))
            case .string:
                guard let double = Numbers.double(value.run) else { return invalid("not a double") }
                return .double(double)
            default: return noOverload
            }
        },
        Function("bool", .global, 1) { a, _, _ in
            switch a[0].tag {
            case .bool: return a[0]
            case .string:
                switch a[0].text {
                case "1", "t", "true", "TRUE", "True": return .bool(true)
                case "0", "f", "false", "FALSE", "False": return .bool(false)
                default: return invalid("not a bool")
                }
            default: return noOverload
            }
        },
        Function("string", .global, 1) { a, _, scope in
            let value = a[0]
            switch value.tag {
            case .string: return value
            case .int: return scope.arena.string(String(value.asInt))
            case .uint: return scope.arena.string(String(value.asUInt))
            case .double: return scope.arena.string(Numbers.text(value.asDouble))
            case .bool: return value.asBool ? .string("true") : .string("false")
            case .bytes: return Text.isUTF8(value.run) ? .string(value.run) : invalid("not UTF-8")
            case .timestamp:
                return scope.arena.string(Timestamps.text(seconds: value.asInt, nanoseconds: value.length))
            case .duration: return scope.arena.string(Durations.text(value.asInt))
            case .ip, .cidr: return scope.arena.string(Network.text(value))
            case .secret: return .string(HeaderViews.placeholder)
            default: return noOverload
            }
        },
        Function("bytes", .global, 1) { a, _, _ in
            switch a[0].tag {
            case .bytes: return a[0]
            case .string: return .bytes(a[0].run)
            default: return noOverload
            }
        },
        Function("timestamp", .global, 1) { a, _, _ in
            switch a[0].tag {
            case .timestamp: return a[0]
            case .string: return Timestamps.parse(a[0].run)
            case .int: return Timestamps.make(seconds: a[0].asInt, nanoseconds: 0)
            default: return noOverload
            }
        },
        Function("duration", .global, 1) { a, _, _ in
            switch a[0].tag {
            case .duration: return a[0]
            case .string:
                guard let nanoseconds = Durations.parse(a[0].run) else { return invalid("not a duration") }
                return .duration(nanoseconds)
            default: return noOverload
            }
        },
    ]
}

/// Numbers from and to text.
enum Numbers {
    static func int(_ text: Bytes) -> Int64? {
        guard text.count <= 32, text.first != 0x2b || text.count > 1 else { return nil }
        return Int64(String(decoding: text, as: UTF8.self))
    }

    static func uint(_ text: Bytes) -> UInt64? {
        guard text.count <= 32, let first = text.first, first &- 0x30 < 10 else { return nil }
        return UInt64(String(decoding: text, as: UTF8.self))
    }

    static func double(_ text: Bytes) -> Double? {
        // Longer than any double's exact decimal form needs.
        guard text.count <= 1100 else { return nil }
        let string = String(decoding: text, as: UTF8.self)
        switch string.lowercased() {
        case "nan": return .nan
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        default: break
        }
        guard text.allSatisfy({ $0 &- 0x30 < 10 || $0 == 0x2e || $0 | 0x20 == 0x65 || $0 == 0x2b || $0 == 0x2d }),
            let value = Double(string), value.isFinite
        else { return nil }
        return value
    }

    /// The shortest text that reads back as the same double; whole numbers without a fraction, as Go's `%g` has it.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let (digits, exponent) = shortest(value.magnitude)
        let sign = value < 0 ? "-" : ""
        if exponent < -4 || exponent >= 21 {
            let rest = digits.dropFirst()
            let magnitude = abs(exponent)
            return sign + String(digits.prefix(1)) + (rest.isEmpty ? "" : "." + rest) + "e"
                + (exponent < 0 ? "-" : "+") + (magnitude < 10 ? "0" : "") + String(magnitude)
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
        if digits.count <= exponent + 1 {
            return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count)
        }
        return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }

    /// The shortest digits, and the power of ten of the first.
    private static func shortest(_ value: Double) -> (digits: String, exponent: Int) {
        let text = value.description
        let parts = text.split(separator: "e", maxSplits: 1)
        var exponent = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".", maxSplits: 1)
        var digits = String(mantissa[0]) + (mantissa.count == 2 ? String(mantissa[1]) : "")
        exponent += mantissa[0].count - 1
        while digits.first == "0", digits.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.last == "0", digits.count > 1 { digits.removeLast() }
        return (digits, exponent)
    }
}
