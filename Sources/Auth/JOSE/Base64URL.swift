// base64url without padding (RFC 7515 §2, RFC 4648 §5), in its one canonical spelling: what every part of a token is
// written in. A second spelling of the same bytes would give one token two identities, so it is refused.

package enum Base64URL {
    /// The number of bytes that `count` characters decode to; nil when no canonical text has that length.
    static func decodedCount(of count: Int) -> Int? {
        switch count & 3 {
        case 0: count / 4 * 3
        case 2: count / 4 * 3 + 1
        case 3: count / 4 * 3 + 2
        default: nil
        }
    }

    /// Appends the decoded bytes to `output`. False, with `output` as it was, for characters outside the alphabet,
    /// padding, white space, an impossible length, or unused bits that are not zero.
    static func decode(_ text: borrowing Span<UInt8>, into output: inout [UInt8]) -> Bool {
        guard let size = decodedCount(of: text.count) else { return false }
        let start = output.count
        output.reserveCapacity(start + size)
        var index = 0
        let whole = text.count & ~3
        while index < whole {
            let a = UInt32(values[Int(text[index])])
            let b = UInt32(values[Int(text[index + 1])])
            let c = UInt32(values[Int(text[index + 2])])
            let d = UInt32(values[Int(text[index + 3])])
            guard (a | b | c | d) < 64 else {
                output.removeSubrange(start...)
                return false
            }
            let word = a << 18 | b << 12 | c << 6 | d
            output.append(UInt8(truncatingIfNeeded: word >> 16))
            output.append(UInt8(truncatingIfNeeded: word >> 8))
            output.append(UInt8(truncatingIfNeeded: word))
            index += 4
        }
        guard decodeTail(text, from: whole, into: &output) else {
            output.removeSubrange(start...)
            return false
        }
        return true
    }

    /// The last two or three characters; their unused low bits must be zero.
    private static func decodeTail(_ text: borrowing Span<UInt8>, from index: Int, into output: inout [UInt8]) -> Bool {
        let rest = text.count - index
        guard rest > 0 else { return true }
        let a = UInt32(values[Int(text[index])])
        let b = UInt32(values[Int(text[index + 1])])
        let c = rest == 3 ? UInt32(values[Int(text[index + 2])]) : 0
        guard (a | b | c) < 64 else { return false }
        let word = a << 18 | b << 12 | c << 6
        guard word & (rest == 3 ? 0xFF : 0xFFFF) == 0 else { return false }
        output.append(UInt8(truncatingIfNeeded: word >> 16))
        if rest == 3 { output.append(UInt8(truncatingIfNeeded: word >> 8)) }
        return true
    }

    package static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        return decode(bytes.span, into: &output) ? output : nil
    }

    package static func encode(_ bytes: borrowing Span<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var index = 0
        while index < bytes.count {
            let rest = min(3, bytes.count - index)
            let a = UInt32(bytes[index])
            let b = rest > 1 ? UInt32(bytes[index + 1]) : 0
            let c = rest > 2 ? UInt32(bytes[index + 2]) : 0
            let word = a << 16 | b << 8 | c
            for position in 0...rest {
                text.append(alphabet[Int(word >> UInt32(18 - 6 * position) & 63)])
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func encode(_ bytes: [UInt8]) -> String { encode(bytes.span) }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The value of each character; 0xFF for one that is not in the alphabet, so that an `or` of several finds it.
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()
}
