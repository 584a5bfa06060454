// What is wrong with a JSON text, and where.

public struct JSONError: Error, Hashable, Sendable {
    /// The byte offset of the first byte that does not fit.
    public let offset: Int
    public let reason: Reason

    public enum Reason: Hashable, Sendable {
        case emptyInput
        case byteOrderMark
        case unexpectedByte(UInt8)
        case unexpectedEnd
        case malformedNumber
        case malformedLiteral
        case controlCharacterInString
        case malformedEscape
        /// `\ud800` without its partner: no string of Unicode scalar values has it.
        case loneSurrogate
        case malformedUTF8
        /// The same member name twice, compared after unescaping; readers disagree on which counts.
        case duplicateMember(String)
        case tooDeep(limit: Int)
        case tooLarge(limit: Int)
        case trailingBytes
    }

    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}

extension JSONError: CustomStringConvertible {
    public var description: String {
        let what: String =
            switch reason {
            case .emptyInput: "no JSON value"
            case .byteOrderMark: "a byte order mark is not part of JSON"
            case .unexpectedByte(let byte):
                byte > 0x20 && byte < 0x7f
                    ? "unexpected '\(Character(UnicodeScalar(byte)))'"
                    : "unexpected byte 0x\(String(byte, radix: 16))"
            case .unexpectedEnd: "unexpected end"
            case .malformedNumber: "malformed number"
            case .malformedLiteral: "malformed literal"
            case .controlCharacterInString: "control character in a string"
            case .malformedEscape: "malformed escape sequence"
            case .loneSurrogate: "surrogate without its partner"
            case .malformedUTF8: "malformed UTF-8"
            case .duplicateMember(let name): "duplicate member \"\(name.prefix(64))\""
            case .tooDeep(let limit): "nested deeper than \(limit) levels"
            case .tooLarge(let limit): "longer than \(limit) bytes"
            case .trailingBytes: "bytes after the value"
            }
        return "\(what) at byte \(offset)"
    }
}

/// Bounds on what is parsed.
public struct JSONLimits: Hashable, Sendable {
    /// Nesting of arrays and objects. Real messages nest below 20; parsers behind the gateway may recurse.
    public var maximumDepth: Int
    public var maximumBytes: Int

    public init(maximumDepth: Int = 64, maximumBytes: Int = 64 << 20) {
        self.maximumDepth = maximumDepth
        // Offsets are 32 bits wide.
        self.maximumBytes = min(maximumBytes, 1 << 30)
    }
}
