// What a TLS client towards upstreams needs before a handshake: trust, our certificate, protocols. One per upstream.
// Invariant: a context is complete when `client` returns it and never changed after; pointers stay in the IO folder.

import COpenSSL
import Glibc

/// A reason from OpenSSL's error queue, which is emptied.
func takeOpenSSLError() -> String {
    var reason = "unknown error"
    var first = true
    while case let code = ERR_get_error(), code != 0 {
        // A failed system call is reported with its errno under one bit of its own, and has no text there.
        if first, code & 0x8000_0000 != 0 {
            reason = String(cString: strerror(Int32(truncatingIfNeeded: code & 0x7fff_ffff)))
        } else if first, let text = ERR_reason_error_string(code) {
            reason = String(cString: text)
        }
        first = false
    }
    return reason
}

/// Gives no passphrase: OpenSSL would ask for one on the terminal, and the process would hang.
func refuseOpenSSLPassphrase(_ context: OpaquePointer) {
    SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
}

/// Certificate and key of one side, in PEM files.
/// - Throws: a sentence that names the file.
func useCertificate(_ context: OpaquePointer, _ certificate: String, key: String) throws(IOError) {
    ERR_clear_error()
    guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
        throw .tls("cannot read the certificate \(certificate): \(takeOpenSSLError())")
    }
    guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
        let reason = takeOpenSSLError()
        switch reason {
        case "key values mismatch", "key type mismatch":
            throw .tls("the key \(key) does not belong to the certificate \(certificate)")
        case "bad password read", "bad decrypt", "interrupted or cancelled":
            throw .tls("the key \(key) is encrypted, which is not supported")
        default: throw .tls("cannot read the key \(key): \(reason)")
        }
    }
    guard SSL_CTX_check_private_key(context) == 1 else {
        throw .tls("the key \(key) does not belong to the certificate \(certificate)")
    }
}

/// What a client of TLS needs to know before a handshake. Immutable once built; shared by all loops.
package final class TLSContext: @unchecked Sendable {
    let context: OpaquePointer
    /// The name that is dialled must be in the certificate.
    let verifiesName: Bool
    /// Instead: one of these must be, as a DNS name or a URI.
    private let names: [String]

    private init(_ context: OpaquePointer, _ settings: BackendTLS) {
        self.context = context
        names = settings.insecure ? [] : settings.subjectAltNames
        verifiesName = !settings.insecureHost && !settings.insecure && settings.subjectAltNames.isEmpty
    }

    deinit { SSL_CTX_free(context) }

    /// A context for connections to upstreams: TLS 1.2 at least, the chain and the name verified unless `settings` say
    /// otherwise, against the system's store or `settings.rootPath`.
    package static func client(_ settings: BackendTLS) throws(IOError) -> TLSContext {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .tls(takeOpenSSLError()) }
        let result = TLSContext(context, settings)
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
            refuseOpenSSLPassphrase(context)
            try useCertificate(context, certificate, key: key)
        }
        var wire: [UInt8] = []
        for name in settings.alpn.isEmpty ? ["http/1.1"] : settings.alpn {
            wire.append(UInt8(truncatingIfNeeded: name.utf8.count))
            wire.append(contentsOf: name.utf8)
        }
        guard SSL_CTX_set_alpn_protos(context, wire, UInt32(wire.count)) == 0 else { throw .tls(takeOpenSSLError()) }
        return result
    }

    /// - Throws: when the server's certificate has none of the configured names.
    func checkNames(_ ssl: OpaquePointer) throws(IOError) {
        guard !names.isEmpty else { return }
        guard let certificate = SSL_get1_peer_certificate(ssl) else { throw .tls("the server showed no certificate") }
        defer { X509_free(certificate) }
        let uris = subjectAltNames(of: certificate, GEN_URI)
        for name in names {
            if X509_check_host(certificate, name, name.utf8.count, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS), nil)
                == 1
            {
                return
            }
            if uris.contains(name) { return }
        }
        throw .tls("certificate not accepted: none of the configured subjectAltNames is in it")
    }
}
