// The authentication policies of one configuration, compiled: everything that can be wrong is found here, at load.
// Immutable and shared by all event loops; what changes while requests flow is in `AuthLayer`.

/// The authentication of one listener or route.
package final class AuthPolicy: Sendable {
    /// The place of this policy's state in an `AuthLayer`.
    let index: Int
    let token: TokenPolicy?
    /// Set when `token` comes from `mcpAuthentication`.
    package let protectedResource: ProtectedResource?
    let apiKey: APIKeyPolicy?
    let basic: BasicPolicy?
    /// What to remove before forwarding.
    package let stripping: CredentialStripping
    /// The remote key sets without which requests of this policy are answered with 503.
    package let keySets: [KeySetID]
    package let claims: ClaimsSchema?
    /// Tokens and API keys are looked for in the same place.
    let sharesPlaces: Bool

    struct APIKeyPolicy: Sendable {
        let mode: AuthenticationMode
        let finder: CredentialFinder
        let table: APIKeyTable
    }

    struct BasicPolicy: Sendable {
        let mode: AuthenticationMode
        let finder: CredentialFinder
        let realm: String
        let table: HtpasswdTable
    }

    init(
        index: Int, token: TokenPolicy?, protectedResource: ProtectedResource?, apiKey: APIKeyPolicy?,
        basic: BasicPolicy?, stripping: CredentialStripping, keySets: [KeySetID], claims: ClaimsSchema?
    ) {
        self.index = index
        self.token = token
        self.protectedResource = protectedResource
        self.apiKey = apiKey
        self.basic = basic
        self.stripping = stripping
        self.keySets = keySets
        self.claims = claims
        sharesPlaces =
            if let token, let apiKey {
                apiKey.finder.locations.contains(where: token.finder.locations.contains)
            } else {
                false
            }
    }

    /// Whether the policy looks for any credential.
    package var authenticates: Bool { token != nil || apiKey != nil || basic != nil }
}

/// A key set that must be fetched; equal ones are fetched once.
package struct RemoteKeySet: Hashable, Sendable {
    package enum Location: Hashable, Sendable {
        case url(String)
        case discovery
    }

    package let issuer: String
    package let location: Location
    package let rules: KeySetFetchRules

    /// The state machine that says when to fetch. Carry it over to the next configuration when that has an equal
    /// `RemoteKeySet`, so that a reload does not ask every issuer again.
    package func makeStore() throws(AuthError) -> KeySetStore {
        let source: KeySetSource =
            switch location {
            case .url(let url): .url(url, rules)
            case .discovery: .discovery(rules)
            }
        guard let store = try KeySetStore(source, issuer: issuer) else {
            throw .keySet("a local key set has no store")
        }
        return store
    }
}

