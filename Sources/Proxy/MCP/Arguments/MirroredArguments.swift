// Arguments that a tool's schema mirrors into headers (2026-07-28, "Custom Headers from Tool Parameters"): what the header
// `Mcp-Param-…` says must be what the argument says, because intermediaries decide by the header and servers by the body.

import JSON

struct MirroredArguments {
    private struct Entry {
        var path: [String]
        /// Lowercase, with `mcp-param-`.
        var field: String
        var isInteger: Bool
    }

    static let prefix = "mcp-param-"
    /// Nesting of properties that is looked through.
    private static let maximumDepth = 16

    private var entries: [Entry] = []

    /// nil for a schema whose annotations are not valid: clients do not mirror anything then, and must not call the tool.
    init?(schema: JSONValue?) {
        guard let schema, collect(schema, [], 0) else { return nil }
    }

    var isEmpty: Bool { entries.isEmpty }

    /// Goes through `properties` only: an annotation elsewhere could stand for several values, or none.
    private mutating func collect(_ schema: JSONValue, _ path: [String], _ depth: Int) -> Bool {
        guard depth <= MirroredArguments.maximumDepth else { return false }
        if let name = schema["x-mcp-header" as StaticString] {
            guard !path.isEmpty, let token = name.string, MirroredArguments.isToken(token),
                let type = schema["type" as StaticString]?.string, ["string", "integer", "boolean"].contains(type)
            else { return false }
            let field = MirroredArguments.prefix + token.lowercased()
            guard !entries.contains(where: { $0.field == field }) else { return false }
            entries.append(Entry(path: path, field: field, isInteger: type == "integer"))
        }
        for (name, property) in schema["properties" as StaticString]?.members.map({ $0 }) ?? [] {
            guard property.kind == .object else { continue }
            guard collect(property, path + [name.string ?? ""], depth + 1) else { return false }
        }
        return true
    }

    /// RFC 9110, §5.6.2.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    private func value(_ arguments: JSONValue?, _ path: [String]) -> JSONValue? {
        var place = arguments
        for name in path { place = place?.kind == .object ? place?[name] : nil }
        return place?.isNull == true ? nil : place
    }

    private func rendered(_ value: JSONValue) -> String? {
        if let flag = value.bool { return flag ? "true" : "false" }
        return value.string ?? value.numberText
    }

    /// - Parameter field: the values of a header field.
    /// - Throws: -32020 unless every header says what its argument says.
    func check(_ arguments: JSONValue?, field: (String) -> [String]) throws(RPCError) {
        for entry in entries {
            let sent = field(entry.field)
            guard sent.count <= 1 else { throw .header("more than one \(entry.field)") }
            guard let value = value(arguments, entry.path), let text = rendered(value) else {
                guard sent.isEmpty else { throw .header("\(entry.field) has no argument") }
                continue
            }
            guard let header = sent.first else { throw .header("\(entry.field) is missing") }
            guard let decoded = MirroredValue.decode(header) else { throw .header("\(entry.field) is not base64") }
            if decoded.utf8.elementsEqual(text.utf8) { continue }
            // Integers are compared by value: 42 may be written 42.0.
            guard entry.isInteger, JSONEquality.isInteger(value), let number = MirroredArguments.decimal(decoded),
                JSONEquality.equal(number, value)
            else { throw .header("\(entry.field) is not its argument") }
        }
    }

    /// Digits with at most a fraction; nothing else that a JSON parser takes.
    private static func decimal(_ text: String) -> JSONValue? {
        guard text.utf8.count <= 64, text.utf8.allSatisfy({ "0123456789.-".utf8.contains($0) }) else { return nil }
        return try? JSONDocument(parsing: Array(text.utf8)).root
    }

    /// The fields for a request to a server of the modern era.
    func fields(_ arguments: JSONValue?) -> [(name: String, value: String)] {
        entries.compactMap { entry in
            guard let value = value(arguments, entry.path), let text = rendered(value) else { return nil }
            return (entry.field, MirroredValue.encode(text))
        }
    }
}
