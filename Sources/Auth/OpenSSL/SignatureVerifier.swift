// The one place where a signature is checked. A verifier keeps its OpenSSL context between tokens, which saves a tenth
// of an ES256 and an eighth of an RS256 check, and therefore belongs to one event loop.

import COpenSSL

/// Checks signatures of one algorithm with one key.
/// Invariant: `context` is owned and set up for verification with `algorithm`; nothing outside this file sees it.
final class SignatureVerifier {
    let algorithm: JWSAlgorithm
    private let key: VerificationKey
    private let digest: Digest?
    private let context: Context

    private enum Context {
        /// RSA and ECDSA: verifies a digest that we make.
        case publicKey(OpaquePointer)
        /// Ed25519 hashes by itself.
        case message(OpaquePointer)
        case mac(OpaquePointer)
    }

    /// - Throws: `.crypto` when the key cannot do the algorithm; a key set never offers such a pair.
    init(_ key: VerificationKey, _ algorithm: JWSAlgorithm) throws(AuthError) {
        guard key.algorithms.contains(algorithm) else { throw .crypto("the key does not allow \(algorithm.rawValue)") }
        self.key = key
        self.algorithm = algorithm
        switch key.material {
        case .asymmetric(let publicKey):
            if case .ed25519 = publicKey.kind {
                digest = nil
                guard let context = EVP_MD_CTX_new() else { throw .crypto("no memory for a verification context") }
                self.context = .message(context)
            } else {
                guard let digestAlgorithm = algorithm.digest else { throw .crypto("no hash for \(algorithm.rawValue)") }
                digest = try Digest(digestAlgorithm)
                context = .publicKey(try Self.publicKeyContext(publicKey, algorithm))
            }
        case .symmetric:
            digest = nil
            guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { throw .crypto("HMAC is not available in OpenSSL") }
            defer { EVP_MAC_free(mac) }
            guard let context = EVP_MAC_CTX_new(mac) else { throw .crypto("no memory for a verification context") }
            self.context = .mac(context)
        }
    }

    deinit {
        switch context {
        case .publicKey(let pointer): EVP_PKEY_CTX_free(pointer)
        case .message(let pointer): EVP_MD_CTX_free(pointer)
        case .mac(let pointer): EVP_MAC_CTX_free(pointer)
        }
    }

    private static func publicKeyContext(_ key: PublicKey, _ algorithm: JWSAlgorithm) throws(AuthError) -> OpaquePointer
    {
        guard let context = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else {
            throw .crypto("no memory for a verification context")
        }
        var fine = EVP_PKEY_verify_init(context) == 1
        if case .rsa = key.kind {
            fine =
                fine
                && EVP_PKEY_CTX_set_rsa_padding(
                    context, algorithm.isPSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1
        }
        fine = fine && EVP_PKEY_CTX_set_signature_md(context, algorithm.digest.flatMap(method)) == 1
        if algorithm.isPSS {
            // The salt is as long as the hash and MGF1 uses the same hash (RFC 7518 §3.5).
            fine =
                fine && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
                && EVP_PKEY_CTX_set_rsa_mgf1_md(context, algorithm.digest.flatMap(method)) == 1
        }
        guard fine else {
            EVP_PKEY_CTX_free(context)
            ERR_clear_error()
            throw .crypto("OpenSSL cannot verify \(algorithm.rawValue) with this key")
        }
        return context
    }

    /// Whether `signature` is the key's over `message`. False for every failure, OpenSSL's own included.
    func verify(_ message: borrowing Span<UInt8>, signature: borrowing Span<UInt8>) -> Bool {
        let valid: Bool
        switch context {
        case .publicKey(let pointer): valid = verifyDigest(pointer, message, signature)
        case .message(let pointer): valid = verifyMessage(pointer, message, signature)
        case .mac(let pointer): valid = verifyMAC(pointer, message, signature)
        }
        if !valid { ERR_clear_error() }
        return valid
    }

    private func verifyDigest(
        _ context: OpaquePointer, _ message: borrowing Span<UInt8>, _ signature: borrowing Span<UInt8>
    ) -> Bool {
        guard let digest, var hash = try? digest.hash(message) else { return false }
        let hashSize = digest.algorithm.size
        return withUnsafeBytes(of: &hash.words) { hashBytes in
            let hashStart = hashBytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            switch algorithm {
            case .es256, .es384, .es512:
                return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ECDSASignature.maximumSize) { buffer in
                    guard let count = ECDSASignature.encodeDER(signature, of: algorithm, into: buffer) else {
                        return false
                    }
                    return EVP_PKEY_verify(context, buffer.baseAddress, count, hashStart, hashSize) == 1
                }
            default:
                return signature.withUnsafeBufferPointer {
                    EVP_PKEY_verify(context, $0.baseAddress, $0.count, hashStart, hashSize) == 1
                }
            }
        }
    }

    private func verifyMessage(
        _ context: OpaquePointer, _ message: borrowing Span<UInt8>, _ signature: borrowing Span<UInt8>
    ) -> Bool {
        guard case .asymmetric(let publicKey) = key.material, signature.count == 64 else { return false }
        guard EVP_MD_CTX_reset(context) == 1,
            EVP_DigestVerifyInit(context, nil, nil, nil, publicKey.pointer) == 1
        else { return false }
        return signature.withUnsafeBufferPointer { signatureBytes in
            message.withUnsafeBufferPointer { messageBytes in
                EVP_DigestVerify(
                    context, signatureBytes.baseAddress, signatureBytes.count, messageBytes.baseAddress,
                    messageBytes.count) == 1
            }
        }
    }

