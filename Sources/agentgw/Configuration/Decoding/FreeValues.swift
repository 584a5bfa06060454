// Free-form values: metadata for rules, members of published documents, key sets written as YAML.

import Auth

extension Declarations {
    /// Any YAML value as JSON has it; text is expanded.
    static let free = ValueDecoder<MetadataValue>(.free("Any value."), freeValue)

    /// A mapping with any members.
    static let freeObject = ValueDecoder<[MetadataMember]>(.map(.free("Any value."))) { node, context in
        guard node.entries != nil else {
            return context.fail("expected a mapping, found \(NodeKind.name(of: node))", at: node)
        }
        guard case .object(let members) = freeValue(node, context) else { return nil }
        return members
    }

    static func freeValue(_ node: YAMLNode, _ context: DecodingContext) -> MetadataValue? {
        switch node.content {
        case .scalar(let scalar):
            guard let text = context.expand(scalar, of: node) else { return nil }
            switch ExpandedScalar(text: text, scalar: scalar).value {
            case .null: return .null
            case .bool(let value): return .bool(value)
            case .int(let value): return .int(value)
            case .hugeInt: return context.fail("does not fit a 64-bit integer; write it in quotes", at: node)
            case .float(let value):
                guard value.isFinite else { return context.fail("JSON has no infinity and no NaN", at: node) }
                return .double(value)
            case .text: return .string(text.text)
            }
        case .sequence(let nodes):
            let values = nodes.enumerated().map { index, child in
                context.within(index: index) { freeValue(child, context) }
            }
            let sound = values.compactMap { $0 }
            return sound.count == values.count ? .list(sound) : nil
        case .mapping(let entries):
            let members = entries.map { entry in
                context.within(key: entry.key) { freeValue(entry.value, context) }.map { MetadataMember(entry.key, $0) }
            }
            let sound = members.compactMap { $0 }
            return sound.count == members.count ? .object(sound) : nil
        }
    }
}

/// Free-form values as JSON text (RFC 8259).
enum FreeJSON {
    static func text(_ value: MetadataValue) -> String {
        var out = ""
        write(value, to: &out)
        return out
    }

    /// With two spaces per level, for people.
    static func indented(_ value: MetadataValue) -> String {
        var out = ""
        writeIndented(value, level: 0, to: &out)
        return out
    }

    private static func writeIndented(_ value: MetadataValue, level: Int, to out: inout String) {
        let margin = "\n" + String(repeating: "  ", count: level)
        switch value {
        case .list(let values) where !values.isEmpty:
            out += "["
            for (index, value) in values.enumerated() {
                out += (index > 0 ? "," : "") + margin + "  "
                writeIndented(value, level: level + 1, to: &out)
            }
            out += margin + "]"
        case .object(let members) where !members.isEmpty:
            out += "{"
            for (index, member) in members.enumerated() {
                out += (index > 0 ? "," : "") + margin + "  "
                JSONText.write(member.name, to: &out)
                out += ": "
                writeIndented(member.value, level: level + 1, to: &out)
            }
            out += margin + "}"
        default: write(value, to: &out)
        }
    }

    private static func write(_ value: MetadataValue, to out: inout String) {
        switch value {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .int(let value): out += String(value)
        case .double(let value): out += "\(value)"
        case .string(let value): JSONText.write(value, to: &out)
        case .list(let values):
            out += "["
            for (index, value) in values.enumerated() {
                if index > 0 { out += "," }
                write(value, to: &out)
            }
            out += "]"
        case .object(let members):
            out += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { out += "," }
                JSONText.write(member.name, to: &out)
                out += ":"
                write(member.value, to: &out)
            }
            out += "}"
        }
    }
}

enum JSONText {
    /// A string with its quotes.
    static func write(_ text: String, to out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
