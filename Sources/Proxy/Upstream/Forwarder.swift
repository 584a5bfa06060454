// Sends a request on to an upstream and its reply back to the client, both bodies streaming, with backpressure: a piece
// is read only when the one before it has been taken by the other side.

/// What is to be sent. The client's header block is the one that is sent: whoever judged or changed it did so in place.
package struct OutgoingRequest {
    package var upstream: Upstream
    package var method: ByteView
    package var target: ByteView
    package var authority: ByteView
    /// nil: the client's body is streamed as it comes.
    package var body: ByteView?
    /// For everything up to the end of the reply.
    package var deadline = MonotonicTime.never
    /// Further tries when no connection can be made.
    package var connectRetries = 1
    /// Says of a reply's head that the reply is not to be passed on; it is given up then, with `rejected`.
    var rejects: ((ResponseHead) -> Bool)?

    package init(
        upstream: Upstream, method: ByteView, target: ByteView, authority: ByteView, body: ByteView? = nil
    ) {
        self.upstream = upstream
        self.method = method
        self.target = target
        self.authority = authority
        self.body = body
    }
}

/// Looks at, and may change, a reply on its way to the client.
package protocol ResponseFilter: AnyObject {
    /// Called with the upstream's head, which may be changed. `head.framing` must fit what `body` will give.
    func head(_ head: ResponseHead) throws(UpstreamError)
    /// Asked after `head`: the client sees nothing before the end of the body, whose length is then known.
    var holdsBack: Bool { get }
    /// Called with each piece.
    /// - Returns: what the client is to get: `piece` itself, or what was appended to `out`.
    func body(_ piece: ByteView, into out: IOBuffer) throws(UpstreamError) -> ByteView
    /// Called at the end of a complete body.
    func end(into out: IOBuffer) throws(UpstreamError)
    /// Called when a reply that has begun cannot be completed; what `out` holds is sent before it is cut off.
    func cut(_ error: UpstreamError, into out: IOBuffer)
}

