// A JSON document converted once, for as many evaluations as need it: the claims of a token, the arguments of a call.
// Invariant: the tree's strings point into the document's bytes, and its lists and maps into its arena; it keeps both.

import JSON

package final class ValueTree: @unchecked Sendable {
    // Never changed after init, so any thread may read what `root` points to.
    private let arena: Arena
    private let document: JSONDocument?
    package let root: Value

    package init(_ document: JSONDocument) {
        // Sixteen bytes for an element, thirty-two for a member: a third of the text's length is a fair first guess.
        arena = Arena(size: 1024)
        self.document = document
        root = ValueTree.value(document.root, in: arena)
    }

    /// Nil when `value` holds a map with equal keys or an abstract value that is none.
    package init?(_ value: CELValue) {
        arena = Arena(size: 1024)
        document = nil
        guard let root = value.value(in: arena) else { return nil }
        self.root = root
    }

    /// JSON as CEL sees it: integral literals are int, else uint, every other number is double. The document must outlive
    /// the value.
    package static func value(_ json: JSONValue, in arena: Arena) -> Value {
        switch json.kind {
        case .null: return .null
        case .bool: return .bool(json.bool == true)
        case .number:
            if let int = json.int64 { return .int(int) }
            if let uint = json.uint64 { return .uint(uint) }
            return .double(json.double ?? .nan)
        case .string: return .string(json.rawBytes)
        case .array:
            var builder = ListBuilder(arena: arena, capacity: json.count)
            for element in json.elements { builder.append(value(element, in: arena)) }
            return builder.finish()
        case .object:
            var builder = MapBuilder(arena: arena, capacity: json.count)
            // The parser has refused duplicate members.
            for (name, member) in json.members { builder.append(.string(name.rawBytes), value(member, in: arena)) }
            return builder.finish()
        }
    }
}
