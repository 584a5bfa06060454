// An MCP endpoint as an OAuth protected resource: its metadata document (RFC 9728), where that is served, and the
// verification of tokens that follows from it.

/// Compiled from `mcpAuthentication`.
package final class ProtectedResource: Sendable {
    /// The resource identifier as configured; nil: derived from the request.
    let resource: FetchURL?
    private let resourceText: String?
    let issuer: String
    /// For the authorization server's metadata.
    package let fetchRules: KeySetFetchRules
    package let quirks: ProviderQuirks
    package let provider: AuthorizationProvider?
    /// The members to publish, in snake_case, without `resource` and `authorization_servers`.
    private let members: [MetadataMember]
    private let authorizationServers: MetadataValue?
    /// What a token is asked for when nothing more specific is known.
    let defaultScopes: [String]
    package let clientID: String?
    let clientSecret: Secret?
    /// What the provider is asked for where it has a parameter of its own for the resource.
    let audiences: [String]

    package static let wellKnownResource = "/.well-known/oauth-protected-resource"
    package static let wellKnownServer = "/.well-known/oauth-authorization-server"
    package static let wellKnownOpenID = "/.well-known/openid-configuration"

    init(_ configuration: MCPAuthentication) throws(AuthError) {
        let position = configuration.position
        issuer = configuration.issuer
        fetchRules = configuration.fetchRules
        provider = configuration.provider
        quirks = .of(configuration.provider)
        clientID = configuration.clientID
        clientSecret = configuration.clientSecret
        var members: [MetadataMember] = []
        var resourceText: String?
        var servers: MetadataValue?
        var scopes: [String] = []
        for member in configuration.resourceMetadata {
            let name = SnakeCase.name(member.name)
            guard !members.contains(where: { $0.name == name }) else {
                throw .configuration("resourceMetadata has '\(name)' twice (in two spellings)", position)
            }
            switch (name, member.value) {
            case ("resource", .string(let text)): resourceText = text
            case ("resource", _): throw .configuration("resourceMetadata.resource is not a string", position)
            case ("authorization_servers", let value): servers = value
            default: members.append(MetadataMember(name, member.value))
            }
            if name == "scopes_supported", case .list(let values) = member.value {
                scopes = values.compactMap {
                    if case .string(let text) = $0, Challenge.isScope(text) { text } else { nil }
                }
            }
        }
        if !members.contains(where: { $0.name == "bearer_methods_supported" }) {
            members.append(MetadataMember("bearer_methods_supported", .list([.string("header")])))
        }
        do throws(AuthError) {
            resource = try resourceText.map { text throws(AuthError) in try FetchURL(text) }
        } catch {
            throw .configuration("resourceMetadata.resource: \(error.text)", position)
        }
        guard resourceText != nil || !configuration.audiences.isEmpty else {
            throw .configuration(
                "mcpAuthentication needs 'audiences' or 'resourceMetadata.resource': without either, a token for any "
                    + "other service would be accepted", position)
        }
        if case .fixedClient = quirks.registration, let provider, configuration.clientID == nil {
            // Clients that are registered by hand still work; only dynamic registration does not.
            registrationNote = "\(provider.rawValue) has no dynamic client registration and no clientId is configured"
        } else {
            registrationNote = nil
        }
        self.resourceText = resourceText
        self.members = members
        authorizationServers = servers
        defaultScopes = scopes
        audiences = Self.audiences(configuration, resourceText)
    }

    /// Worth a warning at load.
    let registrationNote: String?

    private static func audiences(_ configuration: MCPAuthentication, _ resource: String?) -> [String] {
        guard configuration.audiences.isEmpty, let resource else { return configuration.audiences }
        // Clients differ in whether they write the trailing slash (RFC 8707 §2 leaves both possible).
        let bare = resource.hasSuffix("/") ? String(resource.dropLast()) : resource
        return [bare, bare + "/"]
    }

    func tokenAuthentication(_ configuration: MCPAuthentication) -> JWTAuthentication {
        let keys: KeySetSource
        if let given = configuration.keys {
            keys = given
        } else if let path = quirks.keySetPath {
            keys = .url(issuer.withoutTrailingSlash + path, configuration.fetchRules)
        } else {
            keys = .discovery(configuration.fetchRules)
        }
        return JWTAuthentication(
            mode: configuration.mode, locations: configuration.locations,
            providers: [
                JWTProvider(
                    issuer: issuer, audiences: audiences, keys: keys, leeway: configuration.leeway,
                    requiredClaims: configuration.requiredClaims, claims: configuration.claims,
                    position: configuration.position)
            ])
    }

    // MARK: Addresses

    /// The URL clients reach this gateway by: configured, or what the request says.
    private func origin(_ request: some RequestAttributes, _ base: String?) -> String {
        if let resource { return resource.origin }
        if let base { return base.withoutTrailingSlash }
        let scheme = String(decoding: request.scheme, as: UTF8.self)
        return scheme + "://" + String(decoding: request.authority, as: UTF8.self)
    }

    private func resourcePath(_ request: some RequestAttributes) -> String {
        let path = resource?.path ?? String(decoding: request.path, as: UTF8.self)
        return path == "/" ? "" : path
    }

    /// The `resource_metadata` parameter of challenges (RFC 9728 §3.1: the well-known part goes before the path).
    package func metadataURL(for request: some RequestAttributes, base: String?) -> String {
        origin(request, base) + Self.wellKnownResource + resourcePath(request)
    }

    /// Whether clients must talk to the authorization server through the gateway's rewriting endpoints.
    package var proxiesAuthorizationServer: Bool {
        if case .understood = quirks.resource, case .open = quirks.registration { return clientSecret != nil }
        return true
    }

    /// Whether `resource` (RFC 8707) must be removed or renamed for this provider.
    var rewritesResource: Bool {
        if case .understood = quirks.resource { false } else { true }
    }

    /// Whether token requests must pass through the gateway: it rewrites them, or adds the client's secret.
    var proxiesTokenRequests: Bool { rewritesResource || clientSecret != nil }

    /// The gateway speaks to the token endpoint as the configured client.
    package var addsClientSecret: Bool { clientSecret != nil }

    /// What the rewritten authorization server is called: the resource's own URL.
    func serverIdentifier(for request: some RequestAttributes, path: String, base: String?) -> String {
        origin(request, base) + (resource?.path.rootless ?? path)
    }

    /// The URL under which the rewriting endpoints are.
    func serverEndpoints(for request: some RequestAttributes, path: String, base: String?) -> String {
        origin(request, base) + Self.wellKnownServer + (resource?.path.rootless ?? path)
    }

    /// The metadata document (RFC 9728 §2) for a request to the well-known path.
    /// - Parameter path: the resource's path: what follows the well-known part, empty for the root.
    package func metadata(for request: some RequestAttributes, path: String, base: String?) -> MetadataValue {
        let identifier = resourceText ?? origin(request, base) + path
        let server = proxiesAuthorizationServer ? serverIdentifier(for: request, path: path, base: base) : issuer
        let servers = authorizationServers ?? .list([.string(server)])
        return .object(
            [MetadataMember("resource", .string(identifier)), MetadataMember("authorization_servers", servers)]
                + members)
    }
}

extension String {
    var withoutTrailingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
    /// A path in which the root is nothing.
    fileprivate var rootless: String { self == "/" ? "" : self }
}

enum SnakeCase {
    /// `scopesSupported` to `scopes_supported`; a run of capitals is one word (`jwksURI` to `jwks_uri`).
    static func name(_ text: String) -> String {
        var result = ""
        let characters = Array(text)
        for (index, character) in characters.enumerated() {
            guard character.isASCII, character.isUppercase else {
                result.append(character == "-" ? "_" : character)
                continue
            }
            let afterLower = index > 0 && (characters[index - 1].isLowercase || characters[index - 1].isNumber)
            let beforeLower =
                index > 0 && index + 1 < characters.count && characters[index + 1].isLowercase
                && characters[index - 1] != "_"
            if afterLower || (beforeLower && characters[index - 1].isUppercase) { result.append("_") }
            result.append(contentsOf: character.lowercased())
        }
        return result
    }
}
