// A connection that speaks HTTP/2: one task reads, one writes, and nghttp2 between them keeps the streams. What a server
// and a client do differently is in their subclasses. Confined to its loop.

class HTTP2Connection: @unchecked Sendable {
    let transport: Transport
    let headLimits: HeadLimits
    private let headerTimeout: Nanoseconds
    private let writeTimeout: Nanoseconds
    private(set) var session: HTTP2Session!
    /// By identifier; nghttp2 points at these.
    private(set) var streams: [Int32: HTTP2Stream] = [:]
    /// Why nothing goes any more.
    private(set) var end: IOError?
    private var writerWaiter: UnsafeContinuation<Void, Never>?
    private var isTicking = false
    private var hasReceived = false

    init(
        _ role: HTTP2Session.Role, transport: Transport, headLimits: HeadLimits, headerTimeout: Nanoseconds,
        writeTimeout: Nanoseconds, settings: HTTP2Settings = HTTP2Settings()
    ) throws(IOError) {
        self.transport = transport
        self.headLimits = headLimits
        self.headerTimeout = headerTimeout
        self.writeTimeout = writeTimeout
        session = try HTTP2Session(
            role, owner: self, headerBytes: headLimits.headBytes, settings: settings, now: transport.loop.now)
    }

    var loop: EventLoop { transport.loop }
    var hasStreams: Bool { !streams.isEmpty }

    // MARK: For subclasses

    /// A client opens a stream; nil refuses it.
    func open(_ id: Int32) -> HTTP2Stream? { nil }
    /// The fields of a message, or its trailers, are complete.
    func fieldsComplete(_ stream: HTTP2Stream) {}
    /// The peer will take no new streams (GOAWAY).
    func peerLeaves() {}
    /// Nothing is under way: until when the connection may stay so.
    var idleDeadline: MonotonicTime { .never }
    /// Between two looks at the deadlines of streams.
    var tick: Duration { HTTP2Limits.tick }
    var streamCount: Int { streams.count }
    /// No stream is left and none is wanted.
    var isDone: Bool { false }

    func adopt(_ stream: HTTP2Stream) {
        streams[stream.id] = stream
        startTicking()
    }

    /// nghttp2 has forgotten the stream.
    func closed(_ stream: HTTP2Stream, _ code: UInt32) {
        streams[stream.id] = nil
        stream.close(code == 0 ? .closed : code == HTTP2ErrorCode.refusedStream.rawValue ? .cancelled : .reset)
        if streams.isEmpty { becameIdle() }
    }

    private func becameIdle() {
        transport.socket.readDeadline = idleDeadline
        loop.note(idleDeadline)
        wakeWriter()
    }

    // MARK: Reading

    /// Serves the connection until it ends.
    /// - Parameter first: bytes that have been read already.
    func run(first: IOBuffer? = nil) async {
        loop.spawn { [self] in await write() }
        do throws(IOError) {
            if let first {
                hasReceived = true
                try session.receive(first.view)
                wakeWriter()
            }
            while !session.isOver { try await read() }
            finish(.closed)
        } catch {
            finish(error)
        }
    }

    private func read() async throws(IOError) {
        let socket = transport.socket
        if hasStreams {
            socket.readDeadline = .never
        } else {
            socket.readDeadline = hasReceived ? idleDeadline : loop.now + headerTimeout
        }
        try await transport.readable()
        let buffer = loop.buffers.take()
        defer { loop.buffers.give(buffer) }
        guard try await transport.fill(buffer) else { throw .closed }
        hasReceived = true
        defer { wakeWriter() }
        try session.receive(buffer.view)
    }

    // MARK: Writing

    /// Frames wait to be sent.
    func wakeWriter() {
        guard let waiter = writerWaiter else { return }
        writerWaiter = nil
        waiter.resume()
    }

    private func write() async {
        while end == nil || !isFlushed {
            let out = loop.buffers.take()
            defer { loop.buffers.give(out) }
            session.collect(into: out)
            if out.readableBytes == 0 {
                if end != nil || isDone || session.isOver { break }
                await withUnsafeContinuation { writerWaiter = $0 }
                continue
            }
            transport.socket.writeDeadline = loop.now + writeTimeout
            do throws(IOError) {
                try await transport.write(out.view)
            } catch { break }
        }
        isFlushed = true
        // The reader may wait for what will never come.
        finish(.closed)
        transport.close()
    }

    /// The last frames (a GOAWAY with its reason) have had their chance.
    private var isFlushed = false

    private func finish(_ reason: IOError) {
        guard end == nil else { return }
        end = reason
        if reason == .timedOut { session.terminate(.noError) }
        // They stay in the table: nghttp2 points at them while the last frames are collected.
        for stream in streams.values { stream.close(reason == .closed ? .reset : reason) }
        wakeWriter()
    }

    // MARK: Deadlines

    /// The deadlines of streams are looked at together, like those of sockets.
    private func startTicking() {
        guard !isTicking else { return }
        isTicking = true
        loop.spawn { [self] in
            while end == nil, hasStreams {
                await loop.sleep(for: tick)
                for stream in streams.values
                where !stream.expire(loop.now, headerTimeout: headerTimeout, writeTimeout: writeTimeout) {
                    session.terminate(.enhanceYourCalm)
                    wakeWriter()
                }
            }
            isTicking = false
        }
    }
}
