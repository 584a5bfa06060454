// An authorization server with quirks, as MCP clients should see it: its metadata with our endpoints where its own do
// not understand these clients. Pure rewriting; the proxy core fetches and forwards.

import JSON

/// One provider's metadata and the resource in front of which it stands.
package struct AuthorizationServerProxy: Sendable {
    /// A registration request larger than this is none.
    package static let maximumRegistrationBytes = 64 * 1024

    private let resource: ProtectedResource
    private let metadata: AuthorizationServerMetadata

    /// Where to fetch the provider's metadata, to be tried in order.
    package static func metadataRequests(
        for resource: ProtectedResource, rules: KeySetFetchRules
    ) throws(AuthError) -> [KeySetRequest] {
        let issuer = try FetchURL(resource.issuer)
        try issuer.check(rules)
        let path = issuer.path.withoutTrailingSlash
        let first: String =
            switch resource.quirks.metadata {
            case .inserted(let name): issuer.origin + "/.well-known/" + name + path
            case .appended(let name): issuer.origin + path + "/.well-known/" + name
            }
        let known = try AuthorizationServerMetadata.locations(of: issuer)
        let preferred = try FetchURL(first)
        return ([preferred] + known.filter { $0 != preferred }).map { KeySetRequest(url: $0, rules: rules) }
    }

    /// - Parameter response: of one of `metadataRequests`.
    package init(_ resource: ProtectedResource, response: KeySetResponse) throws(AuthError) {
        guard response.status == 200 else { throw .keySet("the reply has status \(response.status)") }
        self.resource = resource
        metadata = try AuthorizationServerMetadata(json: response.body, issuer: resource.issuer)
    }

    private func endpoint(_ name: String) throws(AuthError) -> FetchURL {
        guard let text = metadata.document[name]?.string else {
            throw .keySet("the provider's metadata has no \(name)")
        }
        return try FetchURL(text)
    }

    /// An endpoint to which the gateway itself sends something, secrets among them.
    private func destination(_ name: String) throws(AuthError) -> FetchURL {
        let url = try endpoint(name)
        try url.check(resource.fetchRules, namedBy: try FetchURL(resource.issuer))
        return url
    }

    // MARK: Metadata

    /// The document that clients get (RFC 8414 §3.2), its `issuer` being the URL they asked (§3.3 makes them compare).
    package func document(for request: some RequestAttributes, path: String, base: String?) -> MetadataReply {
        let methods = MetadataEndpoint.Kind.authorizationServer.methods
        let identifier = resource.serverIdentifier(for: request, path: path, base: base)
        let own = resource.serverEndpoints(for: request, path: path, base: base)
        var replaced: [(String, String)] = [("issuer", identifier)]
        switch resource.quirks.registration {
        case .open: break
        case .forwarded: replaced.append(("registration_endpoint", own + MetadataEndpoint.registrationSuffix))
        case .fixedClient:
            if resource.clientID != nil {
                replaced.append(("registration_endpoint", own + MetadataEndpoint.registrationSuffix))
            }
        }
        if resource.rewritesResource {
            replaced.append(("authorization_endpoint", own + MetadataEndpoint.authorizeSuffix))
        }
        if resource.proxiesTokenRequests {
            replaced.append(("token_endpoint", own + MetadataEndpoint.tokenSuffix))
        }
        // The provider would put its own issuer into authorization responses (RFC 9207), not ours. Signed metadata
        // would contradict what we changed.
        let dropped = replaced.map(\.0) + ["authorization_response_iss_parameter_supported", "signed_metadata"]
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in replaced {
                writer.name(name)
                writer.value(value)
            }
            if resource.quirks.concealsPKCE, metadata.document["code_challenge_methods_supported"] == nil {
                writer.name("code_challenge_methods_supported")
                writer.array { $0.value("S256") }
            }
            writer.copyMembers(of: metadata.document, except: dropped)
        }
        return .json(200, methods: methods, cacheable: true, writer.bytes)
    }

    // MARK: Authorization and token requests

    /// Where the browser is sent on: the provider's endpoint with the query that it understands.
    package func authorize(query: ByteRun) throws(AuthError) -> MetadataReply {
        let location = try endpoint("authorization_endpoint").description
        let separator = location.contains("?") ? "&" : "?"
        let rewritten = String(decoding: rewrite(query), as: UTF8.self)
        return .cors(
            302, methods: MetadataEndpoint.Kind.authorize.methods,
            [("location", location + separator + rewritten), ("cache-control", "no-store")])
    }

    /// The grants for which the gateway speaks as the configured client: those that a person has agreed to. With
    /// `client_credentials` and its kind anybody could have a token that is the client's own.
    private static let grantsWithSecret = ["authorization_code", "refresh_token"]

    /// The answer to a token request that must not be sent on with the client's secret; nil: it may.
    package func refusal(ofForm form: ByteRun) -> MetadataReply? {
        guard let clientID = resource.clientID, resource.clientSecret != nil else { return nil }
        let methods = MetadataEndpoint.Kind.token.methods
        var grants: [[UInt8]] = []
        var clients: [[UInt8]] = []
        QueryParameters.forEach(in: form) { parameter in
            var value: [UInt8] = []
            if QueryParameters.decodes(parameter.name, to: Array("grant_type".utf8)) {
                QueryParameters.decode(parameter.value) { value.append($0) }
                grants.append(value)
            } else if QueryParameters.decodes(parameter.name, to: Array("client_id".utf8)) {
                QueryParameters.decode(parameter.value) { value.append($0) }
                clients.append(value)
            }
        }
        // Which of two the server would read is not known (RFC 6749 §3.2: none may be there twice).
        guard grants.count == 1, clients.count <= 1 else {
            return .error(400, methods: methods, "invalid_request", "grant_type and client_id are needed once")
        }
        guard let client = clients.first, client.elementsEqual(clientID.utf8) else { return nil }
        guard Self.grantsWithSecret.contains(where: { grants[0].elementsEqual($0.utf8) }) else {
            return .error(400, methods: methods, "unsupported_grant_type", "This client takes codes and refresh tokens")
        }
        return nil
    }

    /// The provider's token endpoint and the form to send it, with the configured client's secret, which is never
    /// handed to clients.
    package func token(form: ByteRun) throws(AuthError) -> (url: FetchURL, body: Secret) {
        var body = rewrite(form)
        if let clientID = resource.clientID, let secret = resource.clientSecret {
            var isOurs = false
            body.withUnsafeBufferPointer { rewritten in
                QueryParameters.forEach(in: rewritten) { parameter in
                    if QueryParameters.decodes(parameter.name, to: Array("client_id".utf8)) {
                        isOurs = QueryParameters.decodes(parameter.value, to: Array(clientID.utf8))
                    }
                }
            }
            if isOurs {
                body += Array("&client_secret=".utf8)
                secret.withBytes { body += QueryParameters.encode(String(decoding: $0, as: UTF8.self)) }
            }
        }
        return (try destination("token_endpoint"), Secret(bytes: body))
    }

    /// Takes out `resource`, or says it in the provider's words.
    private func rewrite(_ parameters: ByteRun) -> [UInt8] {
        var result: [UInt8] = []
        func append(_ bytes: some Sequence<UInt8>) {
            if !result.isEmpty { result.append(UInt8(ascii: "&")) }
            result.append(contentsOf: bytes)
        }
        let resourceName = Array("resource".utf8)
        let secretName = Array("client_secret".utf8)
        var renamed: [UInt8]?
        if case .renamed(let name) = resource.quirks.resource { renamed = Array(name.utf8) }
        QueryParameters.forEach(in: parameters) { parameter in
            if resource.rewritesResource, QueryParameters.decodes(parameter.name, to: resourceName) { return }
            if resource.clientSecret != nil, QueryParameters.decodes(parameter.name, to: secretName) { return }
            // Ours, not the client's: which audience a token is for is this resource's business.
            if let renamed, QueryParameters.decodes(parameter.name, to: renamed) { return }
            append(parameters[parameter.whole])
        }
        if let renamed, let audience = resource.audiences.first {
            append(renamed + [UInt8(ascii: "=")] + QueryParameters.encode(audience))
        }
        return result
    }

    // MARK: Registration

    package enum Registration: Sendable {
        case reply(MetadataReply)
        /// POST this body as JSON and pass the reply on.
        case forward(FetchURL, body: [UInt8])
    }

    /// A client's registration (RFC 7591 §3.1): forwarded re-encoded, or answered with the configured client.
    package func register(body: ByteRun) throws(AuthError) -> Registration {
        let methods = MetadataEndpoint.Kind.clientRegistration.methods
        func invalid(_ text: String) -> Registration {
            .reply(.error(400, methods: methods, "invalid_client_metadata", text))
        }
        let limits = JSONLimits(maximumDepth: 16, maximumBytes: Self.maximumRegistrationBytes)
        let metadata: JSONValue
        do throws(JSONError) {
            metadata = try JSONDocument(parsing: UnsafeRawBufferPointer(body), limits: limits).root
        } catch {
            return invalid("The client metadata is not JSON")
        }
        guard metadata.kind == .object else { return invalid("The client metadata is not an object") }
        guard let redirects = metadata["redirect_uris"], redirects.kind == .array,
            redirects.elements.allSatisfy({ $0.kind == .string })
        else { return invalid("redirect_uris is needed") }
        if let clientID = resource.clientID {
            return .reply(.json(201, methods: methods, cacheable: false, fixedClient(clientID, metadata)))
        }
        guard case .forwarded = resource.quirks.registration else {
            return .reply(.error(404, methods: methods, "not_found", "The provider registers no clients"))
        }
        var writer = JSONWriter()
        writer.value(metadata)
        return .forward(try destination("registration_endpoint"), body: writer.bytes)
    }

    /// A registration response (RFC 7591 §3.2.1) that hands out the client the operator registered. The provider still
    /// compares redirect URIs with those it knows, so a stranger's URI gets no code.
    private func fixedClient(_ clientID: String, _ metadata: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("client_id")
            writer.value(clientID)
            writer.name("token_endpoint_auth_method")
            writer.value("none")
            writer.copyMembers(
                of: metadata, except: ["client_id", "client_secret", "token_endpoint_auth_method"])
        }
        return writer.bytes
    }
}

extension QueryParameters {
    /// application/x-www-form-urlencoded, everything but unreserved characters escaped.
    static func encode(_ text: String) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                [byte]
            default: [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }
}
