// TLS by OpenSSL directly on the non-blocking descriptor: one system call per record, no copies of our own.
// Invariant: the SSL object is used by the socket's loop only, never after `deinit`; no pointer to it leaves this file
// but to the callbacks of `TLSServerContext` during the handshake.

import Auth
import COpenSSL
import Glibc

package final class TLSSession {
    private let ssl: OpaquePointer
    /// What the callbacks of a server's handshake refer to.
    private let server: TLSServerContext?
    private var failed = false

    private init(_ ssl: OpaquePointer, server: TLSServerContext? = nil) {
        self.ssl = ssl
        self.server = server
    }

    deinit { SSL_free(ssl) }

    // MARK: Handshakes

    /// Makes a TLS server of an accepted socket and shakes hands, before the socket's deadlines.
    package static func accept(_ socket: Socket, context: TLSServerContext) async throws(IOError) -> TLSSession {
        guard let ssl = SSL_new(context.front) else { throw .tls(takeOpenSSLError()) }
        let session = TLSSession(ssl, server: context)
        guard SSL_set_fd(ssl, socket.descriptor) == 1 else { throw .tls(takeOpenSSLError()) }
        SSL_set_accept_state(ssl)
        try await session.shakeHands(socket)
        return session
    }

    /// Makes a TLS client of a connected socket and shakes hands.
    /// - Parameter name: the server's DNS name or address: sent as SNI (names only) and checked against its certificate.
    package static func connect(
        _ socket: Socket, context: TLSContext, name: String
    ) async throws(IOError) -> TLSSession {
        guard let ssl = SSL_new(context.context) else { throw .tls(takeOpenSSLError()) }
        let session = TLSSession(ssl)
        guard SSL_set_fd(ssl, socket.descriptor) == 1 else { throw .tls(takeOpenSSLError()) }
        if SocketAddress(ip: name, port: 0) != nil {
            guard !context.verifiesName || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1 else {
                throw .tls(takeOpenSSLError())
            }
        } else {
            agentgw_SSL_set_tlsext_host_name(ssl, name)
            SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            guard !context.verifiesName || SSL_set1_host(ssl, name) == 1 else { throw .tls(takeOpenSSLError()) }
        }
        SSL_set_connect_state(ssl)
        try await session.shakeHands(socket)
        try context.checkNames(ssl)
        return session
    }

    private func shakeHands(_ socket: Socket) async throws(IOError) {
        while true {
            guard socket.isOpen else { throw .cancelled }
            ERR_clear_error()
            errno = 0
            let result = SSL_do_handshake(ssl)
            if result == 1 { return }
            guard try await wait(socket, after: result) else { throw .closed }
        }
    }

    // MARK: What was agreed on

    /// The listener that the client's SNI chose; nil on a client's side.
    package var identity: TLSIdentity? { server.flatMap { TLSServerContext.chosen(ssl, $0) } }

    /// What rules may ask about the connection.
    package var attributes: TLSAttributes {
        TLSAttributes(
            version: String(cString: SSL_get_version(ssl)), serverName: TLSServerContext.serverName(ssl),
            clientCertificate: server == nil ? nil : ClientCertificate(verifiedBy: ssl))
    }

    /// Decrypted bytes wait inside the session, which no event of the descriptor will announce.
    var hasPending: Bool { SSL_has_pending(ssl) == 1 }

    /// Waits for what the last call asked for. False at an orderly end (close_notify).
    private func wait(_ socket: Socket, after result: Int32) async throws(IOError) -> Bool {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ:
            // A peer that breaks off a handshake message of its own makes our writes wait for it. Its remainder would
            // have to be read by the task that reads already: no honest peer gets here.
            guard !socket.hasReader else { throw .tls("a message of the handshake was broken off") }
            socket.clearReadable()
            if socket.hungUp { throw .reset }
            try await socket.readable()
            return true
        case SSL_ERROR_WANT_WRITE:
            guard !socket.hasWriter else { throw .tls("a message of the handshake was broken off") }
            socket.clearWritable()
            try await socket.writable()
            return true
        case SSL_ERROR_ZERO_RETURN:
            return false
        case SSL_ERROR_SYSCALL:
            failed = true
            if errno == 0 { throw .closed }
            throw .last("TLS")
        default:
            failed = true
            let verification = SSL_get_verify_result(ssl)
            let reason = takeOpenSSLError()
            // OpenSSL 3 reports a cut-off stream as a protocol error of its own.
            if reason == "unexpected eof while reading" { throw .closed }
            if verification != Int(X509_V_OK), let text = X509_verify_cert_error_string(verification) {
                throw .tls("certificate not accepted: \(String(cString: text))")
            }
            throw .tls(reason)
        }
    }

    func read(
        _ socket: Socket, into pointer: UnsafeMutablePointer<UInt8>, count: Int
    ) async throws(IOError) -> Int {
        while true {
            guard socket.isOpen else { throw .cancelled }
            ERR_clear_error()
            errno = 0
            let result = SSL_read(ssl, pointer, Int32(clamping: count))
            if result > 0 { return Int(result) }
            guard try await wait(socket, after: result) else { return 0 }
        }
    }

    func write(_ socket: Socket, _ view: ByteView) async throws(IOError) {
        var sent = 0
        while sent < view.count {
            guard socket.isOpen else { throw .cancelled }
            ERR_clear_error()
            errno = 0
            let result = SSL_write(ssl, view.base! + sent, Int32(clamping: view.count - sent))
            if result > 0 {
                sent += Int(result)
                continue
            }
            guard try await wait(socket, after: result) else { throw .closed }
        }
    }

    /// Tells the peer that nothing more comes; not waited for.
    func sendCloseNotify() {
        guard !failed else { return }
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// The protocol that both sides agreed on by ALPN.
    package var alpn: String? {
        var pointer: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &pointer, &length)
        guard let pointer, length > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: pointer, count: Int(length)), as: UTF8.self)
    }
}
