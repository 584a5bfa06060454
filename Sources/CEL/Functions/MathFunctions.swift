// The math extension.

extension FunctionLibrary {
    static let math: [Function] =
        [
            extreme("math.@max", .greater), extreme("math.@min", .less),
            rounding("math.ceil") { $0.rounded(.up) }, rounding("math.floor") { $0.rounded(.down) },
            rounding("math.round") { $0.rounded(.toNearestOrAwayFromZero) },
            rounding("math.trunc") { $0.rounded(.towardZero) },
            Function("math.abs", .global, 1) { a, _, _ in
                switch a[0].tag {
                case .int: return a[0].asInt == .min ? .error(.overflow, "integer overflow") : .int(abs(a[0].asInt))
                case .uint: return a[0]
                case .double: return .double(abs(a[0].asDouble))
                default: return noOverload
                }
            },
            Function("math.sign", .global, 1) { a, _, _ in
                switch a[0].tag {
                case .int: return .int(a[0].asInt.signum())
                case .uint: return .uint(a[0].asUInt == 0 ? 0 : 1)
                case .double:
                    let x = a[0].asDouble
                    return .double(x.isNaN ? x : x > 0 ? 1 : x < 0 ? -1 : 0)
                default: return noOverload
                }
            },
            Function("math.sqrt", .global, 1) { a, _, _ in
                switch a[0].tag {
                case .int: return .double(Double(a[0].asInt).squareRoot())
                case .uint: return .double(Double(a[0].asUInt).squareRoot())
                case .double: return .double(a[0].asDouble.squareRoot())
                default: return noOverload
                }
            },
            Function("math.isNaN", .global, 1) { a, _, _ in
                a[0].tag == .double ? .bool(a[0].asDouble.isNaN) : noOverload
            },
            Function("math.isInf", .global, 1) { a, _, _ in
                a[0].tag == .double ? .bool(a[0].asDouble.isInfinite) : noOverload
            },
            Function("math.isFinite", .global, 1) { a, _, _ in
                a[0].tag == .double ? .bool(a[0].asDouble.isFinite) : noOverload
            },
            bits("math.bitAnd") { $0 & $1 }, bits("math.bitOr") { $0 | $1 }, bits("math.bitXor") { $0 ^ $1 },
            Function("math.bitNot", .global, 1) { a, _, _ in
                switch a[0].tag {
                case .int: return .int(~a[0].asInt)
                case .uint: return .uint(~a[0].asUInt)
                default: return noOverload
                }
            },
            shift("math.bitShiftLeft") { $0 << $1 }, shift("math.bitShiftRight") { $0 >> $1 },
        ]

    private static func extreme(_ name: String, _ wanted: Equality.Order) -> Function {
        Function(name, .global, 1...64) { a, n, _ in
            var candidates = UnsafeBufferPointer(start: a, count: n)
            if n == 1, a[0].tag == .list { candidates = a[0].elements }
            guard var best = candidates.first else { return invalid("an empty list has no extreme") }
            guard best.isNumber else { return noOverload }
            for value in candidates.dropFirst() {
                guard value.isNumber else { return noOverload }
                if Equality.compareNumbers(value, best) == wanted { best = value }
            }
            return best
        }
    }

    private static func rounding(_ name: String, _ round: @escaping @Sendable (Double) -> Double) -> Function {
        Function(name, .global, 1) { a, _, _ in a[0].tag == .double ? .double(round(a[0].asDouble)) : noOverload }
    }

    private static func bits(_ name: String, _ combine: @escaping @Sendable (UInt64, UInt64) -> UInt64) -> Function {
        Function(name, .global, 2) { a, _, scope in
            switch (a[0].tag, a[1].tag) {
            case (.int, .int), (.uint, .uint): return Value(a[0].tag, payload: combine(a[0].payload, a[1].payload))
            case (.bytes, .bytes):
                let (x, y) = (a[0].run, a[1].run)
                guard max(x.count, y.count) <= mostBytesOfBits else { return tooManyBytes }
                let count = max(x.count, y.count)
                let out = (0..<count).map { position -> UInt8 in
                    let (i, j) = (position - (count - x.count), position - (count - y.count))
                    return UInt8(truncatingIfNeeded: combine(i < 0 ? 0 : UInt64(x[i]), j < 0 ? 0 : UInt64(y[j])))
                }
                return scope.arena.bytes(out)
            case (.bytes, .int), (.bytes, .uint): return mixed(a[0].run, a[1], combine)
            case (.int, .bytes), (.uint, .bytes): return mixed(a[1].run, a[0], combine)
            default: return noOverload
            }
        }
    }

    /// Of an address of IPv6, twice: bytes as a number are for masks and tokens, not for documents.
    private static let mostBytesOfBits = 32
    private static var tooManyBytes: Value { invalid("bit operations take 32 bytes at most") }

    /// The last eight bytes beside a number that is not negative, as such a number.
    private static func mixed(_ bytes: Bytes, _ number: Value, _ combine: (UInt64, UInt64) -> UInt64) -> Value {
        guard bytes.count <= mostBytesOfBits else { return tooManyBytes }
        guard number.tag == .uint || number.asInt >= 0 else {
            return invalid("bytes and a negative number have no bits in common")
        }
        let low = bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Value(number.tag, payload: combine(low, number.payload))
    }

    /// Shifts are of the bits, whatever the sign; by 64 and more nothing is left.
    private static func shift(_ name: String, _ shift: @escaping @Sendable (UInt64, UInt64) -> UInt64) -> Function {
        Function(name, .global, 2) { a, _, _ in
            guard a[0].tag == .int || a[0].tag == .uint, a[1].tag == .int else { return noOverload }
            guard a[1].asInt >= 0 else { return invalid("a shift by a negative number") }
            return Value(a[0].tag, payload: a[1].asInt >= 64 ? 0 : shift(a[0].payload, a[1].payload))
        }
    }
}
