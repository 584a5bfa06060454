// A legacy session at work for one request: sends to its targets wherever they live, and brings back what they say.

import JSON

final class SessionLink: @unchecked Sendable {
    let backend: CompiledMCP
    let runtime: MCPRuntime
    var token: SessionToken
    let travelling: Travelling
    let client: ClientPresence?
    /// How rules see the session; empty in the modern era, which has none.
    var shownSession: String
    /// What goes along with requests to modern servers.
    var envelope: ModernEnvelope
    /// The client speaks the modern era: what a server asks for goes to it as a result.
    var isForModernClient = false
    /// The servers' own streams, of a session that the gateway keeps.
    var pooledStream: PooledStream?

    init(
        _ backend: CompiledMCP, _ runtime: MCPRuntime, _ token: SessionToken,
        travelling: Travelling, client: ClientPresence?
    ) {
        self.backend = backend
        self.runtime = runtime
        self.token = token
        self.travelling = travelling
        self.client = client
        shownSession = token.idText
        envelope = ModernEnvelope(capabilities: token.capabilities, client: token.client)
    }

    /// The loop that has the session's children.
    var home: MCPRuntime? { token.home.flatMap { runtime.service.runtime(ofLoop: $0) } }

    /// The session is the gateway's own, for several requests of one caller that know nothing of each other.
    var isShared = false

    /// The id under which a target gets a request. Clients without sessions may use the same for two at a time.
    func requestID(_ id: RPCID) -> RPCID { isShared ? runtime.newID() : id }

    /// The targets that took part in `initialize`.
    var liveTargets: [Int] { token.targets.compactMap { backend.byName[$0.name] } }

    func httpLink(_ target: Int) -> HTTPServerLink? {
        guard case .http(let upstream, let path) = backend.targets[target].kind else { return nil }
        return HTTPServerLink(core: runtime.core, target: backend.targets[target], upstream: upstream, path: path)
    }

    private func context(_ target: Int, timeout: Duration) -> HTTPMessageContext {
        let state = token.state(of: backend.targets[target].name)
        return HTTPMessageContext(
            session: state?.session, version: state?.version, travelling: travelling,
            deadline: runtime.loop.now + timeout)
    }

    /// Takes note of what a target says about its lists, before a client hears of it.
    func heard(_ notification: RPCNotification, from target: Int) {
        for kind in ServerNotification(rawValue: notification.method)?.changedLists ?? [] {
            runtime.listsChanged(token.id, backend.targets[target].name, kind)
        }
    }

    // MARK: Requests

    /// Sends a request and waits for its answer; `onMessage` gets what comes before it.
    func call(
        _ target: Int, _ request: TargetRequest, watchesClient: Bool = true,
        onMessage: (RPCMessage) async -> Void = { _ in }
    ) async throws(TargetFailure) -> RPCResponse {
        guard token.state(of: backend.targets[target].name) != nil else {
            throw .unavailable("it took no part in this session's beginning")
        }
        guard isModern(target) else {
            return try await exchange(target, request, watchesClient: watchesClient, onMessage: onMessage)
        }
        var request = request
        for _ in 0..<InputRounds.maximumRounds {
            let response = try await exchange(
                target, modern(request, target), watchesClient: watchesClient, onMessage: onMessage)
            guard !isForModernClient, InputRounds.isInputRequired(response) else { return response }
            request = try await InputRounds(link: self, target: target).next(
                after: response, of: request, ask: onMessage)
        }
        throw .badAnswer("it asks again and again")
    }

    private func exchange(
        _ target: Int, _ request: TargetRequest, watchesClient: Bool, onMessage: (RPCMessage) async -> Void
    ) async throws(TargetFailure) -> RPCResponse {
        if case .builtin(let server) = backend.targets[target].kind {
            return try server.answer(request)
        }
        if case .openAPI(let server, let upstream, _) = backend.targets[target].kind {
            if let answer = try server.answer(request) { return answer }
            return try await underWay(target, request, watchesClient: watchesClient) {
                (context) async throws(TargetFailure) in
                try await self.callService(server, upstream, target, request, context)
            }
        }
        guard let link = httpLink(target) else {
            return try await callChild(target, request, watchesClient: watchesClient, onMessage)
        }
        return try await underWay(target, request, watchesClient: watchesClient) {
            (context) async throws(TargetFailure) in
            try await self.callServer(link, request, context, onMessage)
        }
    }

