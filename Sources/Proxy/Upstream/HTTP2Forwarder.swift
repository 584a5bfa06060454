// Sends a request on to an upstream over HTTP/2 and streams its reply back, trailers included: what gRPC needs.

enum HTTP2Forwarder {
    /// Further tries of a request that the upstream has certainly not looked at (refused, or behind its GOAWAY).
    private static let maximumTries = 3

    /// False: the upstream speaks HTTP/1.1 only, and nothing has been done.
    /// - Throws: when nothing has been sent to the client yet, for the caller to answer.
    static func forward(
        _ exchange: Exchange, _ request: OutgoingRequest, body: ByteView?, framing: BodyFraming, core: LoopCore,
        filter: (any ResponseFilter)?, onHead: (ResponseHead) -> Void
    ) async throws(UpstreamError) -> Bool {
        var tries = 0
        while true {
            tries += 1
            let connection: HTTP2ClientConnection
            do throws(IOError) {
                guard let taken = try await core.http2.take(request.upstream, deadline: request.deadline) else {
                    return false
                }
                connection = taken
            } catch { throw .connect(error) }
            guard let stream = send(exchange, request, body: body, framing: framing, connection) else {
                guard tries < maximumTries else { throw .broken(.closed) }
                continue
            }
            let pump = body == nil && framing != .none ? HTTP2Pump(exchange, stream) : nil
            exchange.onHangup { stream.close(.cancelled) }
            defer { exchange.onHangup(nil) }
            do throws(UpstreamError) {
                try await readHead(stream)
            } catch {
                let refused = stream.end == .cancelled && !exchange.isClientGone
                await finish(stream, pump)
                if let failure = pump?.failure, case .client = failure { throw failure }
                if exchange.isClientGone { throw .client(.io(.reset)) }
                if refused, body != nil, tries < maximumTries { continue }
                throw error
            }
            if let rejects = request.rejects, rejects(exchange.response) {
                let status = exchange.response.status
                await finish(stream, pump)
                throw .rejected(status)
            }
            onHead(exchange.response)
            do throws(UpstreamError) {
                try await respond(exchange, stream, filter)
            } catch {
                await finish(stream, pump)
                throw error
            }
            await finish(stream, pump)
            return true
        }
    }

    private static func send(
        _ exchange: Exchange, _ request: OutgoingRequest, body: ByteView?, framing: BodyFraming,
        _ connection: HTTP2ClientConnection
    ) -> HTTP2Stream? {
        let session = connection.session!
        session.beginFields()
        session.field(ByteView(":method"), request.method)
        session.field(ByteView(":scheme"), ByteView(request.upstream.key.tls == nil ? "http" : "https"))
        session.field(ByteView(":authority"), request.authority)
        session.field(ByteView(":path"), request.target)
        session.fields(exchange.request.headers, without: true)
        if case .length(let count) = framing { session.field("content-length", decimal: count) }
        // The gateway itself reads trailers, and passes them on where the client's version of HTTP has them.
        session.field(ByteView("te"), ByteView("trailers"))
        let hasBody = body.map { $0.count > 0 } ?? (framing != .none)
        return connection.send(hasBody: hasBody) { stream in
            stream.response = exchange.response
            stream.isHead = exchange.request.method == .head
            stream.readDeadline = request.deadline
            stream.writeDeadline = request.deadline
            if let body {
                stream.append(body)
                stream.endOutbound(nil)
            } else if !hasBody {
                stream.endOutbound(nil)
            }
        }
    }

    private static func readHead(_ stream: HTTP2Stream) async throws(UpstreamError) {
        do throws(IOError) {
            while !stream.hasHead { try await stream.waitHead() }
        } catch { throw classify(error) }
        if let problem = stream.problem { throw .malformed(problem) }
    }

    private static func respond(
        _ exchange: Exchange, _ stream: HTTP2Stream, _ filter: (any ResponseFilter)?
    ) async throws(UpstreamError) {
        let head = exchange.response
        let out = filter == nil ? nil : IOBuffer(capacity: 4096)
        do throws(UpstreamError) {
            try filter?.head(head)
            let holdsBack = filter?.holdsBack == true
            if !holdsBack {
                do throws(ExchangeError) { try await exchange.start(head) } catch { throw .client(error) }
            }
            while true {
                let step: HTTP2Stream.Step
                do throws(IOError) { step = try stream.poll() } catch { throw classify(error) }
                switch step {
                case .piece(let piece):
                    var shown = piece
                    if let filter, let out { shown = try filter.body(piece, into: out) }
                    if holdsBack { continue }
                    do throws(ExchangeError) { try await exchange.write(shown) } catch { throw .client(error) }
                    out?.clear()
                case .end:
                    let trailers: HeaderBlock?
                    do throws(ProtocolError) { trailers = try stream.trailers() } catch { throw .malformed(error) }
                    if let filter, let out { try filter.end(into: out) }
                    do throws(ExchangeError) {
                        try await Forwarder.finish(exchange, head, out, holdsBack: holdsBack, trailers: trailers)
                    } catch { throw .client(error) }
                    return
                case .wait:
                    if !holdsBack {
                        do throws(ExchangeError) { try await exchange.flush() } catch { throw .client(error) }
                    }
                    do throws(IOError) { try await stream.waitInbound() } catch { throw classify(error) }
                }
            }
        } catch {
            if !exchange.isClientGone { try await Forwarder.breakOff(exchange, error, filter, out) }
            exchange.failure = exchange.isClientGone ? .client(.io(.reset)) : error
            exchange.abort()
        }
    }

    /// Leaves nothing of the stream behind: what has not ended by itself is reset.
    private static func finish(_ stream: HTTP2Stream, _ pump: HTTP2Pump?) async {
        if stream.isUnfinished {
            stream.session.reset(stream, .cancel)
            stream.dropOutbound()
            stream.connection.wakeWriter()
            stream.close(.cancelled)
        }
        await pump?.stop()
    }

    private static func classify(_ error: IOError) -> UpstreamError { error == .timedOut ? .timedOut : .broken(error) }
}

/// Sends the rest of a request's body while its reply is awaited. One task beside the exchange's own, on the same loop.
private final class HTTP2Pump: @unchecked Sendable {
    private let exchange: Exchange
    private let stream: HTTP2Stream
    private var task: Task<Void, Never>?
    private(set) var failure: UpstreamError?

    init(_ exchange: Exchange, _ stream: HTTP2Stream) {
        self.exchange = exchange
        self.stream = stream
        exchange.isPumping = true
        task = exchange.loop.spawn { await self.run() }
    }

    private func run() async {
        do throws(UpstreamError) {
            while true {
                let piece: ByteView?
                do throws(ExchangeError) { piece = try await exchange.readBody() } catch { throw .client(error) }
                guard let piece else { break }
                stream.append(piece)
                stream.session.resume(stream)
                stream.connection.wakeWriter()
                do throws(IOError) { try await stream.waitOutbound() } catch { throw .broken(error) }
            }
            stream.endOutbound(exchange.requestTrailers.map { $0.copy() })
            stream.session.resume(stream)
            stream.connection.wakeWriter()
        } catch {
            failure = error
            // A client's broken body must not look complete to the upstream, and the reply is not worth waiting for.
            if case .client = error { stream.cancelReading() }
        }
        exchange.isPumping = false
    }

    /// Ends the task if it has not come to its end by itself.
    func stop() async {
        guard let task else { return }
        self.task = nil
        if exchange.isPumping { exchange.cancelReading() }
        await task.value
    }
}
