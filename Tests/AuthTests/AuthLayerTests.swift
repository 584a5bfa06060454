import JSON
import Testing

@testable import Auth

struct AuthLayerTests {
    private static let now = TestToken.now

    /// A layer with one policy.
    private final class Fixture {
        let layer: AuthLayer
        let policy: AuthPolicy
        let policies: AuthPolicies

        init(
            jwt: JWTAuthentication? = nil, mcp: MCPAuthentication? = nil, apiKey: APIKeyAuthentication? = nil,
            basic: BasicAuthentication? = nil
        ) throws {
            var policies = AuthPolicies(readFile: TestToken.noFiles)
            policy = try policies.add(jwt: jwt, mcp: mcp, apiKey: apiKey, basic: basic)
            self.policies = policies
            layer = try AuthLayer(policies)
        }

        func authenticate(_ request: TestRequest, isLastTry: Bool = false) -> Authentication {
            layer.authenticate(request, policy, now: AuthLayerTests.now, isLastTry: isLastTry)
        }

        func status(_ request: TestRequest) -> Int? {
            if case .rejected(let rejection) = authenticate(request) { rejection.status } else { nil }
        }

        func principal(_ request: TestRequest) -> Principal? {
            if case .accepted(let principal) = authenticate(request) { principal } else { nil }
        }

        func rejection(_ request: TestRequest) throws -> Rejection {
            guard case .rejected(let rejection) = authenticate(request) else {
                throw AuthError.configuration("not rejected", .none)
            }
            return rejection
        }
    }

    private static let jwtProvider = TestToken.provider(TestKey.of(.es256).keySet())
    private static let good = TestToken.make(.es256)
    private static let expired = TestToken.make(
        .es256, claims: "{\"iss\":\"\(TestToken.issuer)\",\"aud\":\"gateway\",\"exp\":1600000000}")

    private static func bearer(_ token: String) -> TestRequest {
        TestRequest("POST", "/mcp", headers: [("Authorization", "Bearer \(token)")])
    }

    static let modes: [(mode: AuthenticationMode, absent: Int?, bad: Int?)] = [
        (.strict, 401, 401), (.optional, nil, 401), (.permissive, nil, nil),
    ]

