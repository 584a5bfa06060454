// The part of a legacy session that lives on one loop: its children, and what they say when nobody asked.

import JSON

final class HomedSession: @unchecked Sendable {
    /// A child is started again after it died, but not at once, and not for ever faster.
    private static let firstBackoff = Duration.seconds(1)
    private static let longestBackoff = Duration.seconds(30)

    let id: [UInt8]
    let backend: CompiledMCP
    private let runtime: MCPRuntime
    /// The params of `initialize`, to greet a child that was started again.
    private let greeting: [UInt8]
    private var servers: [Int: HomedServer] = [:]
    private var failures: [Int: (count: Int, until: MonotonicTime)] = [:]
    private var starting: [Int: [UnsafeContinuation<Void, Never>]] = [:]
    /// The client's stream.
    private var listener: Mailbox?
    private var backlog: [Mailbox.Event] = []
    /// Modern subscriptions, which hear notifications only.
    private var subscribers: [Mailbox] = []
    private var calls: [RPCID: (target: Int, id: Int64)] = [:]
    private var lastUsed: MonotonicTime
    private var isStopped = false
    /// The configuration no longer has its backend: no client can reach it any more.
    var isRetired = false
    /// Several requests of the modern era use it: what a child asks meanwhile belongs to one of them, not to a client.
    private let isPooled: Bool

    /// Of the request that began the session.
    private let travelling: Travelling

    init(
        id: [UInt8], backend: CompiledMCP, runtime: MCPRuntime, greeting: [UInt8], travelling: Travelling,
        isPooled: Bool
    ) {
        self.travelling = travelling
        self.isPooled = isPooled
        self.id = id
        self.backend = backend
        self.runtime = runtime
        self.greeting = greeting
        lastUsed = runtime.loop.now
    }

    func touch() { lastUsed = runtime.loop.now }

    func isIdle(at now: MonotonicTime) -> Bool {
        if isRetired { return calls.isEmpty }
        return calls.isEmpty && listener == nil && subscribers.isEmpty && lastUsed + backend.idleLimit < now
    }

    // MARK: Children

    /// Starts the child of a target and greets it. Gives what it answered to `initialize`.
    func start(_ target: Int) async throws(TargetFailure) -> JSONValue {
        guard !isStopped else { throw .cancelled }
        let wire: any ServerWire
        switch backend.targets[target].kind {
        case .stdio(let command):
            wire = try ChildWire(runtime, target: backend.targets[target].name, command: command)
        case .events(let upstream, let path):
            let link = HTTPServerLink(
                core: runtime.core, target: backend.targets[target], upstream: upstream, path: path)
            wire = try await EventWire.open(link, runtime, travelling)
        case .http, .builtin, .openAPI: throw .unavailable("not a target that lives with its session")
        }
        guard !isStopped else {
            await wire.close()
            throw .cancelled
        }
        let server = HomedServer(
            runtime, backend.targets[target], index: target, wire: wire, isShared: isPooled
        ) { [weak self] message in self?.hear(.message(message, target: target)) }
        // What an earlier child has listed is not known to hold for this one.
        for kind in ListKind.allCases { runtime.listsChanged(id, backend.targets[target].name, kind) }
        servers[target] = server
        do throws(TargetFailure) {
            let request = TargetRequest(id: .integer(0), method: MCPMethod.initialize.rawValue, params: greeting)
            if case .result(let result) = try await ask(server, request).outcome { return result }
            // A server of the modern era does not know the greeting; it says so and goes on.
            let envelope = ModernEnvelope(greeting: greeting)
            let discovery = TargetRequest(
                id: .integer(0), method: MCPMethod.discover.rawValue, params: envelope.params(nil))
            guard case .result(let result) = try await ask(server, discovery).outcome,
                let discovered = ModernEnvelope.greeting(result, isForLegacy: !isPooled)
            else { throw .badAnswer("it refused 'initialize'") }
            server.isModern = true
            listen(server, envelope)
            return discovered
        } catch {
            server.stop()
            throw error
        }
    }

    /// One request of the handshake.
    private func ask(_ server: HomedServer, _ request: TargetRequest) async throws(TargetFailure) -> RPCResponse {
        let mailbox = Mailbox(loop: runtime.loop)
        defer { mailbox.close() }
        let id = server.submit(request, to: mailbox)
        expire(mailbox, at: runtime.loop.now + MCPLimits.handshakeTimeout)
        while let event = await mailbox.next() {
            switch event {
            case .message(.response(let response), _): return response
            case .message, .idle, .encoded: continue
            case .failed(let failure):
                if let id { server.abandon(id, reason: "timeout") }
                throw failure
            }
        }
        throw .cancelled
    }

