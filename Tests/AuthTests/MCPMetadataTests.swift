import JSON
import Testing

@testable import Auth

struct MCPMetadataTests {
    static func resource(
        _ provider: AuthorizationProvider?, issuer: String = "https://idp.test/realms/mcp",
        resource: String? = "https://gw.test/mcp", clientID: String? = nil, clientSecret: String? = nil,
        metadata: [MetadataMember] = []
    ) throws -> ProtectedResource {
        let members = (resource.map { [MetadataMember("resource", .string($0))] } ?? []) + metadata
        return try ProtectedResource(
            MCPAuthentication(
                issuer: issuer, audiences: resource == nil ? ["a"] : [], provider: provider, resourceMetadata: members,
                clientID: clientID, clientSecret: clientSecret.map { Secret($0) }))
    }

    static func server(_ resource: ProtectedResource) throws -> AuthorizationServerProxy {
        let document = """
            {"issuer":"https://idp.test/realms/mcp","authorization_endpoint":"https://idp.test/auth",\
            "token_endpoint":"https://idp.test/token","registration_endpoint":"https://idp.test/register",\
            "jwks_uri":"https://idp.test/keys","authorization_response_iss_parameter_supported":true,\
            "scopes_supported":["openid"]}
            """
        return try AuthorizationServerProxy(
            resource, response: KeySetResponse(status: 200, body: Array(document.utf8)))
    }

    private func json(_ reply: MetadataReply?) throws -> JSONValue {
        try JSONDocument(parsing: try #require(reply).body).root
    }

    private func run<R>(_ text: String, _ body: (ByteRun) throws -> R) rethrows -> R {
        try Array(text.utf8).withUnsafeBufferPointer(body)
    }

    @Test(arguments: [
        ("/.well-known/oauth-protected-resource", MetadataEndpoint.Kind.protectedResource, "/"),
        ("/.well-known/oauth-protected-resource/", .protectedResource, "/"),
        ("/.well-known/oauth-protected-resource/a/mcp", .protectedResource, "/a/mcp"),
        ("/.well-known/oauth-authorization-server/mcp", .authorizationServer, "/mcp"),
        ("/.well-known/openid-configuration/mcp", .authorizationServer, "/mcp"),
        ("/.well-known/oauth-authorization-server/mcp/client-registration", .clientRegistration, "/mcp"),
        ("/.well-known/oauth-authorization-server/client-registration", .clientRegistration, "/"),
        ("/.well-known/oauth-authorization-server/mcp/authorize", .authorize, "/mcp"),
        ("/.well-known/oauth-authorization-server/mcp/token", .token, "/mcp"),
    ])
    func wellKnownPathsNameAResource(_ path: String, _ kind: MetadataEndpoint.Kind, _ resource: String) throws {
        let endpoint = try #require(MetadataEndpoint(path: path))
        #expect(endpoint.kind == kind && endpoint.resourcePath == resource)
    }

    @Test(arguments: [
        "/", "/mcp", "/.well-known", "/.well-known/oauth-protected-resourceful",
        "/x/.well-known/oauth-protected-resource",
        "/.well-known/jwks.json", "/.well-known/OAUTH-protected-resource",
    ])
    func otherPathsAreNotMetadata(_ path: String) {
        #expect(MetadataEndpoint(path: path) == nil)
    }

    @Test func theSeedsDocumentIsPublishedAsWritten() throws {
        let resource = try Self.resource(
            .keycloak, resource: "http://localhost:3003/mcp",
            metadata: [
                MetadataMember("scopesSupported", .list([.string("mcp:read"), .string("mcp:write")])),
                MetadataMember(
                    "bearerMethodsSupported", .list([.string("header"), .string("body"), .string("query")])),
            ])
        let endpoint = try #require(MetadataEndpoint(path: "/.well-known/oauth-protected-resource/mcp"))
        let reply = try #require(resource.reply(to: endpoint, TestRequest("GET"), base: nil))
        #expect(reply.status == 200)
        #expect(reply.headers.contains { $0 == ("access-control-allow-origin", "*") })
        #expect(
            String(decoding: reply.body, as: UTF8.self) == """
                {"resource":"http://localhost:3003/mcp","authorization_servers":["http://localhost:3003/mcp"],\
                "scopes_supported":["mcp:read","mcp:write"],"bearer_methods_supported":["header","body","query"]}
                """)
    }

    @Test func aStandardProviderIsNamedDirectly() throws {
        let resource = try Self.resource(nil)
        let endpoint = try #require(MetadataEndpoint(path: "/.well-known/oauth-protected-resource/mcp"))
        let document = try json(resource.reply(to: endpoint, TestRequest("GET"), base: nil))
        #expect(document["authorization_servers"]?.elements.map(\.string) == ["https://idp.test/realms/mcp"])
        #expect(document["bearer_methods_supported"]?.elements.map(\.string) == ["header"])
        let server = try #require(MetadataEndpoint(path: "/.well-known/oauth-authorization-server/mcp"))
        #expect(resource.reply(to: server, TestRequest("GET"), base: nil)?.status == 404)
    }

