// A JWK set (RFC 7517 §5): the keys of it that may verify signatures, each checked once. Keys that are for something
// else, or that we do not understand, are left out and do no harm; a set that contradicts itself is refused.

import JSON

package struct KeySet: Sendable {
    private static let jsonLimits = JSONLimits(maximumDepth: 16, maximumBytes: KeySetRequest.maximumBytes)
    /// More keys than any issuer rotates through; each costs OpenSSL work to check.
    package static let maximumKeys = 100

    package enum SymmetricKeys: Sendable {
        /// Keys written in the configuration itself.
        case accepted
        /// A secret that was fetched or published is none.
        case refused
    }

    package let keys: [VerificationKey]
    /// Why members of the set were left out, for operators; names keys by `kid` and place.
    package let warnings: [String]
    /// The SHA-256 of the text that the set was read from: equal texts hold equal keys.
    let fingerprint: [UInt8]?

    package init(keys: [VerificationKey]) throws(AuthError) {
        self.keys = keys
        warnings = []
        fingerprint = nil
        try Self.check(keys)
    }

    /// - Throws: `.keySet` unless the text is a set with at least one usable key.
    package init(json: [UInt8], symmetricKeys: SymmetricKeys) throws(AuthError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONDocument(parsing: json, limits: Self.jsonLimits).root
        } catch {
            throw .keySet("not JSON: \(error)")
        }
        guard document.kind == .object else { throw .keySet("not a JSON object") }
        guard let members = document["keys"], members.kind == .array else {
            let isKey = document["kty"] != nil
            throw .keySet(isKey ? "one key instead of a set {\"keys\": […]}" : "no list named 'keys'")
        }
        guard members.count <= Self.maximumKeys else {
            throw .keySet("\(members.count) keys; \(Self.maximumKeys) are allowed")
        }
        var keys: [VerificationKey] = []
        var warnings: [String] = []
        var ids: [String] = []
        for (index, member) in members.elements.enumerated() {
            let name = Self.name(of: member, index)
            do throws(AuthError) {
                guard let key = try JWK.parse(member, symmetricKeys, warn: { warnings.append("\(name): \($0)") })
                else { continue }
                keys.append(key)
                if let id = key.id { ids.append(id) }
            } catch {
                // A broken key still takes its name: which of two keys was meant is not for us to guess.
                if let id = member["kid"]?.string { ids.append(id) }
                warnings.append("\(name) is not used: \(error.text)")
            }
        }
        // Two keys of one name: whoever signs with one of them is indistinguishable from the other.
        let ambiguous = Set(ids.filter { id in ids.count { $0.utf8.elementsEqual(id.utf8) } > 1 })
        if !ambiguous.isEmpty {
            keys.removeAll { key in key.id.map(ambiguous.contains) ?? false }
            warnings.append("several keys have the same kid; none of them is used")
        }
        try Self.check(keys)
        guard !keys.isEmpty else {
            let reasons = warnings.prefix(3).joined(separator: "; ")
            throw .keySet(reasons.isEmpty ? "no key for signatures" : "no usable key for signatures (\(reasons))")
        }
        self.keys = keys
        self.warnings = warnings
        fingerprint = (try? Digest.sha256(json.span))?.bytes
    }

    /// A set with both kinds of keys invites using a public key's bytes as a secret (RFC 8725 §2.1).
    private static func check(_ keys: [VerificationKey]) throws(AuthError) {
        guard keys.allSatisfy(\.isSymmetric) || !keys.contains(where: \.isSymmetric) else {
            throw .keySet("symmetric and public keys in one set")
        }
    }

    private static func name(of member: JSONValue, _ index: Int) -> String {
        guard let id = member["kid"]?.string, id.utf8.count <= 64,
            id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return "key \(index)" }
        return "key \(index) '\(id)'"
    }

    /// The key that a token must be signed with.
    /// - Parameters:
    ///   - id: the token's `kid`; without one, the only key that fits.
    ///   - allowed: the algorithms that the configuration allows; nil for all.
    func key(
        id: String?, algorithm: JWSAlgorithm, allowed: Set<JWSAlgorithm>?
    ) throws(TokenRejection) -> VerificationKey {
        if let allowed, !allowed.contains(algorithm) { throw .algorithmNotAllowed(algorithm) }
        if let id {
            guard let key = keys.first(where: { $0.id?.utf8.elementsEqual(id.utf8) ?? false }) else {
                throw .unknownKey
            }
            guard key.algorithms.contains(algorithm) else { throw .algorithmNotAllowed(algorithm) }
            return key
        }
        var candidate: VerificationKey?
        for key in keys where key.algorithms.contains(algorithm) {
            guard candidate == nil else { throw .keyIDNeeded }
            candidate = key
        }
        guard let candidate else { throw .algorithmNotAllowed(algorithm) }
        return candidate
    }
}
