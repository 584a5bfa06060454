// The receiving half of an HTTP/1 connection, the same towards clients and upstreams: heads, then bodies by their
// framing, without copying. The head stays at the front of the buffer while its body streams through the rest.
// Invariant: bytes[0..<floor] of `buffer` are not moved or overwritten until `finishMessage`.

import Glibc

/// What ends an exchange early: the connection, or the message on it.
package enum ExchangeError: Error, Equatable, Sendable {
    case io(IOError)
    case message(ProtocolError)
}

final class HTTP1Input {
    let transport: Transport
    private var buffer: IOBuffer?
    /// A second, larger buffer while a long body streams.
    private var large: IOBuffer?
    private var floor = 0
    private var scanner = HeadScanner()
    private var body = Body.none
    private var decoder = ChunkedDecoder()
    /// The trailer section of the last chunked body; empty when there was none.
    let trailers = HeaderBlock()
    private var trailerBytes: IOBuffer?

    private enum Body {
        case none
        case length(Int)
        case chunked
        case trailers
        case untilClose
    }

    init(transport: Transport) { self.transport = transport }

    private var loop: EventLoop { transport.loop }

    /// Gives buffers back; called when the connection ends or goes idle.
    func release() {
        if let buffer { loop.buffers.give(buffer) }
        if let large { loop.largeBuffers.give(large) }
        buffer = nil
        large = nil
    }

    /// Bytes that have arrived and belong to no message yet.
    var hasBufferedBytes: Bool { (buffer?.readableBytes ?? 0) > 0 }

    // MARK: Heads

    /// Waits, without holding a buffer, until something of the next message has arrived or the peer has finished.
    func waitForHead() async throws(ExchangeError) {
        if hasBufferedBytes { return }
        release()
        if transport.isReadable { return }
        do { try await transport.readable() } catch { throw .io(error) }
    }

    /// Reads the head of the next message. Returns its bytes, or nil when the peer has finished sending before the
    /// first byte of one.
    func readHead(limit: Int) async throws(ExchangeError) -> (UnsafePointer<UInt8>, Int)? {
        var sawBytes = hasBufferedBytes
        let buffer = self.buffer ?? loop.buffers.take()
        self.buffer = buffer
        scanner.reset()
        var skippedEmptyLine = false
        while true {
            if sawBytes {
                // One empty line before a start line is left over by some old clients (RFC 9112 §2.2).
                if !skippedEmptyLine, buffer.readableBytes >= 2, buffer.view[0] == 0x0d, buffer.view[1] == 0x0a {
                    buffer.reader += 2
                    skippedEmptyLine = true
                    scanner.reset()
                }
                buffer.compact()
                if let length = try message({ () throws(ProtocolError) in
                    try scanner.end(of: buffer.base, buffer.readableBytes)
                }) {
                    guard length <= limit else { throw .message(.headTooLarge) }
                    buffer.reader = length
                    floor = length
                    return (UnsafePointer(buffer.base), length)
                }
                guard buffer.readableBytes < limit else { throw .message(.headTooLarge) }
            }
            if buffer.writableBytes == 0 { buffer.reserve(buffer.capacity) }
            let filled: Bool
            if let now = try fillNow(buffer) { filled = now } else { filled = try await fill(buffer) }
            guard filled else {
                if buffer.readableBytes == 0 { return nil }
                throw .message(.truncatedHead)
            }
            sawBytes = true
        }
    }

    /// Everything that has arrived, the head that was read last included; the input is of no use after.
    func takeAll() -> IOBuffer? {
        guard let all = buffer else { return nil }
        buffer = nil
        all.reader = 0
        return all
    }

    /// What has arrived behind the head that was read last. Valid until the input is used again.
    func takeRest() -> ByteView {
        guard let buffer else { return .empty }
        let rest = buffer.view
        buffer.reader = buffer.writer
        return rest
    }

    // MARK: Bodies

