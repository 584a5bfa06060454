// The reply to a client's POST: one JSON message when nothing comes before it, else a stream of events that ends with it.

import Auth

final class ClientReply {
    private let exchange: Exchange
    private let decorate: (ResponseHead) -> Void
    /// Of a new session.
    var session: String?
    /// The client takes streams.
    var mayStream = true
    private var isStreaming = false
    /// The POST has been answered; what comes of it goes to a stream elsewhere.
    private var elsewhere: EventSession?
    private let out = IOBuffer(capacity: 1024)

    init(_ exchange: Exchange, decorate: @escaping (ResponseHead) -> Void) {
        self.exchange = exchange
        self.decorate = decorate
    }

    private func prepare(_ status: Int) -> ResponseHead {
        let head = exchange.response
        head.reset()
        head.status = status
        if let session { head.headers.append(.mcpSessionID, session) }
        head.headers.append(.date, HTTPDate.now)
        decorate(head)
        return head
    }

    /// Answers 202 now, and sends everything else to the client's stream.
    func accept(for session: EventSession) async {
        await empty(202)
        elsewhere = session
    }

    /// Begins the stream unless it has begun. False when the client is gone.
    func beginStream() async -> Bool {
        if isStreaming { return !exchange.isAborted }
        isStreaming = true
        let head = prepare(200)
        head.headers.append(.contentType, ByteView("text/event-stream"))
        head.headers.append(.cacheControl, ByteView("no-store"))
        head.headers.append("x-accel-buffering", "no")
        head.framing = .chunked
        return await attempt { () async throws(ExchangeError) in
            try await exchange.start(head)
            try await exchange.flush()
        }
    }

    /// Sends a message that comes before the answer. False when the client is gone.
    func interim(_ message: [UInt8]) async -> Bool {
        if let elsewhere {
            elsewhere.post(message)
            return !elsewhere.mailbox.isClosed
        }
        guard mayStream, await beginStream() else { return false }
        out.clear()
        EventStream.append(message, to: out)
        return await writeOut()
    }

    func keepAlive() async -> Bool {
        guard isStreaming else { return true }
        out.clear()
        out.append(EventStream.keepAlive)
        return await writeOut()
    }

    /// Sends an event of another name (2024-11-05).
    func event(_ name: String, _ data: String) async -> Bool {
        guard await beginStream() else { return false }
        out.clear()
        out.append("event: \(name)\ndata: \(data)\n\n")
        return await writeOut()
    }

    private func writeOut() async -> Bool {
        await attempt { () async throws(ExchangeError) in
            try await exchange.write(out.view)
            try await exchange.flush()
        }
    }

    /// Ends the reply with its answer.
    func finish(_ message: [UInt8], status: Int = 200) async {
        if elsewhere != nil {
            _ = await interim(message)
            return
        }
        guard isStreaming else { return await whole(status, message) }
        guard await interim(message) else { return }
        await end()
    }

    func end() async {
        _ = await attempt { () async throws(ExchangeError) in try await exchange.finish(trailers: nil) }
    }

    func fail(_ id: RPCID?, _ error: RPCError) async {
        // An error without an id is for the one who waits for the reply; on a stream nobody does.
        if elsewhere != nil, id == nil { return }
        guard elsewhere == nil, !isStreaming, let challenge = error.challenge else {
            return await finish(RPCWriter.error(id, error), status: error.status)
        }
        await whole(error.status, RPCWriter.error(id, error), headers: [("www-authenticate", challenge)])
    }

    /// A reply without a message: 202, 204, 405.
    func empty(_ status: Int, headers: [(String, String)] = []) async {
        guard elsewhere == nil else { return }
        await whole(status, [], headers: headers)
    }

    private func whole(_ status: Int, _ body: [UInt8], headers: [(String, String)] = []) async {
        guard !exchange.responseStarted else { return exchange.abort() }
        let head = prepare(status)
        for (name, value) in headers { head.headers.append(name, value) }
        if !body.isEmpty { head.headers.append(.contentType, ByteView("application/json")) }
        out.clear()
        out.append(body)
        _ = await attempt { () async throws(ExchangeError) in try await exchange.reply(head, body: out.view) }
    }

    private func attempt(_ body: () async throws(ExchangeError) -> Void) async -> Bool {
        do throws(ExchangeError) {
            try await body()
            return true
        } catch {
            exchange.failure = .client(error)
            exchange.abort()
            return false
        }
    }
}
