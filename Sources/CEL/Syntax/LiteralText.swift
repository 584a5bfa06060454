// The values of literals: escapes of strings and bytes, numbers in their ranges.

enum LiteralText {
    struct Problem: Error {
        var message: String
        /// Byte offset in the token.
        var offset: Int
        var length: Int
    }

    /// The bytes that a string or bytes token stands for.
    static func resolve(_ token: ArraySlice<UInt8>) throws(Problem) -> [UInt8] {
        let text = Array(token)
        var position = 0
        var raw = false
        var isBytes = false
        while text[position] != UInt8(ascii: "\""), text[position] != UInt8(ascii: "'") {
            if text[position] | 0x20 == UInt8(ascii: "r") { raw = true } else { isBytes = true }
            position += 1
        }
        let quote = text[position]
        let triple = text.count - position >= 6 && text[position + 1] == quote && text[position + 2] == quote
        position += triple ? 3 : 1
        let end = text.count - (triple ? 3 : 1)
        if raw { return Array(text[position..<end]) }
        var result: [UInt8] = []
        result.reserveCapacity(end - position)
        while position < end {
            let byte = text[position]
            guard byte == 0x5c else {
                result.append(byte)
                position += 1
                continue
            }
            let start = position
            func problem(_ message: String, _ length: Int) -> Problem {
                Problem(message: message, offset: start, length: min(length, end - start))
            }
            func hex(_ from: Int, _ count: Int) throws(Problem) -> UInt32 {
                guard from + count <= end else { throw problem("escape sequence with too few digits", count + 2) }
                var value: UInt32 = 0
                for digit in text[from..<(from + count)] {
                    switch digit {
                    case 0x30...0x39: value = value << 4 | UInt32(digit - 0x30)
                    case 0x41...0x46: value = value << 4 | UInt32(digit - 0x41 + 10)
                    case 0x61...0x66: value = value << 4 | UInt32(digit - 0x61 + 10)
                    default: throw problem("escape sequence with too few digits", count + 2)
                    }
                }
                return value
            }
            func scalar(_ value: UInt32, _ length: Int) throws(Problem) {
                guard let scalar = Unicode.Scalar(value) else {
                    throw problem("U+\(String(value, radix: 16, uppercase: true)) is no Unicode scalar value", length)
                }
                result.append(contentsOf: String(scalar).utf8)
            }
            switch text[position + 1] {
            case UInt8(ascii: "a"): result.append(0x07)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "v"): result.append(0x0b)
            case 0x5c, UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
                result.append(text[position + 1])
            case UInt8(ascii: "x"), UInt8(ascii: "X"):
                let value = try hex(position + 2, 2)
                if isBytes { result.append(UInt8(value)) } else { try scalar(value, 4) }
                position += 2
            case UInt8(ascii: "u"):
                if isBytes { throw problem("\\u is not allowed in bytes", 2) }
                try scalar(try hex(position + 2, 4), 6)
                position += 4
            case UInt8(ascii: "U"):
                if isBytes { throw problem("\\U is not allowed in bytes", 2) }
                try scalar(try hex(position + 2, 8), 10)
                position += 8
            case 0x30...0x33:
                guard position + 4 <= end, (0x30...0x37).contains(text[position + 2]),
                    (0x30...0x37).contains(text[position + 3])
                else { throw problem("an octal escape has exactly three digits up to \\377", 4) }
                let value =
                    UInt32(text[position + 1] - 0x30) << 6 | UInt32(text[position + 2] - 0x30) << 3
                    | UInt32(text[position + 3] - 0x30)
                if isBytes { result.append(UInt8(value)) } else { try scalar(value, 4) }
                position += 2
            default:
                throw problem("unknown escape sequence", 2)
            }
            position += 2
        }
        return result
    }

    /// An int or uint token, digits and an `0x` prefix only; nil when it does not fit.
    static func integer<T: FixedWidthInteger>(_ digits: some Sequence<UInt8>, negative: Bool) -> T? {
        let text = String(decoding: Array(digits), as: UTF8.self)
        let sign = negative ? "-" : ""
        if text.hasPrefix("0x") || text.hasPrefix("0X") { return T(sign + text.dropFirst(2), radix: 16) }
        return T(sign + text)
    }
}
