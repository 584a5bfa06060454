// A private key of ours: made for the development issuer and `agentgw token`, or read from PEM for `jwtSign`, and
// published as a JWK.

import COpenSSL

/// Owns an OpenSSL private key.
/// Invariant: `pointer` is owned (freed in `deinit`), never changed after `init`, and does not leave this file.
package final class SigningKey: @unchecked Sendable {
    /// What can be generated.
    package enum Form: Sendable { case es256, rs256 }

    /// Bits of a generated RSA key.
    static let rsaBits: Int32 = 2048

    private let pointer: OpaquePointer

    private init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    package static func generate(_ form: Form) throws(AuthError) -> SigningKey {
        let name =
            switch form {
            case .es256: "EC"
            case .rs256: "RSA"
            }
        guard let context = EVP_PKEY_CTX_new_from_name(nil, name, nil) else { throw .crypto("\(name) is unavailable") }
        defer { EVP_PKEY_CTX_free(context) }
        var ready = EVP_PKEY_keygen_init(context) == 1
        switch form {
        case .es256: ready = ready && EVP_PKEY_CTX_set_group_name(context, "P-256") == 1
        case .rs256: ready = ready && EVP_PKEY_CTX_set_rsa_keygen_bits(context, rsaBits) == 1
        }
        var pointer: OpaquePointer?
        guard ready, EVP_PKEY_generate(context, &pointer) == 1, let pointer else {
            ERR_clear_error()
            throw .crypto("making a key failed")
        }
        return SigningKey(pointer)
    }

    /// - Throws: `.key` when the text is not an unencrypted private key in PEM.
    package convenience init(pem: Secret) throws(AuthError) {
        let pointer = pem.withBytes { bytes -> OpaquePointer? in
            guard let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(memory) }
            // A callback that gives no passphrase: without one OpenSSL would ask on the terminal.
            return PEM_read_bio_PrivateKey(memory, nil, { _, _, _, _ in -1 }, nil)
        }
        guard let pointer else {
            ERR_clear_error()
            throw .key("the signing key is not an unencrypted private key in PEM form")
        }
        self.init(pointer)
    }

    /// PKCS #8 in PEM form.
    package func pem() throws(AuthError) -> Secret {
        guard let memory = BIO_new(BIO_s_secmem()) else { throw .crypto("no memory for a key") }
        defer { BIO_free(memory) }
        var data: UnsafeMutablePointer<CChar>?
        guard PEM_write_bio_PrivateKey(memory, pointer, nil, nil, 0, nil, nil) == 1 else {
            ERR_clear_error()
            throw .crypto("writing a key failed")
        }
        let count = BIO_ctrl(memory, BIO_CTRL_INFO, 0, &data)
        guard let data, count > 0 else { throw .crypto("writing a key failed") }
        return Secret(bytes: Array(UnsafeRawBufferPointer(start: data, count: count)))
    }

    /// The algorithms that the key can sign with.
    package var algorithms: [JWSAlgorithm] {
        switch EVP_PKEY_get_base_id(pointer) {
        case EVP_PKEY_RSA: [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
        case EVP_PKEY_ED25519: [.edDSA]
        case EVP_PKEY_EC:
            switch curve {
            case .p256: [.es256]
            case .p384: [.es384]
            case .p521: [.es512]
            case nil: []
            }
        default: []
        }
    }

    private var curve: PublicKey.Curve? {
        // By name: P-256 and secp256k1 have the same size.
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        guard EVP_PKEY_get_group_name(pointer, &name, name.count, &count) == 1 else { return nil }
        switch name.prefix(count).map({ UInt8(bitPattern: $0) }) {
        case Array("prime256v1".utf8), Array("P-256".utf8): return .p256
        case Array("secp384r1".utf8), Array("P-384".utf8): return .p384
        case Array("secp521r1".utf8), Array("P-521".utf8): return .p521
        default: return nil
        }
    }

    /// The members of the public JWK (RFC 7517 §4, RFC 7518 §6) that make up its thumbprint, in the order of RFC 7638.
    private func publicMembers() throws(AuthError) -> [(name: String, value: String)] {
        switch EVP_PKEY_get_base_id(pointer) {
        case EVP_PKEY_RSA:
            return [
                ("e", Base64URL.encode(try number(OSSL_PKEY_PARAM_RSA_E, size: nil))), ("kty", "RSA"),
                ("n", Base64URL.encode(try number(OSSL_PKEY_PARAM_RSA_N, size: nil))),
            ]
        case EVP_PKEY_EC:
            guard let curve else { throw .key("a signing key on a curve that JOSE has no name for") }
            return [
                ("crv", curve.rawValue), ("kty", "EC"),
                ("x", Base64URL.encode(try number(OSSL_PKEY_PARAM_EC_PUB_X, size: curve.coordinateSize))),
                ("y", Base64URL.encode(try number(OSSL_PKEY_PARAM_EC_PUB_Y, size: curve.coordinateSize))),
            ]
        case EVP_PKEY_ED25519:
            var bytes = [UInt8](repeating: 0, count: 32)
            var count = bytes.count
            guard EVP_PKEY_get_raw_public_key(pointer, &bytes, &count) == 1, count == 32 else {
                throw .crypto("reading a public key failed")
            }
            return [("crv", "Ed25519"), ("kty", "OKP"), ("x", Base64URL.encode(bytes))]
        default: throw .key("a signing key of a type that JOSE has no name for")
        }
    }

    /// A public number of the key, big-endian, padded to `size` when given.
    private func number(_ parameter: String, size: Int?) throws(AuthError) -> [UInt8] {
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(pointer, parameter, &number) == 1, let number else {
            ERR_clear_error()
            throw .crypto("reading a public key failed")
        }
        defer { BN_free(number) }
        let size = size ?? (Int(BN_num_bits(number)) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: size)
        guard BN_bn2binpad(number, &bytes, Int32(size)) == Int32(size) else {
            throw .crypto("reading a public key failed")
        }
        return bytes
    }

    /// The SHA-256 JWK thumbprint (RFC 7638), our `kid` when none is configured.
    package func thumbprint() throws(AuthError) -> String {
        let text = "{" + (try publicMembers()).map { "\"\($0.name)\":\"\($0.value)\"" }.joined(separator: ",") + "}"
        return Base64URL.encode(try Digest.sha256(Array(text.utf8).span).bytes)
    }

    /// A JWK set with this one public key, as JSON text.
    package func publicKeySet(keyID: String, algorithm: JWSAlgorithm) throws(AuthError) -> String {
        guard algorithms.contains(algorithm) else {
            throw .key("the signing key cannot sign \(algorithm.rawValue)")
        }
        guard keyID.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) else {
            throw .key("a key id with characters other than printable ASCII without quotes and backslashes")
        }
        let members =
            (try publicMembers()) + [("alg", algorithm.rawValue), ("use", "sig"), ("kid", keyID)]
        let key = members.map { "\"\($0.name)\":\"\($0.value)\"" }.joined(separator: ",")
        return "{\"keys\":[{\(key)}]}"
    }
}
