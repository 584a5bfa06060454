// A client's HTTP/2 connection: every stream is an exchange with a task of its own, answered as an HTTP/1.1 request is.

final class HTTP2ServerConnection: HTTP2Connection, ServerConnection, @unchecked Sendable {
    private let info: ClientInfo
    let handler: any RequestHandler
    private let limits: ServerLimits
    private let retirement: MonotonicTime
    private var first: IOBuffer?
    /// Handlers that run, also for streams that are gone.
    private var handlers = 0
    /// Streams so far.
    private var opened = 0
    private var exchanges: [Int32: HTTP2Exchange] = [:]

    /// Between the two halves of an orderly end: streams that the client opened before it heard of it still arrive.
    private static let farewell = Duration.milliseconds(500)
    private enum Ending { case no, announced, final }
    private var ending = Ending.no

    /// - Parameter first: what has been read of the connection, from its first byte.
    init(transport: Transport, info: ClientInfo, handler: any RequestHandler, first: IOBuffer? = nil) throws(IOError) {
        self.info = info
        self.handler = handler
        self.first = first
        limits = handler.limits
        retirement = limits.maximumAge.map { transport.loop.now + $0 } ?? .never
        try super.init(
            .server, transport: transport, headLimits: limits.head, headerTimeout: limits.headerTimeout,
            writeTimeout: limits.writeTimeout, settings: limits.http2)
    }

    func run() async {
        await run(first: first)
        if session.isFlooded { handler.limitHit(.http2Flood) }
    }

    override var idleDeadline: MonotonicTime { min(loop.now + limits.idleTimeout, retirement) }

    override var isDone: Bool { ending == .final && !hasStreams && handlers == 0 }

    func closeIfIdle() {
        guard ending == .no else { return }
        guard hasStreams || handlers > 0 || transport.socket.hasUnreadBytes else {
            ending = .final
            session.refuseStreams()
            return wakeWriter()
        }
        ending = .announced
        session.announceEnd()
        wakeWriter()
        loop.spawn { [self] in
            await loop.sleep(for: HTTP2ServerConnection.farewell)
            ending = .final
            session.refuseStreams()
            wakeWriter()
        }
    }

    // MARK: Streams

    override func open(_ id: Int32) -> HTTP2Stream? {
        guard handlers + exchanges.count < limits.http2.concurrentStreams * 2, ending != .final else {
            if ending != .final { handler.limitHit(.streams) }
            return nil
        }
        opened += 1
        if opened == limits.maximumRequests { handler.limitHit(.requestsPerConnection) }
        if retirement <= loop.now { closeIfIdle() }
        let stream = HTTP2Stream(connection: self, session: session, id: id)
        exchanges[id] = HTTP2Exchange(connection: info, stream: stream, limits: limits)
        adopt(stream)
        return stream
    }

    override func fieldsComplete(_ stream: HTTP2Stream) {
        guard !stream.hasHead, let exchange = exchanges.removeValue(forKey: stream.id) else { return }
        stream.hasHead = true
        exchange.started = loop.now
        handlers += 1
        do throws(ProtocolError) {
            try stream.head.finish(exchange.request, endsHere: stream.inboundEnded)
        } catch {
            loop.spawn { [self] in
                await refuse(exchange, error)
                ended(exchange)
            }
            return
        }
        loop.spawn { [self] in
            await handler.handle(exchange)
            exchange.finishUp()
            ended(exchange)
        }
    }

    override func closed(_ stream: HTTP2Stream, _ code: UInt32) {
        // Its exchange is told first.
        super.closed(stream, code)
        exchanges[stream.id] = nil
        // Said between two requests: some clients take no reply any more behind a GOAWAY.
        if opened >= limits.maximumRequests ?? .max, !hasStreams { closeIfIdle() }
    }

    private func ended(_ exchange: HTTP2Exchange) {
        handlers -= 1
        wakeWriter()
    }

    private func refuse(_ exchange: HTTP2Exchange, _ error: ProtocolError) async {
        let response = exchange.response
        let body = handler.refuse(error, response)
        let out = IOBuffer(capacity: max(1, body.count))
        out.append(body)
        // A client that is gone needs no reason.
        try? await exchange.reply(response, body: out.view)
        exchange.finishUp()
    }
}
