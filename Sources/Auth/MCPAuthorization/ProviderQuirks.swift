// Where known authorization servers depart from the standards that MCP clients follow: one row each, no code paths.
// A provider without a row (nil) is one that follows RFC 8414, RFC 7591 and RFC 8707.

package struct ProviderQuirks: Sendable {
    /// Where the metadata document is, relative to the issuer.
    package enum MetadataLocation: Sendable {
        /// RFC 8414 §3.1: the well-known part goes between host and path.
        case inserted(String)
        /// OpenID Connect Discovery §4: it is appended to the path.
        case appended(String)
    }

    /// What becomes of the `resource` parameter (RFC 8707) that MCP clients send.
    package enum ResourceParameter: Sendable {
        case understood
        /// The server errs on it, so our proxy endpoints take it out.
        case removed
        /// The server knows the same under another name.
        case renamed(String)
    }

    /// How a client gets an id.
    package enum Registration: Sendable {
        /// RFC 7591 works for anyone.
        case open
        /// RFC 7591 exists but refuses browsers and unknown origins, so the gateway forwards it.
        case forwarded
        /// There is none: the gateway answers with the configured client.
        case fixedClient
    }

    package let metadata: MetadataLocation
    /// Appended to the issuer without its trailing slash; nil: read `jwks_uri` from the metadata.
    package let keySetPath: String?
    package let resource: ResourceParameter
    package let registration: Registration
    /// The server knows PKCE and does not say so, and clients refuse a server that does not (MCP "Authorization Code
    /// Protection").
    package var concealsPKCE = false
    /// Claims in which scopes, roles and groups are found, as paths with dots.
    package let scopeClaims: [String]
    package let roleClaims: [String]
    package let groupClaims: [String]

    private func concealingPKCE() -> ProviderQuirks {
        var quirks = self
        quirks.concealsPKCE = true
        return quirks
    }

    package static func of(_ provider: AuthorizationProvider?) -> ProviderQuirks {
        switch provider {
        case nil: standard
        case .keycloak: keycloak
        case .auth0: auth0
        case .okta: okta
        case .entra: entra
        case .authentik: authentik
        case .descope: descope
        }
    }

    static let standard = ProviderQuirks(
        metadata: .inserted("oauth-authorization-server"), keySetPath: nil, resource: .understood,
        registration: .open, scopeClaims: ["scope", "scp"], roleClaims: ["roles"], groupClaims: ["groups"])

    static let keycloak = ProviderQuirks(
        metadata: .appended("openid-configuration"), keySetPath: "/protocol/openid-connect/certs",
        resource: .understood, registration: .forwarded, scopeClaims: ["scope"],
        roleClaims: ["realm_access.roles", "resource_access"], groupClaims: ["groups"])

    static let auth0 = ProviderQuirks(
        metadata: .appended("openid-configuration"), keySetPath: "/.well-known/jwks.json",
        resource: .renamed("audience"), registration: .open, scopeClaims: ["scope", "permissions"],
        roleClaims: ["roles"], groupClaims: ["groups"])

    static let okta = ProviderQuirks(
        metadata: .appended("oauth-authorization-server"), keySetPath: "/v1/keys", resource: .removed,
        registration: .fixedClient, scopeClaims: ["scp"], roleClaims: ["roles"], groupClaims: ["groups"])

    /// Tenant-specific v2.0 endpoints: the keys are beside `/v2.0`, not under it, so they come from the metadata.
    static let entra = ProviderQuirks(
        metadata: .appended("openid-configuration"), keySetPath: nil, resource: .removed,
        registration: .fixedClient, scopeClaims: ["scp"], roleClaims: ["roles"], groupClaims: ["groups"]
    )
    .concealingPKCE()

    static let authentik = ProviderQuirks(
        metadata: .appended("openid-configuration"), keySetPath: "/jwks/", resource: .removed,
        registration: .fixedClient, scopeClaims: ["scope"], roleClaims: ["groups"], groupClaims: ["groups"])

    static let descope = ProviderQuirks(
        metadata: .appended("openid-configuration"), keySetPath: nil, resource: .understood, registration: .open,
        scopeClaims: ["scope"], roleClaims: ["roles"], groupClaims: ["tenants"])
}
