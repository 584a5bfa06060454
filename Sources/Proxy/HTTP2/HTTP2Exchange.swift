// An exchange over one stream of HTTP/2: its body from the stream, its reply into the stream, both held back when the other
// side does not take them.

final class HTTP2Exchange: Exchange, @unchecked Sendable {
    private let stream: HTTP2Stream
    private let limits: ServerLimits
    /// The reply's head, until the first bytes leave: it can be taken back so long.
    private var pendingHead: ResponseHead?
    private var isCommitted = false
    private var isFinished = false
    private var forbidsBody = false
    private var remaining: Int?
    private var continueSent = false
    private var departure: (() -> Void)?
    private var upstream: Socket?

    init(connection: ClientInfo, stream: HTTP2Stream, limits: ServerLimits) {
        self.stream = stream
        self.limits = limits
        super.init(connection: connection)
        stream.onEnd = { [unowned self] in clientLeft() }
    }

    private var session: HTTP2Session { stream.session }

    // MARK: The client

    override func depend(on upstream: Socket?) {
        super.depend(on: upstream)
        self.upstream = upstream
        // Waits that are yet to come must end as well.
        if upstream != nil, stream.end != nil { upstream?.close() }
    }

    package override func onDeparture(_ action: (() -> Void)?) {
        departure = action
        if stream.end != nil { clientLeft() }
    }

    override func onHangup(_ action: (() -> Void)?) { onDeparture(action) }

    override var isClientGone: Bool { stream.end != nil }

    private func clientLeft() {
        upstream?.cancelWaits()
        departure?()
        departure = nil
    }

    // MARK: Request body

    override func takeBufferedBody() -> ByteView? {
        if let held { return held }
        let body = stream.takeWhole()
        if let body { receivedBodyBytes = body.count }
        return body
    }

    override func readBody() async throws(ExchangeError) -> ByteView? {
        if request.expectsContinue, !continueSent, !responseStarted, !stream.hasInbound {
            continueSent = true
            session.beginFields()
            session.field(":status", decimal: 100)
            session.inform(stream)
            stream.connection.wakeWriter()
        }
        do throws(IOError) {
            body: while true {
                switch try stream.poll() {
                case .piece(let piece):
                    receivedBodyBytes += piece.count
                    return piece
                case .end: break body
                case .wait:
                    stream.readDeadline = loop.now + limits.bodyTimeout
                    try await stream.waitInbound()
                }
            }
        } catch { throw .io(error) }
        do throws(ProtocolError) { trailers = try stream.trailers() } catch { throw .message(error) }
        return nil
    }

    private var trailers: HeaderBlock?
    override var requestTrailers: HeaderBlock? { trailers }

    override func cancelReading() { stream.cancelReading() }

    // MARK: Reply

    override func sendInterim(_ head: ResponseHead) async throws(ExchangeError) {
        guard !responseStarted, stream.end == nil else { return }
        session.beginFields()
        session.field(":status", decimal: head.status)
        session.fields(head.headers, without: true)
        session.inform(stream)
        stream.connection.wakeWriter()
    }

    override func start(_ head: ResponseHead) async throws(ExchangeError) {
        precondition(!responseStarted, "a second reply to one request")
        if let end = stream.end { throw .io(end) }
        sentStatus = head.status
        pendingHead = head
        forbidsBody = request.method == .head || head.statusForbidsBody
        if !forbidsBody, case .length(let count) = head.framing { remaining = count }
        if case .none = head.framing, !forbidsBody { remaining = 0 }
    }

    /// Hands the head to the session; `ends`: nothing follows it.
    private func commit(ends: Bool) {
        guard let head = pendingHead else { return }
        pendingHead = nil
        isCommitted = true
        session.beginFields()
        session.field(":status", decimal: head.status)
        if forbidsBody {
            // The length that a GET would have had.
            if request.method == .head, case .length(let count) = head.framing {
                session.fields(head.headers, without: true)
                session.field("content-length", decimal: count)
            } else {
                session.fields(head.headers)
            }
        } else {
            session.fields(head.headers, without: true)
            if let remaining = declaredLength(head) { session.field("content-length", decimal: remaining) }
        }
        session.respond(stream, hasBody: !ends)
    }

    private func declaredLength(_ head: ResponseHead) -> Int? {
        switch head.framing {
        case .none: 0
        case .length(let count): count
        case .chunked, .untilClose: nil
        }
    }

    override func write(_ view: ByteView) async throws(ExchangeError) {
        guard view.count > 0, !forbidsBody else { return }
        if let end = stream.end { throw .io(end) }
        if let left = remaining {
            guard view.count <= left else { throw .message(.contentLength) }
            remaining = left - view.count
        }
        sentBodyBytes += view.count
        stream.append(view)
        if stream.outboundBytes > HTTP2Limits.dataBytes { try await flush() }
    }

    override func flush() async throws(ExchangeError) {
        if let end = stream.end { throw .io(end) }
        guard responseStarted else { return }
        commit(ends: false)
        if stream.hasOutbound { session.resume(stream) }
        stream.connection.wakeWriter()
        stream.writeDeadline = loop.now + limits.writeTimeout
        do { try await stream.waitOutbound() } catch { throw .io(error) }
    }

    override func finish(trailers: HeaderBlock?) async throws(ExchangeError) {
        if let end = stream.end { throw .io(end) }
        if let remaining, remaining > 0 { throw .message(.truncatedBody) }
        isFinished = true
        var trailers = trailers
        if let block = trailers, !(0..<block.count).contains(where: { block.isPresent($0) }) { trailers = nil }
        // The block belongs to the upstream's connection, which is given back before the last bytes leave.
        stream.endOutbound(trailers.map { $0.copy() })
        commit(ends: forbidsBody || (!stream.hasOutbound && trailers == nil))
        session.resume(stream)
        stream.connection.wakeWriter()
    }

    override func retract() -> Bool {
        guard responseStarted, !isCommitted else { return false }
        pendingHead = nil
        stream.dropOutbound()
        sentStatus = 0
        sentBodyBytes = 0
        remaining = nil
        return true
    }

    override func abort() {
        super.abort()
        stream.dropOutbound()
        guard stream.end == nil else { return }
        session.reset(stream, .internalError)
        stream.connection.wakeWriter()
    }

    /// The handler has returned: a reply that has no end must not look as if it had.
    func finishUp() {
        stream.onEnd = nil
        if !isFinished, !isAborted { abort() }
    }
}