    func beginBody(_ framing: BodyFraming) {
        trailers.reset()
        switch framing {
        case .none: body = .none
        case .length(let count): body = count == 0 ? .none : .length(count)
        case .chunked:
            body = .chunked
            decoder = ChunkedDecoder()
        case .untilClose: body = .untilClose
        }
    }

    var bodyIsComplete: Bool {
        if case .none = body { return true }
        return false
    }

    /// The number of bytes still to come, when the framing tells.
    var remainingLength: Int? {
        switch body {
        case .none: 0
        case .length(let count): count
        case .chunked, .trailers, .untilClose: nil
        }
    }

    /// The whole rest of the body, when it is already here; it is consumed.
    func takeBufferedBody() -> ByteView? {
        switch body {
        case .none: return .empty
        case .length(let count):
            guard large == nil, let buffer, buffer.readableBytes >= count else { return nil }
            let view = buffer.view.slice(0, count)
            buffer.reader += count
            body = .none
            return view
        case .chunked, .trailers, .untilClose: return nil
        }
    }

    /// Bytes are in the buffer behind what has been consumed.
    var hasBodyBytes: Bool { (large ?? buffer)?.readableBytes ?? 0 > 0 }

    enum BodyStep {
        /// Valid until the next call.
        case piece(ByteView)
        case end
        /// More has to arrive first: `waitBody`.
        case wait
    }

    /// The next piece of the body as far as it has arrived.
    func pollBody() throws(ExchangeError) -> BodyStep {
        switch body {
        case .none:
            return .end
        case .length(let remaining):
            guard let view = takeAvailable(upTo: remaining) else { return .wait }
            body = view.count == remaining ? .none : .length(remaining - view.count)
            return .piece(view)
        case .untilClose:
            return takeAvailable(upTo: .max).map { .piece($0) } ?? .wait
        case .chunked:
            let input = large ?? buffer
            let view = input?.view ?? .empty
            switch try message({ () throws(ProtocolError) in try decoder.next(view) }) {
            case .data(let skip, let count):
                input?.reader += skip + count
                return .piece(view.slice(skip, skip + count))
            case .needMore(let skip):
                input?.reader += skip
                return .wait
            case .trailers(let skip):
                input?.reader += skip
                body = .trailers
                return try pollTrailers()
            }
        case .trailers:
            return try pollTrailers()
        }
    }

    /// Reads more of the body. At the end of the stream a body that runs until then is complete, any other is cut off.
    func waitBody() async throws(ExchangeError) {
        let expected: Int
        if case .length(let remaining) = body { expected = remaining } else { expected = .max }
        if try await refill(expecting: expected) { return }
        guard case .untilClose = body else { throw .message(.truncatedBody) }
        body = .none
    }

    /// The next piece of the body, nil at its end. Valid until the next call.
    func nextBody() async throws(ExchangeError) -> ByteView? {
        while true {
            switch try pollBody() {
            case .piece(let view): return view
            case .end: return nil
            case .wait: try await waitBody()
            }
        }
    }

    private func takeAvailable(upTo limit: Int) -> ByteView? {
        guard let input = large ?? buffer, input.readableBytes > 0 else { return nil }
        let count = min(limit, input.readableBytes)
        let view = input.view.slice(0, count)
        input.reader += count
        return view
    }

    /// Reads more, behind the head or into the large buffer. False at the end of the stream.
    private func refill(expecting count: Int) async throws(ExchangeError) -> Bool {
        if let large {
            large.compact()
            return try await fill(large)
        }
        let buffer = self.buffer ?? loop.buffers.take()
        self.buffer = buffer
        let room = buffer.capacity - floor - buffer.readableBytes
        // A body that the small buffer cannot take streams through the large one: one whose length says so, or one that
        // has just filled the small buffer in a single read.
        if count == .max ? filledAtOnce || room == 0 : count > room {
            let large = loop.largeBuffers.take()
            large.append(buffer.view)
            buffer.reader = buffer.writer
            self.large = large
            return try await fill(large)
        }
        if buffer.reader > floor {
            let rest = buffer.readableBytes
            if rest > 0 { memmove(buffer.base + floor, buffer.base + buffer.reader, rest) }
            buffer.reader = floor
            buffer.writer = floor + rest
        }
        let filled = try await fill(buffer)
        filledAtOnce = buffer.writableBytes == 0
        return filled
    }

