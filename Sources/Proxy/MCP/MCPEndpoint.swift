// Where a route's requests enter the MCP layer: POST, GET and DELETE of streamable HTTP, after authentication. Everything
// that comes in is parsed, judged, and only then sent on, encoded anew.

import Auth
import JSON

/// What one request was about, for the access log and metrics.
package struct MCPRecord: Sendable {
    package var method = ""
    package var target = ""
    /// Tool, prompt or URI, as the target knows it.
    package var subject = ""
    /// The JSON-RPC code of the error that was answered; 0 for none.
    package var errorCode = 0
    /// Why, for the log: what the client is not told.
    package var detail = ""
}

package enum MCPEndpoint {
    /// Answers one request.
    /// - Parameters:
    ///   - principal: sessions are bound to its identity.
    ///   - authorizer: the rules of the route and backend.
    ///   - admitsOrigin: the CORS policy of the route takes the request's `Origin`.
    ///   - isNamedHost: listener or route name the hosts that they are for.
    ///   - decorate: changes the head of every reply (CORS).
    package static func handle(
        _ exchange: Exchange, _ backend: CompiledMCP, _ runtime: MCPRuntime, principal: Principal,
        authorizer: any MCPAuthorizer, admitsOrigin: Bool = false, isNamedHost: Bool = false,
        decorate: @escaping (ResponseHead) -> Void = { _ in }
    ) async -> MCPRecord {
        let request = MCPClientRequest(
            exchange, backend, runtime, principal, authorizer, admitsOrigin, isNamedHost, decorate)
        await request.answer()
        return request.record
    }
}

/// One HTTP request of a client. Confined to its loop.
final class MCPClientRequest {
    let exchange: Exchange
    let backend: CompiledMCP
    let runtime: MCPRuntime
    let authorizer: any MCPAuthorizer
    let reply: ClientReply
    let checks: RequestChecks
    let names: ExposedNames
    let presence: ClientPresence
    /// What sealed strings are bound to: the route and the caller.
    let binding: String
    var record = MCPRecord()
    /// The client mirrors arguments into headers: it speaks the modern era.
    var checksMirrored = false
    /// The stream that the answer goes to, and its session, when the client speaks the older transport.
    var eventSession: (stream: EventSession, token: SessionToken?)?

    init(
        _ exchange: Exchange, _ backend: CompiledMCP, _ runtime: MCPRuntime, _ principal: Principal,
        _ authorizer: any MCPAuthorizer, _ admitsOrigin: Bool, _ isNamedHost: Bool,
        _ decorate: @escaping (ResponseHead) -> Void
    ) {
        self.exchange = exchange
        self.backend = backend
        self.runtime = runtime
        self.authorizer = authorizer
        reply = ClientReply(exchange, decorate: decorate)
        presence = ClientPresence(exchange)
        checks = RequestChecks(
            exchange: exchange, backend: backend, admitsOrigin: admitsOrigin, isNamedHost: isNamedHost)
        names = ExposedNames(backend: backend)
        binding = "\(backend.label)\u{0}\(principal.identity)"
    }

    func answer() async {
        do throws(RPCError) {
            try checks.origin()
            switch exchange.request.method {
            case .post: try await post()
            case .get: try await get()
            case .delete: try await delete()
            default: await reply.empty(405, headers: [("allow", "GET, POST, DELETE")])
            }
        } catch { await fail(nil, error) }
    }

    /// Whose leaving ends a call; a POST of the older transport is over before its call.
    private var watchedClient: ClientPresence? { eventSession == nil ? presence : nil }

    func fail(_ id: RPCID?, _ error: RPCError) async {
        record.errorCode = error.code
        if record.detail.isEmpty { record.detail = error.message }
        await reply.fail(id, error)
    }

    // MARK: POST

    private func post() async throws(RPCError) {
        try checks.content()
        let events = EventEndpoint(request: self)
        if let place = try checks.single(.mcpSessionID) == nil ? events.session() : nil {
            return try await events.take(try await readMessage(), place)
        }
        try checks.accept(["application/json", "text/event-stream"])
        try await take(try await readMessage())
    }

    func take(_ message: RPCMessage) async throws(RPCError) {
        switch message {
        case .request(let request):
            record.method = request.method
            do throws(RPCError) {
                try await serve(request)
            } catch { await fail(request.id, error) }
        case .notification(let notification):
            record.method = notification.method
            let hasNoSession = backend.isStateless ? true : try isModernNotification()
            if hasNoSession {
                // Nothing is kept that it could be about; clients of either era send some, and want no error for it.
                guard ClientNotification(rawValue: notification.method) != nil else {
                    throw RPCError(-32601, 400, "Unknown notification: \(notification.method)")
                }
                try judge(MCPCall(method: notification.method, session: "", client: nil))
                return await reply.empty(202)
            }
            let link = SessionLink(
                backend, runtime, try session(), travelling: checks.travelling, client: watchedClient)
            try await LegacyNotifications(request: self, link: link).take(notification)
            await reply.empty(202)
        case .response(let response):
            let link = SessionLink(
                backend, runtime, try session(), travelling: checks.travelling, client: watchedClient)
            try await LegacyNotifications(request: self, link: link).take(response)
            await reply.empty(202)
        }
    }

