// Re-encodes a parsed value into memory that the caller has made large enough.
// Invariant: what is written is never longer than the text that was parsed: spaces are gone, every escape is the shortest
// there is, and everything else stands for itself.

#if canImport(Glibc)
import Glibc
#endif

extension JSONDocument {
    /// Bytes that an encoding of the document, or of any value in it, may need.
    public var encodingCapacity: Int { byteCount }
}

extension JSONValue {
    /// Writes the value as compact JSON, numbers as they were written, members in their order.
    /// - Parameter target: has room for the document's `encodingCapacity` bytes.
    /// - Returns: the number of bytes written.
    @discardableResult
    public func encode(into target: UnsafeMutablePointer<UInt8>) -> Int {
        withExtendedLifetime(document) {
            var writer = JSONNodeWriter(nodes: document.nodes, bytes: document.bytes, out: target)
            writer.value(index)
            return writer.out - target
        }
    }
}

/// Writes nodes one behind the other. As deep as the value is nested, which the parser has limited.
private struct JSONNodeWriter {
    let nodes: UnsafeMutablePointer<JSONDocument.Node>
    let bytes: UnsafeMutablePointer<UInt8>
    var out: UnsafeMutablePointer<UInt8>

    mutating func value(_ index: Int) {
        let node = nodes[index]
        switch node.kind {
        case .string: string(node)
        case .null, .true, .false, .integer, .number:
            memcpy(out, bytes + Int(node.start), Int(node.length))
            out += Int(node.length)
        case .array:
            byte(UInt8(ascii: "["))
            var element = index + 1
            while element < Int(node.next) {
                if element > index + 1 { byte(UInt8(ascii: ",")) }
                value(element)
                element = Int(nodes[element].next)
            }
            byte(UInt8(ascii: "]"))
        case .object:
            byte(UInt8(ascii: "{"))
            var name = index + 1
            while name < Int(node.next) {
                if name > index + 1 { byte(UInt8(ascii: ",")) }
                string(nodes[name])
                byte(UInt8(ascii: ":"))
                value(name + 1)
                name = Int(nodes[name + 1].next)
            }
            byte(UInt8(ascii: "}"))
        }
    }

    @inline(__always)
    private mutating func byte(_ byte: UInt8) {
        out.pointee = byte
        out += 1
    }

    @inline(__always)
    private mutating func string(_ node: JSONDocument.Node) {
        JSONText.quote(UnsafeBufferPointer(start: bytes + Int(node.start), count: Int(node.length)), &out)
    }
}

/// Strings between quotes (RFC 8259 §7), with the shortest escapes.
enum JSONText {
    static func quote(_ text: UnsafeBufferPointer<UInt8>, _ out: inout UnsafeMutablePointer<UInt8>) {
        out.pointee = UInt8(ascii: "\"")
        out += 1
        if let base = text.baseAddress {
            var position = 0
            while true {
                let run = PlainText.unescapedPrefix(base + position, text.count - position)
                memcpy(out, base + position, run)
                out += run
                position += run
                if position == text.count { break }
                escape(base[position], &out)
                position += 1
            }
        }
        out.pointee = UInt8(ascii: "\"")
        out += 1
    }

    /// The letter behind the backslash of a two-byte escape.
    static func short(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x22, 0x5c: byte
        case 0x08: UInt8(ascii: "b")
        case 0x0c: UInt8(ascii: "f")
        case 0x0a: UInt8(ascii: "n")
        case 0x0d: UInt8(ascii: "r")
        case 0x09: UInt8(ascii: "t")
        default: nil
        }
    }

    private static func escape(_ byte: UInt8, _ out: inout UnsafeMutablePointer<UInt8>) {
        out[0] = 0x5c
        if let letter = short(byte) {
            out[1] = letter
            out += 2
            return
        }
        out[1] = UInt8(ascii: "u")
        out[2] = 0x30
        out[3] = 0x30
        out[4] = byte >> 4 + 0x30
        let low = byte & 15
        out[5] = low < 10 ? low + 0x30 : low + 0x57
        out += 6
    }
}
