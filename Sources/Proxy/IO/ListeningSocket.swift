// A listening socket of one loop. Every loop has its own on the same port (SO_REUSEPORT), so that the kernel spreads
// connections and no lock or hand-over is needed.

import CLinux
import Glibc

package final class ListeningSocket: @unchecked Sendable {
    /// Connections that may wait to be accepted; the kernel's own maximum bounds it further.
    private static let backlog: Int32 = 4096
    /// Connections taken in one go before others get their turn.
    private static let acceptBatch = 64

    package let address: SocketAddress
    private let descriptor: Int32
    private var socket: Socket?
    private var isFinishing = false

    /// Binds and listens. Reuse of the port is only among the loops of this process and its successor.
    package init(_ address: SocketAddress) throws(IOError) {
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(address.family, flags, 0)
        guard descriptor >= 0 else { throw .last("socket") }
        var on: Int32 = 1
        var off: Int32 = 0
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size)
        // [::] takes IPv4 as well.
        if address.family == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size) }
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)  // inherited by accepted sockets
        guard address.withPointer({ Glibc.bind(descriptor, $0, $1) }) == 0 else {
            let error = IOError.last("bind")
            Glibc.close(descriptor)
            throw error
        }
        guard Glibc.listen(descriptor, ListeningSocket.backlog) == 0 else {
            let error = IOError.last("listen")
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.address = SocketAddress.local(of: descriptor) ?? address
    }

    /// - Throws: when another process listens on `address`.
    package static func checkFree(_ address: SocketAddress) throws(IOError) {
        let descriptor = Glibc.socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .last("socket") }
        defer { Glibc.close(descriptor) }
        var on: Int32 = 1
        var off: Int32 = 0
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        if address.family == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size) }
        guard address.withPointer({ Glibc.bind(descriptor, $0, $1) }) == 0 else { throw .last("bind") }
    }

    /// Accepts until `close`, giving each connection to `body`. Runs on `loop`.
    package func accept(
        on loop: EventLoop, _ body: @escaping (Socket, SocketAddress) -> Void
    ) async throws(IOError) {
        let socket = try Socket(loop: loop, descriptor: descriptor)
        self.socket = socket
        while socket.isOpen {
            if !isFinishing {
                // Closed: the listener has been taken down.
                do throws(IOError) { try await socket.readable() } catch {
                    if !isFinishing || !socket.isOpen { return }
                }
            }
            var taken = 0
            while taken < ListeningSocket.acceptBatch {
                var storage = sockaddr_storage()
                var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
                let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
                let (accepted, peer) = withUnsafeMutablePointer(to: &storage) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                        let accepted = agentgw_accept4(socket.descriptor, pointer, &length, flags)
                        return (accepted, SocketAddress(pointer, length))
                    }
                }
                guard accepted >= 0 else {
                    if errno == EAGAIN {
                        if isFinishing { return close() }
                        socket.clearReadable()
                    }
                    // Out of descriptors: the connection stays in the queue; try again when some have been closed.
                    if errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS {
                        await loop.sleep(for: .milliseconds(100))
                    }
                    break
                }
                taken += 1
                // A descriptor that could not be watched has been closed.
                if let connection = try? Socket(loop: loop, descriptor: accepted) {
                    body(connection, peer)
                }
            }
            if taken == ListeningSocket.acceptBatch { await Task.yield() }
        }
    }

    /// Takes the connections that wait, then stops accepting. On the loop that accepts.
    package func finish() {
        isFinishing = true
        socket?.cancelWaits()
    }

    /// Stops accepting. On the loop that accepts, or before any does.
    package func close() {
        if let socket { socket.close() } else { Glibc.close(descriptor) }
    }
}