    /// A client of the modern era ends a call by leaving; what else it tells has no session to be for.
    private func isModernNotification() throws(RPCError) -> Bool {
        guard let stated = try checks.single(.mcpProtocolVersion), try checks.single(.mcpSessionID) == nil else {
            return false
        }
        return MCPVersion(rawValue: stated)?.isModern == true
    }

    private func readMessage() async throws(RPCError) -> RPCMessage {
        if let body = exchange.takeBufferedBody() {
            guard body.count <= backend.bodyLimit else { throw .tooLarge }
            return try RPCMessage.parse(body.buffer, limit: backend.bodyLimit)
        }
        let body = IOBuffer(capacity: 4096)
        do throws(ExchangeError) {
            try await exchange.collectBody(limit: backend.bodyLimit, into: body)
        } catch {
            if error == .message(.bodyTooLarge) { throw .tooLarge }
            let failure = UpstreamError.client(error)
            throw RPCError(-32600, failure.status, failure.clientMessage)
        }
        return try RPCMessage.parse(body.view.buffer, limit: backend.bodyLimit)
    }

    private func serve(_ request: RPCRequest) async throws(RPCError) {
        let stated = try checks.single(.mcpProtocolVersion)
        let params = try ClientParams(request.params)
        if ModernRequest.isModern(header: stated, params) {
            return try await ModernRequest(request: self).serve(request, params, header: stated)
        }
        let known = MCPMethod(rawValue: request.method)
        guard known?.isModernOnly != true, known != nil || backend.passthroughMethods.contains(request.method) else {
            throw .unknownMethod(request.method)
        }
        if backend.isStateless { return try await StatelessMode(request: self).serve(request, known, params) }
        if known == .initialize {
            return try await LegacyInitialize(request: self).serve(request, params)
        }
        let token = try session()
        if let stated, stated != token.version.rawValue {
            throw .invalidRequest("MCP-Protocol-Version is not the session's")
        }
        let link = SessionLink(
            backend, runtime, token, travelling: checks.travelling, client: watchedClient)
        let legacy = LegacyRequest(request: self, link: link)
        guard let known else { return try await legacy.pass(request, params) }
        try await legacy.serve(request, known, params)
    }

    // MARK: Sessions

    /// The session that the request belongs to.
    /// - Throws: 400 without one; 404 for one that is not this route's and this caller's, or no longer valid.
    func session() throws(RPCError) -> SessionToken {
        if let eventSession {
            guard let token = eventSession.token else { throw .missingSession }
            // The stream stays open over a reload; its servers may be others now.
            guard token.backend == backend.signature, token.expires > WallClock.nanoseconds / 1_000_000_000 else {
                throw .unknownSession
            }
            return token
        }
        guard let text = try checks.single(.mcpSessionID) else { throw .missingSession }
        guard let bytes = runtime.service.seal.open(text.utf8, .session, boundTo: binding),
            let token = SessionToken(bytes), token.expires > WallClock.nanoseconds / 1_000_000_000,
            token.backend == backend.signature, token.targets.allSatisfy({ backend.byName[$0.name] != nil }),
            !runtime.hasEnded(token.id)
        else { throw .unknownSession }
        return token
    }

    /// The client's own stream.
    private func get() async throws(RPCError) {
        guard !backend.isStateless else { return await reply.empty(405, headers: [("allow", "POST")]) }
        try checks.accept(["text/event-stream"])
        record.method = "GET"
        if try checks.single(.mcpSessionID) == nil, exchange.request.path.text.hasSuffix("/sse") {
            try judge(MCPCall(method: "GET", session: "", client: nil))
            return try await EventEndpoint(request: self).serve()
        }
        let token = try session()
        try judge(MCPCall(method: "GET", session: token.idText, client: token.client))
        let link = SessionLink(backend, runtime, token, travelling: checks.travelling, client: nil)
        await LegacyStream(request: self, link: link).serve()
    }

    private func delete() async throws(RPCError) {
        guard !backend.isStateless else { return await reply.empty(405, headers: [("allow", "POST")]) }
        record.method = "DELETE"
        let link = SessionLink(backend, runtime, try session(), travelling: checks.travelling, client: nil)
        if let home = link.home {
            let id = link.token.id
            guard await home.loop.perform({ home.sessions[id] != nil }) else { throw .unknownSession }
        }
        await runtime.noteEnded(link.token.id)
        await link.end()
        await reply.empty(204)
    }

    // MARK: Rules

    /// - Throws: the denial, unless the rules let the message pass.
    func judge(_ call: MCPCall, unknown: RPCError? = nil) throws(RPCError) {
        guard case .deny(let denial) = authorizer.judge(call) else { return }
        record.detail = "denied \(denial.decision)"
        if denial.hides { throw unknown ?? .unknownMethod(call.method) }
        throw .denied(denial.decision, challenge: denial.challenge)
    }
}

extension MCPCall {
    init(method: String, target: String? = nil, session: String, client: MCPClientInfo?) {
        self.init(method: method, target: target, subject: nil, session: session, client: client)
    }
}
