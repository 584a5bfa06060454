// A reader of the text format of protocol buffers, as much of it as the conformance files use. It knows no schema: a
// message is its fields in order, a scalar its text.

struct TextProto {
    enum Value {
        /// A quoted string with its escapes resolved: bytes, because fields of type `bytes` hold any.
        case quoted([UInt8])
        /// A number, an enumerator, `true`, `inf`, …
        case scalar(String)
        case message(TextProto)
    }

    var fields: [(name: String, value: Value)] = []

    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    init() {}

    init(parsing text: [UInt8]) throws(Malformed) {
        var reader = Reader(bytes: text)
        self = try reader.message(until: nil)
    }

    // MARK: Fields by name

    func values(_ name: String) -> [Value] { fields.filter { $0.name == name }.map(\.value) }

    func messages(_ name: String) -> [TextProto] {
        values(name).compactMap { if case .message(let message) = $0 { message } else { nil } }
    }

    func message(_ name: String) -> TextProto? { messages(name).last }

    func bytes(_ name: String) -> [UInt8]? {
        if case .quoted(let bytes)? = values(name).last { bytes } else { nil }
    }

    func string(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    func scalar(_ name: String) -> String? {
        if case .scalar(let text)? = values(name).last { text } else { nil }
    }

    func bool(_ name: String) -> Bool { scalar(name) == "true" }

    /// Whether `predicate` holds for this message, or a message or quoted string at any depth.
    func contains(_ isHit: (String, Value) -> Bool) -> Bool {
        fields.contains { name, value in
            if isHit(name, value) { return true }
            if case .message(let inner) = value { return inner.contains(isHit) }
            return false
        }
    }
}

private struct Reader {
    let bytes: [UInt8]
    var position = 0

    var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    func malformed(_ what: String) -> TextProto.Malformed {
        let line = bytes[..<min(position, bytes.count)].count { $0 == 0x0a } + 1
        return TextProto.Malformed(description: "line \(line): \(what)")
    }

    mutating func skipSpace() {
        while let byte = peek {
            if byte == UInt8(ascii: "#") {
                while let byte = peek, byte != 0x0a { position += 1 }
            } else if byte <= 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") {
                position += 1
            } else {
                return
            }
        }
    }

    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_.+-".utf8.contains(byte)
        }
    }

    mutating func word() throws(TextProto.Malformed) -> String {
        let start = position
        while let byte = peek, Reader.isWord(byte) { position += 1 }
        guard position > start else { throw malformed("expected a name or number") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func message(until end: UInt8?) throws(TextProto.Malformed) -> TextProto {
        var result = TextProto()
        while true {
            skipSpace()
            guard let byte = peek else {
                if end == nil { return result }
                throw malformed("a message without its end")
            }
            if byte == end {
                position += 1
                return result
            }
            let name = try fieldName()
            skipSpace()
            if peek == UInt8(ascii: ":") { position += 1 }
            skipSpace()
            if peek == UInt8(ascii: "[") {
                position += 1
                while true {
                    skipSpace()
                    if peek == UInt8(ascii: "]") { break }
                    result.fields.append((name, try value()))
                }
                position += 1
            } else {
                result.fields.append((name, try value()))
            }
        }
    }

    /// `name`, or `[extension.or/type.url]`.
    mutating func fieldName() throws(TextProto.Malformed) -> String {
        guard peek == UInt8(ascii: "[") else { return try word() }
        let start = position
        while let byte = peek, byte != UInt8(ascii: "]") { position += 1 }
        guard peek != nil else { throw malformed("a name without its end") }
        position += 1
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func value() throws(TextProto.Malformed) -> TextProto.Value {
        switch peek {
        case UInt8(ascii: "{"):
            position += 1
            return .message(try message(until: UInt8(ascii: "}")))
        case UInt8(ascii: "<"):
            position += 1
            return .message(try message(until: UInt8(ascii: ">")))
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            // Neighbouring strings are one.
            var result: [UInt8] = []
            while let quote = peek, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                try quoted(quote, into: &result)
                skipSpace()
            }
            return .quoted(result)
        default: return .scalar(try word())
        }
    }

    mutating func quoted(_ quote: UInt8, into result: inout [UInt8]) throws(TextProto.Malformed) {
        position += 1
        while let byte = peek, byte != quote {
            position += 1
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                continue
            }
            guard let escape = peek else { break }
            position += 1
            switch escape {
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "a"): result.append(0x07)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "v"): result.append(0x0b)
            case UInt8(ascii: "x"), UInt8(ascii: "X"): result.append(UInt8(truncatingIfNeeded: digits(16, atMost: 2)))
            case UInt8(ascii: "u"): try scalar(digits(16, atMost: 4), into: &result)
            case UInt8(ascii: "U"): try scalar(digits(16, atMost: 8), into: &result)
            case UInt8(ascii: "0")...UInt8(ascii: "7"):
                position -= 1
                result.append(UInt8(truncatingIfNeeded: digits(8, atMost: 3)))
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "?"): result.append(escape)
            default: throw malformed("unknown escape sequence")
            }
        }
        guard peek == quote else { throw malformed("a string without its end") }
        position += 1
    }

    private mutating func digits(_ radix: UInt32, atMost count: Int) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let byte = peek, let digit = UInt32(String(UnicodeScalar(byte)), radix: Int(radix)) else { break }
            value = value &* radix &+ digit
            position += 1
        }
        return value
    }

    private func scalar(_ value: UInt32, into result: inout [UInt8]) throws(TextProto.Malformed) {
        guard let scalar = Unicode.Scalar(value) else { throw malformed("no Unicode scalar value") }
        result.append(contentsOf: String(scalar).utf8)
    }
}