    /// A request to a target over HTTP, while which it can be given up.
    private func underWay(
        _ target: Int, _ request: TargetRequest, watchesClient: Bool,
        _ body: (HTTPMessageContext) async throws(TargetFailure) -> RPCResponse
    ) async throws(TargetFailure) -> RPCResponse {
        let cancellation = CallCancellation()
        let key = CallKey(session: token.id, target: backend.targets[target].name, id: request.id)
        runtime.remoteCalls[key] = cancellation
        let leaving = watchesClient ? client?.onLeave { cancellation.cancel(ClientPresence.reason) } : nil
        defer {
            client?.forget(leaving)
            if runtime.remoteCalls[key] === cancellation { runtime.remoteCalls[key] = nil }
        }
        var context = context(target, timeout: backend.targets[target].callTimeout)
        context.cancellation = cancellation
        do throws(TargetFailure) {
            return try await body(context)
        } catch {
            // The server hears of it when its session is ended.
            if cancellation.endsSession { throw .sessionEnded }
            switch error {
            case .cancelled: giveUp(request.id, target, cancellation.reason ?? error.clientMessage)
            case .timedOut: giveUp(request.id, target, "timeout")
            default: break
            }
            throw error
        }
    }

    private func callServer(
        _ link: HTTPServerLink, _ request: TargetRequest, _ context: HTTPMessageContext,
        _ onMessage: (RPCMessage) async -> Void
    ) async throws(TargetFailure) -> RPCResponse {
        var context = context
        context.isRepeatable = request.isRepeatable
        context.mirrored = request.mirrored
        let reply = try await link.open(.post, request.message(id: request.id), context)
        defer { reply.close() }
        if let failure = reply.failure(hasSession: context.session != nil) {
            // Some servers say what is wrong in JSON-RPC as well as in the status.
            guard case .badAnswer = failure, reply.isJSON, case .response(let response)? = try await reply.next(),
                response.id == nil || response.id == request.id
            else { throw failure }
            return response
        }
        while let message = try await reply.next() {
            if case .response(let response) = message {
                guard response.id == request.id else { throw .badAnswer("a response to another request") }
                return response
            }
            await onMessage(message)
        }
        throw .badAnswer("its reply ended without a response")
    }

    /// Tells a server of the session era that nobody waits for its answer any longer.
    /// One of the modern era knows from the end of its connection, and so does a plain service.
    private func giveUp(_ id: RPCID, _ target: Int, _ reason: String) {
        guard case .http = backend.targets[target].kind, !isModern(target) else { return }
        let message = RPCWriter.notification(ClientNotification.cancelled.rawValue) { writer in
            writer.object { writer in
                writer.name("requestId")
                id.write(&writer)
                writer.name("reason")
                writer.value(reason)
            }
        }
        runtime.loop.spawn { await self.send(message, to: target) }
    }

    private func callService(
        _ server: OpenAPIServer, _ upstream: Upstream, _ target: Int, _ request: TargetRequest,
        _ context: HTTPMessageContext
    ) async throws(TargetFailure) -> RPCResponse {
        let call: OpenAPIServer.Call
        switch try server.call(request) {
        case .failure(let error): return try server.refusal(request.id, error)
        case .success(let made): call = made
        }
        let link = HTTPServerLink(
            core: runtime.core, target: backend.targets[target], upstream: upstream, path: call.target)
        var context = context
        context.isRepeatable = call.isRepeatable
        let reply = try await link.send(call, context)
        defer { reply.close() }
        let isJSON = reply.isJSON
        return try server.result(request.id, status: reply.status, body: try await reply.wholeBody(), isJSON: isJSON)
    }

