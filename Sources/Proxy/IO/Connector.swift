// Opens connections: resolves, tries the addresses one after the other, puts TLS on top.

import CLinux
import Glibc

package enum Connector {
    /// Connects to `host:port` before `deadline`.
    /// - Parameters:
    ///   - tls: shakes hands with this context and `serverName` (the host itself by default).
    ///   - admits: says which of the resolved addresses may be dialled.
    package static func connect(
        _ loop: EventLoop, resolver: Resolver, host: String, port: UInt16, tls: TLSContext? = nil,
        serverName: String? = nil, deadline: MonotonicTime, admits: (SocketAddress) -> Bool = { _ in true }
    ) async throws(IOError) -> Transport {
        let addresses = try await resolver.resolve(host)
        var failure = IOError.resolve(host: host, reason: "no address that may be connected to")
        for var address in addresses where admits(address) {
            address.port = port
            do throws(IOError) {
                return try await connect(loop, address, tls: tls, name: serverName ?? host, deadline: deadline)
            } catch {
                failure = error
                if error == .timedOut { break }
            }
        }
        throw failure
    }

    /// Connects to a Unix socket.
    package static func connect(
        _ loop: EventLoop, path: String, tls: TLSContext? = nil, serverName: String, deadline: MonotonicTime
    ) async throws(IOError) -> Transport {
        guard let address = SocketAddress(path: path) else { throw .system(call: "connect", errno: ENAMETOOLONG) }
        return try await connect(loop, address, tls: tls, name: serverName, deadline: deadline)
    }

    private static func connect(
        _ loop: EventLoop, _ address: SocketAddress, tls: TLSContext?, name: String, deadline: MonotonicTime
    ) async throws(IOError) -> Transport {
        let socket = try await connect(loop, address, deadline: deadline)
        guard let tls else { return Transport(socket: socket) }
        do {
            socket.readDeadline = deadline
            socket.writeDeadline = deadline
            return Transport(socket: socket, tls: try await TLSSession.connect(socket, context: tls, name: name))
        } catch {
            socket.close()
            throw error
        }
    }

    private static func connect(
        _ loop: EventLoop, _ address: SocketAddress, deadline: MonotonicTime
    ) async throws(IOError) -> Socket {
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(address.family, flags, 0)
        guard descriptor >= 0 else { throw .last("socket") }
        var on: Int32 = 1
        if address.family != AF_UNIX {
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        let status = address.withPointer { Glibc.connect(descriptor, $0, $1) }
        if status != 0, errno != EINPROGRESS {
            let error = IOError.system(call: "connect", errno: errno)
            Glibc.close(descriptor)
            throw error
        }
        let socket = try Socket(loop: loop, descriptor: descriptor)
        if status == 0 { return socket }
        do {
            socket.writeDeadline = deadline
            try await socket.writable()
        } catch {
            socket.close()
            throw error
        }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else {
            socket.close()
            throw .system(call: "connect", errno: code)
        }
        return socket
    }
}
