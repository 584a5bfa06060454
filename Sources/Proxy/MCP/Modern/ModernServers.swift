// The servers behind a modern client: the gateway holds a session with each, for one caller and one kind of client, and
// begins it again when it is lost. Sessions are never shared between callers.

import JSON

/// A session that the gateway keeps. Confined to its loop.
final class PooledSession: @unchecked Sendable {
    var established: (token: SessionToken, greeting: Greeting)?
    var stream: PooledStream?
    var waiters: [UnsafeContinuation<Void, Never>] = []
    var lastUsed: MonotonicTime

    init(now: MonotonicTime) { lastUsed = now }
}

struct ModernServers {
    let request: MCPClientRequest
    let client: ModernClient

    private var runtime: MCPRuntime { request.runtime }

    /// Everything that a server may have been told about the client is in the key.
    private var key: String {
        var writer = JSONWriter()
        writer.value(client.capabilities)
        let backend = request.backend.signature.hexadecimal
        return
            "\(request.binding)\u{0}\(backend)\u{0}\(client.summary.name)\u{0}\(client.summary.version)\u{0}\(writer.text)"
    }

    func greeting() async throws(RPCError) -> Greeting { try await session().greeting }

    func link() async throws(RPCError) -> SessionLink {
        let link = SessionLink(
            request.backend, runtime, try await session().token, travelling: request.checks.travelling, client: nil)
        link.shownSession = ""
        link.isForModernClient = true
        link.envelope = ModernEnvelope(client)
        link.pooledStream = runtime.pooled[key]?.stream
        return link
    }

    /// The next use begins a new session.
    func forget(_ token: SessionToken) {
        guard let pooled = runtime.pooled[key], pooled.established?.token.id == token.id else { return }
        pooled.stream?.close()
        runtime.pooled[key] = nil
    }

    func list(_ kind: ListKind) async throws(RPCError) -> [ListedItem] {
        let link = try await link()
        do throws(RPCError) {
            return try await ListFetch(link: link, names: request.names).all(kind)
        } catch {
            guard error.code == RPCError.unknownSession.code, error.status == 404 else { throw error }
            forget(link.token)
            return try await ListFetch(link: try await self.link(), names: request.names)
                .all(kind)
        }
    }

    private func session() async throws(RPCError) -> (token: SessionToken, greeting: Greeting) {
        sweep()
        let key = key
        if let pooled = runtime.pooled[key] {
            while pooled.established == nil, runtime.pooled[key] === pooled {
                await withUnsafeContinuation { pooled.waiters.append($0) }
            }
            if let established = pooled.established, isAlive(established.token) {
                pooled.lastUsed = runtime.loop.now
                return established
            }
            pooled.stream?.close()
            if runtime.pooled[key] === pooled { runtime.pooled[key] = nil }
        }
        guard runtime.pooled.count < MCPLimits.sessions else { throw .tooMany("sessions") }
        let pooled = PooledSession(now: runtime.loop.now)
        runtime.pooled[key] = pooled
        defer {
            let waiters = pooled.waiters
            pooled.waiters = []
            for waiter in waiters { waiter.resume() }
        }
        var token = LegacyInitialize.newToken(
            request.backend, .latestLegacy, client.capabilities, client.summary)
        do throws(RPCError) {
            let greeting = try await LegacyInitialize.establish(
                &token, request.backend, runtime,
                greeting: LegacyInitialize.ownGreeting(client.summary, client.capabilities),
                travelling: request.checks.travelling,
                isPooled: true)
            let link = SessionLink(request.backend, runtime, token, travelling: Travelling(), client: nil)
            await link.sendToAll(RPCWriter.notification(ClientNotification.initialized.rawValue, params: nil))
            let streamLink = SessionLink(
                request.backend, runtime, token, travelling: request.checks.travelling, client: nil)
            let stream = PooledStream(streamLink)
            pooled.stream = stream
            // A client that can be asked must be: servers of the session era ask on their own stream.
            if !token.capabilities.isEmpty { await stream.open() }
            pooled.established = (token, greeting)
            return (token, greeting)
        } catch {
            if runtime.pooled[key] === pooled { runtime.pooled[key] = nil }
            throw error
        }
    }

    private func isAlive(_ token: SessionToken) -> Bool {
        token.expires > WallClock.nanoseconds / 1_000_000_000
            && (token.home == nil || runtime.sessions[token.id] != nil)
    }

    /// Ends what nobody has used for long. Sessions with children are swept by the loop.
    private func sweep() {
        for (key, pooled) in runtime.pooled {
            guard let established = pooled.established,
                pooled.lastUsed + request.backend.idleLimit < runtime.loop.now
            else { continue }
            runtime.pooled[key] = nil
            pooled.stream?.close()
            let link = SessionLink(request.backend, runtime, established.token, travelling: Travelling(), client: nil)
            guard established.token.targets.allSatisfy({ request.backend.byName[$0.name] != nil }) else { continue }
            runtime.loop.spawn { await link.end() }
        }
    }
}