    @Test(arguments: modes.indices)
    func modesDecideAboutAbsentAndInvalidTokens(_ index: Int) throws {
        let (mode, absent, bad) = Self.modes[index]
        let fixture = try Fixture(jwt: JWTAuthentication(mode: mode, providers: [Self.jwtProvider]))
        #expect(fixture.status(TestRequest()) == absent)
        #expect(fixture.status(Self.bearer(Self.expired)) == bad)
        #expect(fixture.status(Self.bearer("")) == bad)
        #expect(fixture.principal(Self.bearer(Self.good))?.token?.subject == "alice")
        if mode == .permissive { #expect(fixture.principal(Self.bearer(Self.expired))?.isAnonymous == true) }
    }

    @Test func twoTokensAreABadRequestInEveryMode() throws {
        for mode in AuthenticationMode.allCases {
            let fixture = try Fixture(jwt: JWTAuthentication(mode: mode, providers: [Self.jwtProvider]))
            let header = ("Authorization", "Bearer \(Self.good)")
            #expect(fixture.status(TestRequest(headers: [header, header])) == 400)
        }
    }

    @Test func anotherSchemeIsNoToken() throws {
        let fixture = try Fixture(jwt: JWTAuthentication(mode: .optional, providers: [Self.jwtProvider]))
        #expect(fixture.principal(TestRequest(headers: [("authorization", "Basic YTpi")]))?.isAnonymous == true)
    }

    @Test func aRejectionSaysNothingOfTheTokenAndNamesTheScheme() throws {
        let fixture = try Fixture(jwt: JWTAuthentication(providers: [Self.jwtProvider]))
        let rejection = try fixture.rejection(Self.bearer(Self.expired))
        let text = String(decoding: rejection.body, as: UTF8.self) + rejection.reason
        #expect(!text.contains(Self.expired.suffix(20)))
        let challenge = rejection.headers.first { $0.name == "www-authenticate" }?.value
        #expect(challenge == "Bearer error=\"invalid_token\", error_description=\"The token has expired\"")
        let bare = try fixture.rejection(TestRequest()).headers.first { $0.name == "www-authenticate" }?.value
        #expect(bare == "Bearer")
    }

    @Test func missingKeysAre503AndFetchedKeysAdmit() throws {
        var provider = Self.jwtProvider
        provider.keys = .url("https://issuer.test/keys")
        let fixture = try Fixture(jwt: JWTAuthentication(providers: [provider]))
        let id = KeySetID(index: 0)
        #expect(!fixture.layer.isReady(fixture.policy))
        guard case .awaitingKeys(id) = fixture.authenticate(Self.bearer(Self.good)) else {
            Issue.record("keys are not asked for")
            return
        }
        guard case .rejected(let rejection) = fixture.authenticate(Self.bearer(Self.good), isLastTry: true) else {
            Issue.record("open without keys")
            return
        }
        #expect(rejection.status == 503)

        let other = TestKey(.p256, id: "old")
        fixture.layer.install(
            try KeySet(json: Array(other.keySet().utf8), symmetricKeys: .refused), for: id)
        #expect(fixture.layer.isReady(fixture.policy))
        guard case .awaitingKeys(id) = fixture.authenticate(Self.bearer(Self.good)) else {
            Issue.record("an unknown key is not looked for")
            return
        }
        guard case .rejected(let unknown) = fixture.authenticate(Self.bearer(Self.good), isLastTry: true) else {
            Issue.record("an unknown key is accepted")
            return
        }
        #expect(unknown.status == 401 && unknown.code == "unknown_key")

        fixture.layer.install(
            try KeySet(json: Array(TestKey.of(.es256).keySet().utf8), symmetricKeys: .refused), for: id)
        #expect(fixture.principal(Self.bearer(Self.good)) != nil)

        // A token that was cached is judged anew when its key is withdrawn.
        fixture.layer.install(
            try KeySet(json: Array(other.keySet().utf8), symmetricKeys: .refused), for: id)
        guard case .awaitingKeys(id) = fixture.authenticate(Self.bearer(Self.good)) else {
            Issue.record("a withdrawn key is still believed")
            return
        }
        fixture.layer.install(nil, for: id)
        guard case .awaitingKeys(id) = fixture.authenticate(Self.bearer(Self.good)) else {
            Issue.record("open without keys")
            return
        }
    }

    @Test func equalRemoteKeySetsAreFetchedOnce() throws {
        var policies = AuthPolicies(readFile: TestToken.noFiles)
        var provider = Self.jwtProvider
        provider.keys = .url("https://issuer.test/keys")
        _ = try policies.add(jwt: JWTAuthentication(providers: [provider]))
        _ = try policies.add(jwt: JWTAuthentication(mode: .optional, providers: [provider]))
        #expect(policies.remoteKeySets.count == 1)
    }

    @Test func apiKeysAdmitAndAreRefused() throws {
        let key = APIKey(key: .plain(Secret("k-1")), metadata: [MetadataMember("team", .string("a"))])
        for mode in AuthenticationMode.allCases {
            let fixture = try Fixture(apiKey: APIKeyAuthentication(mode: mode, keys: [key]))
            #expect(fixture.principal(Self.bearer("k-1"))?.apiKey?.metadata == key.metadata)
            #expect(fixture.status(Self.bearer("k-2")) == (mode == .permissive ? nil : 401))
            #expect(fixture.status(TestRequest()) == (mode == .strict ? 401 : nil))
        }
    }

    @Test func tokensAndKeysMayShareAPlace() throws {
        let fixture = try Fixture(
            jwt: JWTAuthentication(mode: .optional, providers: [Self.jwtProvider]),
            apiKey: APIKeyAuthentication(mode: .optional, keys: [APIKey(key: .plain(Secret("k-1")))]))
        #expect(fixture.principal(Self.bearer("k-1"))?.apiKey != nil)
        #expect(fixture.principal(Self.bearer(Self.good))?.token != nil)
        #expect(fixture.status(Self.bearer("k-2")) == 401)
        #expect(fixture.status(Self.bearer(Self.expired)) == 401)
        #expect(throws: AuthError.self) {
            try Fixture(
                jwt: JWTAuthentication(providers: [Self.jwtProvider]),
                apiKey: APIKeyAuthentication(keys: [APIKey(key: .plain(Secret("k-1")))]))
        }
    }

    @Test func passwordsAreCheckedElsewhereAndRemembered() throws {
        let basic = BasicAuthentication(users: .inline(Secret(PasswordTests.table)))
        let fixture = try Fixture(basic: basic)
        func request(_ pair: String) -> TestRequest {
            let encoded = Base64URL.encode(Array(pair.utf8)).replacing("-", with: "+").replacing("_", with: "/")
            let padded = encoded + String(repeating: "=", count: (4 - encoded.count % 4) % 4)
            return TestRequest(headers: [("authorization", "Basic \(padded)")])
        }
        func settle(_ request: TestRequest) throws -> Authentication {
            guard case .awaitingPassword(let check) = fixture.authenticate(request) else {
                throw AuthError.configuration("no check", .none)
            }
            fixture.layer.note(check.run(), now: Self.now)
            return fixture.authenticate(request)
        }
        guard case .accepted(let principal) = try settle(request("alice:s3cret")) else {
            Issue.record("the right password is refused")
            return
        }
        #expect(principal.user == "alice")
        for pair in ["alice:wrong", "nobody:s3cret", "alice:", ":"] {
            guard case .rejected(let rejection) = try settle(request(pair)) else {
                Issue.record("\(pair) is accepted")
                continue
            }
            #expect(rejection.status == 401)
            #expect(rejection.headers.contains { $0.value == "Basic realm=\"Restricted\", charset=\"UTF-8\"" })
        }
        for text in ["", "!!!!", "YWxpY2U", "YWxpY2U6czNjcmV0=", "YWxpY2U=", "YWxpY2UKOng="] {
            #expect(fixture.status(TestRequest(headers: [("authorization", "Basic \(text)")])) == 401, "\(text)")
        }
    }