package enum Forwarder {
    /// Forwards `exchange`. Once the reply has begun, a failure aborts it, so that the client sees that it is cut off.
    /// - Parameter onHead: may change the reply's head before it is sent on.
    /// - Throws: when nothing has been sent to the client yet, for the caller to answer.
    package static func forward(
        _ exchange: Exchange, _ request: OutgoingRequest, core: LoopCore, filter: (any ResponseFilter)? = nil,
        onHead: (ResponseHead) -> Void = { _ in }
    ) async throws(UpstreamError) {
        let body = request.body ?? exchange.takeBufferedBody()
        let headers = exchange.request.headers
        prepare(headers, exchange)
        let framing = outgoingFraming(exchange, body)
        if request.upstream.offersHTTP2, exchange.request.upgrade == .none,
            try await HTTP2Forwarder.forward(
                exchange, request, body: body, framing: framing, core: core, filter: filter, onHead: onHead)
        {
            return
        }
        let replayable = body != nil && exchange.request.method.isIdempotent
        var fresh = false
        var connectRetries = request.connectRetries

        while true {
            let call: UpstreamCall
            do throws(UpstreamError) {
                call = try await UpstreamCall(core, request.upstream, fresh: fresh, deadline: request.deadline)
            } catch {
                guard connectRetries > 0, case .connect(let reason) = error, reason != .timedOut else { throw error }
                connectRetries -= 1
                continue
            }
            call.writeHead(
                method: request.method, target: request.target, authority: request.authority, headers: headers,
                framing: framing, upgrade: exchange.request.upgrade)
            exchange.depend(on: call.connection.socket)
            defer { exchange.depend(on: nil) }

            var pump: RequestPump?
            let head = exchange.response
            do throws(UpstreamError) {
                if let body {
                    try await call.send(body)
                } else {
                    try await call.send(.empty)
                    pump = RequestPump(exchange, call, chunked: framing == .chunked)
                }
                try await call.readHead(
                    into: head, toHead: exchange.request.method == .head, upgrade: exchange.request.upgrade
                ) {
                    interim throws(ExchangeError) in
                    try await exchange.sendInterim(interim)
                }
            } catch {
                await pump?.stop()
                call.abandon()
                if let failure = pump?.failure, case .client = failure { throw failure }
                if exchange.clientIsGone(error) { throw .client(.io(.reset)) }
                if case .broken = error, call.isReused, replayable, pump == nil {
                    fresh = true
                    continue
                }
                throw error
            }
            if let rejects = request.rejects, rejects(head) {
                await pump?.stop()
                call.abandon()
                throw .rejected(head.status)
            }
            onHead(head)
            if head.status == 101 {
                exchange.depend(on: nil)
                defer { call.abandon() }
                do throws(ExchangeError) {
                    return try await exchange.tunnel(head, to: call.connection)
                } catch { throw .client(error) }
            }
            do throws(UpstreamError) {
                try await respond(exchange, call, head, filter)
            } catch {
                await pump?.stop()
                call.abandon()
                throw error
            }
            if let pump {
                // A reply may come before the end of the request (an early refusal); then neither side is reusable.
                await pump.stop()
                if pump.completed, !exchange.isAborted { call.finish(head) } else { call.abandon() }
            } else if exchange.isAborted {
                call.abandon()
            } else {
                call.finish(head)
            }
            return
        }
    }

    /// Removes what must not travel and states who the client is. Only the gateway's own word about the client counts:
    /// forwarding fields that came in are replaced.
    static func prepare(_ headers: HeaderBlock, _ exchange: Exchange) {
        for i in 0..<headers.count {
            switch headers.known(i) {
            case .host, .contentLength, .expect, .forwarded, .xForwardedFor, .xForwardedHost, .xForwardedProto,
                .xForwardedPort:
                headers.remove(at: i)
            default: break
            }
        }
        headers.append(.xForwardedFor, exchange.connection.peerIPView)
        headers.append(.xForwardedProto, ByteView(exchange.connection.isSecure ? "https" : "http"))
        let authority = exchange.request.authority
        if authority.count > 0 { headers.append(.xForwardedHost, authority) }
    }

    private static func outgoingFraming(_ exchange: Exchange, _ body: ByteView?) -> BodyFraming {
        if let body {
            if body.count > 0 { return .length(body.count) }
            switch exchange.request.method {
            // RFC 9110 §8.6: a method that anticipates content says so when there is none.
            case .post, .put, .patch: return .length(0)
            default: return .none
            }
        }
        return exchange.request.framing
    }

    /// - Throws: when the reply failed before anything of it was sent.
    private static func respond(
        _ exchange: Exchange, _ call: UpstreamCall, _ head: ResponseHead, _ filter: (any ResponseFilter)?
    ) async throws(UpstreamError) {
        let input = call.connection.input
        let out = filter == nil ? nil : IOBuffer(capacity: 4096)
        do throws(UpstreamError) {
            try filter?.head(head)
            let holdsBack = filter?.holdsBack == true
            if !holdsBack {
                do throws(ExchangeError) { try await exchange.start(head) } catch { throw .client(error) }
            }
            while true {
                let step: HTTP1Input.BodyStep
                do throws(ExchangeError) { step = try input.pollBody() } catch { throw call.classify(error) }
                switch step {
                case .piece(let piece):
                    var shown = piece
                    if let filter, let out { shown = try filter.body(piece, into: out) }
                    if holdsBack { continue }
                    do throws(ExchangeError) { try await exchange.write(shown) } catch { throw .client(error) }
                    out?.clear()
                case .end:
                    if let filter, let out { try filter.end(into: out) }
                    do throws(ExchangeError) {
                        try await finish(exchange, head, out, holdsBack: holdsBack, trailers: input.trailers)
                    } catch { throw .client(error) }
                    return
                case .wait:
                    if !holdsBack {
                        do throws(ExchangeError) { try await exchange.flush() } catch { throw .client(error) }
                    }
                    do throws(ExchangeError) { try await input.waitBody() } catch { throw call.classify(error) }
                }
            }
        } catch {
            if !exchange.clientIsGone(error) { try await breakOff(exchange, error, filter, out) }
            exchange.failure = exchange.clientIsGone(error) ? .client(.io(.reset)) : error
            exchange.abort()
        }
    }
}