    /// Has a modern child tell of changes, as a legacy one does unasked.
    private func listen(_ server: HomedServer, _ envelope: ModernEnvelope) {
        let filter = try? JSONDocument(parsing: Array(LegacyStream.everything.utf8)).root
        server.submit(
            TargetRequest(id: .integer(0), method: MCPMethod.listen.rawValue, params: envelope.params(filter)),
            to: Mailbox(loop: runtime.loop))
    }

    private func expire(_ mailbox: Mailbox, at deadline: MonotonicTime) {
        runtime.loop.spawn { [runtime] in
            await runtime.loop.sleep(until: deadline)
            mailbox.post(.failed(.timedOut))
        }
    }

    /// The living child of a target, started again when it has died.
    private func server(_ target: Int) async throws(TargetFailure) -> HomedServer {
        if let server = servers[target], server.isAlive { return server }
        while starting[target] != nil {
            await withUnsafeContinuation { starting[target, default: []].append($0) }
            if let server = servers[target], server.isAlive { return server }
        }
        let failed = failures[target]
        if let failed, failed.until > runtime.loop.now {
            throw .unavailable("it has ended \(failed.count) times; waiting before it is started again")
        }
        starting[target] = []
        defer { for waiter in starting.removeValue(forKey: target) ?? [] { waiter.resume() } }
        let count = (failed?.count ?? 0) + 1
        let backoff = min(HomedSession.longestBackoff, HomedSession.firstBackoff * (1 << min(count - 1, 5)))
        failures[target] = (count, runtime.loop.now + backoff)
        runtime.log(.info, "mcp target '\(backend.targets[target].name)' is started again")
        _ = try await start(target)
        guard let server = servers[target], server.isAlive else { throw .unavailable("it ended at once") }
        if !server.isModern {
            server.send(RPCWriter.notification(ClientNotification.initialized.rawValue, params: nil))
        }
        return server
    }

    // MARK: From the client

    func submit(_ request: TargetRequest, _ target: Int, to mailbox: Mailbox) async {
        touch()
        do throws(TargetFailure) {
            let server = try await server(target)
            if let id = server.submit(request, to: mailbox) { calls[request.id] = (target, id) }
        } catch { mailbox.post(.failed(error)) }
    }

    /// The request has had its answer, or nobody waits for it any longer.
    func finish(_ id: RPCID, abandoned: String?) {
        touch()
        guard let call = calls.removeValue(forKey: id) else { return }
        if let abandoned { servers[call.target]?.abandon(call.id, reason: abandoned) }
    }

    /// `notifications/cancelled` of the client: the waiting reply ends without an answer.
    func cancel(_ id: RPCID, reason: String) { finish(id, abandoned: reason) }

    /// Sends a notification, or the answer to a child's request.
    func send(_ message: [UInt8], to target: Int) {
        touch()
        servers[target]?.send(message)
    }

    // MARK: To the client

    private func hear(_ event: Mailbox.Event) {
        if case .message(.notification(let notification), let target) = event {
            for kind in ServerNotification(rawValue: notification.method)?.changedLists ?? [] {
                runtime.listsChanged(id, backend.targets[target].name, kind)
            }
        }
        if case .message(.notification, _) = event, !subscribers.isEmpty {
            for subscriber in subscribers { subscriber.post(event) }
            return
        }
        if let listener { return listener.post(event) }
        backlog.append(event)
        guard backlog.count > MCPLimits.backlog else { return }
        if let first = backlog.firstIndex(where: { if case .message(.notification, _) = $0 { true } else { false } }) {
            backlog.remove(at: first)
        } else if case .message(.request(let request), let target) = backlog.removeFirst() {
            servers[target]?.send(RPCWriter.error(request.id, .tooMany("requests wait for the client")))
        }
    }

    /// Makes `mailbox` the client's stream. One at a time: an earlier one ends.
    func listen(_ mailbox: Mailbox) {
        touch()
        listener?.close()
        listener = mailbox
        for event in backlog { mailbox.post(event) }
        backlog.removeAll()
    }

    func stopListening(_ mailbox: Mailbox) {
        touch()
        if listener === mailbox { listener = nil }
    }

    func subscribe(_ mailbox: Mailbox) {
        touch()
        subscribers.append(mailbox)
    }

    func unsubscribe(_ mailbox: Mailbox) {
        touch()
        subscribers.removeAll { $0 === mailbox }
    }

    func stop() {
        isStopped = true
        for server in servers.values { server.stop() }
        servers.removeAll()
        listener?.close()
        for subscriber in subscribers { subscriber.close() }
    }
}
