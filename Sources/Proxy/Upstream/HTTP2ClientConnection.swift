// A connection to an upstream that speaks HTTP/2: many requests at once, each a stream. Confined to its loop.

final class HTTP2ClientConnection: HTTP2Connection, @unchecked Sendable {
    /// Interim replies to one request, as over HTTP/1.1.
    private static let maximumInterim = 16
    /// Streams opened on one connection before another is made, whatever more the upstream would take.
    private static let maximumStreams = 100

    private let idleTimeout: Nanoseconds
    /// The upstream has said that it takes no more (GOAWAY).
    private var isLeaving = false

    init(transport: Transport, idleTimeout: Nanoseconds) throws(IOError) {
        self.idleTimeout = idleTimeout
        var limits = HeadLimits()
        limits.fields = 200
        try super.init(
            .client, transport: transport, headLimits: limits, headerTimeout: .seconds(3600),
            writeTimeout: .seconds(60))
    }

    /// Another request may be sent now.
    var hasRoom: Bool {
        end == nil && !isLeaving && transport.socket.isOpen && !transport.socket.peerClosedWriting
            && streamCount < min(HTTP2ClientConnection.maximumStreams, session.peerConcurrency) && session.admitsRequest
    }

    override var idleDeadline: MonotonicTime { loop.now + idleTimeout }
    override var isDone: Bool { isLeaving && !hasStreams }
    /// Time-outs of requests are kept more exactly than those of clients; there are few connections.
    override var tick: Duration { .milliseconds(100) }

    override func peerLeaves() {
        isLeaving = true
        wakeWriter()
    }

    /// Sends the gathered fields as a request. nil: the connection takes none any more.
    func send(hasBody: Bool, _ prepare: (HTTP2Stream) -> Void) -> HTTP2Stream? {
        let stream = HTTP2Stream(connection: self, session: session, id: 0)
        prepare(stream)
        guard session.request(stream, hasBody: hasBody) else { return nil }
        adopt(stream)
        wakeWriter()
        return stream
    }

    override func fieldsComplete(_ stream: HTTP2Stream) {
        guard !stream.hasHead, let response = stream.response else { return }
        do throws(ProtocolError) {
            try stream.head.finish(response, endsHere: stream.inboundEnded, toHead: stream.isHead)
            if response.status >= 200 {
                stream.hasHead = true
                return
            }
            // 100 and 103 help nobody who waits behind the gateway for long; the reply itself follows.
            stream.interims += 1
            guard stream.interims <= HTTP2ClientConnection.maximumInterim, !stream.inboundEnded else {
                throw .tooManyInterim
            }
        } catch {
            stream.problem = error
            stream.hasHead = true
        }
    }
}

/// The HTTP/2 connections of one loop. Confined to it.
final class HTTP2Pool: @unchecked Sendable {
    private struct Entry {
        let upstream: Upstream
        var connections: [HTTP2ClientConnection] = []
        var isOpening = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
        /// The upstream chose HTTP/1.1 when it was asked last, and is not asked again before then.
        var oldUntil = MonotonicTime(nanoseconds: 0)
    }

    /// For this long an upstream that chose HTTP/1.1 is not offered HTTP/2 again.
    private static let oldTime = Duration.seconds(60)

    private let loop: EventLoop
    private let resolver: Resolver
    private var entries: [ObjectIdentifier: Entry] = [:]

    init(loop: EventLoop, resolver: Resolver) {
        self.loop = loop
        self.resolver = resolver
    }

    /// A connection with room for a request. nil: the upstream speaks HTTP/1.1 only, which its configuration allows.
    func take(_ upstream: Upstream, deadline: MonotonicTime) async throws(IOError) -> HTTP2ClientConnection? {
        let id = ObjectIdentifier(upstream)
        while true {
            var entry = entries[id] ?? Entry(upstream: upstream)
            entry.connections.removeAll { $0.end != nil }
            entries[id] = entry
            if let connection = entry.connections.first(where: { $0.hasRoom }) { return connection }
            if entry.oldUntil > loop.now { return nil }
            // One connection at a time: the requests that wait for it will most likely share it.
            if entry.isOpening {
                await withUnsafeContinuation { entries[id]?.waiters.append($0) }
                continue
            }
            entries[id]?.isOpening = true
            defer {
                let waiters = entries[id]?.waiters ?? []
                entries[id]?.waiters = []
                entries[id]?.isOpening = false
                for waiter in waiters { waiter.resume() }
            }
            let transport = try await upstream.connect(loop, resolver: resolver, deadline: deadline, http2: true)
            if transport.isSecure, transport.session?.alpn != "h2" {
                transport.close()
                guard upstream.acceptsHTTP1 else { throw .tls("the upstream does not speak HTTP/2") }
                entries[id]?.oldUntil = loop.now + HTTP2Pool.oldTime
                return nil
            }
            let connection = try HTTP2ClientConnection(transport: transport, idleTimeout: upstream.key.idleTimeout)
            entries[id]?.connections.append(connection)
            loop.spawn { [self] in
                await connection.run()
                entries[id]?.connections.removeAll { $0 === connection }
                if let entry = entries[id], entry.connections.isEmpty, !entry.isOpening { entries[id] = nil }
            }
            return connection
        }
    }
}
