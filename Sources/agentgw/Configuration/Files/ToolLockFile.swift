// `tools.lock.yaml`: the definitions of tools as somebody has reviewed them. Written by `agentgw tools lock`, read when a
// configuration with `mcpGuard` is loaded.

import Auth
import JSON
import Proxy

enum ToolLockFile {
    static let version = 1
    /// Larger than this, a lock file was not written for servers that a model could use.
    static let maximumBytes = 8 << 20
    /// libyaml reads no longer simple keys.
    private static let maximumName = 900

    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    // MARK: Reading

    static func read(_ path: String, _ files: FileReader) throws(Problem) -> ToolLock {
        switch files.read(path, maximumBytes) {
        case .failure(let failure):
            throw Problem(description: "cannot read \(path): \(failure.message); `agentgw tools lock` writes it")
        case .success(let bytes): return try parse(bytes, path)
        }
    }

    static func parse(_ bytes: [UInt8], _ path: String) throws(Problem) -> ToolLock {
        let source = YAMLSource(file: path, bytes: bytes)
        let (root, issues) = YAMLComposer.compose(source)
        if let issue = issues.first { throw problem(issue.message, issue.offset, source) }
        guard let root, let entries = root.entries else { throw problem("not a lock file", 0, source) }
        func entry(_ name: String, _ entries: [YAMLEntry]) -> YAMLNode? { entries.first { $0.key == name }?.value }
        guard entry("version", entries)?.scalar?.text == "\(version)" else {
            throw problem("the lock file's version is not \(version)", root.offset, source)
        }
        guard let targets = entry("targets", entries)?.entries else {
            throw problem("targets is missing", root.offset, source)
        }
        var lock = ToolLock()
        for target in targets {
            guard case .sequence(let tools) = target.value.content else {
                throw problem("expected a list of tools", target.value.offset, source)
            }
            var definitions: [ToolDefinition] = []
            for tool in tools {
                guard let members = tool.entries, let stated = entry("digest", members)?.scalar?.text,
                    let definition = entry("definition", members)
                else { throw problem("a locked tool has a digest and a definition", tool.offset, source) }
                var text = ""
                try json(definition, source, &text)
                guard let value = try? JSONDocument(parsing: text).root, let tool = ToolDefinition(value) else {
                    throw problem("not the definition of a tool", definition.offset, source)
                }
                guard tool.digest == stated else {
                    throw problem(
                        "the digest of \"\(Excerpt.of(tool.name))\" is not its definition's: the file was edited; "
                            + "`agentgw tools lock` writes it anew", definition.offset, source)
                }
                definitions.append(tool)
            }
            lock.targets[target.key] = definitions
        }
        return lock
    }

    private static func problem(_ message: String, _ offset: Int, _ source: YAMLSource) -> Problem {
        Problem(description: "\(source.position(at: offset)): \(message)")
    }

    private static func json(_ node: YAMLNode, _ source: YAMLSource, _ text: inout String) throws(Problem) {
        switch node.content {
        case .mapping(let entries):
            text += "{"
            for (index, entry) in entries.enumerated() {
                if index > 0 { text += "," }
                text += quoted(entry.key) + ":"
                try json(entry.value, source, &text)
            }
            text += "}"
        case .sequence(let nodes):
            text += "["
            for (index, node) in nodes.enumerated() {
                if index > 0 { text += "," }
                try json(node, source, &text)
            }
            text += "]"
        case .scalar(let scalar):
            if scalar.isText {
                text += quoted(scalar.text)
                return
            }
            switch YAMLCoreValue(plain: scalar.text) {
            case .null: text += "null"
            case .bool(let value): text += value ? "true" : "false"
            // As JSON spells numbers; whatever is not one fails to parse.
            case .int, .hugeInt, .float: text += scalar.text
            case .text: throw problem("text stands in quotes here", node.offset, source)
            }
        }
    }

    private static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.value(text)
        return writer.text
    }

    // MARK: Writing

    static func text(_ lock: ToolLock) throws(Problem) -> String {
        var out = """
            # Tools as they were reviewed. Written by `agentgw tools lock`; `agentgw tools diff` shows what has changed.
            version: \(version)
            targets:

            """
        for target in lock.targets.keys.sorted() {
            let tools = lock.targets[target] ?? []
            out += "  \(scalar(target)):\(tools.isEmpty ? " []" : "")\n"
            for tool in tools.sorted(by: { $0.name < $1.name }) {
                out += "    - digest: \(scalar(tool.digest))\n      definition:"
                try write(tool.value, indentation: 8, &out)
            }
        }
        return out
    }

    private static func write(_ value: JSONValue, indentation: Int, _ out: inout String) throws(Problem) {
        let margin = String(repeating: " ", count: indentation)
        switch value.kind {
        case .object where value.count > 0:
            out += "\n"
            for (name, member) in value.members {
                let name = name.string ?? ""
                guard name.utf8.count <= maximumName else {
                    throw Problem(description: "a name of more than \(maximumName) bytes cannot be locked")
                }
                out += "\(margin)\(scalar(name)):"
                try write(member, indentation: indentation + 2, &out)
            }
        case .object: out += " {}\n"
        case .array where value.count > 0:
            out += "\n"
            for element in value.elements {
                out += "\(margin)-"
                try write(element, indentation: indentation + 2, &out)
            }
        case .array: out += " []\n"
        case .string: out += " \(scalar(value.string ?? ""))\n"
        case .number: out += " \(value.numberText ?? "0")\n"
        default: out += " \(value.bool.map { $0 ? "true" : "false" } ?? "null")\n"
        }
    }

    /// In double quotes. Whatever a reader of the file would not see, or not see as what it is, is escaped: hidden
    /// characters are a way to talk to models behind a reviewer's back.
    static func scalar(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            default:
                if isVisible(scalar) { out.unicodeScalars.append(scalar) } else { out += escape(scalar) }
            }
        }
        return out + "\""
    }

    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: !scalar.properties.isDefaultIgnorableCodePoint
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        let width = scalar.value > 0xffff ? 8 : 4
        return (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - digits.count) + digits
    }
}

extension GatewayConfiguration {
    /// Changes every `mcp` backend.
    mutating func updateMCPBackends(_ body: (inout MCPBackend) -> Void) {
        for bind in binds.indices {
            for listener in binds[bind].listeners.indices {
                for route in binds[bind].listeners[listener].routes.indices {
                    for backend in binds[bind].listeners[listener].routes[route].backends.indices {
                        let path =
                            \GatewayConfiguration.binds[bind].listeners[listener].routes[route].backends[backend]
                            .kind
                        guard case .mcp(var mcp) = self[keyPath: path] else { continue }
                        body(&mcp)
                        self[keyPath: path] = .mcp(mcp)
                    }
                }
            }
        }
    }

    /// Reads the lock files that are named. - Returns: what is wrong with them.
    mutating func readToolLocks(_ files: FileReader) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        updateMCPBackends { backend in
            guard let guarding = backend.toolGuard else { return }
            do throws(ToolLockFile.Problem) {
                backend.toolGuard?.lock = try ToolLockFile.read(guarding.pin, files)
            } catch {
                diagnostics.append(
                    Diagnostic(position: backend.position, path: "mcpGuard.pin", message: error.description))
            }
        }
        return diagnostics
    }
}