    private func verifyMAC(
        _ context: OpaquePointer, _ message: borrowing Span<UInt8>, _ signature: borrowing Span<UInt8>
    ) -> Bool {
        guard case .symmetric(let secret) = key.material, let digest = algorithm.digest,
            signature.count == digest.size
        else { return false }
        return HMAC.compute(context, digest, secret, message) { expected in
            signature.withUnsafeBufferPointer { ConstantTime.equal(expected, UnsafeRawBufferPointer($0)) }
        } ?? false
    }
}

/// OpenSSL's method of a digest; the pointer is static data of the library.
private func method(_ digest: Digest.Algorithm) -> OpaquePointer? {
    switch digest {
    case .sha256: EVP_sha256()
    case .sha384: EVP_sha384()
    case .sha512: EVP_sha512()
    }
}

private enum HMAC {
    /// Lends the code to `body`; nil when OpenSSL fails. `context` is set up anew for each message, because a
    /// context that was finished cannot be used again with the same key in every 3.x release.
    static func compute(
        _ context: OpaquePointer, _ digest: Digest.Algorithm, _ secret: Secret, _ message: borrowing Span<UInt8>,
        _ body: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool? {
        let name =
            switch digest {
            case .sha256: "SHA256"
            case .sha384: "SHA384"
            case .sha512: "SHA512"
            }
        // Both strings must outlive `EVP_MAC_init`: a parameter holds pointers.
        var digestName = Array(name.utf8CString)
        let parameterName = Array(OSSL_MAC_PARAM_DIGEST.utf8CString)
        return digestName.withUnsafeMutableBufferPointer { nameBytes -> Bool? in
            parameterName.withUnsafeBufferPointer { parameterName -> Bool? in
                var parameters = [
                    OSSL_PARAM_construct_utf8_string(parameterName.baseAddress, nameBytes.baseAddress, 0),
                    OSSL_PARAM_construct_end(),
                ]
                let started = secret.withBytes { key in
                    EVP_MAC_init(context, key.baseAddress?.assumingMemoryBound(to: UInt8.self), key.count, &parameters)
                        == 1
                }
                guard started else { return nil }
                let updated = message.withUnsafeBufferPointer { EVP_MAC_update(context, $0.baseAddress, $0.count) == 1 }
                guard updated else { return nil }
                return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: digest.size) { buffer -> Bool? in
                    var count = 0
                    guard EVP_MAC_final(context, buffer.baseAddress, &count, buffer.count) == 1, count == digest.size
                    else { return nil }
                    return body(UnsafeRawBufferPointer(buffer))
                }
            }
        }
    }
}

/// JOSE writes an ECDSA signature as `r || s` of fixed length (RFC 7518 §3.4); OpenSSL reads DER.
enum ECDSASignature {
    /// `SEQUENCE { INTEGER r, INTEGER s }` of P-521: 3 + 2 × (2 + 1 + 66).
    static let maximumSize = 141

    /// The length of the DER form written into `buffer`; nil when the signature has the wrong length.
    static func encodeDER(
        _ signature: borrowing Span<UInt8>, of algorithm: JWSAlgorithm, into buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> Int? {
        let size: Int
        switch algorithm {
        case .es256: size = 32
        case .es384: size = 48
        case .es512: size = 66
        default: return nil
        }
        guard signature.count == 2 * size, buffer.count >= maximumSize else { return nil }
        let r = integer(signature, 0, size)
        let s = integer(signature, size, 2 * size)
        let content = 2 + r.length + 2 + s.length
        var position = 0
        func put(_ byte: UInt8) {
            buffer[position] = byte
            position += 1
        }
        put(0x30)
        if content > 127 { put(0x81) }
        put(UInt8(content))
        for part in [r, s] {
            put(0x02)
            put(UInt8(part.length))
            if part.padded { put(0) }
            for index in part.start..<part.end { put(signature[index]) }
        }
        return position
    }

    /// The shortest form of a non-negative INTEGER: no leading zeros but one where the top bit is set.
    private static func integer(
        _ bytes: borrowing Span<UInt8>, _ from: Int, _ to: Int
    ) -> (start: Int, end: Int, padded: Bool, length: Int) {
        var start = from
        while start < to - 1, bytes[start] == 0 { start += 1 }
        let padded = bytes[start] & 0x80 != 0
        return (start, to, padded, to - start + (padded ? 1 : 0))
    }
}

extension JWSAlgorithm {
    /// The hash of the signature; nil for EdDSA, which names its own.
    var digest: Digest.Algorithm? {
        switch self {
        case .rs256, .ps256, .es256, .hs256: .sha256
        case .rs384, .ps384, .es384, .hs384: .sha384
        case .rs512, .ps512, .es512, .hs512: .sha512
        case .edDSA: nil
        }
    }

    var isPSS: Bool {
        switch self {
        case .ps256, .ps384, .ps512: true
        default: false
        }
    }
}
