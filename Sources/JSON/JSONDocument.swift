// A parsed JSON text: its bytes, with escapes resolved in place, and a flat array of nodes that point into them.
// Invariant: both blocks belong to the document, are written only while it is parsed, and are freed with it; every node's
// start and length lie within the bytes, and every `next` within the nodes.

#if canImport(Glibc)
import Glibc
#endif

public final class JSONDocument: @unchecked Sendable {
    struct Node {
        enum Kind: UInt8 {
            case null, `true`, `false`, integer, number, string, array, object
        }
        var kind: Kind
        /// Strings, numbers: where their bytes are. Arrays and objects: the offset of the bracket.
        var start: UInt32
        /// Strings, numbers: bytes. Arrays: elements. Objects: members.
        var length: UInt32
        /// The index of the first node that is not part of this value.
        var next: UInt32
    }

    let bytes: UnsafeMutablePointer<UInt8>
    let byteCount: Int
    private(set) var nodes: UnsafeMutablePointer<Node>
    private(set) var nodeCount = 0
    private var nodeCapacity: Int
    /// The text is, byte for byte, what encoding the root gives: no space between values, no escape but the shortest.
    public internal(set) var isCompact = true

    /// Parses a copy of `text`, strictly (RFC 8259): UTF-8, no duplicate members, nothing after the value.
    public init(parsing text: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        byteCount = text.count
        bytes = .allocate(capacity: max(1, text.count))
        if let base = text.baseAddress { memcpy(bytes, base, text.count) }
        // A guess that fits most messages: a node for every eight bytes.
        nodeCapacity = max(16, text.count / 8)
        nodes = .allocate(capacity: nodeCapacity)
        guard text.count <= limits.maximumBytes else {
            throw JSONError(.tooLarge(limit: limits.maximumBytes), at: limits.maximumBytes)
        }
        var parser = JSONParser(document: self, limits: limits)
        try parser.parse()
    }

    public convenience init(parsing text: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        self.init(copying: text)
        guard text.count <= limits.maximumBytes else {
            throw JSONError(.tooLarge(limit: limits.maximumBytes), at: limits.maximumBytes)
        }
        var parser = JSONParser(document: self, limits: limits)
        try parser.parse()
    }

    public convenience init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    private init(copying text: [UInt8]) {
        byteCount = text.count
        bytes = .allocate(capacity: max(1, byteCount))
        nodeCapacity = max(16, byteCount / 8)
        nodes = .allocate(capacity: nodeCapacity)
        text.withUnsafeBytes { if let base = $0.baseAddress { memcpy(bytes, base, $0.count) } }
    }

    deinit {
        bytes.deallocate()
        nodes.deallocate()
    }

    public var root: JSONValue { JSONValue(document: self, index: 0) }

    func append(_ kind: Node.Kind, start: Int, length: Int) {
        if nodeCount == nodeCapacity {
            let grown = UnsafeMutablePointer<Node>.allocate(capacity: nodeCapacity * 2)
            grown.moveInitialize(from: nodes, count: nodeCount)
            nodes.deallocate()
            nodes = grown
            nodeCapacity *= 2
        }
        (nodes + nodeCount).initialize(
            to: Node(
                kind: kind, start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: length),
                next: UInt32(truncatingIfNeeded: nodeCount + 1)))
        nodeCount += 1
    }
}
