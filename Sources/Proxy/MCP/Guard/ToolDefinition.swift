// What a tool says about itself in one spelling, and its digest: two definitions with the same digest are the same to a
// model and to a client.

import Auth
import JSON

package struct ToolDefinition: Sendable {
    /// The members that count. Others (`icons`, `_meta`) are not shown to models.
    private static let members = ["annotations", "description", "inputSchema", "name", "outputSchema", "title"]

    package let name: String
    /// The members that count, canonical: names sorted by their bytes, no white space.
    package let value: JSONValue
    /// `sha256:` and 64 hexadecimal digits.
    package let digest: String

    /// nil for an item that is no tool.
    package init?(_ tool: JSONValue) {
        guard tool.kind == .object, let name = tool["name" as StaticString]?.string else { return nil }
        var writer = JSONWriter()
        writer.object { writer in
            for member in ToolDefinition.members {
                guard let value = tool[member] else { continue }
                writer.name(member)
                CanonicalJSON.write(value, &writer)
            }
        }
        guard let document = try? JSONDocument(parsing: writer.bytes),
            let hash = try? Digest.sha256(writer.bytes.span)
        else { return nil }
        self.name = name
        value = document.root
        digest = "sha256:\(hash.hex)"
    }

    /// Everything but the name: the same for a tool that was only renamed.
    var nameless: [UInt8] {
        var writer = JSONWriter()
        writer.object { $0.copyMembers(of: value, except: ["name"]) }
        return writer.bytes
    }
}

enum CanonicalJSON {
    static func write(_ value: JSONValue, _ writer: inout JSONWriter) {
        switch value.kind {
        case .object:
            let members = value.members.map { ($0.name, $0.value) }
                .sorted { $0.0.rawBytes.lexicographicallyPrecedes($1.0.rawBytes) }
            writer.object { writer in
                for (name, member) in members {
                    writer.name(name.string ?? "")
                    write(member, &writer)
                }
            }
        case .array: writer.array { writer in for element in value.elements { write(element, &writer) } }
        case .number where !value.isIntegral: writer.value(value.double ?? 0)
        default: writer.value(value)
        }
    }

    static func bytes(_ value: JSONValue?) -> [UInt8] {
        guard let value else { return [] }
        var writer = JSONWriter()
        write(value, &writer)
        return writer.bytes
    }
}
