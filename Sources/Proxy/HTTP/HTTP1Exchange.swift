// An exchange over HTTP/1: the request's body from the connection's input, the reply with its framing.

import Glibc

final class HTTP1Exchange: Exchange, @unchecked Sendable {
    /// Up to this size output is gathered and leaves in one system call; larger pieces are not copied.
    private static let copyLimit = 16 * 1024

    private var transport: Transport
    private var input: HTTP1Input
    private var limits: ServerLimits
    private let out = IOBuffer(capacity: 2048)
    var draining = false

    private enum Output {
        case none
        case length(Int)
        case chunked
        case untilClose
        /// The reply has no body by its nature: HEAD, 204, 304.
        case forbidden
    }
    private var output = Output.none
    private var finished = false
    private var keepAlive = true
    private var continueSent = false
    /// Bytes of the reply have left: it cannot be taken back.
    private var onWire = false
    /// The client has sent its FIN and then been silent for too long.
    private var isGivenUp = false
    /// See `onHangup`.
    private var hangupAction: (() -> Void)?
    /// Counts exchanges, so that a watcher knows when its own is over.
    private var generation: UInt64 = 0

    /// Most half-closing clients get their answer within this time and are never probed.
    private static let finishedPatience = Duration.milliseconds(100)
    /// How long a stream may be silent after the client's FIN before the client counts as gone.
    private static let finishedSilence = Duration.seconds(2)

    init(connection: ClientInfo, transport: Transport, input: HTTP1Input, limits: ServerLimits) {
        self.transport = transport
        self.input = input
        self.limits = limits
        super.init(connection: connection)
    }

    /// Takes up an exchange that another connection has finished with.
    func rebind(connection: ClientInfo, transport: Transport, input: HTTP1Input, limits: ServerLimits) {
        self.connection = connection
        self.transport = transport
        self.input = input
        self.limits = limits
    }

    func begin() {
        request.reset()
        response.reset()
        out.clear()
        output = .none
        finished = false
        keepAlive = true
        continueSent = false
        started = loop.now
        sentStatus = 0
        sentBodyBytes = 0
        receivedBodyBytes = 0
        isAborted = false
        isPumping = false
        isGivenUp = false
        failure = nil
        dropHeld()
        onWire = false
        generation &+= 1
    }

    override var clientSocket: Socket? { transport.socket }

    // MARK: Request body

    override func takeBufferedBody() -> ByteView? {
        if let held { return held }
        let body = input.takeBufferedBody()
        if let body { receivedBodyBytes = body.count }
        return body
    }

    override func readBody() async throws(ExchangeError) -> ByteView? {
        if request.expectsContinue, !continueSent, !responseStarted, !input.hasBodyBytes, !input.bodyIsComplete {
            continueSent = true
            do { try await transport.write(ByteView("HTTP/1.1 100 Continue\r\n\r\n")) } catch { throw .io(error) }
        }
        transport.socket.readDeadline = loop.now + limits.bodyTimeout
        let piece = try await input.nextBody()
        receivedBodyBytes += piece?.count ?? 0
        return piece
    }

    override var requestTrailers: HeaderBlock? { input.trailers }

    override func cancelReading() { transport.socket.cancelWaits() }

    // MARK: Reply

    override func sendInterim(_ head: ResponseHead) async throws(ExchangeError) {
        guard request.version == .http11, !responseStarted else { return }
        out.append("HTTP/1.1 ")
        out.append(decimal: head.status)
        out.append(0x20)
        out.append(ReasonPhrase.of(head.status))
        out.append("\r\n")
        head.headers.serialize(into: out)
        out.append("\r\n")
        try await flush()
    }

    override func start(_ head: ResponseHead) async throws(ExchangeError) {
        precondition(!responseStarted, "a second reply to one request")
        sentStatus = head.status
        var length: Int?
        var chunked = false
        if request.method == .head || head.statusForbidsBody {
            output = .forbidden
            if request.method == .head, case .length(let count) = head.framing {
                length = count
            }
        } else {
            switch head.framing {
            case .none:
                output = .length(0)
                length = 0
            case .length(let count):
                output = .length(count)
                length = count
            case .chunked, .untilClose:
                chunked = request.version == .http11
                output = chunked ? .chunked : .untilClose
            }
        }
        keepAlive = request.keepAlive && !draining && willDrain
        if case .untilClose = output { keepAlive = false }
        var keepsLength = false
        if case .forbidden = output, length == nil { keepsLength = true }
        HTTP1Writer.head(
            head, version: request.version, contentLength: length, chunked: chunked, keepsLength: keepsLength,
            keepAlive: keepAlive, into: out)
    }

    /// Whether what is left of the request's body is short enough to be read and dropped. A client that waits for
    /// "100 Continue" and did not get it may or may not send its body: only closing is safe (RFC 9110 §10.1.1).
    private var willDrain: Bool {
        if input.bodyIsComplete { return true }
        if request.expectsContinue, !continueSent, !input.hasBodyBytes { return false }
        // A reply that begins before the request's body is whole is an early refusal; the rest may be endless.
        guard !isPumping, let remaining = input.remainingLength else { return false }
        return remaining <= limits.drainBytes
    }

