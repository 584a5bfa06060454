// What a token must be, compiled from `jwtAuth` or `mcpAuthentication` once at load and shared by all event loops.

/// Names a remote key set of the configuration; an index into `AuthPolicies.remoteKeySets`.
package struct KeySetID: Hashable, Sendable {
    package let index: Int
}

/// One trusted issuer with its checks.
struct TokenIssuer: Sendable {
    enum Keys: Sendable {
        case fixed(KeySet)
        case remote(KeySetID)
    }

    let issuer: String
    let audiences: [String]
    let keys: Keys
    /// In milliseconds.
    let leeway: Int64
    let requiredClaims: [String]
    let algorithms: Set<JWSAlgorithm>?
}

struct TokenPolicy: Sendable {
    let mode: AuthenticationMode
    let finder: CredentialFinder
    let issuers: [TokenIssuer]

    /// The issuer whose `iss` this is; compared byte for byte.
    func issuer(named name: String) -> TokenIssuer? {
        issuers.first { $0.issuer.utf8.elementsEqual(name.utf8) }
    }
}