    @Test func aPasswordIsNotRememberedForAnotherPolicy() throws {
        var policies = AuthPolicies(readFile: TestToken.noFiles)
        let alice = PasswordTests.table.split(separator: "\n")[1]
        let first = try policies.add(basic: BasicAuthentication(users: .inline(Secret(String(alice)))))
        let other = "alice:" + PasswordTests.table.split(separator: "\n").last!.dropFirst(6)
        let second = try policies.add(basic: BasicAuthentication(users: .inline(Secret(other))))
        let layer = try AuthLayer(policies)
        let request = TestRequest(headers: [("authorization", "Basic YWxpY2U6czNjcmV0")])
        guard case .awaitingPassword(let check) = layer.authenticate(request, first, now: Self.now) else {
            Issue.record("no check")
            return
        }
        layer.note(check.run(), now: Self.now)
        guard case .accepted = layer.authenticate(request, first, now: Self.now),
            case .awaitingPassword = layer.authenticate(request, second, now: Self.now)
        else {
            Issue.record("remembered across policies")
            return
        }
    }

    @Test func differentCallersHaveDifferentIdentities() {
        func token(_ issuer: String, _ subject: String?) -> Principal {
            guard let claims = try? JSONDocument(parsing: "{}") else { return .anonymous }
            return Principal(
                token: VerifiedToken(
                    issuer: issuer, subject: subject, clientID: nil, scopes: [], expires: UnixTime(seconds: 0),
                    claims: claims))
        }
        let all = [
            Principal.anonymous, token("a", "b"), token("a,1:b", nil), token("a", nil), token("ab", ""), token("a", ""),
            Principal(user: "a"), Principal(user: "anonymous"),
        ]
        #expect(Set(all.map(\.identity)).count == all.count)
    }

    // MARK: MCP

    private static let keycloak = MCPAuthentication(
        issuer: TestToken.issuer, keys: .inline(Secret(TestKey.of(.es256).keySet())), provider: .keycloak,
        resourceMetadata: [
            MetadataMember("resource", .string("http://localhost:3003/mcp")),
            MetadataMember("scopesSupported", .list([.string("mcp:read"), .string("mcp:write")])),
            MetadataMember("bearerMethodsSupported", .list([.string("header"), .string("body"), .string("query")])),
        ])

    @Test func anMCPClientIsToldWhereTheMetadataIs() throws {
        let fixture = try Fixture(mcp: Self.keycloak)
        let absent = try fixture.rejection(TestRequest("POST", "/mcp"))
        #expect(absent.status == 401)
        #expect(
            absent.headers.contains {
                $0.name == "www-authenticate"
                    && $0.value
                        == "Bearer resource_metadata=\"http://localhost:3003/.well-known/oauth-protected-resource/mcp\", scope=\"mcp:read mcp:write\""
            })
        let wrong = try fixture.rejection(Self.bearer(Self.good))
        #expect(wrong.code == "wrong_audience", "a token for something else")
        #expect(wrong.headers.contains { $0.value.contains("error=\"invalid_token\"") })
        let claims = "{\"iss\":\"\(TestToken.issuer)\",\"aud\":\"http://localhost:3003/mcp\",\"exp\":1700000300}"
        #expect(fixture.principal(Self.bearer(TestToken.make(.es256, claims: claims))) != nil)
    }

    @Test func anMCPEndpointWithoutAudienceOrResourceFailsTheLoad() {
        #expect(throws: AuthError.self) {
            try Fixture(mcp: MCPAuthentication(issuer: TestToken.issuer, keys: Self.keycloak.keys))
        }
    }

    @Test(arguments: [
        ("scopesSupported", "scopes_supported"), ("resource", "resource"), ("jwksUri", "jwks_uri"),
        ("jwksURI", "jwks_uri"), ("resource_documentation", "resource_documentation"), ("a-b", "a_b"),
        ("tlsClientCertificateBoundAccessTokens", "tls_client_certificate_bound_access_tokens"),
    ])
    func metadataNamesBecomeSnakeCase(_ name: String, _ expected: String) {
        #expect(SnakeCase.name(name) == expected)
    }
}