    override func write(_ view: ByteView) async throws(ExchangeError) {
        guard view.count > 0 else { return }
        transport.socket.writeDeadline = loop.now + limits.writeTimeout
        sentBodyBytes += view.count
        switch output {
        case .none: preconditionFailure("a body before its head")
        case .forbidden: sentBodyBytes -= view.count
        case .length(let remaining):
            guard view.count <= remaining else { throw .message(.contentLength) }
            output = .length(remaining - view.count)
            try await send(view)
        case .untilClose:
            try await send(view)
        case .chunked:
            out.append(hexadecimal: view.count)
            out.append("\r\n")
            try await send(view)
            out.append("\r\n")
        }
    }

    /// Small pieces wait in `out` for `flush`, so that a head and its body, or many events, leave together.
    private func send(_ view: ByteView) async throws(ExchangeError) {
        if out.readableBytes + view.count <= HTTP1Exchange.copyLimit { return out.append(view) }
        onWire = true
        do {
            try await transport.write(out.view, view)
        } catch { throw .io(error) }
        out.clear()
    }

    override func flush() async throws(ExchangeError) {
        if try flushNow() { return }
        do { try await transport.flush(out) } catch { throw .io(error) }
    }

    private func flushNow() throws(ExchangeError) -> Bool {
        if out.readableBytes == 0 { return true }
        onWire = onWire || responseStarted
        do { return try transport.flushNow(out) } catch { throw .io(error) }
    }

    override func retract() -> Bool {
        guard responseStarted, !onWire else { return false }
        out.clear()
        output = .none
        sentStatus = 0
        sentBodyBytes = 0
        return true
    }

    override func onHangup(_ action: (() -> Void)?) {
        hangupAction = action
        transport.socket.onHangup(action)
        transport.socket.cancelOnHangup(dependentUpstream, observer: isAwaited ? self : nil)
    }

    override var isClientGone: Bool { isGivenUp || super.isClientGone }

    /// Something works for this exchange that is to end when its client is gone.
    private var isAwaited: Bool { dependentUpstream != nil || hangupAction != nil }

    override func peerFinished() {
        let waiting = generation
        loop.spawn { [self] in await watchFinishedClient(waiting) }
    }

    /// A client that has sent its FIN may still want its answer (half-close), or may be gone. An interim reply tells: who
    /// is gone answers it with RST, who is there skips it (RFC 9110 §15.2). Where none can be sent, silence decides.
    private func watchFinishedClient(_ waiting: UInt64) async {
        await loop.sleep(for: HTTP1Exchange.finishedPatience)
        guard generation == waiting, isAwaited else { return }
        if !responseStarted, request.version == .http11, !transport.isSecure {
            transport.socket.sendNow(ByteView("HTTP/1.1 102 Processing\r\n\r\n"))
            return
        }
        while true {
            let sent = sentBodyBytes
            await loop.sleep(for: HTTP1Exchange.finishedSilence)
            guard generation == waiting, isAwaited else { return }
            guard sentBodyBytes == sent else { continue }
            isGivenUp = true
            dependentUpstream?.cancelWaits()
            let action = hangupAction
            onHangup(nil)
            action?()
            return
        }
    }

    override func finish(trailers: HeaderBlock?) async throws(ExchangeError) {
        switch output {
        case .none: preconditionFailure("the end of a reply before its head")
        case .length(let remaining):
            guard remaining == 0 else { throw .message(.truncatedBody) }
        case .chunked: HTTP1Writer.lastChunk(trailers, into: out)
        case .untilClose: keepAlive = false
        case .forbidden: break
        }
        finished = true
        if try !flushNow() { try await flush() }
    }

    override func tunnel(_ head: ResponseHead, to upstream: HTTP1ClientConnection) async throws(ExchangeError) {
        precondition(!responseStarted, "a second reply to one request")
        sentStatus = head.status
        output = .untilClose
        keepAlive = false
        head.headers.append("connection", "Upgrade")
        head.headers.append(.upgrade, "websocket")
        HTTP1Writer.head(head, version: request.version, keepAlive: true, into: out)
        transport.socket.writeDeadline = loop.now + limits.writeTimeout
        try await flush()
        let tunnel = WebSocketTunnel(
            client: transport, upstream: upstream.transport, writeTimeout: limits.writeTimeout)
        await tunnel.run(early: input.takeRest(), answer: upstream.input.takeRest())
        sentBodyBytes = tunnel.sent
        receivedBodyBytes = tunnel.received
        finished = true
    }

    override func abort() {
        super.abort()
        out.clear()
        if case .untilClose = output { transport.socket.closeWithReset() }
    }

    /// Brings the exchange to its end. True when the connection can take another request.
    func end() async -> Bool {
        generation &+= 1
        guard finished, !isAborted, keepAlive else {
            // A reply that never ended must not look like one that did.
            if !finished { isAborted = true }
            return false
        }
        if input.bodyIsComplete { return true }
        transport.socket.readDeadline = loop.now + limits.headerTimeout
        var rest = limits.drainBytes
        do {
            while let piece = try await input.nextBody() {
                rest -= piece.count
                if rest < 0 { return false }
            }
            return true
        } catch {
            return false
        }
    }
}