    private func callChild(
        _ target: Int, _ request: TargetRequest, watchesClient: Bool, _ onMessage: (RPCMessage) async -> Void
    ) async throws(TargetFailure) -> RPCResponse {
        guard let home else { throw .sessionLost }
        let mailbox = Mailbox(loop: runtime.loop)
        runtime.watch(mailbox, until: runtime.loop.now + backend.targets[target].callTimeout)
        let id = token.id
        var outcome: String? = ClientPresence.reason
        let leaving = watchesClient ? client?.onLeave { mailbox.close() } : nil
        defer {
            client?.forget(leaving)
            mailbox.close()
            runtime.unwatch(mailbox)
            let abandoned = outcome
            home.run { home.sessions[id]?.finish(request.id, abandoned: abandoned) }
        }
        let submit: @Sendable () async -> Void = {
            guard let session = home.sessions[id] else { return mailbox.post(.failed(.sessionLost)) }
            await session.submit(request, target, to: mailbox)
        }
        if home.loop.isOnLoop { await submit() } else { home.loop.spawn(submit) }
        while let event = await mailbox.next() {
            switch event {
            case .message(.response(let response), _):
                outcome = nil
                return response
            case .message(let message, _): await onMessage(message)
            case .failed(let failure):
                if case .timedOut = failure { outcome = "timeout" } else { outcome = nil }
                throw failure
            case .idle, .encoded: continue
            }
        }
        throw .cancelled
    }

    // MARK: Notifications and answers

    /// Sends a message that has no answer.
    func send(_ message: [UInt8], to target: Int) async {
        switch backend.targets[target].kind {
        case .builtin, .openAPI: return
        case .stdio, .http, .events: break
        }
        if isModern(target) {
            // The modern era knows no notifications of clients; an answer is for a call of ours that waits for it.
            if case .response(let response)? = try? RPCMessage.parse(message, limit: MCPLimits.targetMessage) {
                runtime.service.deliver(response)
            }
            return
        }
        guard let link = httpLink(target) else {
            guard let home else { return }
            let id = token.id
            return home.run { home.sessions[id]?.send(message, to: target) }
        }
        do throws(TargetFailure) {
            let reply = try await link.open(
                .post, message, context(target, timeout: MCPLimits.messageTimeout))
            defer { reply.close() }
            if let failure = reply.failure(hasSession: false) { throw failure }
            _ = try await reply.wholeBody()
        } catch {
            runtime.log(
                .warning, "mcp target '\(backend.targets[target].name)' did not take a message: \(error.detail)")
        }
    }

    /// Sends a message to every target of the session, at the same time.
    func sendToAll(_ message: [UInt8]) async {
        _ = await FanOut.run(runtime.loop, liveTargets) { target in await self.send(message, to: target) }
    }

    /// Gives a call up, wherever it is under way; its target hears of it from whoever waits for the answer.
    func cancel(_ id: RPCID, reason: String) {
        if let home {
            let session = token.id
            home.run { home.sessions[session]?.cancel(id, reason: reason) }
        }
        let remote = liveTargets.filter { !backend.targets[$0].isHomed }
        for target in remote {
            runtime.cancelRemoteCall(CallKey(session: token.id, target: backend.targets[target].name, id: id), reason)
        }
    }

    // MARK: End

    /// Ends the session everywhere.
    func end() async {
        runtime.cancelRemoteCalls(ofSession: token.id)
        if let home {
            let id = token.id
            await home.loop.perform { home.end(id) }
        }
        runtime.lists.forget(session: token.id)
        let remote = token.targets.compactMap { state in state.session == nil ? nil : backend.byName[state.name] }
        _ = await FanOut.run(runtime.loop, remote) { target in
            guard let link = self.httpLink(target) else { return }
            do throws(TargetFailure) {
                let reply = try await link.open(.delete, [], self.context(target, timeout: .seconds(10)))
                _ = try await reply.wholeBody()
            } catch {
                self.runtime.log(
                    .info, "mcp target '\(self.backend.targets[target].name)' did not end its session: \(error.detail)")
            }
        }
    }
}

/// The same work for several targets at the same time, on one loop; results in the order of the targets.
enum FanOut {
    static func run<R: Sendable>(
        _ loop: EventLoop, _ targets: [Int], _ body: @escaping @Sendable (Int) async -> R
    ) async -> [R] {
        if targets.count == 1 { return [await body(targets[0])] }
        let tasks = targets.map { target in Task(executorPreference: loop) { await body(target) } }
        var results: [R] = []
        for task in tasks { results.append(await task.value) }
        return results
    }
}