    @Test func withoutAResourceTheRequestSaysWhatItIs() throws {
        let resource = try Self.resource(nil, resource: nil)
        let endpoint = try #require(MetadataEndpoint(path: "/.well-known/oauth-protected-resource/mcp"))
        let request = TestRequest("GET", authority: "gw.test:8443", scheme: "https")
        #expect(
            try json(resource.reply(to: endpoint, request, base: nil))["resource"]?.string == "https://gw.test:8443/mcp"
        )
        #expect(
            try json(resource.reply(to: endpoint, request, base: "https://public.test/"))["resource"]?.string
                == "https://public.test/mcp")
    }

    @Test func onlyTheStatedMethodsAreAnswered() throws {
        let resource = try Self.resource(.okta)
        for (path, method, status) in [
            ("/.well-known/oauth-protected-resource/mcp", "OPTIONS", 204),
            ("/.well-known/oauth-protected-resource/mcp", "POST", 405),
            ("/.well-known/oauth-protected-resource/mcp", "DELETE", 405),
            ("/.well-known/oauth-authorization-server/mcp/token", "GET", 405),
            ("/.well-known/oauth-authorization-server/mcp/client-registration", "OPTIONS", 204),
        ] {
            let endpoint = try #require(MetadataEndpoint(path: path))
            #expect(resource.reply(to: endpoint, TestRequest(method), base: nil)?.status == status, "\(method) \(path)")
        }
    }

    @Test func keysOfAProviderAreWhereItKeepsThem() throws {
        func source(_ provider: AuthorizationProvider?, _ issuer: String) throws -> String {
            let configuration = MCPAuthentication(issuer: issuer, audiences: ["a"], provider: provider)
            let keys = try ProtectedResource(configuration).tokenAuthentication(configuration).providers[0].keys
            switch keys {
            case .url(let url, _): return url
            case .discovery: return "discovery"
            default: return "?"
            }
        }
        #expect(
            try source(.keycloak, "https://k.test/realms/m") == "https://k.test/realms/m/protocol/openid-connect/certs")
        #expect(try source(.auth0, "https://t.auth0.test/") == "https://t.auth0.test/.well-known/jwks.json")
        #expect(try source(.okta, "https://o.test/oauth2/default") == "https://o.test/oauth2/default/v1/keys")
        #expect(try source(.authentik, "https://a.test/application/o/x/") == "https://a.test/application/o/x/jwks/")
        #expect(try source(.entra, "https://login.test/t/v2.0") == "discovery")
        #expect(try source(nil, "https://i.test") == "discovery")
    }

    @Test(arguments: AuthorizationProvider.allCases)
    func everyProvidersMetadataIsSelfConsistent(_ provider: AuthorizationProvider) throws {
        let resource = try Self.resource(provider, clientID: "fixed")
        let document = try json(try Self.server(resource).document(for: TestRequest(), path: "/mcp", base: nil))
        // RFC 8414 §3.3: clients compare it with the URL they built the request from.
        #expect(document["issuer"]?.string == "https://gw.test/mcp")
        #expect(document["authorization_response_iss_parameter_supported"] == nil)
        #expect(document["jwks_uri"]?.string == "https://idp.test/keys")
        let own = "https://gw.test/.well-known/oauth-authorization-server/mcp"
        let ownEndpoints = ["authorization_endpoint", "token_endpoint"].filter {
            document[$0]?.string?.hasPrefix(own) ?? false
        }
        switch provider {
        case .keycloak:
            #expect(document["registration_endpoint"]?.string == own + "/client-registration")
            #expect(ownEndpoints.isEmpty)
        case .auth0:
            #expect(document["registration_endpoint"]?.string == "https://idp.test/register")
            #expect(ownEndpoints.count == 2)
        case .okta, .entra, .authentik:
            #expect(document["registration_endpoint"]?.string == own + "/client-registration")
            #expect(ownEndpoints.count == 2)
        case .descope:
            #expect(document["registration_endpoint"]?.string == "https://idp.test/register")
            #expect(ownEndpoints.isEmpty)
        }
    }

    @Test func metadataOfAnotherIssuerIsRefused() throws {
        let resource = try Self.resource(.keycloak)
        #expect(throws: AuthError.self) {
            try AuthorizationServerProxy(
                resource, response: KeySetResponse(status: 200, body: Array("{\"issuer\":\"https://evil.test\"}".utf8)))
        }
    }

    @Test func theResourceParameterIsRemovedOrRenamed() throws {
        let query = "client_id=c&resource=https%3A%2F%2Fgw.test%2Fmcp&audience=evil&scope=a"
        func location(_ provider: AuthorizationProvider) throws -> String? {
            let reply = try run(query) { try Self.server(try Self.resource(provider)).authorize(query: $0) }
            return reply.headers.first { $0.name == "location" }?.value
        }
        #expect(try location(.entra) == "https://idp.test/auth?client_id=c&audience=evil&scope=a")
        #expect(
            try location(.auth0) == "https://idp.test/auth?client_id=c&scope=a&audience=https%3A%2F%2Fgw.test%2Fmcp")
    }

    @Test func theClientSecretIsAddedForTheConfiguredClientOnly() throws {
        let resource = try Self.resource(.entra, clientID: "fixed", clientSecret: "s&1")
        func form(_ text: String) throws -> String {
            let (url, body) = try run(text) { try Self.server(resource).token(form: $0) }
            #expect(url.description == "https://idp.test/token")
            return body.withBytes { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try form("client_id=fixed&code=1&client_secret=x") == "client_id=fixed&code=1&client_secret=s%261")
        #expect(try form("client_id=other&code=1&resource=r") == "client_id=other&code=1")
    }

    /// With the secret, a stranger could get tokens of the client's own by grants that ask nobody.
    @Test(arguments: [
        ("grant_type=client_credentials&client_id=fixed", 400), ("grant_type=password&client_id=fixed&username=a", 400),
        ("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&client_id=fixed", 400),
        ("grant_type=authorization_code&grant_type=client_credentials&client_id=fixed", 400),
        ("grant_type=authorization_code&%67rant_type=client_credentials&client_id=fixed", 400),
        ("grant_type=client_credentials&client_id=other&client_id=fixed", 400),
        ("client_id=fixed", 400), ("grant_type=&client_id=fixed", 400),
        ("grant_type=client%5Fcredentials&client_id=f%69xed", 400),
        ("grant_type=authorization_code&code=1&client_id=fixed", nil),
        ("grant_type=refresh_token&client_id=fixed", nil),
        ("grant_type=client_credentials&client_id=other&client_secret=its-own", nil),
    ])
    func theConfiguredClientsSecretIsForCodesAndRefreshTokens(_ form: String, _ status: Int?) throws {
        let server = try Self.server(try Self.resource(.entra, clientID: "fixed", clientSecret: "s"))
        #expect(run(form) { server.refusal(ofForm: $0) }?.status == status)
        // Without a secret of ours there is nothing to guard.
        let plain = try Self.server(try Self.resource(.entra, clientID: "fixed"))
        #expect(run(form) { plain.refusal(ofForm: $0) } == nil)
    }

    @Test func entrasMetadataSaysThatItKnowsPKCE() throws {
        let request = TestRequest("GET", "/.well-known/oauth-authorization-server/mcp")
        let entra = try json(try Self.server(try Self.resource(.entra)).document(for: request, path: "/mcp", base: nil))
        #expect(entra["code_challenge_methods_supported"]?.elements.map(\.string) == ["S256"])
        let okta = try json(try Self.server(try Self.resource(.okta)).document(for: request, path: "/mcp", base: nil))
        #expect(okta["code_challenge_methods_supported"] == nil)
    }

    @Test func registrationIsForwardedReencodedOrAnsweredWithTheFixedClient() throws {
        let keycloak = try Self.server(try Self.resource(.keycloak))
        let body = "{ \"redirect_uris\": [\"http://localhost:1/cb\"], \"client_name\":\"x\" }"
        guard case .forward(let url, let forwarded) = try run(body, { try keycloak.register(body: $0) }) else {
            Issue.record("not forwarded")
            return
        }
        #expect(url.description == "https://idp.test/register")
        #expect(
            String(decoding: forwarded, as: UTF8.self)
                == "{\"redirect_uris\":[\"http://localhost:1/cb\"],\"client_name\":\"x\"}")

        let okta = try Self.server(try Self.resource(.okta, clientID: "fixed", clientSecret: "never"))
        guard case .reply(let reply) = try run(body, { try okta.register(body: $0) }) else {
            Issue.record("forwarded")
            return
        }
        #expect(reply.status == 201)
        let text = String(decoding: reply.body, as: UTF8.self)
        #expect(text.contains("\"client_id\":\"fixed\"") && text.contains("\"client_name\":\"x\""))
        #expect(!text.contains("never"))

        for bad in ["", "[]", "{}", "{\"redirect_uris\":\"x\"}", "{\"redirect_uris\":[1]}", "{\"a\":1,\"a\":1}"] {
            guard case .reply(let reply) = try run(bad, { try keycloak.register(body: $0) }) else {
                Issue.record("forwarded: \(bad)")
                continue
            }
            #expect(reply.status == 400)
        }
    }

    @Test func challengesQuoteWhatTheyCarry() {
        let challenge = Challenge(
            realm: "a\"b\\c", error: .insufficientScope, errorDescription: "line\nbreak",
            scopes: ["a", "b c", "d\"", "e:f"],
            resourceMetadata: "https://gw.test/x")
        #expect(
            challenge.fieldValue
                == "Bearer realm=\"a\\\"b\\\\c\", resource_metadata=\"https://gw.test/x\", error=\"insufficient_scope\", scope=\"a e:f\""
        )
    }
}
