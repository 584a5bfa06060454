// What a policy believes of a token, in a form that can be compared: two policies of equal trust judge every token alike, so
// what one has verified need not be verified again when a reload puts the other in its place.

struct TokenTrust: Hashable, Sendable {
    private struct Issuer: Hashable, Sendable {
        let name: String
        let audiences: [String]
        let keys: Keys
        let leeway: Int64
        let requiredClaims: [String]
        let algorithms: Set<JWSAlgorithm>?
    }

    private enum Keys: Hashable, Sendable {
        case fixed(fingerprint: [UInt8], areSymmetric: Bool)
        case remote(RemoteKeySet)
    }

    private let issuers: [Issuer]

    /// nil when the keys have no text to compare them by.
    init?(_ policy: TokenPolicy, _ remoteKeySets: [RemoteKeySet]) {
        var issuers: [Issuer] = []
        for issuer in policy.issuers {
            let keys: Keys
            switch issuer.keys {
            case .fixed(let set):
                guard let fingerprint = set.fingerprint else { return nil }
                keys = .fixed(fingerprint: fingerprint, areSymmetric: set.keys.contains(where: \.isSymmetric))
            case .remote(let id): keys = .remote(remoteKeySets[id.index])
            }
            issuers.append(
                Issuer(
                    name: issuer.issuer, audiences: issuer.audiences, keys: keys, leeway: issuer.leeway,
                    requiredClaims: issuer.requiredClaims, algorithms: issuer.algorithms))
        }
        self.issuers = issuers
    }
}
