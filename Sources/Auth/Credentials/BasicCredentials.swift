// The user and password of `Authorization: Basic` (RFC 7617 §2), decoded strictly.

/// Borrowed from the scratch buffer of the search.
struct BasicCredentials {
    /// Longer pairs are no passwords, and hashing them would be work for an attacker to ask for.
    static let maximumBytes = 1024

    let user: String
    let password: Secret
    /// What the layer's cache of results knows this pair by.
    let fingerprint: SHA256Value

    /// nil for anything but canonical base64 of `user:password` in UTF-8 without control characters.
    init?(_ text: ByteRun, salt: [UInt8], digest: Digest) {
        guard text.count <= Self.maximumBytes, let bytes = Base64.decode(text),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")), !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }),
            let user = String(validating: bytes[..<colon], as: UTF8.self),
            let hash = try? digest.hash((salt + bytes).span)
        else { return nil }
        self.user = user
        password = Secret(bytes: Array(bytes[(colon + 1)...]))
        fingerprint = hash.sha256
    }
}

/// base64 with padding (RFC 4648 §4), canonical only.
enum Base64 {
    static func decode(_ text: ByteRun) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var characters = Array(text)
        // The alphabets differ in two characters; the padding is checked here, the rest by the base64url decoder.
        while characters.last == UInt8(ascii: "="), text.count - characters.count < 2 { characters.removeLast() }
        for index in characters.indices {
            switch characters[index] {
            case UInt8(ascii: "+"): characters[index] = UInt8(ascii: "-")
            case UInt8(ascii: "/"): characters[index] = UInt8(ascii: "_")
            case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
            default: break
            }
        }
        var output: [UInt8] = []
        return Base64URL.decode(characters.span, into: &output) ? output : nil
    }
}
