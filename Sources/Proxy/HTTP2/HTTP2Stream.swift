// One stream: the fields and bytes that arrived and have not been read, the bytes that wait for the peer's window, and the
// tasks that wait for either. The same for both sides.
// Invariant: confined to its loop; at most one task reads and one writes.

import Glibc

final class HTTP2Stream {
    enum Wake { case ready, timedOut, cancelled }

    unowned(unsafe) let connection: HTTP2Connection
    let session: HTTP2Session
    var id: Int32
    private let openedAt: MonotonicTime

    // Receiving
    let head = HTTP2Head()
    /// The head is complete: further fields are trailers.
    var hasHead = false
    /// Of a request to an upstream: where its reply's head is put, and what is wrong with it.
    var response: ResponseHead?
    var problem: ProtocolError?
    var isHead = false
    var interims = 0
    private var trailerHead: HTTP2Head?
    private let trailerBlock = HeaderBlock()
    private var inbound: IOBuffer?
    /// What the reader was given last; free again when it asks for more.
    private var reading: IOBuffer?
    private(set) var inboundEnded = false
    private var reader: UnsafeContinuation<Wake, Never>?
    var readDeadline = MonotonicTime.never
    /// The reply is whole: what still comes of the request is dropped, so many bytes and so long.
    private var discarding: (bytes: Int, until: MonotonicTime)?

    // Sending
    private var outbound: IOBuffer?
    private(set) var outboundEnded = false
    private(set) var outboundTrailers: HeaderBlock?
    /// nghttp2 asked for bytes when there were none.
    var isDeferred = false
    private var writer: UnsafeContinuation<Wake, Never>?
    private var progress: MonotonicTime
    var writeDeadline = MonotonicTime.never

    /// The stream is no more, and why.
    private(set) var end: IOError?
    /// Told once when the stream ends before both sides have.
    var onEnd: (() -> Void)?

    init(connection: HTTP2Connection, session: HTTP2Session, id: Int32) {
        self.connection = connection
        self.session = session
        self.id = id
        openedAt = connection.loop.now
        progress = openedAt
    }

    // MARK: From the session

    func beginFields() { if hasHead { trailerHead = HTTP2Head() } else { head.reset() } }

    func add(_ name: ByteView, _ value: ByteView, _ limits: HeadLimits) {
        guard hasHead else { return head.add(name, value, limits) }
        var limits = limits
        limits.headBytes = Trailers.maximumBytes
        limits.fields = Trailers.maximumFields
        trailerHead?.add(name, value, limits)
    }

    func receive(_ view: ByteView) {
        guard end == nil else { return session.consume(self, view.count) }
        if let (bytes, _) = discarding {
            session.consume(self, view.count)
            discarding?.bytes = bytes - view.count
            if bytes < view.count { session.reset(self, .noError) }
            return
        }
        let buffer = inbound ?? IOBuffer(capacity: max(512, view.count))
        inbound = buffer
        buffer.append(view)
        wakeReader()
    }

    func peerEnded() { inboundEnded = true }

    /// Nobody reads the rest of the request.
    func discard() {
        guard end == nil, discarding == nil else { return }
        discarding = (HTTP2Limits.discardedBytes, connection.loop.now + HTTP2Limits.discardingTime)
        session.consume(self, inbound?.readableBytes ?? 0)
        inbound?.clear()
    }

    func wakeReader(_ wake: Wake = .ready) {
        guard let waiter = reader else { return }
        reader = nil
        waiter.resume(returning: wake)
    }

    private func wakeWriter(_ wake: Wake = .ready) {
        guard let waiter = writer else { return }
        writer = nil
        waiter.resume(returning: wake)
    }

    /// Nothing comes or goes any more.
    func close(_ reason: IOError) {
        guard end == nil else { return }
        end = reason
        if !isFinished { onEnd?() }
        onEnd = nil
        // Bytes that nobody will read still fill the connection's window.
        session.consume(self, inboundEnded ? 0 : inbound?.readableBytes ?? 0)
        wakeReader()
        wakeWriter()
    }

    private var isFinished: Bool { inboundEnded && outboundEnded && !hasOutbound }

    // MARK: Reading

    /// Bytes have arrived, or the body has ended.
    var hasInbound: Bool { (inbound?.readableBytes ?? 0) > 0 }

