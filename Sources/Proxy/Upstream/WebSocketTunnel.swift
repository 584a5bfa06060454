// WebSocket (RFC 6455): an upgrade that was routed, authenticated and judged like any request; once the upstream has agreed,
// bytes pass both ways unread, each piece only when the other side has taken the one before it.

import Glibc

/// A request to switch to another protocol, as far as it is of interest here.
package enum UpgradeRequest: Sendable {
    case none
    case webSocket

    /// What is missing from a handshake (RFC 6455 §4.2.1); nil: nothing.
    static func problem(_ request: RequestHead) -> (status: Int, message: String)? {
        guard request.method == .get, request.framing == .none else {
            return (400, "a WebSocket handshake is a GET without a body")
        }
        guard let version = request.headers.first(named: ByteView("sec-websocket-version")), version == "13" else {
            return (426, "only version 13 of WebSocket is spoken")
        }
        guard let key = request.headers.first(named: ByteView("sec-websocket-key")), key.count == 24 else {
            return (400, "a WebSocket handshake without its key")
        }
        return nil
    }
}

extension ResponseHead {
    /// A 101 to the protocol that was asked for; `Upgrade` itself ended at this hop and is marked as removed.
    var agreesToWebSocket: Bool {
        guard status == 101, headers.first(named: ByteView("sec-websocket-accept")) != nil else { return false }
        for index in 0..<headers.count where headers.known(index) == .upgrade {
            return headers.value(index).equalsIgnoringCase("websocket")
        }
        return false
    }
}

/// The two directions of a connection that has switched protocols.
final class WebSocketTunnel: @unchecked Sendable {
    /// After one side has closed, for the other to do so.
    private static let farewell = Duration.seconds(10)

    private let client: Transport
    private let upstream: Transport
    private let writeTimeout: Nanoseconds
    private(set) var sent = 0
    private(set) var received = 0

    init(client: Transport, upstream: Transport, writeTimeout: Nanoseconds) {
        self.client = client
        self.upstream = upstream
        self.writeTimeout = writeTimeout
    }

    /// Returns when both sides have closed, or one of them broke.
    /// - Parameters:
    ///   - early: what the client sent behind its handshake.
    ///   - answer: what the upstream sent behind its own.
    func run(early: ByteView, answer: ByteView) async {
        for socket in [client.socket, upstream.socket] {
            socket.readDeadline = .never
            var on: Int32 = 1
            // A peer that vanished without a word must not hold both connections for ever.
            setsockopt(socket.descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        let loop = client.loop
        let earlyBytes = early.bytes
        let upwards = loop.spawn { [self] in
            received = await pass(from: client, to: upstream, first: earlyBytes)
        }
        sent = await pass(from: upstream, to: client, first: answer.bytes)
        await upwards.value
    }

    private func pass(from source: Transport, to target: Transport, first: [UInt8]) async -> Int {
        var total = first.count
        do throws(IOError) {
            if !first.isEmpty {
                let start = IOBuffer(capacity: first.count)
                start.append(first)
                target.socket.writeDeadline = target.loop.now + writeTimeout
                try await target.flush(start)
            }
            while true {
                // An idle connection holds no buffer.
                try await source.readable()
                let buffer = source.loop.buffers.take()
                defer { source.loop.buffers.give(buffer) }
                guard try await source.fill(buffer) else { break }
                total += buffer.readableBytes
                target.socket.writeDeadline = target.loop.now + writeTimeout
                try await target.flush(buffer)
            }
            target.shutdownWriting()
            target.socket.readDeadline = target.loop.now + WebSocketTunnel.farewell
            target.loop.note(target.socket.readDeadline)
        } catch {
            // Cut off, not ended: neither side may take it for a proper close.
            source.socket.closeWithReset()
            target.socket.closeWithReset()
        }
        return total
    }
}
