// The protected header of a token (RFC 7515 §4), read strictly: only what we understand may be in a place where it
// matters, and nothing in it brings or names a key by any way but `kid`.

import JSON

struct JOSEHeader {
    /// Longer ids are no ids; the limit keeps what a stranger can make us compare and log small.
    static let maximumKeyIDBytes = 512

    let algorithm: JWSAlgorithm
    let keyID: String?

    init(json: [UInt8]) throws(TokenRejection) {
        let header: JSONValue
        do throws(JSONError) {
            header = try JSONDocument(parsing: json, limits: JSONLimits(maximumDepth: 8)).root
        } catch {
            throw .malformedHeader(error.description)
        }
        guard header.kind == .object else { throw .malformedHeader("it is not an object") }
        // A token that brings its key, or says where to fetch it, proves nothing (RFC 8725 §2.9, §3.10).
        for name in ["jku", "jwk", "x5u", "x5c"] where header[name] != nil { throw .keyInHeader(name) }
        guard header["crit"] == nil else { throw .criticalHeader }
        // JWE, unencoded payloads (RFC 7797), compression.
        for name in ["enc", "b64", "zip"] where header[name] != nil { throw .unsupportedHeader(name) }
        guard let name = header["alg"] else { throw .missingAlgorithm }
        guard let text = name.string, let algorithm = JWSAlgorithm(rawValue: text) else { throw .unknownAlgorithm }
        self.algorithm = algorithm
        keyID = try Self.text(header, "kid")
        if let keyID, keyID.utf8.count > Self.maximumKeyIDBytes { throw .malformedHeader("kid is too long") }
        if let type = try Self.text(header, "typ"), !Self.isAccepted(type: type) { throw .wrongType }
    }

    private static func text(_ header: JSONValue, _ name: String) throws(TokenRejection) -> String? {
        guard let value = header[name] else { return nil }
        guard let text = value.string else { throw .malformedHeader("\(name) is not a string") }
        return text
    }

    /// Tokens of other protocols that an issuer also signs (logout tokens, DPoP proofs, security events, assertions)
    /// carry a type of their own and are not access tokens (RFC 8725 §3.11, RFC 9068 §2.1).
    private static func isAccepted(type: String) -> Bool {
        var name = type.lowercased()[...]
        if name.hasPrefix("application/") { name = name.dropFirst(12) }
        return name == "jwt" || name == "jose" || name == "at+jwt" || name.hasSuffix("-at+jwt")
    }
}