    /// The whole body, when it has arrived. Valid until the stream ends.
    func takeWhole() -> ByteView? {
        // Trailers travel with a body that is streamed.
        guard inboundEnded, trailerHead == nil else { return nil }
        guard let inbound else { return .empty }
        self.inbound = nil
        reading = inbound
        session.consume(self, inbound.readableBytes)
        connection.wakeWriter()
        return inbound.view
    }

    enum Step {
        /// Valid until the next call.
        case piece(ByteView)
        case end
        case wait
    }

    func poll() throws(IOError) -> Step {
        if let inbound, inbound.readableBytes > 0 {
            let free = reading
            free?.clear()
            reading = inbound
            self.inbound = free
            session.consume(self, inbound.readableBytes)
            connection.wakeWriter()
            return .piece(inbound.view)
        }
        if inboundEnded { return .end }
        if let end { throw end }
        return .wait
    }

    /// Waits until `poll` may have something.
    func waitInbound() async throws(IOError) {
        guard !hasInbound, !inboundEnded else { return }
        if let end { throw end }
        try await waitReader()
    }

    /// Waits until `hasHead` may have changed.
    func waitHead() async throws(IOError) {
        if let end { throw end }
        try await waitReader()
    }

    private func waitReader() async throws(IOError) {
        precondition(reader == nil, "two tasks read from one stream")
        if readDeadline <= connection.loop.now { throw .timedOut }
        switch await withUnsafeContinuation({ reader = $0 }) {
        case .ready: return
        case .timedOut: throw .timedOut
        case .cancelled: throw .cancelled
        }
    }

    /// One side has not ended, and nobody has said that it will not.
    var isUnfinished: Bool { end == nil && !isFinished }

    func cancelReading() { wakeReader(.cancelled) }

    /// The trailer section that came; nil when there was none.
    func trailers() throws(ProtocolError) -> HeaderBlock? {
        guard let trailerHead else { return nil }
        try trailerHead.finish(trailers: trailerBlock)
        return trailerBlock
    }

    // MARK: Writing

    var hasOutbound: Bool { (outbound?.readableBytes ?? 0) > 0 }
    var outboundBytes: Int { outbound?.readableBytes ?? 0 }

    func append(_ view: ByteView) {
        let buffer = outbound ?? IOBuffer(capacity: max(512, view.count))
        outbound = buffer
        if buffer.readableBytes == 0 { progress = connection.loop.now }
        if buffer.writableBytes < view.count { buffer.compact() }
        buffer.append(view)
    }

    /// Nothing more will be appended.
    func endOutbound(_ trailers: HeaderBlock?) {
        outboundEnded = true
        outboundTrailers = trailers
    }

    func dropOutbound() { outbound?.clear() }

    /// Moves up to `count` bytes to nghttp2.
    func takeOutbound(_ target: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
        guard let outbound, outbound.readableBytes > 0 else { return 0 }
        let moved = min(count, outbound.readableBytes)
        memcpy(target, outbound.view.base.unsafelyUnwrapped, moved)
        outbound.reader += moved
        progress = connection.loop.now
        if outbound.readableBytes == 0 {
            outbound.clear()
            // An idle stream of events holds no buffer that one large event has made grow.
            if outbound.capacity > 4096 { self.outbound = nil }
        }
        if outboundBytes <= HTTP2Limits.outboundBytes / 2 { wakeWriter() }
        return moved
    }

    /// Waits while more is under way than the peer should be owed.
    func waitOutbound() async throws(IOError) {
        while outboundBytes > HTTP2Limits.outboundBytes {
            if let end { throw end }
            precondition(writer == nil, "two tasks write to one stream")
            switch await withUnsafeContinuation({ writer = $0 }) {
            case .ready: continue
            case .timedOut: throw .timedOut
            case .cancelled: throw .cancelled
            }
        }
        if let end { throw end }
    }

    // MARK: Deadlines

    /// Looks at what is overdue. False: the peer does not even finish the head of its request.
    func expire(_ now: MonotonicTime, headerTimeout: Nanoseconds, writeTimeout: Nanoseconds) -> Bool {
        if reader != nil, readDeadline <= now { wakeReader(.timedOut) }
        if writer != nil, writeDeadline <= now { wakeWriter(.timedOut) }
        if let (_, until) = discarding, until <= now, end == nil {
            session.reset(self, .noError)
            connection.wakeWriter()
        }
        if hasOutbound, end == nil, progress + writeTimeout < now {
            session.reset(self, .cancel)
            close(.timedOut)
            connection.wakeWriter()
        }
        return hasHead || openedAt + headerTimeout >= now
    }
}
