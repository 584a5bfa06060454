// One request to an upstream and its reply: takes a connection from the pool or opens one, sends, reads the head; the
// body is then read from it piece by piece. Everything that talks to an upstream goes through here.

/// What a loop's requests share. Confined to the loop.
package final class LoopCore: @unchecked Sendable {
    package let loop: EventLoop
    package let resolver: Resolver
    let pool: UpstreamPool
    let http2: HTTP2Pool

    package init(loop: EventLoop, resolver: Resolver) {
        self.loop = loop
        self.resolver = resolver
        pool = UpstreamPool(loop: loop)
        http2 = HTTP2Pool(loop: loop, resolver: resolver)
    }
}

/// Why there is no (complete) reply from an upstream.
package enum UpstreamError: Error, Equatable, Sendable {
    /// No connection: nothing was sent.
    case connect(IOError)
    /// The connection broke, or ended before a complete reply.
    case broken(IOError)
    case timedOut
    /// The reply is not HTTP.
    case malformed(ProtocolError)
    /// The reply is HTTP, but not what was asked for, and cannot be passed on as it is; the text is for logs.
    case unusable(String)
    /// A reply of this status that is not passed on.
    case rejected(Int)
    /// The client's request body broke off, or the client itself left.
    case client(ExchangeError)

    /// 503 when the upstream cannot be reached, 504 when it is too slow, 502 when its answer is no good.
    package var status: Int {
        switch self {
        case .connect(.timedOut), .timedOut: 504
        case .connect: 503
        case .broken, .malformed, .unusable: 502
        case .rejected(let status): status
        case .client(.message(let error)): error.status
        case .client(.io(.timedOut)): 408
        case .client(.io): 499
        }
    }

    /// A sentence without addresses or names of the operator's network.
    package var clientMessage: String {
        switch self {
        case .connect(.timedOut): "the upstream could not be reached in time"
        case .connect: "the upstream could not be reached"
        case .broken: "the upstream closed the connection before its reply was complete"
        case .timedOut: "the upstream did not answer in time"
        case .malformed: "the upstream's reply is malformed"
        case .unusable: "the upstream's reply cannot be passed on"
        case .rejected: "the upstream refused the request"
        case .client(.message(let error)): error.reason
        case .client(.io(.timedOut)): "the request body was not received in time"
        case .client(.io): "the client closed the connection"
        }
    }
}

extension UpstreamError: CustomStringConvertible {
    /// For logs.
    package var description: String {
        switch self {
        case .connect(let error): "connect: \(error)"
        case .broken(let error): "\(error)"
        case .timedOut: "timed out"
        case .malformed(let error): "malformed reply: \(error.reason)"
        case .unusable(let reason): reason
        case .rejected(let status): "status \(status)"
        case .client(.message(let error)): "client: \(error.reason)"
        case .client(.io(let error)): "client: \(error)"
        }
    }
}

package struct UpstreamCall {
    /// Interim replies to one request. A few hints are plenty; a flood of them would keep the client waiting for ever.
    private static let maximumInterim = 16
    /// Copying a short body behind its head is cheaper than gathering in the kernel.
    private static let copyLimit = 4096

    let core: LoopCore
    let upstream: Upstream
    let connection: HTTP1ClientConnection
    /// The connection had served a request before: if it breaks before a reply, the upstream may just have closed it.
    let isReused: Bool

    /// A connection that is ready for one request.
    init(_ core: LoopCore, _ upstream: Upstream, fresh: Bool, deadline: MonotonicTime) async throws(UpstreamError) {
        self.core = core
        self.upstream = upstream
        if !fresh, let pooled = core.pool.take(upstream) {
            connection = pooled
            isReused = true
        } else {
            do {
                let transport = try await upstream.connect(core.loop, resolver: core.resolver, deadline: deadline)
                connection = HTTP1ClientConnection(transport: transport)
                core.pool.opened += 1
            } catch {
                core.pool.failed += 1
                throw .connect(error)
            }
            isReused = false
        }
        connection.beginRequest()
        connection.socket.readDeadline = deadline
        connection.socket.writeDeadline = deadline
    }

    /// Appends a request's head to the connection's output.
    /// - Parameter framing: `.length` and `.chunked` add the framing field.
    func writeHead(
        method: ByteView, target: ByteView, authority: ByteView, headers: HeaderBlock, framing: BodyFraming,
        upgrade: UpgradeRequest = .none
    ) {
        let out = connection.out
        out.append(method)
        out.append(0x20)
        out.append(target)
        out.append(" HTTP/1.1\r\nhost: ")
        out.append(authority)
        out.append("\r\n")
        headers.serialize(into: out)
        switch framing {
        case .length(let count):
            out.append("content-length: ")
            out.append(decimal: count)
            out.append("\r\n")
        case .chunked: out.append("transfer-encoding: chunked\r\n")
        case .none, .untilClose: break
        }
        if upgrade == .webSocket { out.append("connection: Upgrade\r\nupgrade: websocket\r\n") }
        out.append("\r\n")
    }

    /// Sends what the connection's output holds, and `body`.
    func send(_ body: ByteView) async throws(UpstreamError) {
        do {
            if body.count <= UpstreamCall.copyLimit {
                connection.out.append(body)
                if try connection.transport.flushNow(connection.out) { return }
                try await connection.transport.flush(connection.out)
            } else {
                try await connection.transport.write(connection.out.view, body)
            }
        } catch { throw classify(error) }
        connection.out.clear()
    }

    /// Reads the head of the reply; interim replies are given to `interim`.
    func readHead(
        into head: ResponseHead, toHead: Bool, upgrade: UpgradeRequest = .none,
        interim: (ResponseHead) async throws(ExchangeError) -> Void
    ) async throws(UpstreamError) {
        var interims = 0
        while true {
            do throws(ExchangeError) {
                guard try await connection.readHead(into: head, toHead: toHead) else { throw .io(.closed) }
            } catch {
                switch error {
                case .io(let error): throw classify(error)
                case .message(let error): throw .malformed(error)
                }
            }
            if head.status >= 200 { return }
            // Only WebSocket is ever asked for; 100-continue the gateway answers itself.
            if head.status == 101 {
                guard upgrade == .webSocket, head.agreesToWebSocket else { throw .malformed(.unexpectedSwitch) }
                return
            }
            interims += 1
            guard interims <= UpstreamCall.maximumInterim else { throw .malformed(.tooManyInterim) }
            if head.status != 100 {
                do { try await interim(head) } catch { throw .client(error) }
            }
            connection.input.finishMessage()
        }
    }

    func classify(_ error: IOError) -> UpstreamError { error == .timedOut ? .timedOut : .broken(error) }

    func classify(_ error: ExchangeError) -> UpstreamError {
        switch error {
        case .io(let error): classify(error)
        case .message(.truncatedBody): .broken(.closed)
        case .message(let error): .malformed(error)
        }
    }

    /// Gives the connection back when the reply was read to its end and both sides want to go on; closes it otherwise.
    func finish(_ head: ResponseHead) {
        if head.keepAlive, connection.input.bodyIsComplete {
            core.pool.give(connection, to: upstream)
        } else {
            connection.close()
        }
    }

    func abandon() { connection.close() }
}
