// `jwtAuth`: whose tokens are accepted, and where their keys come from (design: AUTH, "JWT and JWKS").

import CEL

/// `jwtAuth` of a listener or route.
package struct JWTAuthentication: Sendable {
    package var mode: AuthenticationMode
    package var locations: [CredentialLocation]
    /// One entry for the single form, several for `providers:`. Issuers are distinct; chosen by the token's `iss`.
    package var providers: [JWTProvider]

    package init(
        mode: AuthenticationMode = .strict, locations: [CredentialLocation] = [.bearer], providers: [JWTProvider]
    ) {
        self.mode = mode
        self.locations = locations
        self.providers = providers
    }
}

/// One trusted issuer.
package struct JWTProvider: Sendable {
    package static let defaultLeeway = Duration.seconds(60)
    /// More than this is not clock skew but a token that should have expired.
    package static let maximumLeeway = Duration.seconds(3600)

    /// `iss` must equal this, byte for byte.
    package var issuer: String
    /// `aud` must contain one of these. Empty: `aud` is not checked (agentgateway's meaning; the loader warns).
    package var audiences: [String]
    package var keys: KeySetSource
    /// Tolerance for clocks that differ, applied to `exp`, `nbf` and `iat`.
    package var leeway: Duration
    /// `jwtValidationOptions.requiredClaims`: claims that must be present. `exp` is always required, listed or not.
    package var requiredClaims: [String]
    /// Narrows the algorithms that the keys allow; nil: whatever each key allows.
    package var algorithms: Set<JWSAlgorithm>?
    /// Types of claims, from the configuration's `claims:`; nil: every claim is `dyn`.
    package var claims: ClaimsSchema?
    package var position: FilePosition

    package init(
        issuer: String, audiences: [String] = [], keys: KeySetSource, leeway: Duration = JWTProvider.defaultLeeway,
        requiredClaims: [String] = [], algorithms: Set<JWSAlgorithm>? = nil, claims: ClaimsSchema? = nil,
        position: FilePosition = .none
    ) {
        self.issuer = issuer
        self.audiences = audiences
        self.keys = keys
        self.leeway = leeway
        self.requiredClaims = requiredClaims
        self.algorithms = algorithms
        self.claims = claims
        self.position = position
    }
}

/// The signature algorithms that exist for us (RFC 7518 §3.1, RFC 8037). `none` is not among them.
package enum JWSAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
}

/// Where a JSON Web Key Set comes from.
package enum KeySetSource: Sendable {
    /// The text of a JWK set: an inline string, or an inline YAML object written as JSON. The only source in which
    /// symmetric (`oct`) keys are accepted, hence a `Secret`.
    case inline(Secret)
    /// Read at load; watched by the process.
    case file(path: String)
    case url(String, KeySetFetchRules = KeySetFetchRules())
    /// No `jwks` given: `jwks_uri` from the issuer's metadata (RFC 8414, OpenID Connect Discovery).
    case discovery(KeySetFetchRules = KeySetFetchRules())
}

/// What a fetch of keys may do beyond https to public addresses.
package struct KeySetFetchRules: Hashable, Sendable {
    /// Plain http to a host that is not loopback.
    package var allowInsecure: Bool
    /// Private and link-local addresses. Loopback written as such in the configuration is always allowed.
    package var allowPrivateAddresses: Bool

    package init(allowInsecure: Bool = false, allowPrivateAddresses: Bool = false) {
        self.allowInsecure = allowInsecure
        self.allowPrivateAddresses = allowPrivateAddresses
    }
}

/// Declared types of claims, so that `jwt.grups` is an error at load and comparisons are checked.
package struct ClaimsSchema: Sendable {
    package var types: [String: CELType]
    /// Whether claims that are not declared may be read (as `dyn`).
    package var allowOthers: Bool

    package init(types: [String: CELType], allowOthers: Bool = false) {
        self.types = types
        self.allowOthers = allowOthers
    }
}
