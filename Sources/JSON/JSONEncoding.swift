// Re-encodes a parsed value into memory that the caller has made large enough: one pass for the length, one to write.
// Invariant: `encode` writes exactly `encodedLength` bytes; both walk the same nodes by the same rules.

#if canImport(Glibc)
import Glibc
#endif

extension JSONValue {
    /// The number of bytes that `encode` writes.
    public var encodedLength: Int {
        withExtendedLifetime(document) {
            var walk = JSONNodeWalk(document, index)
            var length = 0
            while let token = walk.next() {
                switch token {
                case .punctuation: length += 1
                case .verbatim(let bytes): length += bytes.count
                case .string(let bytes): length += JSONText.quotedLength(bytes)
                }
            }
            return length
        }
    }

    /// Writes the value as compact JSON, numbers as they were written, members in their order.
    /// - Parameter target: has room for `encodedLength` bytes.
    /// - Returns: the number of bytes written.
    @discardableResult
    public func encode(into target: UnsafeMutablePointer<UInt8>) -> Int {
        withExtendedLifetime(document) {
            var walk = JSONNodeWalk(document, index)
            var out = target
            while let token = walk.next() {
                switch token {
                case .punctuation(let byte):
                    out.pointee = byte
                    out += 1
                case .verbatim(let bytes):
                    memcpy(out, bytes.baseAddress!, bytes.count)
                    out += bytes.count
                case .string(let bytes): JSONText.quote(bytes, &out)
                }
            }
            return out - target
        }
    }
}

/// The tokens of a value in the order in which they are written.
private struct JSONNodeWalk {
    enum Token {
        case punctuation(UInt8)
        case verbatim(UnsafeBufferPointer<UInt8>)
        case string(UnsafeBufferPointer<UInt8>)
    }

    /// An array or object that is being written.
    private struct Open {
        var end: Int
        var isObject: Bool
    }

    private let nodes: UnsafeMutablePointer<JSONDocument.Node>
    private let bytes: UnsafeMutablePointer<UInt8>
    private let end: Int
    private var index: Int
    private var open: [Open] = []
    private var current: Open?
    /// What comes before the node at `index`.
    private enum Before { case nothing, comma, colon }
    private var before = Before.nothing
    private var isName = false

    init(_ document: JSONDocument, _ index: Int) {
        nodes = document.nodes
        bytes = document.bytes
        self.index = index
        end = Int(nodes[index].next)
    }

    mutating func next() -> Token? {
        if let current, index == current.end {
            self.current = open.popLast()
            before = .comma
            isName = self.current?.isObject == true
            return .punctuation(current.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        }
        if index == end { return nil }
        switch before {
        case .nothing: break
        case .comma:
            before = .nothing
            return .punctuation(UInt8(ascii: ","))
        case .colon:
            before = .nothing
            return .punctuation(UInt8(ascii: ":"))
        }
        let node = nodes[index]
        index += 1
        switch node.kind {
        case .array, .object:
            if let current { open.append(current) }
            current = Open(end: Int(node.next), isObject: node.kind == .object)
            isName = node.kind == .object
            return .punctuation(node.kind == .object ? UInt8(ascii: "{") : UInt8(ascii: "["))
        case .string:
            if isName {
                before = .colon
                isName = false
            } else {
                endValue()
            }
            return .string(text(node))
        case .null, .true, .false, .integer, .number:
            endValue()
            return .verbatim(text(node))
        }
    }

    private mutating func endValue() {
        before = .comma
        isName = current?.isObject == true
    }

    private func text(_ node: JSONDocument.Node) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + Int(node.start), count: Int(node.length))
    }
}

/// Strings between quotes (RFC 8259 §7), with the shortest escapes.
enum JSONText {
    static func quotedLength(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        var length = 2 + text.count
        guard let base = text.baseAddress else { return length }
        var position = 0
        while true {
            position += PlainText.unescapedPrefix(base + position, text.count - position)
            if position == text.count { return length }
            length += JSONText.short(base[position]) == nil ? 5 : 1
            position += 1
        }
    }

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
