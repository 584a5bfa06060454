// TLS by OpenSSL directly on the non-blocking descriptor: one system call per record, no copies of our own.
// Invariant: the SSL object is used by the socket's loop only, never after `deinit`; no pointer to it leaves this file.

import COpenSSL
import Glibc

/// A reason from OpenSSL's error queue, which is emptied.
func takeOpenSSLError() -> String {
    var reason = "unknown error"
    var first = true
    while case let code = ERR_get_error(), code != 0 {
        if first, let text = ERR_reason_error_string(code) { reason = String(cString: text) }
        first = false
    }
    return reason
}

/// What both sides of TLS need to know before a handshake. Immutable once built; shared by all loops.
package final class TLSContext: @unchecked Sendable {
    fileprivate let context: OpaquePointer
    fileprivate let verifiesName: Bool

    private init(_ context: OpaquePointer, verifiesName: Bool) {
        self.context = context
        self.verifiesName = verifiesName
    }

    deinit { SSL_CTX_free(context) }

    /// A context for connections to upstreams: TLS 1.2 at least, the chain and the name verified unless `settings` say
    /// otherwise, against the system's store or `settings.rootPath`.
    package static func client(_ settings: BackendTLS) throws(IOError) -> TLSContext {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .tls(takeOpenSSLError()) }
        let result = TLSContext(context, verifiesName: !settings.insecureHost && !settings.insecure)
        agentgw_SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)
        agentgw_SSL_CTX_set_mode(
            context,
            Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS))
        if let file = settings.rootPath {
            guard SSL_CTX_load_verify_file(context, file) == 1 else {
                throw .tls("cannot read trusted roots from \(file): \(takeOpenSSLError())")
            }
        } else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else { throw .tls(takeOpenSSLError()) }
        }
        SSL_CTX_set_verify(context, settings.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nil)
        if let certificate = settings.certificatePath, let key = settings.keyPath {
            guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
                throw .tls("cannot read the certificate \(certificate): \(takeOpenSSLError())")
            }
            guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
                SSL_CTX_check_private_key(context) == 1
            else { throw .tls("cannot use the key \(key): \(takeOpenSSLError())") }
        }
        var wire: [UInt8] = []
        for name in settings.alpn.isEmpty ? ["http/1.1"] : settings.alpn {
            wire.append(UInt8(truncatingIfNeeded: name.utf8.count))
            wire.append(contentsOf: name.utf8)
        }
        guard SSL_CTX_set_alpn_protos(context, wire, UInt32(wire.count)) == 0 else { throw .tls(takeOpenSSLError()) }
        return result
    }
}

package final class TLSSession {
    private let ssl: OpaquePointer
    private var failed = false

    private init(_ ssl: OpaquePointer) { self.ssl = ssl }

    deinit { SSL_free(ssl) }

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
        while true {
            ERR_clear_error()
            let result = SSL_do_handshake(ssl)
            if result == 1 { return session }
            guard try await session.wait(socket, after: result) else { throw .closed }
        }
    }

    /// Decrypted bytes wait inside the session, which no event of the descriptor will announce.
    var hasPending: Bool { SSL_has_pending(ssl) == 1 }

    /// Waits for what the last call asked for. False at an orderly end (close_notify).
    private func wait(_ socket: Socket, after result: Int32) async throws(IOError) -> Bool {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ:
            socket.clearReadable()
            if socket.hungUp { throw .reset }
            try await socket.readable()
            return true
        case SSL_ERROR_WANT_WRITE:
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
