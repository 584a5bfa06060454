// The endpoints that a protected route serves without credentials: its own metadata, and for providers with quirks the
// authorization server's metadata and registration, rewritten. Metadata only; nothing here grants anything.

import JSON

/// Which of them a path names, and for which resource.
package struct MetadataEndpoint: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case protectedResource
        case authorizationServer
        case clientRegistration
        case authorize
        case token

        /// The methods that the endpoint answers; `OPTIONS` is one of them always.
        var methods: [String] {
            switch self {
            case .protectedResource, .authorizationServer, .authorize: ["GET", "OPTIONS"]
            case .clientRegistration, .token: ["POST", "OPTIONS"]
            }
        }
    }

    package var kind: Kind
    /// The path of the resource that is meant, `/` for the root: route by it.
    package var resourcePath: String

    static let registrationSuffix = "/client-registration"
    static let authorizeSuffix = "/authorize"
    static let tokenSuffix = "/token"

    /// nil for every other path. The well-known part stands before the resource's path (RFC 9728 §3.1, RFC 8414 §3.1);
    /// our own endpoints are under the authorization server's.
    package init?(path: String) {
        func suffix(_ prefix: String) -> String? {
            guard path.utf8.starts(with: prefix.utf8) else { return nil }
            let rest = String(path.dropFirst(prefix.count))
            return rest.isEmpty || rest.hasPrefix("/") ? rest : nil
        }
        func root(_ path: String) -> String { path.isEmpty ? "/" : path }
        if let rest = suffix(ProtectedResource.wellKnownResource) {
            (kind, resourcePath) = (.protectedResource, root(rest))
            return
        }
        let server = suffix(ProtectedResource.wellKnownServer) ?? suffix(ProtectedResource.wellKnownOpenID)
        guard let rest = server else { return nil }
        for (end, kind) in [
            (Self.registrationSuffix, Kind.clientRegistration), (Self.authorizeSuffix, .authorize),
            (Self.tokenSuffix, .token),
        ] where rest.hasSuffix(end) {
            (self.kind, resourcePath) = (kind, root(String(rest.dropLast(end.count))))
            return
        }
        (kind, resourcePath) = (.authorizationServer, root(rest))
    }
}

/// A finished reply.
package struct MetadataReply: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    /// Any origin may read metadata: browser-based clients must, and there is no secret in it (RFC 9728 §3.1 says
    /// nothing of CORS; MCP's clients need it).
    static func cors(_ status: Int, methods: [String], _ more: [(String, String)] = [], body: [UInt8] = [])
        -> MetadataReply
    {
        MetadataReply(
            status: status,
            headers: [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", methods.joined(separator: ", ")),
                ("access-control-allow-headers", "content-type, mcp-protocol-version"),
            ] + more, body: body)
    }

    static func json(_ status: Int, methods: [String], cacheable: Bool, _ body: [UInt8]) -> MetadataReply {
        let caching = cacheable ? "max-age=300" : "no-store"
        return cors(
            status, methods: methods, [("content-type", "application/json"), ("cache-control", caching)], body: body)
    }

    static func error(_ status: Int, methods: [String], _ error: String, _ description: String) -> MetadataReply {
        var writer = JSONWriter()
        writer.object {
            $0.name("error")
            $0.value(error)
            $0.name("error_description")
            $0.value(description)
        }
        return json(status, methods: methods, cacheable: false, writer.bytes)
    }
}

extension ProtectedResource {
    /// The reply to what needs nothing but the configuration: a preflight, a wrong method, the resource's metadata,
    /// and the endpoints that this provider does not need (404). nil: the authorization server's metadata is needed,
    /// see `AuthorizationServerProxy`.
    package func reply(
        to endpoint: MetadataEndpoint, _ request: some RequestAttributes, base: String?
    ) -> MetadataReply? {
        let methods = endpoint.kind.methods
        let method = String(decoding: request.method, as: UTF8.self)
        guard endpoint.kind == .protectedResource || proxiesAuthorizationServer else {
            return .error(404, methods: methods, "not_found", "This resource has no such endpoint")
        }
        if method == "OPTIONS" { return .cors(204, methods: methods, [("access-control-max-age", "86400")]) }
        guard methods.contains(method) else {
            return .cors(405, methods: methods, [("allow", methods.joined(separator: ", "))])
        }
        guard endpoint.kind == .protectedResource else { return nil }
        let path = endpoint.resourcePath == "/" ? "" : endpoint.resourcePath
        var writer = JSONWriter()
        writer.value(metadata(for: request, path: path, base: base))
        return .json(200, methods: methods, cacheable: true, writer.bytes)
    }
}
