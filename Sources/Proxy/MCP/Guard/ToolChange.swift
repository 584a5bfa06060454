// How a tool differs from the definition that was locked: in classes, because a better wording and a new parameter are not
// the same risk.

import JSON

package enum ToolChange: String, CaseIterable, Sendable {
    /// Not in the lock file.
    case new
    /// A locked tool under another name.
    case renamed
    /// Locked, and no longer offered.
    case removed
    /// Title, description, or a text inside a schema: what models read.
    case textChanged
    /// The input schema may accept more, or has a parameter that was not there.
    case schemaWidened
    /// The input schema accepts less.
    case schemaNarrowed
    case annotationsChanged

    /// What is different between two definitions of one name; empty when nothing is.
    static func between(_ old: ToolDefinition, _ new: ToolDefinition) -> Set<ToolChange> {
        guard old.digest != new.digest else { return [] }
        func differs(_ name: StaticString) -> Bool {
            CanonicalJSON.bytes(old.value[name]) != CanonicalJSON.bytes(new.value[name])
        }
        var changes: Set<ToolChange> = []
        if differs("title") || differs("description") || differs("outputSchema") { changes.insert(.textChanged) }
        if differs("annotations") { changes.insert(.annotationsChanged) }
        if differs("inputSchema") {
            let a = old.value["inputSchema" as StaticString]
            let b = new.value["inputSchema" as StaticString]
            if SchemaComparison.textDiffers(a, b) { changes.insert(.textChanged) }
            if !SchemaComparison.isSame(a, b) {
                changes.insert(SchemaComparison.narrows(from: a, to: b) ? .schemaNarrowed : .schemaWidened)
            }
        }
        // The digests differ: something has changed, whatever it is.
        return changes.isEmpty ? [.schemaWidened] : changes
    }
}

/// Input schemas compared conservatively: what is not understood is taken for wider.
enum SchemaComparison {
    /// Keywords that say nothing about what is accepted, and that models read.
    private static let texts: Set<String> = [
        "$comment", "default", "deprecated", "description", "examples", "format", "title",
    ]
    private static let maximumDepth = 32

    private static func isText(_ name: JSONValue) -> Bool {
        name.string.map { texts.contains($0) || $0.hasPrefix("x-") } ?? false
    }

    // MARK: Texts

    /// Whether a text has changed, or has come to a place that was there before.
    static func textDiffers(_ old: JSONValue?, _ new: JSONValue?) -> Bool {
        var before: [String: [UInt8]] = [:]
        var after: [String: [UInt8]] = [:]
        collect(old, "", isSchema: true, 0, &before)
        collect(new, "", isSchema: true, 0, &after)
        return before != after
    }

    private static func collect(
        _ value: JSONValue?, _ place: String, isSchema: Bool, _ depth: Int, _ texts: inout [String: [UInt8]]
    ) {
        guard let value, depth < maximumDepth else { return }
        for (index, element) in value.elements.enumerated() {
            collect(element, "\(place)/\(index)", isSchema: true, depth + 1, &texts)
        }
        for (name, member) in value.members {
            let inner = "\(place)/\(name.string ?? "")"
            if isSchema, isText(name) {
                texts[inner] = CanonicalJSON.bytes(member)
            } else {
                collect(member, inner, isSchema: !(isSchema && isMap(name)), depth + 1, &texts)
            }
        }
    }

    /// The member is an object whose names are not keywords.
    private static func isMap(_ name: JSONValue) -> Bool {
        ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"].contains(name.string ?? "")
    }

    // MARK: What is accepted

    /// The same but for texts.
    static func isSame(_ a: JSONValue?, _ b: JSONValue?) -> Bool {
        stripped(a) == stripped(b)
    }

    private static func stripped(_ value: JSONValue?) -> [UInt8] {
        guard let value else { return [] }
        var writer = JSONWriter()
        strip(value, isSchema: true, &writer)
        return writer.bytes
    }

    private static func strip(_ value: JSONValue, isSchema: Bool, _ writer: inout JSONWriter) {
        switch value.kind {
        case .object:
            let members = value.members.map { ($0.name, $0.value) }
                .sorted { $0.0.rawBytes.lexicographicallyPrecedes($1.0.rawBytes) }
            writer.object { writer in
                for (name, member) in members where !(isSchema && isText(name)) {
                    writer.name(name.string ?? "")
                    strip(member, isSchema: !(isSchema && isMap(name)), &writer)
                }
            }
        case .array:
            writer.array { writer in for element in value.elements { strip(element, isSchema: true, &writer) } }
        default: CanonicalJSON.write(value, &writer)
        }
    }

    /// Whether `new` certainly accepts nothing that `old` did not.
    static func narrows(from old: JSONValue?, to new: JSONValue?, depth: Int = 0) -> Bool {
        if isSame(old, new) { return true }
        guard let old, let new, old.kind == .object, new.kind == .object, depth < maximumDepth else { return false }
        var names: Set<String> = []
        for (name, _) in old.members where !isText(name) { names.insert(name.string ?? "") }
        for (name, _) in new.members where !isText(name) { names.insert(name.string ?? "") }
        return names.allSatisfy { narrows($0, old, new, depth) }
    }

    private static func narrows(_ keyword: String, _ old: JSONValue, _ new: JSONValue, _ depth: Int) -> Bool {
        let before = old[keyword]
        let after = new[keyword]
        switch keyword {
        case "properties":
            // A parameter that was not there is something new for models to fill in, whatever was accepted before.
            for (name, member) in after?.members.map({ $0 }) ?? [] {
                guard narrows(from: before?[name.string ?? ""], to: member, depth: depth + 1),
                    before?[name.string ?? ""] != nil
                else { return false }
            }
            let isClosed = new["additionalProperties" as StaticString]?.bool == false
            return before?.members.allSatisfy { after?[$0.name.string ?? ""] != nil || isClosed } ?? true
        case "additionalProperties": return isSame(before, after) || after?.bool == false
        case "required":
            let kept = Set(after?.elements.compactMap(\.string) ?? [])
            return before?.elements.allSatisfy { kept.contains($0.string ?? "") } ?? true
        case "type":
            guard let before else { return true }
            guard let after else { return false }
            let allowed = types(before)
            return types(after).allSatisfy { allowed.contains($0) || ($0 == "integer" && allowed.contains("number")) }
        case "enum":
            guard let before else { return true }
            guard let after else { return false }
            return after.elements.allSatisfy { value in
                before.elements.contains { JSONEquality.equal($0, value) }
            }
        case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
            guard let before else { return true }
            guard let after else { return false }
            return !JSONEquality.isLess(after, before)
        case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
            guard let before else { return true }
            guard let after else { return false }
            return !JSONEquality.isLess(before, after)
        case "items": return before == nil || narrows(from: before, to: after, depth: depth + 1)
        case "const", "pattern": return before == nil || isSame(before, after)
        default: return isSame(before, after)
        }
    }

    private static func types(_ value: JSONValue) -> [String] {
        value.kind == .array ? value.elements.compactMap(\.string) : [value.string ?? ""]
    }
}
