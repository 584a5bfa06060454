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

    func route(_ method: MCPMethod, _ params: ClientParams) async throws(RPCError) -> Routed {
        switch method {
        case .toolsCall:
            let exposed = try params.text("name")
            let arguments = try params.object("arguments", null: true)
            let (target, name) = try await find(exposed, .tools, .unknownTool(exposed))
            let definition = try await definition(of: name, target, .unknownTool(exposed))
            try judge(
                method, target,
                .tool(
                    name: name, arguments: arguments, annotations: definition?.value["annotations" as StaticString],
                    isPinned: definition?.isPinned), name,
                .unknownTool(exposed),
                before: { () throws(RPCError) in
                    try check(arguments, definition?.value, name)
                })
            return Routed(target: target, params: params.encoded(replacing: "name", with: name), name: name)
        case .promptsGet:
            let exposed = try params.text("name")
            let arguments = try params.object("arguments", null: true)
            let (target, name) = try await find(exposed, .prompts, .unknownPrompt(exposed))
            try await mustExist(.prompts, name, target, .unknownPrompt(exposed))
            try judge(method, target, .prompt(name: name, arguments: arguments), name, .unknownPrompt(exposed))
            return Routed(target: target, params: params.encoded(replacing: "name", with: name), name: name)
        case .complete:
            return try await completion(method, params)
        default:
            let exposed = try params.text("uri")
            guard let (target, uri) = names.resolve(uri: exposed) else { throw .unknownResource(exposed) }
            try judge(method, target, .resource(uri: uri), uri, .unknownResource(exposed))
            return Routed(target: target, params: params.encoded(replacing: "uri", with: uri), name: uri)
        }
    }

    /// `completion/complete`: its `ref` names a prompt or a resource template.
    private func completion(
        _ method: MCPMethod, _ params: ClientParams
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
            (target, name) = try await find(exposed, .prompts, .unknownPrompt(exposed))
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
        _ exposed: String, _ kind: ListKind, _ unknown: RPCError
    ) async throws(RPCError) -> (target: Int, name: String) {
        switch names.resolve(name: exposed) {
        case .found(let target, let name): return (target, name)
        case .unknown: throw unknown
        case .needsLists:
            let items = try await ListFetch(link: link, names: names).all(kind)
            guard let item = items.first(where: { $0.exposed == exposed }) else { throw unknown }
            return (item.target, item.name)
        }
    }

    /// What the tool's target says about it, when that decides something: the same as when the list was filtered.
    private func definition(
        of name: String, _ target: Int, _ unknown: RPCError
    ) async throws(RPCError) -> KnownItem? {
        let mustExist =
            link.backend.hidesDenied || link.backend.validatesArguments || link.backend.toolGuard != nil
        // A modern server wants arguments mirrored as its schema says.
        let mirrors = request.checksMirrored || link.isModern(target)
        guard mustExist || request.authorizer.readsAnnotations || mirrors else { return nil }
        let found = try await ListFetch(link: link, names: names).definition(.tools, name, target)
        if found == nil, mustExist {
            note(target, name)
            throw unknown
        }
        return found
    }

    /// With `hideDenied`, what does not exist is answered by the gateway, in the words that it has for what is denied.
    private func mustExist(
        _ kind: ListKind, _ name: String, _ target: Int, _ unknown: RPCError
    ) async throws(RPCError) {
        guard link.backend.hidesDenied else { return }
        let found = try await ListFetch(link: link, names: names).definition(kind, name, target)
        if found == nil { throw unknown }
    }

    /// What is wrong with arguments whatever the rules say. Only for a tool that the caller may know: its schema is in
    /// the answer.
    private func check(_ arguments: JSONValue?, _ definition: JSONValue?, _ name: String) throws(RPCError) {
        guard let definition else { return }
        let schema = definition["inputSchema" as StaticString]
        if request.checksMirrored, let mirrored = MirroredArguments(schema: schema) {
            try mirrored.check(arguments) { field in
                var values: [String] = []
                var field = field
                field.withUTF8 { bytes in
                    request.exchange.request.headers.forEach(named: ByteView(bytes)) { values.append($0.text) }
                }
                return values
            }
        }
        guard link.backend.validatesArguments, let schema else { return }
        do throws(ArgumentSchema.Finding) {
            try ArgumentSchema.check(arguments, against: schema)
        } catch { throw .invalidParams("Invalid arguments for tool '\(name)': \(error)") }
    }

    private func note(_ target: Int, _ name: String) {
        request.record.target = link.backend.targets[target].name
        request.record.subject = name
    }

    /// - Parameter before: further checks of a subject that the caller may know of; their errors come before a denial
    ///   for its arguments.
    private func judge(
        _ method: MCPMethod, _ target: Int, _ subject: MCPCall.Subject, _ name: String, _ unknown: RPCError,
        before: () throws(RPCError) -> Void = {}
    ) throws(RPCError) {
        note(target, name)
        let call = MCPCall(
            method: method.rawValue, target: link.backend.targets[target].name, subject: subject,
            session: link.shownSession, client: link.token.client)
        if request.authorizer.mayKnow(call) { try before() }
        try request.judge(call, unknown: unknown)
    }
}
