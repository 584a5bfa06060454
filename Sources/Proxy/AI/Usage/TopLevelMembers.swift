// Picks two members out of a JSON object while its bytes pass by, keeping only them: a reply with megabytes of embeddings
// costs no memory. What it keeps is parsed strictly afterwards; the rest was never the gateway's to judge.

import JSON

struct TopLevelMembers {
    /// Bytes of one kept value. Real `usage` objects have a few hundred.
    static let valueLimit = 16 << 10
    /// Longer names than those wanted need not be told apart.
    private static let nameLimit = 16

    private(set) var model: [UInt8]?
    private(set) var usage: [UInt8]?
    /// A wanted value was longer than the limit.
    private(set) var isTruncated = false

    private enum Wanted { case model, usage }

    private var depth = 0
    private var inString = false
    private var escaped = false
    /// Within the outermost object, before the colon.
    private var atName = false
    private var name: [UInt8] = []
    private var wanted: Wanted?
    private var value: [UInt8] = []

    mutating func feed(_ bytes: ByteView) {
        guard let base = bytes.base else { return }
        let count = bytes.count
        var i = 0
        while i < count {
            // Texts and numbers that are not wanted are most of every reply: they are passed over at one look a byte.
            if wanted == nil, !atName || depth != 1 {
                if inString {
                    if !escaped {
                        while i < count, base[i] != UInt8(ascii: "\""), base[i] != UInt8(ascii: "\\") { i += 1 }
                    }
                } else if depth > 1 {
                    while i < count, base[i] != UInt8(ascii: "\""), base[i] | 0x20 != UInt8(ascii: "{"),
                        base[i] | 0x20 != UInt8(ascii: "}")
                    { i += 1 }
                }
                if i == count { return }
            }
            step(base[i])
            i += 1
        }
    }

    private mutating func step(_ byte: UInt8) {
        if inString {
            if escaped {
                escaped = false
            } else if byte == UInt8(ascii: "\\") {
                escaped = true
            } else if byte == UInt8(ascii: "\"") {
                inString = false
                if atName, depth == 1 { return }
            }
            if atName, depth == 1 {
                if name.count <= Self.nameLimit { name.append(byte) }
            } else {
                keep(byte)
            }
            return
        }
        switch byte {
        case UInt8(ascii: "\""):
            inString = true
            if atName, depth == 1 { name.removeAll(keepingCapacity: true) } else { keep(byte) }
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if depth == 0 { atName = byte == UInt8(ascii: "{") }
            depth += 1
            if depth > 1 { keep(byte) }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if depth == 1 { endMember() } else { keep(byte) }
            if depth > 0 { depth -= 1 }
        case UInt8(ascii: ":") where depth == 1 && atName:
            atName = false
            wanted = name.elementsEqual("usage".utf8) ? .usage : name.elementsEqual("model".utf8) ? .model : nil
        case UInt8(ascii: ",") where depth == 1:
            endMember()
            atName = true
        default:
            keep(byte)
        }
    }

    private mutating func keep(_ byte: UInt8) {
        guard wanted != nil else { return }
        if value.count < Self.valueLimit {
            value.append(byte)
        } else {
            isTruncated = true
            wanted = nil
            value.removeAll()
        }
    }

    private mutating func endMember() {
        switch wanted {
        case .model: model = value
        case .usage: usage = value
        case nil: break
        }
        wanted = nil
        value.removeAll(keepingCapacity: true)
    }
}
