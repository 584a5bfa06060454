// One request and the way back, as every layer above sees it, whatever version of HTTP the client speaks.
// Confined to the client connection's loop; valid until the handler returns.

import Auth
import Glibc

package class Exchange: SocketObserver {
    package let request = RequestHead()
    /// Scratch for the reply, so that no reply allocates one.
    package let response = ResponseHead()
    package internal(set) var connection: ClientInfo
    /// When the head was complete.
    package internal(set) var started = MonotonicTime(nanoseconds: 0)
    /// The status that was sent; 0 before.
    package internal(set) var sentStatus = 0
    package internal(set) var sentBodyBytes = 0
    package internal(set) var receivedBodyBytes = 0
    /// A reply was begun and cannot be completed: the client must see that it is cut off.
    package internal(set) var isAborted = false
    /// Why the reply was cut off.
    package internal(set) var failure: UpstreamError?
    /// The request's body is being sent upstream while the reply begins.
    var isPumping = false
    /// The whole body, when something had to have it before it is sent on; `takeBufferedBody` gives it to everyone who asks.
    package private(set) var held: ByteView?
    private var holding: IOBuffer?

    init(connection: ClientInfo) { self.connection = connection }

    package var loop: EventLoop { connection.loop }
    package var responseStarted: Bool { sentStatus != 0 }

    /// The socket whose hang-up means that nobody waits for the answer.
    package var clientSocket: Socket? { nil }

    /// The upstream connection that works for this exchange: its waits are cancelled when the client is gone.
    package private(set) var dependentUpstream: Socket?

    func depend(on upstream: Socket?) {
        dependentUpstream = upstream
        clientSocket?.cancelOnHangup(upstream, observer: upstream == nil ? nil : self)
    }

    /// Runs `action` once when the client is gone; nil ends that. See `Socket.onDeparture`.
    package func onDeparture(_ action: (() -> Void)?) { clientSocket?.onDeparture(action) }

    /// Runs `action` once when nobody waits for the answer any more; nil ends that.
    func onHangup(_ action: (() -> Void)?) { clientSocket?.onHangup(action) }

    /// Nobody waits for the answer any more.
    var isClientGone: Bool { clientSocket?.hungUp == true }

    /// Called when the client has sent its FIN while an upstream works for it.
    func peerFinished() {}

    /// Takes back a reply of which nothing has been sent. True when another can be made.
    func retract() -> Bool { false }

    // MARK: Request body

    /// The whole body when it has already arrived with the head; it is consumed. Valid until the exchange ends.
    package func takeBufferedBody() -> ByteView? { preconditionFailure("abstract") }

    /// The next piece of the body, nil at its end. Valid until the next call.
    package func readBody() async throws(ExchangeError) -> ByteView? { preconditionFailure("abstract") }

    /// The trailer section of a body that has been read to its end, without fields that have no place there.
    package var requestTrailers: HeaderBlock? { nil }

    /// Ends a `readBody` that waits, with `cancelled`.
    package func cancelReading() { preconditionFailure("abstract") }

    /// The whole body in one piece.
    /// - Throws: `bodyTooLarge` when it is longer than `limit` bytes; the rest is not read.
    package func collectBody(limit: Int, into buffer: IOBuffer) async throws(ExchangeError) {
        if let held {
            guard held.count <= limit else { throw .message(.bodyTooLarge) }
            return buffer.append(held)
        }
        if case .length(let count) = request.framing, count > limit { throw .message(.bodyTooLarge) }
        while let piece = try await readBody() {
            guard buffer.readableBytes + piece.count <= limit else { throw .message(.bodyTooLarge) }
            buffer.append(piece)
        }
    }

    /// Reads the whole body and keeps it. False: it is longer than `limit` bytes; it cannot be sent on then.
    package func hold(atMost limit: Int) async throws(ExchangeError) -> Bool {
        if let held { return held.count <= limit }
        if let whole = takeBufferedBody() {
            held = whole
            return whole.count <= limit
        }
        if case .length(let count) = request.framing, count > limit { return false }
        let buffer = IOBuffer(capacity: 4096)
        while let piece = try await readBody() {
            guard buffer.readableBytes + piece.count <= limit else { return false }
            buffer.append(piece)
        }
        holding = buffer
        held = buffer.view
        return true
    }

    /// Another request begins.
    func dropHeld() {
        held = nil
        holding = nil
    }

    // MARK: Reply

    /// Sends an interim (1xx) reply.
    package func sendInterim(_ head: ResponseHead) async throws(ExchangeError) { preconditionFailure("abstract") }

    /// Begins the reply with `head` (its `framing` says how the body ends); bytes may wait for the first `write`.
    package func start(_ head: ResponseHead) async throws(ExchangeError) { preconditionFailure("abstract") }

    /// Adds to the reply's body. Small pieces may be held back until `flush` or `finish`.
    package func write(_ view: ByteView) async throws(ExchangeError) { preconditionFailure("abstract") }

    /// Makes sure that everything written so far is on its way.
    package func flush() async throws(ExchangeError) { preconditionFailure("abstract") }

    /// Ends the reply.
    package func finish(trailers: HeaderBlock?) async throws(ExchangeError) { preconditionFailure("abstract") }

    /// Sends the head of a switch to WebSocket and passes bytes both ways until both sides have closed.
    func tunnel(_ head: ResponseHead, to upstream: HTTP1ClientConnection) async throws(ExchangeError) {
        preconditionFailure("only HTTP/1.1 switches protocols")
    }

    /// Gives up on a reply that was begun: the connection (or stream) is reset.
    package func abort() { isAborted = true }

    /// Sends a whole reply.
    package func reply(_ head: ResponseHead, body: ByteView) async throws(ExchangeError) {
        head.framing = .length(body.count)
        try await start(head)
        if body.count > 0, request.method != .head { try await write(body) }
        try await finish(trailers: nil)
    }
}

