// Sealed strings that clients carry for us (session ids, cursors, request ids): AES-256-GCM, bound to what they are for,
// to the route and to the caller. Anything altered, or presented elsewhere, opens to nothing.
// Invariant: no pointer of OpenSSL leaves this file, and every context is freed where it was made.

import Auth
import COpenSSL

package struct Seal: Sendable {
    /// What a sealed string is for; one of a kind never opens as another.
    enum Purpose: String, Sendable {
        case session, cursor, request, inputState, upstreamState, events
    }

    private static let nonceBytes = 12
    private static let tagBytes = 16
    private let key: [UInt8]

    /// - Parameter key: at least 32 bytes; nil: random, so that what was sealed ends with the process.
    package init(key: Secret?) throws(AuthError) {
        var material = [UInt8](repeating: 0, count: 32)
        if let key {
            guard key.count >= 32 else { throw .crypto("the session key has fewer than 32 bytes") }
            material = Array(key.withBytes { Array($0) })
        } else {
            guard RAND_bytes(&material, 32) == 1 else { throw .crypto("no random numbers") }
        }
        // A key of our own, whatever else the configured one is used for.
        let label = Array("agentgw mcp seal v1".utf8)
        var derived = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 32
        guard HMAC(EVP_sha256(), material, Int32(material.count), label, label.count, &derived, &length) != nil else {
            throw .crypto("HMAC-SHA256 is not available in OpenSSL")
        }
        self.key = derived
    }

    /// nil only when OpenSSL fails.
    func seal(_ plain: [UInt8], _ purpose: Purpose, boundTo context: String) -> String? {
        var sealed = [UInt8](repeating: 0, count: Seal.nonceBytes + plain.count + Seal.tagBytes)
        guard RAND_bytes(&sealed, Int32(Seal.nonceBytes)) == 1, let cipher = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(cipher) }
        let bound = Seal.bound(purpose, context)
        var count: Int32 = 0
        let fine = sealed.withUnsafeMutableBufferPointer { out in
            guard let base = out.baseAddress else { return false }
            let body = base + Seal.nonceBytes
            return EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, base) == 1
                && EVP_EncryptUpdate(cipher, nil, &count, bound, Int32(bound.count)) == 1
                && (plain.isEmpty || EVP_EncryptUpdate(cipher, body, &count, plain, Int32(plain.count)) == 1)
                && EVP_EncryptFinal_ex(cipher, body + plain.count, &count) == 1
                && EVP_CIPHER_CTX_ctrl(
                    cipher, EVP_CTRL_GCM_GET_TAG, Int32(Seal.tagBytes), body + plain.count) == 1
        }
        return fine ? Base64URL.encode(sealed) : nil
    }

    /// nil for anything that was not sealed for this purpose and context.
    func open(_ text: some Collection<UInt8>, _ purpose: Purpose, boundTo context: String) -> [UInt8]? {
        guard text.count <= 8192, let sealed = Base64URL.decode(String(decoding: text, as: UTF8.self)),
            sealed.count >= Seal.nonceBytes + Seal.tagBytes, let cipher = EVP_CIPHER_CTX_new()
        else { return nil }
        defer { EVP_CIPHER_CTX_free(cipher) }
        let bound = Seal.bound(purpose, context)
        let length = sealed.count - Seal.nonceBytes - Seal.tagBytes
        var plain = [UInt8](repeating: 0, count: max(1, length))
        var tag = Array(sealed.suffix(Seal.tagBytes))
        var count: Int32 = 0
        let fine = sealed.withUnsafeBufferPointer { sealed in
            guard let base = sealed.baseAddress else { return false }
            return EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, base) == 1
                && EVP_DecryptUpdate(cipher, nil, &count, bound, Int32(bound.count)) == 1
                && (length == 0
                    || EVP_DecryptUpdate(cipher, &plain, &count, base + Seal.nonceBytes, Int32(length)) == 1)
                && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, Int32(Seal.tagBytes), &tag) == 1
                && plain.withUnsafeMutableBufferPointer { out in
                    EVP_DecryptFinal_ex(cipher, out.baseAddress.map { $0 + length }, &count) == 1
                }
        }
        return fine ? Array(plain.prefix(length)) : nil
    }

    private static func bound(_ purpose: Purpose, _ context: String) -> [UInt8] {
        Array("\(purpose.rawValue)\u{0}\(context)".utf8)
    }

    static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // The kernel's generator does not fail once it is seeded; without it nothing here is safe.
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "no random numbers")
        return bytes
    }
}
