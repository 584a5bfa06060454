// Base64 (RFC 4648 §4, §5), padding optional when decoding.

enum Base64 {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: Bytes) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        var i = 0
        while i < bytes.count {
            let left = bytes.count - i
            let group =
                UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[i + 2]) : 0)
            out.append(standard[Int(group >> 18)])
            out.append(standard[Int(group >> 12 & 63)])
            out.append(left > 1 ? standard[Int(group >> 6 & 63)] : UInt8(ascii: "="))
            out.append(left > 2 ? standard[Int(group & 63)] : UInt8(ascii: "="))
            i += 3
        }
        return out
    }

    /// Nil for anything that an encoder would not have written, but for missing padding.
    static func decode(_ text: Bytes, urlSafe: Bool = false) -> [UInt8]? {
        var digits = text[...]
        if digits.count % 4 == 0 {
            for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits = digits.dropLast() }
        }
        guard digits.count % 4 != 1 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(digits.count * 3 / 4)
        var group: UInt32 = 0
        var bits = 0
        for byte in digits {
            let value: UInt8
            switch byte {
            case 0x41...0x5a: value = byte - 0x41
            case 0x61...0x7a: value = byte - 0x61 + 26
            case 0x30...0x39: value = byte - 0x30 + 52
            case UInt8(ascii: "+") where !urlSafe, UInt8(ascii: "-") where urlSafe: value = 62
            case UInt8(ascii: "/") where !urlSafe, UInt8(ascii: "_") where urlSafe: value = 63
            default: return nil
            }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        // The bits left over are zero in what an encoder writes.
        return group & (1 << UInt32(bits) - 1) == 0 ? out : nil
    }
}

extension FunctionLibrary {
    static let encoders: [Function] = [
        Function("base64.encode", .global, 1, encode64), Function("base64Encode", .either, 1, encode64),
        Function("base64.decode", .global, 1, decode64), Function("base64Decode", .either, 1, decode64),
    ]

    private static let encode64: FunctionBody = { a, _, scope in
        guard a[0].tag == .bytes || a[0].tag == .string else { return noOverload }
        return paid(a[0].run.count >> 3, scope) { scope.arena.string(utf8: Base64.encode(a[0].run)) }
    }

    private static let decode64: FunctionBody = { a, _, scope in
        guard a[0].tag == .bytes || a[0].tag == .string else { return noOverload }
        return paid(a[0].run.count >> 3, scope) {
            Base64.decode(a[0].run).map(scope.arena.bytes) ?? invalid("not base64")
        }
    }
}
