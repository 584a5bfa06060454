// From a token's text to a `VerifiedToken` or the reason why not: cache, shape, header, issuer, key, signature, claims,
// in that order. Nothing in the payload is believed before the signature, except that `iss` selects whose keys to try.

/// The verifier of one policy on one event loop.
final class TokenVerifier {
    /// Verified tokens remembered at a time, and for how long at most.
    static let cacheCapacity = 8192
    static let cacheLifetime: Int64 = 5 * 60 * 1000
    /// Rejected tokens remembered: enough to blunt a retry loop, too few to be worth filling.
    static let negativeCacheCapacity = 1024

    enum Verification {
        case valid(VerifiedToken)
        case invalid(TokenRejection)
        /// The keys are missing or lack the one that the token names; a fetch may help.
        case needsKeys(KeySetID, TokenRejection)
    }

    private struct CachedToken {
        let token: VerifiedToken
        let validUntil: UnixTime
    }

    private struct VerifierKey: Hashable {
        let key: ObjectIdentifier
        let algorithm: JWSAlgorithm
    }

    let policy: TokenPolicy
    private let digest: Digest
    private var verified = GenerationalCache<CachedToken>(capacity: cacheCapacity)
    private var rejected = GenerationalCache<TokenRejection>(capacity: negativeCacheCapacity)
    /// The keys are kept alive beside their verifiers, so that an `ObjectIdentifier` is never reused.
    private var verifiers: [VerifierKey: (key: VerificationKey, verifier: SignatureVerifier)] = [:]
    private var headerBytes: [UInt8] = []
    private var payloadBytes: [UInt8] = []
    private var signatureBytes: [UInt8] = []

    init(_ policy: TokenPolicy) throws(AuthError) {
        self.policy = policy
        digest = try Digest(.sha256)
    }

    /// Takes over what `other` has verified. Only from one that trusts the same issuers and keys in the same way.
    func inherit(from other: TokenVerifier) {
        verified = other.verified
        rejected = other.rejected
    }

    /// Forgets what was learnt from keys that have been replaced.
    func keysChanged() {
        verified.removeAll()
        rejected.removeAll()
        verifiers.removeAll()
    }

    func verify(_ token: borrowing Span<UInt8>, now: UnixTime, keySets: [KeySet?]) -> Verification {
        guard token.count <= CompactJWS.maximumBytes else { return .invalid(.tooLarge(bytes: token.count)) }
        guard let hash = try? digest.hash(token).sha256 else { return .invalid(.badSignature) }
        if let cached = verified.find(hash) {
            if now < cached.validUntil { return .valid(cached.token) }
            verified.remove(hash)
        } else if let rejection = rejected.find(hash) {
            return .invalid(rejection)
        }
        var missing: KeySetID?
        do throws(TokenRejection) {
            let (result, issuer) = try verifyUncached(token, now: now, keySets: keySets, missing: &missing)
            // A cached token must not outlive its `exp`, leeway included.
            let expiry = result.expires.advanced(by: issuer.leeway)
            let limit = now.advanced(by: Self.cacheLifetime)
            verified.insert(CachedToken(token: result, validUntil: min(expiry, limit)), for: hash)
            return .valid(result)
        } catch {
            if let missing { return .needsKeys(missing, error) }
            if !error.isTransient { rejected.insert(error, for: hash) }
            return .invalid(error)
        }
    }

    private func verifyUncached(
        _ token: borrowing Span<UInt8>, now: UnixTime, keySets: [KeySet?], missing: inout KeySetID?
    ) throws(TokenRejection) -> (VerifiedToken, TokenIssuer) {
        let parts = try CompactJWS(token)
        headerBytes.removeAll(keepingCapacity: true)
        payloadBytes.removeAll(keepingCapacity: true)
        signatureBytes.removeAll(keepingCapacity: true)
        guard Base64URL.decode(token.extracting(parts.header), into: &headerBytes),
            Base64URL.decode(token.extracting(parts.payload), into: &payloadBytes),
            Base64URL.decode(token.extracting(parts.signature), into: &signatureBytes)
        else { throw .notCompactJWS }

        let header = try JOSEHeader(json: headerBytes)
        let claims = try Claims(json: payloadBytes)
        guard let issuer = policy.issuer(named: try claims.issuer()) else { throw .unknownIssuer }

        let keys: KeySet
        switch issuer.keys {
        case .fixed(let set): keys = set
        case .remote(let id):
            guard let set = keySets[id.index] else {
                missing = id
                throw .keysUnavailable
            }
            keys = set
        }
        let key: VerificationKey
        do throws(TokenRejection) {
            key = try keys.key(id: header.keyID, algorithm: header.algorithm, allowed: issuer.algorithms)
        } catch {
            if case .unknownKey = error, case .remote(let id) = issuer.keys { missing = id }
            throw error
        }
        let signature = signatureBytes
        guard let verifier = verifier(for: key, header.algorithm),
            verifier.verify(token.extracting(parts.signingInput), signature: signature.span)
        else { throw .badSignature }
        return (try claims.check(for: issuer, now: now), issuer)
    }

    private func verifier(for key: VerificationKey, _ algorithm: JWSAlgorithm) -> SignatureVerifier? {
        let id = VerifierKey(key: ObjectIdentifier(key), algorithm: algorithm)
        if let known = verifiers[id] { return known.verifier }
        guard let verifier = try? SignatureVerifier(key, algorithm) else { return nil }
        verifiers[id] = (key, verifier)
        return verifier
    }
}
