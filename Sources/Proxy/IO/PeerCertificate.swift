// The names in a peer's certificate, read once after the handshake that verified it.
// Invariant: pointers are borrowed for one call; what is returned is copied.

import Auth
import COpenSSL

/// The subject alternative names of one type (`GEN_DNS`, `GEN_URI`). Names with a NUL inside are left out: two readers
/// would see two names.
func subjectAltNames(of certificate: OpaquePointer, _ type: Int32) -> [String] {
    guard let names = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
    let list = OpaquePointer(names)
    defer { GENERAL_NAMES_free(list) }
    var found: [String] = []
    for index in 0..<agentgw_general_name_count(list) {
        var length: Int32 = 0
        guard let bytes = agentgw_general_name(list, index, type, &length) else { continue }
        let name = UnsafeBufferPointer(start: bytes, count: Int(length))
        if !name.isEmpty, !name.contains(0) { found.append(String(decoding: name, as: UTF8.self)) }
    }
    return found
}

extension ClientCertificate {
    /// nil: the client showed none, or it was not verified.
    init?(verifiedBy ssl: OpaquePointer) {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        guard SSL_get_verify_result(ssl) == Int(X509_V_OK), SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0 else {
            return nil
        }
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 32
        guard X509_digest(certificate, EVP_sha256(), &digest, &length) == 1 else { return nil }
        self.init(
            commonName: Self.commonName(certificate), dnsNames: subjectAltNames(of: certificate, GEN_DNS),
            uris: subjectAltNames(of: certificate, GEN_URI), sha256: digest)
    }

    /// The most specific common name of the subject; nil when it has none, or one with a NUL inside.
    private static func commonName(_ certificate: OpaquePointer) -> String? {
        guard let subject = X509_get_subject_name(certificate) else { return nil }
        var last: Int32 = -1
        while case let next = X509_NAME_get_index_by_NID(subject, NID_commonName, last), next >= 0 { last = next }
        guard last >= 0, let text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)) else { return nil }
        var utf8: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&utf8, text)
        guard count >= 0, let utf8 else { return nil }
        defer { CRYPTO_free(utf8, nil, 0) }
        let bytes = UnsafeBufferPointer(start: utf8, count: Int(count))
        return bytes.contains(0) ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
