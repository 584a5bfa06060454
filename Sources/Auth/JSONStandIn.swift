// Temporary until Sources/JSON lands: strict JSON to MetadataValue.

extension MetadataValue {
    init(json: [UInt8]) throws(AuthError) {
        var parser = StandInParser(bytes: json)
        self = try parser.document()
    }
}

private struct StandInParser {
    let bytes: [UInt8]
    var at = 0

    func fail(_ text: String) -> AuthError { .keySet("\(text) at byte \(at)") }
    mutating func space() { while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 } }
    mutating func document() throws(AuthError) -> MetadataValue {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw fail("not UTF-8") }
        let v = try value(0)
        space()
        guard at == bytes.count else { throw fail("trailing bytes") }
        return v
    }
    mutating func value(_ depth: Int) throws(AuthError) -> MetadataValue {
        guard depth < 64 else { throw fail("too deep") }
        space()
        guard at < bytes.count else { throw fail("unexpected end") }
        switch bytes[at] {
        case UInt8(ascii: "{"):
            at += 1
            var members: [MetadataMember] = []
            space()
            if at < bytes.count, bytes[at] == UInt8(ascii: "}") { at += 1; return .object([]) }
            while true {
                space()
                let name = try string()
                guard !members.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { throw fail("duplicate member") }
                space()
                guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw fail("no colon") }
                at += 1
                members.append(MetadataMember(name, try value(depth + 1)))
                space()
                guard at < bytes.count else { throw fail("unexpected end") }
                if bytes[at] == UInt8(ascii: ",") { at += 1; continue }
                guard bytes[at] == UInt8(ascii: "}") else { throw fail("no comma") }
                at += 1
                return .object(members)
            }
        case UInt8(ascii: "["):
            at += 1
            var list: [MetadataValue] = []
            space()
            if at < bytes.count, bytes[at] == UInt8(ascii: "]") { at += 1; return .list([]) }
            while true {
                list.append(try value(depth + 1))
                space()
                guard at < bytes.count else { throw fail("unexpected end") }
                if bytes[at] == UInt8(ascii: ",") { at += 1; continue }
                guard bytes[at] == UInt8(ascii: "]") else { throw fail("no comma") }
                at += 1
                return .list(list)
            }
        case UInt8(ascii: "\""): return .string(try string())
        default:
            let start = at
            while at < bytes.count, !",]} \t\r\n".utf8.contains(bytes[at]) { at += 1 }
            let text = String(decoding: bytes[start..<at], as: UTF8.self)
            switch text {
            case "null": return .null
            case "true": return .bool(true)
            case "false": return .bool(false)
            default:
                guard text.firstMatch(of: #/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/#) != nil else { throw fail("bad literal") }
                if let i = Int64(text) { return .int(i) }
                guard let d = Double(text), d.isFinite else { throw fail("bad number") }
                return .double(d)
            }
        }
    }
    mutating func string() throws(AuthError) -> String {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw fail("no string") }
        at += 1
        var out: [UInt8] = []
        while at < bytes.count {
            let c = bytes[at]
            at += 1
            if c == UInt8(ascii: "\"") { return String(decoding: out, as: UTF8.self) }
            guard c >= 0x20 else { throw fail("control character") }
            guard c == UInt8(ascii: "\\") else { out.append(c); continue }
            guard at < bytes.count else { break }
            let e = bytes[at]
            at += 1
            switch e {
            case UInt8(ascii: "n"): out.append(10)
            case UInt8(ascii: "t"): out.append(9)
            case UInt8(ascii: "r"): out.append(13)
            case UInt8(ascii: "b"): out.append(8)
            case UInt8(ascii: "f"): out.append(12)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(e)
            case UInt8(ascii: "u"):
                guard at + 4 <= bytes.count, let v = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16), let s = Unicode.Scalar(v) else { throw fail("bad escape") }
                at += 4
                out.append(contentsOf: String(Character(s)).utf8)
            default: throw fail("bad escape")
            }
        }
        throw fail("unterminated string")
    }
}