extension Forwarder {
    /// The end of a reply, or all of one that was held back.
    static func finish(
        _ exchange: Exchange, _ head: ResponseHead, _ out: IOBuffer?, holdsBack: Bool, trailers: HeaderBlock?
    ) async throws(ExchangeError) {
        if holdsBack {
            head.framing = .length(out?.readableBytes ?? 0)
            try await exchange.start(head)
        }
        if let out { try await exchange.write(out.view) }
        try await exchange.finish(trailers: holdsBack ? nil : trailers)
    }

    /// Lets another reply take the place of one of which nothing has left; otherwise the filter has the last word.
    /// - Throws: `error`, when the client can still be answered.
    static func breakOff(
        _ exchange: Exchange, _ error: UpstreamError, _ filter: (any ResponseFilter)?, _ out: IOBuffer?
    ) async throws(UpstreamError) {
        if case .client = error { return }
        if !exchange.responseStarted || exchange.retract() { throw error }
        guard let filter, let out else { return }
        filter.cut(error, into: out)
        guard out.readableBytes > 0 else { return }
        do throws(ExchangeError) {
            try await exchange.write(out.view)
            try await exchange.flush()
        } catch {
            // The client does not take it: the reply is cut off as it is.
        }
    }
}

extension Exchange {
    /// Whether a wait for the upstream was ended because nobody waits for its answer.
    fileprivate func clientIsGone(_ error: UpstreamError) -> Bool {
        if clientSocket?.hungUp == true { return true }
        if case .broken(.cancelled) = error { return true }
        return false
    }
}

/// Sends the rest of a request's body while its reply is awaited. One task beside the exchange's own, on the same loop.
private final class RequestPump: @unchecked Sendable {
    private let exchange: Exchange
    private let call: UpstreamCall
    private let chunked: Bool
    private var task: Task<Void, Never>?
    private(set) var completed = false
    private(set) var failure: UpstreamError?

    init(_ exchange: Exchange, _ call: UpstreamCall, chunked: Bool) {
        self.exchange = exchange
        self.call = call
        self.chunked = chunked
        exchange.isPumping = true
        task = exchange.loop.spawn { await self.run() }
    }

    private func run() async {
        let connection = call.connection
        let out = connection.out
        do throws(UpstreamError) {
            while true {
                let piece: ByteView?
                do throws(ExchangeError) { piece = try await exchange.readBody() } catch { throw .client(error) }
                guard let piece else { break }
                if chunked {
                    out.append(hexadecimal: piece.count)
                    out.append("\r\n")
                }
                do throws(IOError) {
                    try await connection.transport.write(out.view, piece)
                } catch { throw call.classify(error) }
                out.clear()
                if chunked { out.append("\r\n") }
            }
            if chunked {
                HTTP1Writer.lastChunk(exchange.requestTrailers, into: out)
                do throws(IOError) { try await connection.transport.flush(out) } catch { throw call.classify(error) }
            }
            completed = true
        } catch {
            failure = error
            // A client's broken body must not look complete to the upstream, and the reply is not worth waiting for.
            if case .client = error { connection.socket.cancelWaits() }
        }
        exchange.isPumping = false
    }

    /// Ends the task if it has not come to its end by itself.
    func stop() async {
        guard let task else { return }
        self.task = nil
        if exchange.isPumping {
            exchange.cancelReading()
            call.connection.close()
        }
        await task.value
    }
}
