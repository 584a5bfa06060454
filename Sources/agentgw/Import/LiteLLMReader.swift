// Walks a LiteLLM file: whatever nobody asks for is reported, so that a setting that is unknown here cannot get lost.

import Auth

/// One mapping of the file. Asking for a member marks it as read; `finish` reports the rest.
final class LiteLLMObject {
    let path: String
    let node: YAMLNode
    private let source: YAMLSource
    private var isRead: Set<String> = []

    init?(_ node: YAMLNode, _ path: String, _ source: YAMLSource) {
        guard node.entries != nil else { return nil }
        self.node = node
        self.path = path
        self.source = source
    }

    func position(of name: String? = nil) -> FilePosition {
        guard let name, let entry = (node.entries ?? []).first(where: { $0.key == name }) else {
            return source.position(at: node.offset)
        }
        return source.position(at: entry.keyOffset)
    }

    func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// nil: not there, or null.
    func node(_ name: String) -> YAMLNode? {
        isRead.insert(name)
        guard let value = (node.entries ?? []).first(where: { $0.key == name })?.value else { return nil }
        return NodeKind.isNull(value) ? nil : value
    }

    /// A scalar as it is written.
    func text(_ name: String, _ report: inout ImportReport) -> String? {
        guard let value = node(name) else { return nil }
        guard let scalar = value.scalar else {
            report.add(.unsupported, position(of: name), path(of: name), "expected a single value; not carried over")
            return nil
        }
        return scalar.text
    }

    func object(_ name: String, _ report: inout ImportReport) -> LiteLLMObject? {
        guard let value = node(name) else { return nil }
        guard let object = LiteLLMObject(value, path(of: name), source) else {
            report.add(.unsupported, position(of: name), path(of: name), "expected a mapping; not carried over")
            return nil
        }
        return object
    }

    func list(_ name: String, _ report: inout ImportReport) -> [(node: YAMLNode, path: String)] {
        guard let value = node(name) else { return [] }
        guard case .sequence(let nodes) = value.content else {
            report.add(.unsupported, position(of: name), path(of: name), "expected a list; not carried over")
            return []
        }
        return nodes.enumerated().map { ($1, "\(path(of: name))[\($0)]") }
    }

    func isThere(_ name: String) -> Bool { node(name) != nil }

    /// Reports one member by name.
    func note(_ name: String, _ grade: ImportReport.Grade, _ message: String, _ report: inout ImportReport) {
        guard isThere(name) else { return }
        report.add(grade, position(of: name), path(of: name), message)
    }

    /// Reports what nobody has read.
    func finish(_ report: inout ImportReport, known: [String: String] = [:]) {
        for entry in node.entries ?? [] where !isRead.contains(entry.key) {
            report.add(
                .unsupported, source.position(at: entry.keyOffset), path(of: entry.key),
                known[entry.key] ?? "has no counterpart here; not carried over")
        }
    }
}

/// A value of a configuration of ours, as YAML.
enum YAMLText {
    /// Between double quotes (YAML 1.2 §7.3.1).
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                result += "\\x" + (hex.count == 1 ? "0" : "") + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Text that is to stay as it is: our files expand `$VAR`.
    static func literal(_ text: String) -> String { quoted(text.replacing("$", with: "$$")) }

    /// A comment of one line, whatever is in the text.
    static func comment(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) })
    }
}
