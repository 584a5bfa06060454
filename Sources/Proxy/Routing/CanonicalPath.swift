// One spelling per path. Routes, rules and the upstream all see the canonical path, so that what was matched and judged
// is what is forwarded; a path that servers are known to read in different ways is refused.

/// The canonical form of a request path (RFC 3986 §6.2.2), and the refusals:
///
/// | in the path | what happens |
/// |---|---|
/// | `%41`: a letter, digit, `-`, `.`, `_` or `~` that need not be encoded | decoded |
/// | `%3a`: lowercase hex | uppercase hex |
/// | `//` | one slash |
/// | a segment `.` or `..`, encoded or not, with or without `;parameters` | refused |
/// | `%2F`, `%5C`, `\`: an encoded slash, a backslash | refused |
/// | `%00`…`%1F`, `%7F`, raw control bytes, space, raw bytes above 0x7E | refused |
/// | `%` without two hex digits, `#`, `"`, `<`, `>`, `^`, `` ` ``, `{`, `|`, `}` | refused |
package enum CanonicalPath {
    package enum Problem: Error, Hashable, CustomStringConvertible {
        case notAbsolute
        case dotSegment
        case encodedSlash
        case backslash
        case controlCharacter
        case badPercentEncoding
        case illegalCharacter

        package var description: String {
            switch self {
            case .notAbsolute: "the path does not begin with \"/\""
            case .dotSegment: "the path has a \".\" or \"..\" segment"
            case .encodedSlash: "the path has an encoded slash"
            case .backslash: "the path has a backslash"
            case .controlCharacter: "the path has a control character"
            case .badPercentEncoding: "the path has a \"%\" without two hexadecimal digits"
            case .illegalCharacter: "the path has a character that must be percent-encoded"
            }
        }
    }

    /// Looks at a path without its query. Almost every path is canonical already, which one pass finds out.
    /// - Parameter canonical: emptied, and filled when the result is true.
    /// - Returns: whether the canonical form differs and is in `canonical`.
    package static func canonicalise(
        _ path: ByteView, into canonical: inout [UInt8]
    ) throws(Problem) -> Bool {
        canonical.removeAll(keepingCapacity: true)
        if isPlain(path) { return false }
        guard path.count > 0, path[0] == slash else { throw .notAbsolute }
        var differs = false
        var at = 0
        while at < path.count {
            let byte = path[at]
            switch kinds[Int(byte)] {
            case .plain:
                canonical.append(byte)
                at += 1
            case .slash:
                if canonical.last == slash {
                    differs = true
                } else {
                    try checkLastSegment(canonical)
                    canonical.append(slash)
                }
                at += 1
            case .percent:
                let decoded = try decode(path, at)
                if kinds[Int(decoded)] == .plain, isUnreserved(decoded) {
                    canonical.append(decoded)
                    differs = true
                } else {
                    let upper = (uppercase(path[at + 1]), uppercase(path[at + 2]))
                    if upper != (path[at + 1], path[at + 2]) { differs = true }
                    canonical.append(percent)
                    canonical.append(upper.0)
                    canonical.append(upper.1)
                }
                at += 3
            case .backslash: throw .backslash
            case .control: throw .controlCharacter
            case .illegal: throw .illegalCharacter
            }
        }
        try checkLastSegment(canonical)
        return differs
    }

    /// The canonical form of a path in a configuration.
    package static func canonical(_ path: String) throws(Problem) -> String {
        var path = path
        let bytes = path.withUTF8 { text -> Result<[UInt8]?, Problem> in
            var result: [UInt8] = []
            do throws(Problem) {
                return .success(try canonicalise(ByteView(text), into: &result) ? result : nil)
            } catch {
                return .failure(error)
            }
        }
        return try bytes.get().map { String(decoding: $0, as: UTF8.self) } ?? path
    }

    // MARK: Details

    private static let slash = UInt8(ascii: "/")
    private static let percent = UInt8(ascii: "%")
    private static let dot = UInt8(ascii: ".")

    /// `pchar` without percent-encoding, as two bit masks: a table would be checked for initialisation at every byte.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        let mask: UInt64 = byte < 64 ? 0x2fff7fd200000000 : 0x47fffffe87ffffff
        return byte < 128 && mask & (1 << UInt64(byte & 63)) != 0
    }

    /// Whether nothing needs a second look: plain characters, no empty segment, no segment that begins with a dot.
    private static func isPlain(_ path: ByteView) -> Bool {
        guard path.count > 0, path[0] == slash else { return false }
        var previous: UInt8 = 0
        for at in 0..<path.count {
            let byte = path[at]
            if isPlain(byte) {
                if byte == dot, previous == slash { return false }
            } else if byte != slash || previous == slash {
                return false
            }
            previous = byte
        }
        return true
    }

    /// `..`, `.`, and both with parameters (`..;x`), which some servers cut off before they resolve the dots.
    private static func checkLastSegment(_ path: [UInt8]) throws(Problem) {
        var start = path.count
        while start > 0, path[start - 1] != slash { start -= 1 }
        let segment = path[start...]
        let name = segment.prefix { $0 != UInt8(ascii: ";") }
        if !name.isEmpty, name.count <= 2, name.allSatisfy({ $0 == dot }) { throw .dotSegment }
    }

    private static func decode(_ path: ByteView, _ at: Int) throws(Problem) -> UInt8 {
        guard at + 2 < path.count, let high = ASCII.hexValue(path[at + 1]), let low = ASCII.hexValue(path[at + 2])
        else { throw .badPercentEncoding }
        let value = UInt8(high << 4 | low)
        switch value {
        case slash, UInt8(ascii: "\\"): throw .encodedSlash
        case 0..<0x20, 0x7F: throw .controlCharacter
        default: return value
        }
    }

    private static func uppercase(_ hex: UInt8) -> UInt8 {
        (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(hex) ? hex & ~0x20 : hex
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~".utf8.contains(byte)
        }
    }

    private enum Kind: UInt8 {
        case plain, slash, percent, backslash, control, illegal
    }

    /// RFC 3986 §3.3: `pchar` and the slash; everything else must not stand in a path.
    private static let kinds: [Kind] = (0..<256).map { value in
        let byte = UInt8(value)
        switch byte {
        case slash: return .slash
        case percent: return .percent
        case UInt8(ascii: "\\"): return .backslash
        case 0..<0x20, 0x7F: return .control
        default: return isUnreserved(byte) || "!$&'()*+,;=:@".utf8.contains(byte) ? .plain : .illegal
        }
    }
}
