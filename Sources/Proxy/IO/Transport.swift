// A connection as the HTTP code sees it: a socket, with or without TLS on it.

package final class Transport: @unchecked Sendable {
    package let socket: Socket
    private let tls: TLSSession?

    package init(socket: Socket, tls: TLSSession? = nil) {
        self.socket = socket
        self.tls = tls
    }

    package var loop: EventLoop { socket.loop }
    package var isSecure: Bool { tls != nil }
    /// What TLS learnt about the peer and the protocol; nil in plain text.
    package var session: TLSSession? { tls }

    /// Reads at least one byte; zero means an orderly end. A TLS stream cut off without close_notify throws `closed`.
    package func read(into pointer: UnsafeMutablePointer<UInt8>, count: Int) async throws(IOError) -> Int {
        if let tls { return try await tls.read(socket, into: pointer, count: count) }
        return try await socket.read(into: pointer, count: count)
    }

    /// Reads once into the free space of `buffer`. False at the end of the stream.
    package func fill(_ buffer: IOBuffer) async throws(IOError) -> Bool {
        let count = try await read(into: buffer.writePointer, count: buffer.writableBytes)
        buffer.writer += count
        return count > 0
    }

    // What can be done without waiting is done by plain calls: an asynchronous one costs a frame of its own on each of
    // four levels, a tenth of a short request in all. TLS always takes the long way.

    /// `fill` with what has already arrived; nil when it would have to wait.
    func fillNow(_ buffer: IOBuffer) throws(IOError) -> Bool? {
        guard tls == nil else { return nil }
        guard let count = try socket.readNow(into: buffer.writePointer, count: buffer.writableBytes) else { return nil }
        buffer.writer += count
        return count > 0
    }

    /// Writes what the kernel takes at once of the buffer; true when that is all, and the buffer is then empty.
    func flushNow(_ buffer: IOBuffer) throws(IOError) -> Bool {
        if buffer.readableBytes > 0 {
            guard tls == nil else { return false }
            buffer.reader += try socket.writeNow(buffer.view)
            if buffer.readableBytes > 0 { return false }
        }
        buffer.clear()
        return true
    }

    /// There is something to read, as far as is known.
    var isReadable: Bool { tls == nil ? socket.isReadable : tls?.hasPending == true }

    /// Waits, without holding a buffer, until there is something to read.
    package func readable() async throws(IOError) {
        if let tls, tls.hasPending { return }
        try await socket.readable()
    }

    package func write(_ view: ByteView) async throws(IOError) {
        if let tls { return try await tls.write(socket, view) }
        try await socket.write(view)
    }

    package func write(_ first: ByteView, _ second: ByteView) async throws(IOError) {
        if let tls {
            try await tls.write(socket, first)
            if second.count > 0 { try await tls.write(socket, second) }
            return
        }
        try await socket.write(first, second)
    }

    /// Writes what the buffer holds and empties it.
    package func flush(_ buffer: IOBuffer) async throws(IOError) {
        guard buffer.readableBytes > 0 else { return }
        try await write(buffer.view)
        buffer.clear()
    }

    package func close() {
        tls?.sendCloseNotify()
        socket.close()
    }

    /// Sends FIN (after close_notify); the peer may still be sending.
    package func shutdownWriting() {
        tls?.sendCloseNotify()
        socket.shutdownWriting()
    }
}
