// TLS of a port: one OpenSSL context for each listener, chosen by the client's SNI before anything else is negotiated.
// Invariant: contexts are complete when `init` returns and never changed after; a session keeps its server alive, so the
// pointer that the callbacks get is valid for as long as any of them can run.

import Auth
import COpenSSL
import Glibc

/// Whom a client asked for in its handshake and how it had to prove itself. A request for another listener's host must not
/// use the connection.
package struct TLSIdentity: Equatable, Sendable {
    let listener: String
    let clientRoots: String?
    let requiresCertificate: Bool

    init(_ listener: Listener, _ tls: ListenerTLS) {
        self.listener = listener.name
        clientRoots = tls.clientRootPath
        requiresCertificate = tls.requiresClientCertificate
    }
}

package final class TLSServerContext: @unchecked Sendable {
    /// TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 §4.2). TLS 1.3's own suites need no choice.
    private static let cipherList = "ECDHE+AESGCM:ECDHE+CHACHA20"

    private struct Choice {
        let context: OpaquePointer
        let identity: TLSIdentity
        let tls: ListenerTLS
        /// Sessions are resumed only with the listener that made them: another may ask for other client certificates.
        let sessionContext: [UInt8]
    }

    /// Sessions begin here; it has no certificate, so that nothing is shown to a client that asks for nobody.
    let front: OpaquePointer
    private var choices: [Choice] = []
    private var hosts = HostTable()
    /// In order of preference, each with its length in front.
    private let protocols: [UInt8]

    /// - Throws: the listener's place, and what is wrong with its files.
    init(_ listeners: [Listener], protocols names: [StaticString]) throws(SnapshotError) {
        ERR_clear_error()
        guard let front = TLSServerContext.make() else { throw SnapshotError("TLS: \(takeOpenSSLError())") }
        self.front = front
        var wire: [UInt8] = []
        for name in names {
            wire.append(UInt8(name.utf8CodeUnitCount))
            wire += ByteView(name)
        }
        protocols = wire
        for listener in listeners {
            guard let tls = listener.tls else { continue }
            do throws(IOError) {
                if hosts.value(of: listener.hostname) == nil { hosts.insert(listener.hostname, choices.count) }
                choices.append(try Self.choice(listener, tls, number: choices.count))
            } catch {
                let reason = if case .tls(let reason) = error { reason } else { "\(error)" }
                throw SnapshotError("tls: \(reason)", tls.position)
            }
        }
        let pointer = Unmanaged.passUnretained(self).toOpaque()
        SSL_CTX_set_client_hello_cb(front, { ssl, alert, pointer in chooseListener(ssl, alert, pointer) }, pointer)
        SSL_CTX_set_alpn_select_cb(
            front, { _, out, length, offered, count, pointer in agreeOnProtocol(out, length, offered, count, pointer) },
            pointer)
        for choice in choices {
            SSL_CTX_set_alpn_select_cb(
                choice.context,
                { _, out, length, offered, count, pointer in agreeOnProtocol(out, length, offered, count, pointer) },
                pointer)
        }
    }

    deinit {
        SSL_CTX_free(front)
        for choice in choices { SSL_CTX_free(choice.context) }
    }

    // MARK: Contexts

    private static func make() -> OpaquePointer? {
        guard let context = SSL_CTX_new(TLS_server_method()) else { return nil }
        agentgw_SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)
        agentgw_SSL_CTX_set_mode(
            context,
            Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS))
        // Renegotiation costs the server more than the client, and nobody needs it.
        SSL_CTX_set_options(
            context,
            agentgw_SSL_OP_NO_RENEGOTIATION | agentgw_SSL_OP_CIPHER_SERVER_PREFERENCE | agentgw_SSL_OP_PRIORITIZE_CHACHA
                | agentgw_SSL_OP_NO_COMPRESSION)
        // Sessions live in tickets, which need no table that loops would share. Each context has ticket keys of its own.
        agentgw_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        guard SSL_CTX_set_cipher_list(context, cipherList) == 1 else {
            SSL_CTX_free(context)
            return nil
        }
        refuseOpenSSLPassphrase(context)
        return context
    }

    private static func choice(_ listener: Listener, _ tls: ListenerTLS, number: Int) throws(IOError) -> Choice {
        guard let context = make() else { throw .tls(takeOpenSSLError()) }
        do throws(IOError) {
            try useCertificate(context, tls.certificatePath, key: tls.keyPath)
            if let roots = tls.clientRootPath {
                guard SSL_CTX_load_verify_file(context, roots) == 1, let names = SSL_load_client_CA_file(roots) else {
                    throw .tls("cannot read the clients' authorities \(roots): \(takeOpenSSLError())")
                }
                SSL_CTX_set_client_CA_list(context, names)
            }
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return Choice(
            context: context, identity: TLSIdentity(listener, tls), tls: tls,
            sessionContext: [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)])
    }

    /// When the listeners' certificates end, for those that have ended.
    var expired: [(path: String, position: FilePosition)] {
        choices.compactMap { choice in
            guard let certificate = SSL_CTX_get0_certificate(choice.context),
                X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0
            else { return nil }
            return (choice.tls.certificatePath, choice.tls.position)
        }
    }

    // MARK: The handshake

    /// The listener whose certificate was shown.
    static func chosen(_ ssl: OpaquePointer, _ server: TLSServerContext) -> TLSIdentity? {
        let context = SSL_get_SSL_CTX(ssl)
        return server.choices.first { $0.context == context }?.identity
    }

    static func serverName(_ ssl: OpaquePointer) -> String? {
        SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    /// Runs before version, session and certificate are settled, so that the listener's own settings hold for all three.
    fileprivate func choose(_ ssl: OpaquePointer) -> Bool {
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        var name = ByteView.empty
        if SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_server_name), &bytes, &count) == 1 {
            guard let sent = TLSServerContext.hostName(ByteView(bytes, count)) else { return false }
            name = sent
        }
        guard let choice = hosts.first(for: name, { choices[$0] }) else { return false }
        SSL_set_SSL_CTX(ssl, choice.context)
        agentgw_SSL_set_min_proto_version(ssl, choice.tls.minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION)
        agentgw_SSL_set_max_proto_version(ssl, choice.tls.maximumVersion == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION)
        var mode = SSL_VERIFY_NONE
        if choice.tls.clientRootPath != nil {
            mode = SSL_VERIFY_PEER
            if choice.tls.requiresClientCertificate { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
        }
        SSL_set_verify(ssl, mode, nil)
        return choice.sessionContext.withUnsafeBufferPointer {
            SSL_set_session_id_context(ssl, $0.baseAddress, UInt32($0.count)) == 1
        }
    }

    /// The one host name of the extension (RFC 6066 §3); nil when it is malformed.
    static func hostName(_ bytes: ByteView) -> ByteView? {
        guard bytes.count > 5, Int(bytes[0]) << 8 | Int(bytes[1]) == bytes.count - 2, bytes[2] == 0 else { return nil }
        let length = Int(bytes[3]) << 8 | Int(bytes[4])
        guard length > 0, length <= 255, length == bytes.count - 5 else { return nil }
        let name = bytes.slice(5, bytes.count)
        return name.contains(0) ? nil : name
    }

    /// The first of our protocols that the client speaks.
    fileprivate func agree(_ offered: ByteView) -> Range<Int>? {
        var own = 0
        while own < protocols.count {
            let ownEnd = own + 1 + Int(protocols[own])
            var at = 0
            while at < offered.count {
                let end = at + 1 + Int(offered[at])
                guard end <= offered.count else { return nil }
                if offered.slice(at, end).elementsEqual(protocols[own..<ownEnd]) { return (at + 1)..<end }
                at = end
            }
            own = ownEnd
        }
        return nil
    }
}

private func chooseListener(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ pointer: UnsafeMutableRawPointer?
) -> Int32 {
    guard let ssl, let pointer else { return SSL_CLIENT_HELLO_ERROR }
    let server = Unmanaged<TLSServerContext>.fromOpaque(pointer).takeUnretainedValue()
    if server.choose(ssl) { return SSL_CLIENT_HELLO_SUCCESS }
    alert?.pointee = SSL_AD_UNRECOGNIZED_NAME
    return SSL_CLIENT_HELLO_ERROR
}

/// A client that offers protocols, none of which is ours, is told so (RFC 7301 §3.2).
private func agreeOnProtocol(
    _ out: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ length: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?, _ count: UInt32, _ pointer: UnsafeMutableRawPointer?
) -> Int32 {
    guard let pointer, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let server = Unmanaged<TLSServerContext>.fromOpaque(pointer).takeUnretainedValue()
    guard let found = server.agree(ByteView(offered, Int(count))) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    out?.pointee = offered + found.lowerBound
    length?.pointee = UInt8(found.count)
    return SSL_TLSEXT_ERR_OK
}
