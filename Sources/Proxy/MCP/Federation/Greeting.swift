// The answers of several servers to `initialize` (or `server/discover`) as one: the union of what they can do, and all
// that they have to say about themselves.

import JSON

struct Greeting {
    private(set) var capabilities: [String: Set<String>] = [:]
    private(set) var instructions: [(target: String, text: String)] = []
    /// Of an only target.
    private(set) var serverInfo: JSONValue?
    /// Of an only target, passed as they are.
    private var own: [String: JSONValue] = [:]
    private let count: Int

    /// What servers can do with tasks of their own (2025-11-25).
    private static let taskFeatures = [[], ["list"], ["cancel"], ["requests", "tools", "call"]]
    private var tasks: Set<[String]> = []

    /// Capabilities that can be shared between targets, with the features that are flags.
    private static let shared = ["tools", "prompts", "resources", "logging", "completions"]

    init(targets: Int) { count = targets }

    mutating func add(_ result: JSONValue, target: String) {
        if let offered = result["capabilities" as StaticString] { add(capabilities: offered) }
        if let text = (result["instructions" as StaticString])?.string, !text.isEmpty {
            instructions.append((target, text))
        }
        if count == 1 { serverInfo = result["serverInfo" as StaticString] }
    }

    private mutating func add(capabilities offered: JSONValue) {
        for (name, value) in offered.members {
            guard let name = name.string, value.kind == .object else { continue }
            if name == "tasks" {
                for path in Greeting.taskFeatures where Greeting.has(value, path[...]) { tasks.insert(path) }
                continue
            }
            guard Greeting.shared.contains(name) else {
                // Experimental ones: their messages could not be told apart between several servers.
                if count == 1 {
                    capabilities[name] = []
                    own[name] = name == "extensions" ? ModernTasks.removed(from: value) : value
                }
                continue
            }
            var flags = capabilities[name, default: []]
            for (flag, on) in value.members where on.bool == true { flags.insert(flag.string ?? "") }
            capabilities[name] = flags
        }
    }

    private static func has(_ value: JSONValue, _ path: ArraySlice<String>) -> Bool {
        guard let name = path.first else { return true }
        guard let inner = value[name], inner.kind == .object else { return false }
        return has(inner, path.dropFirst())
    }

    /// An object with an empty one at the end of each path.
    private static func write(_ paths: [[String]], _ writer: inout JSONWriter) {
        writer.object { writer in
            for name in Set(paths.compactMap(\.first)).sorted() {
                writer.name(name)
                write(paths.filter { $0.first == name }.map { Array($0.dropFirst()) }, &writer)
            }
        }
    }

    func writeCapabilities(_ writer: inout JSONWriter) {
        writer.object { writer in
            if !tasks.isEmpty {
                writer.name("tasks")
                Greeting.write(Array(tasks), &writer)
            }
            for name in capabilities.keys.sorted() {
                writer.name(name)
                if let value = own[name] {
                    writer.value(value)
                    continue
                }
                writer.object { writer in
                    for flag in (capabilities[name] ?? []).sorted() {
                        writer.name(flag)
                        writer.value(true)
                    }
                }
            }
        }
    }

    /// The result of `initialize`.
    /// - Parameter excluded: capabilities that cannot be had here.
    func writeResult(_ version: MCPVersion, without excluded: Set<String> = [], _ writer: inout JSONWriter) {
        var greeting = self
        for name in excluded { greeting.capabilities[name] = nil }
        if !excluded.isEmpty {
            greeting.capabilities["resources"]?.remove("subscribe")
            greeting.tasks = []
        }
        writer.object { writer in
            writer.name("protocolVersion")
            writer.value(version.rawValue)
            writer.name("capabilities")
            greeting.writeCapabilities(&writer)
            writer.name("serverInfo")
            writeServerInfo(&writer)
            if let text = joinedInstructions {
                writer.name("instructions")
                writer.value(text)
            }
        }
    }

    func writeServerInfo(_ writer: inout JSONWriter) {
        if let serverInfo { return writer.value(serverInfo) }
        writer.object { writer in
            writer.name("name")
            writer.value("agentgw")
            writer.name("version")
            writer.value("1")
        }
    }

    var joinedInstructions: String? {
        if instructions.isEmpty { return nil }
        if count == 1 { return instructions[0].text }
        return instructions.map { "## \($0.target)\n\($0.text)" }.joined(separator: "\n\n")
    }
}
