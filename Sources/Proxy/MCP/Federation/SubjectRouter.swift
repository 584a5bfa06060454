// Finds the target of a request that names a tool, a prompt or a resource, asks the rules about it, and writes the params
// as that target knows them.

import JSON

struct SubjectRouter {
    let request: MCPClientRequest
    let link: SessionLink

    struct Routed {
        var target: Int
        var params: [UInt8]
        /// As the target knows it.
        var name: String
    }

    private var names: ExposedNames { request.names }

    func route(_ method: MCPMethod, _ params: ClientParams, _ id: RPCID) async throws(RPCError) -> Routed {
        switch method {
        case .toolsCall:
            let exposed = try params.text("name")
            let arguments = try params.object("arguments")
            let (target, name) = try await find(exposed, .tools, id, .unknownTool(exposed))
            let annotations = try await annotations(of: name, target, id)
            try judge(
                method, target, .tool(name: name, arguments: arguments, annotations: annotations), name,
                .unknownTool(exposed))
            return Routed(target: target, params: params.encoded(replacing: "name", with: name), name: name)
        case .promptsGet:
            let exposed = try params.text("name")
            let arguments = try params.object("arguments")
            let (target, name) = try await find(exposed, .prompts, id, .unknownPrompt(exposed))
            try judge(method, target, .prompt(name: name, arguments: arguments), name, .unknownPrompt(exposed))
            return Routed(target: target, params: params.encoded(replacing: "name", with: name), name: name)
        case .complete:
            return try await completion(method, params, id)
        default:
            let exposed = try params.text("uri")
            guard let (target, uri) = names.resolve(uri: exposed) else { throw .unknownResource(exposed) }
            try judge(method, target, .resource(uri: uri), uri, .unknownResource(exposed))
            return Routed(target: target, params: params.encoded(replacing: "uri", with: uri), name: uri)
        }
    }

    /// `completion/complete`: its `ref` names a prompt or a resource template.
    private func completion(
        _ method: MCPMethod, _ params: ClientParams, _ id: RPCID
    ) async throws(RPCError) -> Routed {
        guard let ref = try params.object("ref"), let type = ref["type" as StaticString]?.string else {
            throw RPCError(-32602, 400, "'ref' must be an object with a type")
        }
        let member: String
        let target: Int
        let name: String
        switch type {
        case "ref/prompt":
            member = "name"
            guard let exposed = ref["name" as StaticString]?.string else {
                throw RPCError(-32602, 400, "'ref.name' must be a string")
            }
            (target, name) = try await find(exposed, .prompts, id, .unknownPrompt(exposed))
            try judge(method, target, .prompt(name: name, arguments: nil), name, .unknownPrompt(exposed))
        case "ref/resource":
            member = "uri"
            guard let exposed = ref["uri" as StaticString]?.string else {
                throw RPCError(-32602, 400, "'ref.uri' must be a string")
            }
            guard let found = names.resolve(uri: exposed) else { throw .unknownResource(exposed) }
            (target, name) = found
            try judge(method, target, .resource(uri: name), name, .unknownResource(exposed))
        default: throw RPCError(-32602, 400, "'ref.type' must be ref/prompt or ref/resource")
        }
        let encoded = params.encoded { key, writer in
            guard key.equals("ref" as StaticString) else { return false }
            writer.object { writer in
                for (key, value) in ref.members {
                    writer.name(key.string ?? "")
                    if key.equals(member) { writer.value(name) } else { writer.value(value) }
                }
            }
            return true
        }
        return Routed(target: target, params: encoded, name: name)
    }

    private func find(
        _ exposed: String, _ kind: ListKind, _ id: RPCID, _ unknown: RPCError
    ) async throws(RPCError) -> (target: Int, name: String) {
        switch names.resolve(name: exposed) {
        case .found(let target, let name): return (target, name)
        case .unknown: throw unknown
        case .needsLists:
            let items = try await ListFetch(link: link, names: names).all(kind, id: id)
            guard let item = items.first(where: { $0.exposed == exposed }) else { throw unknown }
            return (item.target, item.name)
        }
    }

    /// What the tool's target says about it, when a rule wants to know: the same as when the list was filtered.
    private func annotations(of name: String, _ target: Int, _ id: RPCID) async throws(RPCError) -> JSONValue? {
        guard request.authorizer.readsAnnotations else { return nil }
        let items = try await ListFetch(link: link, names: names).some(.tools, [target], id: id)
        return items.first { $0.name == name }?.value["annotations" as StaticString]
    }

    private func judge(
        _ method: MCPMethod, _ target: Int, _ subject: MCPCall.Subject, _ name: String, _ unknown: RPCError
    ) throws(RPCError) {
        request.record.target = link.backend.targets[target].name
        request.record.subject = name
        try request.judge(
            MCPCall(
                method: method.rawValue, target: link.backend.targets[target].name, subject: subject,
                session: link.shownSession, client: link.token.client), unknown: unknown)
    }
}
