// `mcpAuthentication`: an MCP endpoint as an OAuth 2.0 protected resource (MCP "Authorization", RFC 9728).

/// `mcpAuthentication` of a route.
package struct MCPAuthentication: Sendable {
    package var mode: AuthenticationMode
    package var issuer: String
    /// Empty: the resource identifier (`resource` of the metadata, or the URL the request came to) is the audience.
    package var audiences: [String]
    /// nil: from the provider's row of the quirks table, or discovery.
    package var keys: KeySetSource?
    package var fetchRules: KeySetFetchRules
    package var provider: AuthorizationProvider?
    /// As written; keys become snake_case in the published document.
    package var resourceMetadata: [MetadataMember]
    package var locations: [CredentialLocation]
    package var leeway: Duration
    package var requiredClaims: [String]
    package var claims: ClaimsSchema?
    /// A client registered by hand, which the registration proxy hands out instead of registering a new one.
    package var clientID: String?
    package var clientSecret: Secret?
    package var position: FilePosition

    package init(
        mode: AuthenticationMode = .strict, issuer: String, audiences: [String] = [], keys: KeySetSource? = nil,
        fetchRules: KeySetFetchRules = KeySetFetchRules(), provider: AuthorizationProvider? = nil,
        resourceMetadata: [MetadataMember] = [], locations: [CredentialLocation] = [.bearer],
        leeway: Duration = JWTProvider.defaultLeeway, requiredClaims: [String] = [], claims: ClaimsSchema? = nil,
        clientID: String? = nil, clientSecret: Secret? = nil, position: FilePosition = .none
    ) {
        self.mode = mode
        self.issuer = issuer
        self.audiences = audiences
        self.keys = keys
        self.fetchRules = fetchRules
        self.provider = provider
        self.resourceMetadata = resourceMetadata
        self.locations = locations
        self.leeway = leeway
        self.requiredClaims = requiredClaims
        self.claims = claims
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.position = position
    }
}

/// Authorization servers whose deviations from the standards are known (`provider: {keycloak: {}}`).
package enum AuthorizationProvider: String, Sendable, CaseIterable {
    case keycloak, auth0, okta, entra, authentik, descope
}