/// Compiles the policies of a configuration one by one.
package struct AuthPolicies: Sendable {
    package private(set) var policies: [AuthPolicy] = []
    /// By `KeySetID`.
    package private(set) var remoteKeySets: [RemoteKeySet] = []
    /// The identifier of `remoteKeySets[index]`.
    package func id(at index: Int) -> KeySetID { KeySetID(index: index) }

    /// What the operator should know though the configuration loads.
    package private(set) var warnings: [String] = []
    private let readFile: @Sendable (String) throws(AuthError) -> [UInt8]

    /// - Parameter readFile: reads a file named by the configuration, for `jwks.file` and `htpasswd.file`.
    package init(readFile: @escaping @Sendable (String) throws(AuthError) -> [UInt8]) {
        self.readFile = readFile
    }

    /// - Parameter jwt: at most one of `jwt` and `mcp` is given.
    /// - Throws: `.configuration` for anything that cannot work.
    package mutating func add(
        jwt: JWTAuthentication? = nil, mcp: MCPAuthentication? = nil, apiKey: APIKeyAuthentication? = nil,
        basic: BasicAuthentication? = nil
    ) throws(AuthError) -> AuthPolicy {
        var token: TokenPolicy?
        var resource: ProtectedResource?
        var claims: ClaimsSchema?
        if let jwt, let mcp {
            throw .configuration(
                "jwtAuth and mcpAuthentication on one route; mcpAuthentication verifies tokens by itself",
                jwt.providers.first?.position ?? mcp.position)
        }
        if let jwt {
            token = try compile(jwt)
            claims = jwt.providers.count == 1 ? jwt.providers[0].claims : nil
        }
        if let mcp {
            let compiled = try ProtectedResource(mcp)
            resource = compiled
            token = try compile(compiled.tokenAuthentication(mcp))
            claims = mcp.claims
        }
        var keyPolicy: AuthPolicy.APIKeyPolicy?
        if let apiKey {
            if let token, token.mode == .strict, apiKey.mode == .strict,
                let both = apiKey.locations.first(where: { token.finder.locations.contains($0) })
            {
                throw .configuration("a token and an API key are both required in the same place (\(both))", .none)
            }
            keyPolicy = AuthPolicy.APIKeyPolicy(
                mode: apiKey.mode, finder: CredentialFinder(apiKey.locations), table: try APIKeyTable(apiKey.keys))
        }
        let basicPolicy = try basic.map { basic throws(AuthError) in try compile(basic) }
        let locations =
            (token?.finder.locations ?? []) + (apiKey?.locations ?? [])
            + (basic?.locations ?? [])
        let keySets = (token?.issuers ?? []).compactMap { issuer -> KeySetID? in
            if case .remote(let id) = issuer.keys { id } else { nil }
        }
        let policy = AuthPolicy(
            index: policies.count, token: token, protectedResource: resource, apiKey: keyPolicy, basic: basicPolicy,
            stripping: CredentialStripping(locations), keySets: keySets, claims: claims)
        policies.append(policy)
        return policy
    }

    private mutating func compile(_ jwt: JWTAuthentication) throws(AuthError) -> TokenPolicy {
        guard !jwt.providers.isEmpty else { throw .configuration("jwtAuth without a provider", .none) }
        guard !jwt.locations.isEmpty else {
            throw .configuration("jwtAuth without a place to look for tokens", jwt.providers[0].position)
        }
        var issuers: [TokenIssuer] = []
        for provider in jwt.providers {
            guard !provider.issuer.isEmpty else { throw .configuration("an empty issuer", provider.position) }
            guard !issuers.contains(where: { $0.issuer == provider.issuer }) else {
                throw .configuration("the issuer '\(provider.issuer)' is listed twice", provider.position)
            }
            guard provider.leeway >= .zero, provider.leeway <= JWTProvider.maximumLeeway else {
                throw .configuration("a leeway that is negative or above one hour", provider.position)
            }
            if let algorithms = provider.algorithms, algorithms.isEmpty {
                throw .configuration("an empty list of algorithms accepts no token", provider.position)
            }
            if provider.audiences.isEmpty {
                warnings.append(
                    "\(provider.position): no audiences for the issuer '\(provider.issuer)': tokens that it gave out "
                        + "for other services are accepted too")
            }
            issuers.append(
                TokenIssuer(
                    issuer: provider.issuer, audiences: provider.audiences, keys: try compile(provider),
                    leeway: provider.leeway.milliseconds, requiredClaims: provider.requiredClaims,
                    algorithms: provider.algorithms))
        }
        return TokenPolicy(mode: jwt.mode, finder: CredentialFinder(jwt.locations), issuers: issuers)
    }

    private mutating func compile(_ provider: JWTProvider) throws(AuthError) -> TokenIssuer.Keys {
        do throws(AuthError) {
            switch provider.keys {
            case .inline(let text):
                let set = try text.withBytes { bytes throws(AuthError) in
                    try KeySet(json: Array(bytes), symmetricKeys: .accepted)
                }
                warnings += set.warnings.map { "\(provider.position): \($0)" }
                return .fixed(set)
            case .file(let path):
                let set = try KeySet(json: try readFile(path), symmetricKeys: .refused)
                warnings += set.warnings.map { "\(path): \($0)" }
                return .fixed(set)
            case .url(let url, let rules):
                return .remote(
                    try remote(RemoteKeySet(issuer: provider.issuer, location: .url(url), rules: rules)))
            case .discovery(let rules):
                return .remote(
                    try remote(RemoteKeySet(issuer: provider.issuer, location: .discovery, rules: rules)))
            }
        } catch {
            if case .configuration(_, let position) = error, position != .none { throw error }
            let place = if case .file(let path) = provider.keys { " of '\(path)'" } else { "" }
            throw .configuration("the keys\(place): \(error.text)", provider.position)
        }
    }

    private mutating func remote(_ set: RemoteKeySet) throws(AuthError) -> KeySetID {
        _ = try set.makeStore()
        if let index = remoteKeySets.firstIndex(of: set) { return KeySetID(index: index) }
        remoteKeySets.append(set)
        return KeySetID(index: remoteKeySets.count - 1)
    }

    private func compile(_ basic: BasicAuthentication) throws(AuthError) -> AuthPolicy.BasicPolicy {
        let table: HtpasswdTable
        switch basic.users {
        case .inline(let secret):
            let text = secret.withBytes { String(decoding: $0, as: UTF8.self) }
            table = try HtpasswdTable(text, at: basic.position)
        case .file(let path):
            table = try HtpasswdTable(String(decoding: try readFile(path), as: UTF8.self), at: basic.position)
        }
        return AuthPolicy.BasicPolicy(
            mode: basic.mode, finder: CredentialFinder(basic.locations), realm: basic.realm, table: table)
    }
}
