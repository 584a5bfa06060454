// The MCP message of a case, with the names that clients use brought into those that rules see.

import Auth
import JSON
import Proxy

struct MessageBuilder {
    private let mcp: CaseMessage
    private let tools: [PolicyTool]?
    private let policy: LoadedPolicy

    init(_ testCase: TestCase, _ mcp: CaseMessage, tools: [PolicyTool]?, _ policy: LoadedPolicy) {
        self.mcp = mcp
        self.tools = tools
        self.policy = policy
    }

    /// - Throws: for a message that the backend could not be sent.
    func message(_ destination: GatewayTrial.Destination, backend: Int) throws(BrokenCase) -> TrialMessage? {
        guard destination.backendCount > 0 else { return nil }
        guard let servers = destination.mcp(backend: backend) else {
            throw BrokenCase(
                message: policy.form == .rules
                    ? "the rules are about HTTP requests; for MCP messages write kind: mcpAuthorization in \(policy.file)"
                    : "the route \(destination.label) leads to no MCP backend")
        }
        let method = mcp.methodName
        func call(_ target: String?, _ subject: MCPCall.Subject?) -> MCPCall {
            MCPCall(method: method, target: target, subject: subject, session: mcp.session ?? "", client: mcp.client)
        }
        switch method {
        case "tools/call":
            guard let name = mcp.tool else { throw BrokenCase(message: "tools/call names a tool: write `tool`") }
            let (target, own) = try resolve(name, servers)
            let annotations = mcp.annotations ?? tools?.first { $0.name == name || $0.name == own }?.annotations
            return .call(
                call(
                    target,
                    .tool(
                        name: own, arguments: try mcp.arguments.map(Self.json),
                        annotations: try annotations.map(Self.json))))
        case "prompts/get":
            guard let name = mcp.prompt else { throw BrokenCase(message: "prompts/get names a prompt: write `prompt`") }
            let (target, own) = try resolve(name, servers)
            return .call(call(target, .prompt(name: own, arguments: try mcp.arguments.map(Self.json))))
        case "resources/read", "resources/subscribe", "resources/unsubscribe":
            guard let uri = mcp.resource else {
                throw BrokenCase(message: "\(method) names a resource: write `resource`")
            }
            let (target, own) = try resolve(uri, servers, isURI: true)
            return .call(call(target, .resource(uri: own)))
        case "tools/list", "prompts/list", "resources/list":
            let kind: ListKind =
                method == "tools/list" ? .tools : method == "prompts/list" ? .prompts : .resources
            var items: [MCPItem] = []
            for tool in tools ?? [] {
                let (target, own) = try resolve(tool.name, servers, isURI: kind == .resources)
                items.append(
                    MCPItem(
                        kind: kind, target: target, name: own, definition: try Self.definition(tool),
                        session: mcp.session ?? "", client: mcp.client))
            }
            return .list(call(nil, nil), items)
        default:
            guard mcp.tool == nil, mcp.prompt == nil, mcp.resource == nil else {
                throw BrokenCase(message: "\(method) names no tool, prompt or resource")
            }
            guard !TrialMCPBackend.knows(method: method) else { return .message(call(nil, nil)) }
            var opaque = call(servers.targets[0], nil)
            opaque.isOpaque = true
            return .message(opaque)
        }
    }

    /// The target and the name it has there.
    private func resolve(
        _ name: String, _ servers: TrialMCPBackend, isURI: Bool = false
    ) throws(BrokenCase) -> (target: String, name: String) {
        if let target = mcp.target {
            guard policy.form == .rules || servers.targets.contains(target) else {
                let hint = Suggestion.hint(for: target, among: servers.targets)
                throw BrokenCase(
                    message: "there is no target \"\(target)\"\(hint.isEmpty ? "; there are \(list(servers))" : hint)")
            }
            return (target, name)
        }
        switch isURI ? servers.resolve(uri: name) : servers.resolve(name: name) {
        case .found(let target, let own): return (target, own)
        case .needsLists:
            throw BrokenCase(
                message: "\"\(name)\" may be any server's (\(list(servers))): say whose it is with `target`")
        case .unknown:
            throw BrokenCase(
                message: "\"\(name)\" names no server: clients write it with the server's name before it, such as "
                    + "\"\(servers.targets[0])\(isURI ? "+" : "_")\(name)\" (there are \(list(servers))), or say "
                    + "whose it is with `target`")
        }
    }

    private func list(_ servers: TrialMCPBackend) -> String { servers.targets.joined(separator: ", ") }

    private static func definition(_ tool: PolicyTool) throws(BrokenCase) -> JSONValue {
        var members = [MetadataMember("name", .string(tool.name))]
        if let annotations = tool.annotations { members.append(MetadataMember("annotations", annotations)) }
        return try json(.object(members))
    }

    private static func json(_ value: MetadataValue) throws(BrokenCase) -> JSONValue {
        var writer = JSONWriter()
        writer.value(value)
        do throws(JSONError) {
            return try JSONDocument(parsing: writer.bytes).root
        } catch { throw BrokenCase(message: "the arguments are not JSON: \(error)") }
    }
}
