// The protected header of a token (RFC 7515 §4), read strictly: only what we understand may be in a place where it
// matters, and nothing in it brings or names a key by any way but `kid`.

struct JOSEHeader {
    /// Longer ids are no ids; the limit keeps what a stranger can make us compare and log small.
    static let maximumKeyIDBytes = 512

    let algorithm: JWSAlgorithm
    let keyID: String?

    init(json: [UInt8]) throws(TokenRejection) {
        let header: MetadataValue
        do throws(AuthError) {
            header = try MetadataValue(json: json)
        } catch {
            throw .malformedHeader(error.text)
        }
        guard case .object(let members) = header else { throw .malformedHeader("it is not an object") }
        for member in members {
            switch member.name {
            // A token that brings its key, or says where to fetch it, proves nothing (RFC 8725 §2.9, §3.10).
            case "jku", "jwk", "x5u", "x5c": throw .keyInHeader(member.name)
            case "crit": throw .criticalHeader
            // JWE, unencoded payloads (RFC 7797), compression.
            case "enc", "b64", "zip": throw .unsupportedHeader(member.name)
            default: break
            }
        }
        guard let name = header.member("alg") else { throw .missingAlgorithm }
        guard case .string(let text) = name, let algorithm = JWSAlgorithm(rawValue: text) else {
            throw .unknownAlgorithm
        }
        self.algorithm = algorithm
        switch header.member("kid") {
        case nil: keyID = nil
        case .string(let id):
            guard id.utf8.count <= Self.maximumKeyIDBytes else { throw .malformedHeader("kid is too long") }
            keyID = id
        default: throw .malformedHeader("kid is not a string")
        }
        switch header.member("typ") {
        case nil: break
        case .string(let type):
            guard Self.isAccepted(type: type) else { throw .wrongType }
        default: throw .malformedHeader("typ is not a string")
        }
    }

    /// Tokens of other protocols that an issuer also signs (logout tokens, DPoP proofs, security events, assertions)
    /// carry a type of their own and are not access tokens (RFC 8725 §3.11, RFC 9068 §2.1).
    private static func isAccepted(type: String) -> Bool {
        var name = type.lowercased()[...]
        if name.hasPrefix("application/") { name = name.dropFirst(12) }
        return name == "jwt" || name == "jose" || name == "at+jwt" || name.hasSuffix("-at+jwt")
    }
}
