// A client's HTTP/1 connection: reads requests one after the other (pipelined ones wait their turn in the buffer), has
// each answered, and decides whether the connection lives on.

import Glibc

/// A client's connection as the loop that accepted it sees it.
protocol ServerConnection: AnyObject, Sendable {
    /// Serves until the connection is closed.
    func run() async
    /// Ends the connection if that loses no request.
    func closeIfIdle()
    /// Who answers its requests.
    var handler: any RequestHandler { get }
}

final class HTTP1ServerConnection: ServerConnection, @unchecked Sendable {
    private let transport: Transport
    private let input: HTTP1Input
    private let info: ClientInfo
    let handler: any RequestHandler
    private let limits: ServerLimits
    private var exchange: HTTP1Exchange?
    /// Then the connection is too old for another request.
    private let retirement: MonotonicTime
    /// What the connection has become: HTTP/2 from its first byte (RFC 9113 §3.3).
    private var successor: HTTP2ServerConnection?
    private var hasServed = false
    /// Requests so far.
    private var served = 0

    init(transport: Transport, info: ClientInfo, handler: any RequestHandler) {
        self.transport = transport
        self.info = info
        self.handler = handler
        limits = handler.limits
        retirement = limits.maximumAge.map { transport.loop.now + $0 } ?? .never
        input = HTTP1Input(transport: transport)
    }

    /// Between requests, with nothing received of the next one: may be closed without loss.
    private(set) var isIdle = true

    func run() async {
        while await serveOne() { giveBackExchange() }
        if let successor {
            await successor.run()
        } else {
            input.release()
            transport.close()
        }
    }

    /// A request that has arrived and not been read yet is answered first.
    func closeIfIdle() {
        if let successor {
            successor.closeIfIdle()
        } else if isIdle, !transport.socket.hasUnreadBytes {
            transport.socket.cancelWaits()
        }
    }

    /// Serves one request. False when the connection is to be closed.
    private func serveOne() async -> Bool {
        let socket = transport.socket
        isIdle = !input.hasBufferedBytes
        if isIdle, handler.isDraining { return false }
        socket.readDeadline = min(transport.loop.now + limits.idleTimeout, retirement)
        let head: (UnsafePointer<UInt8>, Int)?
        do {
            if isIdle {
                try await input.waitForHead()
                isIdle = false
            }
            socket.readDeadline = transport.loop.now + limits.headerTimeout
            head = try await input.readHead(limit: limits.head.headBytes)
        } catch .message(let error) {
            await refuse(error)
            return false
        } catch .io(.timedOut) where !isIdle {
            await refuse(.headTimeout)
            return false
        } catch {
            return false
        }
        guard let (bytes, length) = head else { return false }
        isIdle = false
        if bytes[0] == UInt8(ascii: "P"), !hasServed, !transport.isSecure,
            ByteView(bytes, length) == "PRI * HTTP/2.0\r\n\r\n"
        {
            guard let first = input.takeAll() else { return false }
            successor = try? HTTP2ServerConnection(transport: transport, info: info, handler: handler, first: first)
            return false
        }
        hasServed = true
        served += 1

        let exchange = self.exchange ?? takeExchange()
        self.exchange = exchange
        exchange.begin()
        do {
            try HeadParser.parse(bytes, length, into: exchange.request, limits: limits.head)
        } catch {
            await refuse(error)
            return false
        }
        if served == limits.maximumRequests { handler.limitHit(.requestsPerConnection) }
        exchange.draining =
            handler.isDraining || retirement <= transport.loop.now || served >= limits.maximumRequests ?? .max
        input.beginBody(exchange.request.framing)
        socket.readDeadline = transport.loop.now + limits.bodyTimeout
        socket.writeDeadline = transport.loop.now + limits.writeTimeout

        await handler.handle(exchange)

        let reusable = await exchange.end()
        if !reusable {
            if !exchange.isAborted { await linger() }
            return false
        }
        input.finishMessage()
        return true
    }

    private func takeExchange() -> HTTP1Exchange {
        guard let exchange = transport.loop.exchanges.popLast() else {
            return HTTP1Exchange(connection: info, transport: transport, input: input, limits: limits)
        }
        exchange.rebind(connection: info, transport: transport, input: input, limits: limits)
        return exchange
    }

    /// An idle connection holds no exchange: what it holds would be most of its memory. One that somebody still refers to
    /// is never used again: a late word to it must not reach another client.
    private func giveBackExchange() {
        guard isKnownUniquelyReferenced(&exchange) else { return exchange = nil }
        if input.hasBufferedBytes { return }
        if let exchange, transport.loop.exchanges.count < EventLoop.maximumExchanges {
            transport.loop.exchanges.append(exchange)
        }
        exchange = nil
    }

    private func refuse(_ error: ProtocolError) async {
        let response = ResponseHead()
        let body = handler.refuse(error, response)
        response.keepAlive = false
        let out = IOBuffer(capacity: 512 + body.count)
        HTTP1Writer.head(response, version: .http11, contentLength: body.count, keepAlive: false, into: out)
        out.append(body)
        transport.socket.writeDeadline = transport.loop.now + limits.writeTimeout
        do {
            try await transport.flush(out)
        } catch {
            return  // The client is gone, and with it whoever could be told.
        }
        await linger()
    }

    /// Closes so that the last reply arrives: FIN first, then reads what the client is still sending, briefly.
    private func linger() async {
        transport.shutdownWriting()
        transport.socket.readDeadline = transport.loop.now + .seconds(2)
        try? await input.discard(limit: 1 << 20)  // an error here only means that the peer closed first
    }
}

/// Bytes of HTTP/1 messages.
enum HTTP1Writer {
    /// Appends a status line and fields. `contentLength` and `chunked` add the framing field; a `content-length` among
    /// the fields is left out unless `keepsLength` (the reply to a HEAD, or a 304).
    static func head(
        _ head: ResponseHead, version: HTTPVersion, contentLength: Int? = nil, chunked: Bool = false,
        keepsLength: Bool = false, keepAlive: Bool, into out: IOBuffer
    ) {
        out.append("HTTP/1.1 ")
        out.append(decimal: head.status)
        out.append(0x20)
        out.append(ReasonPhrase.of(head.status))
        out.append("\r\n")
        if !keepsLength { head.headers.remove(.contentLength) }
        head.headers.serialize(into: out)
        if let contentLength {
            out.append("content-length: ")
            out.append(decimal: contentLength)
            out.append("\r\n")
        } else if chunked {
            out.append("transfer-encoding: chunked\r\n")
        }
        if !keepAlive {
            out.append("connection: close\r\n")
        } else if version == .http10 {
            out.append("connection: keep-alive\r\n")
        }
        out.append("\r\n")
    }

    static func chunk(_ view: ByteView, into out: IOBuffer) {
        out.append(hexadecimal: view.count)
        out.append("\r\n")
        out.append(view)
        out.append("\r\n")
    }

    static func lastChunk(_ trailers: HeaderBlock?, into out: IOBuffer) {
        out.append("0\r\n")
        trailers?.serialize(into: out)
        out.append("\r\n")
    }
}