/// What is known about the client's connection.
package final class ClientInfo: @unchecked Sendable {
    package let loop: EventLoop
    package let peer: SocketAddress
    package let local: SocketAddress
    package let isSecure: Bool
    package let tls: TLSAttributes?
    /// The listener that the handshake was made with; nil in plain text.
    package let identity: TLSIdentity?
    /// The addresses as text, made once for the connection.
    package let peerIP: String
    private let addresses = IOBuffer(capacity: 96)
    private let peerLength: Int

    package init(
        loop: EventLoop, peer: SocketAddress, local: SocketAddress, isSecure: Bool, tls: TLSAttributes? = nil,
        identity: TLSIdentity? = nil
    ) {
        self.identity = identity
        self.loop = loop
        self.peer = peer
        self.local = local
        self.isSecure = isSecure
        self.tls = tls
        peerIP = peer.ip
        addresses.append(peerIP)
        peerLength = addresses.writer
        addresses.append(local.ip)
    }

    package var peerIPView: ByteView { addresses.view.slice(0, peerLength) }
    package var localIPView: ByteView { addresses.view.slice(peerLength, addresses.writer) }
}

/// What a server does with requests.
package protocol RequestHandler: AnyObject, Sendable {
    /// Answers one request; never throws: whatever goes wrong becomes a reply or an aborted one.
    func handle(_ exchange: Exchange) async

    /// Builds the reply to bytes that are no request.
    func refuse(_ error: ProtocolError, _ response: ResponseHead) -> [UInt8]

    /// New requests on open connections are answered with `Connection: close`.
    var isDraining: Bool { get }

    var limits: ServerLimits { get }

    /// A bound was reached, and something was refused for it.
    func limitHit(_ hit: LimitHit)

    /// TLS of the port as it is now; nil: plain text.
    var certificates: ListenerCertificates? { get }
}

extension RequestHandler {
    package var certificates: ListenerCertificates? { nil }

    package func limitHit(_ hit: LimitHit) {}

    package func refuse(_ error: ProtocolError, _ response: ResponseHead) -> [UInt8] {
        response.reset()
        response.status = error.status
        return Array("\(error.reason)\n".utf8)
    }
}

/// The bounds of a client connection.
package struct ServerLimits: Sendable {
    package var head = HeadLimits()
    /// From the first byte of a head to its last: a slow head holds a connection, not a worker, but is an attack.
    package var headerTimeout = Nanoseconds.seconds(10)
    /// Between two requests of a connection.
    package var idleTimeout = Nanoseconds.seconds(60)
    /// Between two pieces of a request body.
    package var bodyTimeout = Nanoseconds.seconds(60)
    /// For the client to take what was sent.
    package var writeTimeout = Nanoseconds.seconds(60)
    /// From accepting a connection to the end of its TLS handshake.
    package var handshakeTimeout = Duration.seconds(15)
    /// A connection that is older takes no further request; nil: none is too old.
    package var maximumAge: Duration?
    /// Requests that a connection takes; nil: any number.
    package var maximumRequests: Int?
    package var http2 = HTTP2Settings()
    /// Bytes of an unread request body that are read and dropped to keep a connection; a larger rest closes it.
    package var drainBytes = 64 * 1024

    package init() {}
}
