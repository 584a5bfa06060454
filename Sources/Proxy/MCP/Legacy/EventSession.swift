// The older HTTP+SSE transport towards clients (2024-11-05): GET opens the stream and names an endpoint, messages are
// posted there, and every answer comes on the stream. The session lasts as long as the stream.

import Auth
import JSON

/// One open stream. Confined to its loop, but for `post`.
final class EventSession: @unchecked Sendable {
    let id = Seal.randomBytes(16)
    let mailbox: Mailbox
    let runtime: MCPRuntime
    /// After `initialize`.
    private(set) var token: SessionToken?
    fileprivate var whenAdopted: ((SessionToken) -> Void)?

    init(_ runtime: MCPRuntime) {
        self.runtime = runtime
        mailbox = Mailbox(loop: runtime.loop)
    }

    /// Sends a message to the client. From any loop.
    func post(_ message: [UInt8]) { mailbox.post(.encoded(message)) }

    /// False when the stream has begun a session before.
    func adopt(_ token: SessionToken) async -> Bool {
        await runtime.loop.perform {
            guard self.token == nil, !self.mailbox.isClosed else { return false }
            self.token = token
            self.whenAdopted?(token)
            return true
        }
    }
}

/// Serves the stream.
struct EventEndpoint {
    let request: MCPClientRequest

    /// The member of the query that names the stream to post to.
    private static let parameter = "sessionId="

    func serve() async throws(RPCError) {
        let runtime = request.runtime
        guard runtime.events.count < MCPLimits.sessions else { throw .tooMany("sessions") }
        let session = EventSession(runtime)
        let place = [UInt8(truncatingIfNeeded: runtime.loop.index >> 8), UInt8(truncatingIfNeeded: runtime.loop.index)]
        guard let sealed = runtime.service.seal.seal(place + session.id, .events, boundTo: request.binding) else {
            throw RPCError(-32603, 500, "Internal error")
        }
        runtime.events[session.id] = session
        let mailbox = session.mailbox
        let streams = RemoteStreams()
        session.whenAdopted = { token in listen(token, mailbox, streams) }
        request.exchange.onDeparture { mailbox.close() }
        mailbox.postIdle(every: MCPLimits.keepAlive)
        runtime.opened(mailbox)
        let endpoint = "\(request.exchange.request.path.text)?\(EventEndpoint.parameter)\(sealed)"
        if await request.reply.event("endpoint", endpoint) { await relay(session) }
        request.exchange.onDeparture(nil)
        runtime.closed(mailbox)
        mailbox.close()
        streams.cancel()
        session.whenAdopted = nil
        runtime.events[session.id] = nil
        if let token = session.token {
            await SessionLink(request.backend, runtime, token, travelling: request.checks.travelling, client: nil).end()
        }
        if !request.exchange.isAborted { await request.reply.end() }
    }

    /// What belongs to no request of the client's comes on the same stream.
    private func listen(_ token: SessionToken, _ mailbox: Mailbox, _ streams: RemoteStreams) {
        let runtime = request.runtime
        let link = SessionLink(
            request.backend, runtime, token, travelling: request.checks.travelling, client: nil)
        if let home = link.home {
            home.run { home.sessions[token.id]?.listen(mailbox) }
        }
        for target in link.liveTargets where !link.backend.targets[target].isHomed {
            runtime.loop.spawn { await LegacyStream.pump(link, target, mailbox, streams) }
        }
    }

    private func relay(_ session: EventSession) async {
        while let event = await session.mailbox.next() {
            switch event {
            case .encoded(let bytes): guard await request.reply.interim(bytes) else { return }
            case .message(let message, let target):
                guard let token = session.token else { continue }
                let link = SessionLink(
                    request.backend, request.runtime, token, travelling: request.checks.travelling, client: nil)
                let (bytes, answer) = ServerMessages(link: link).forClient(message, from: target)
                if let answer { await link.send(answer, to: target) }
                if let bytes, !(await request.reply.interim(bytes)) { return }
            case .idle: guard await request.reply.keepAlive() else { return }
            case .failed: continue
            }
        }
    }

    // MARK: Messages

    /// The stream that a POST is for; nil when its URL names none.
    func session() throws(RPCError) -> (home: MCPRuntime, id: [UInt8])? {
        guard let query = request.exchange.request.query?.text,
            let part = query.split(separator: "&").first(where: { $0.hasPrefix(EventEndpoint.parameter) })
        else { return nil }
        let service = request.runtime.service
        guard
            let bytes = service.seal.open(
                part.dropFirst(EventEndpoint.parameter.count).utf8, .events, boundTo: request.binding),
            bytes.count == 18, let home = service.runtime(ofLoop: Int(bytes[0]) << 8 | Int(bytes[1]))
        else { throw .unknownSession }
        return (home, Array(bytes[2...]))
    }

    /// Takes a message, answers 202, and sends what comes of it on the stream.
    func take(_ message: RPCMessage, _ place: (home: MCPRuntime, id: [UInt8])) async throws(RPCError) {
        guard let session = await place.home.loop.perform({ place.home.events[place.id] }) else {
            throw .unknownSession
        }
        let token = await place.home.loop.perform { session.token }
        request.eventSession = (session, token)
        // The client's next message must not wait until this one is done: it may be an answer that this one waits for.
        request.exchange.request.keepAlive = false
        await request.reply.accept(for: session)
        try await request.take(message)
    }
}