    private var filledAtOnce = false

    private func pollTrailers() throws(ExchangeError) -> BodyStep {
        let input = large ?? buffer
        let view = input?.view ?? .empty
        if view.count >= 2, view[0] == 0x0d, view[1] == 0x0a {
            input?.reader += 2
            body = .none
            return .end
        }
        if view.count >= 1, view[0] == 0x0a { throw .message(.trailers) }
        // The section ends with an empty line. It is short, so that looking from its start again is no burden.
        var position = 0
        while position + 4 <= view.count {
            if view[position] == 0x0d, view[position + 1] == 0x0a, view[position + 2] == 0x0d,
                view[position + 3] == 0x0a
            {
                try parseTrailers(view.slice(0, position + 4))
                input?.reader += position + 4
                body = .none
                return .end
            }
            position += 1
        }
        guard view.count <= Trailers.maximumBytes else { throw .message(.trailersTooLarge) }
        return .wait
    }

    private func parseTrailers(_ section: ByteView) throws(ExchangeError) {
        guard section.count <= Trailers.maximumBytes else { throw .message(.trailersTooLarge) }
        let bytes = trailerBytes ?? IOBuffer(capacity: 512)
        trailerBytes = bytes
        bytes.clear()
        bytes.append(section)
        trailers.reset()
        trailers.base = UnsafePointer(bytes.base)
        var limits = HeadLimits()
        limits.fields = Trailers.maximumFields
        try message { () throws(ProtocolError) in
            try HeadParser.parseFields(UnsafePointer(bytes.base), 0, section.count, trailers, limits)
        }
        for i in 0..<trailers.count where Trailers.isForbidden(trailers.known(i), trailers.name(i)) {
            trailers.remove(at: i)
        }
    }

    /// Ends the message: the head's bytes are given up, what follows them moves to the front.
    func finishMessage() {
        if let large {
            if large.readableBytes > 0 {
                let buffer = self.buffer ?? loop.buffers.take()
                self.buffer = buffer
                buffer.clear()
                buffer.append(large.view)
            }
            loop.largeBuffers.give(large)
            self.large = nil
        }
        floor = 0
        filledAtOnce = false
        if let buffer {
            buffer.compact()
            if buffer.readableBytes == 0 {
                loop.buffers.give(buffer)
                self.buffer = nil
            }
        }
    }

    /// Reads and drops up to `limit` bytes of what the peer still sends, so that a reply already sent is not lost to a
    /// reset (RFC 9112 §9.6).
    func discard(limit: Int) async throws(ExchangeError) {
        let buffer = large ?? self.buffer ?? loop.buffers.take()
        if large == nil { self.buffer = buffer }
        var total = 0
        while total < limit {
            buffer.clear()
            guard try await fill(buffer) else { break }
            total += buffer.readableBytes
        }
        buffer.clear()
    }

    // MARK: Errors

    private func fill(_ buffer: IOBuffer) async throws(ExchangeError) -> Bool {
        do { return try await transport.fill(buffer) } catch { throw .io(error) }
    }

    /// `fill` with what has already arrived; nil when it would have to wait.
    private func fillNow(_ buffer: IOBuffer) throws(ExchangeError) -> Bool? {
        do { return try transport.fillNow(buffer) } catch { throw .io(error) }
    }

    private func message<R>(_ body: () throws(ProtocolError) -> R) throws(ExchangeError) -> R {
        do { return try body() } catch { throw .message(error) }
    }
}
