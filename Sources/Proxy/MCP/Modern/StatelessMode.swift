// `statefulMode: stateless`: clients of the session era without sessions. Servers see one session for each caller, which the
// gateway keeps as it does for modern clients; what only a session could remember is refused.

import JSON

struct StatelessMode {
    let request: MCPClientRequest

    func serve(_ message: RPCRequest, _ method: MCPMethod?, _ params: ClientParams) async throws(RPCError) {
        guard let capabilities = try? JSONDocument(parsing: "{}").root else { throw .unknownMethod(message.method) }
        let client = ModernClient(
            capabilities: capabilities, info: nil, summary: MCPClientInfo(name: "", version: ""))
        let servers = ModernServers(request: request, client: client)
        if method == .initialize { return try await initialize(message, params, servers) }
        switch method {
        case .setLevel?, .resourcesSubscribe?, .resourcesUnsubscribe?, .tasksGet?, .tasksResult?, .tasksList?,
            .tasksCancel?:
            // They are about a session that there is not.
            throw .unknownMethod(message.method)
        default: break
        }
        let link = try await servers.link()
        link.isForModernClient = false
        link.isShared = true
        let legacy = LegacyRequest(request: request, link: link)
        guard let method else { return try await legacy.pass(message, params) }
        do throws(RPCError) {
            try await legacy.serve(message, method, params)
        } catch {
            // The session was the gateway's: the next request begins another, and the client need not know.
            guard error.status == 404, error.code == RPCError.unknownSession.code else { throw error }
            servers.forget(link.token)
            throw RPCError(-32001, 502, "The server has ended its session; try again")
        }
    }

    private func initialize(
        _ message: RPCRequest, _ params: ClientParams, _ servers: ModernServers
    ) async throws(RPCError) {
        let version = MCPVersion.negotiated(try params.text("protocolVersion"))
        guard try params.object("capabilities") != nil, try params.object("clientInfo") != nil else {
            throw RPCError(-32602, 400, "'capabilities' and 'clientInfo' are required")
        }
        try request.judge(MCPCall(method: message.method, session: "", client: nil))
        let merged = try await servers.greeting()
        await request.reply.finish(
            RPCWriter.result(message.id) { merged.writeResult(version, without: ["logging"], &$0) })
    }
}
