// A client's connection on a TLS port: the handshake within its time, then the protocol that it agreed on.

final class TLSServerConnection: ServerConnection, @unchecked Sendable {
    private let socket: Socket
    private let context: TLSServerContext
    private let peer: SocketAddress
    private let local: SocketAddress
    let handler: any RequestHandler
    private let afterHandshake: () -> Void
    /// Set once the handshake is done.
    private var connection: (any ServerConnection)?

    init(
        _ socket: Socket, _ context: TLSServerContext, peer: SocketAddress, local: SocketAddress,
        handler: any RequestHandler, afterHandshake: @escaping () -> Void
    ) {
        self.socket = socket
        self.context = context
        self.peer = peer
        self.local = local
        self.handler = handler
        self.afterHandshake = afterHandshake
    }

    func run() async {
        if let connection = await shakeHands() {
            self.connection = connection
            await connection.run()
        } else {
            socket.close()
        }
    }

    func closeIfIdle() {
        // A handshake under way has no request yet.
        if let connection { connection.closeIfIdle() } else { socket.cancelWaits() }
    }

    /// nil: the client did not finish, or may not connect; OpenSSL has told it why.
    private func shakeHands() async -> (any ServerConnection)? {
        defer { afterHandshake() }
        let deadline = socket.loop.now + handler.limits.handshakeTimeout
        socket.readDeadline = deadline
        socket.writeDeadline = deadline
        guard let session = try? await TLSSession.accept(socket, context: context) else { return nil }
        socket.readDeadline = .never
        socket.writeDeadline = .never
        let info = ClientInfo(
            loop: socket.loop, peer: peer, local: local, isSecure: true, tls: session.attributes,
            identity: session.identity)
        let transport = Transport(socket: socket, tls: session)
        if session.alpn == "h2" {
            return try? HTTP2ServerConnection(transport: transport, info: info, handler: handler)
        }
        return HTTP1ServerConnection(transport: transport, info: info, handler: handler)
    }
}
