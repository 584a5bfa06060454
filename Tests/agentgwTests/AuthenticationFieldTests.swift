// Every field of the authentication and authorization policies says something that somebody notices: two configurations that
// differ in nothing but that field judge some request differently. A field without a case here fails the test.

import Auth
import JSON
import Testing

@testable import Proxy
@testable import agentgw

struct AuthenticationFieldTests {
    private static let now = UnixTime(seconds: 1_800_000_000)
    private static let issuer = "https://issuer.test"
    private static let other = "https://other.test"
    private static let hash =
        #"alice:$6$saltsalt$As4wrv0kZlfch1du9WeH7qhskyLriQWySXrZzynnvi46nFnNxjdpl6ksRegrrKexvhIa/Iny8S8uF3fVWTMuC1"#
    private static let otherHash =
        #"bob:$6$saltsalt$As4wrv0kZlfch1du9WeH7qhskyLriQWySXrZzynnvi46nFnNxjdpl6ksRegrrKexvhIa/Iny8S8uF3fVWTMuC1"#
    private static let digest = "sha256:7c35c5a1785d20704e44d5de4beb81c1fce91b6fe48ed7c3159af6f7f832078b"

    // MARK: Keys and tokens

    private struct Signer: Sendable {
        let keys: String
        let signer: TokenSigner

        init(_ form: SigningKey.Form, id: String) {
            do {
                let key = try SigningKey.generate(form)
                let algorithm: JWSAlgorithm = form == .es256 ? .es256 : .rs256
                signer = try TokenSigner(key: try key.pem(), algorithm: algorithm, keyID: id)
                keys = try key.publicKeySet(keyID: id, algorithm: algorithm)
            } catch { fatalError("\(error)") }
        }

        func token(
            issuer: String = AuthenticationFieldTests.issuer, audience: String = "a1", expires: Int = 1_800_001_000,
            subject: String? = "alice"
        ) -> String {
            let subject = subject.map { ",\"sub\":\"\($0)\"" } ?? ""
            let claims =
                "{\"iss\":\"\(issuer)\",\"aud\":\"\(audience)\",\"exp\":\(expires)\(subject),\"role\":\"dev\",\"level\":3,"
                + "\"scope\":\"read\"}"
            do { return try signer.sign(claims: claims) } catch { fatalError("\(error)") }
        }
    }

    private static let first = Signer(.es256, id: "1")
    private static let second = Signer(.es256, id: "2")
    private static let rsa = Signer(.rs256, id: "3")
    /// The first and the RSA key in one set.
    private static let both = first.keys.dropLast(2) + "," + rsa.keys.dropFirst("{\"keys\":[".count)

    /// Requests with every kind of credential, good and bad, in every place.
    private static let requests: [(target: String, fields: [String])] = {
        let good = first.token()
        var requests: [(target: String, fields: [String])] = [("/", [])]
        for token in [
            good, rsa.token(), first.token(audience: "a2"), first.token(expires: 1_799_999_970),
            first.token(subject: nil), second.token(), second.token(issuer: other), first.token(issuer: other),
        ] {
            requests.append(("/", ["authorization: Bearer \(token)"]))
        }
        requests += [
            ("/", ["x-token: Tok \(good)"]), ("/", ["x-token: \(good)"]), ("/", ["x-other: Tok \(good)"]),
            ("/?token=\(good)", []), ("/?jwt=\(good)", []), ("/", ["cookie: token=\(good)"]),
            ("/", ["cookie: jwt=\(good)"]),
            ("/", ["authorization: Bearer k-1"]), ("/", ["authorization: Bearer k-2"]), ("/", ["x-api-key: k-1"]),
            // alice:s3cret, bob:s3cret
            ("/", ["authorization: Basic YWxpY2U6czNjcmV0"]), ("/", ["authorization: Basic Ym9iOnMzY3JldA=="]),
            ("/", ["x-login: Basic YWxpY2U6czNjcmV0"]), ("/secret", ["authorization: Bearer \(good)"]),
        ]
        return requests
    }()

    // MARK: What is noticed

    /// Everything that clients, the network and rules notice of a configuration; why it is refused when it does not load.
    private static func observe(_ policies: String) throws -> String {
        let text = """
            binds: [{port: 3000, listeners: [{routes: [{policies: \(policies), backends: [{host: "127.0.0.1:9"}]}]}]}]
            """
        let files = [
            "one.json": first.keys, "two.json": second.keys, "one.htpasswd": hash, "two.htpasswd": otherHash,
            "one.key": "k-1",
            "two.key": "k-2",
        ]
        let configuration: GatewayConfiguration
        do throws(ConfigurationError) {
            configuration = try Fixture.load(text, files: files, rules: .gateway)
        } catch { return "refused: \(error.diagnostics.map(\.message))" }
        let snapshot = try Snapshot(
            configuration, upstreams: UpstreamRegistry(), readsCertificates: false,
            readFile: { path throws(AuthError) in
                guard let text = files[path] else { throw .configuration("no \(path)", .none) }
                return Array(text.utf8)
            })
        var lines: [String] = []
        for remote in snapshot.authentication.remoteKeySets {
            var store = try remote.makeStore()
            guard case .fetch(let request) = store.next(at: .zero) else { continue }
            let isPrivateAllowed = EgressAddress([10, 0, 0, 1])?.isAllowed(for: request.url, request.rules) ?? false
            lines.append("keys from \(request.url), private addresses \(isPrivateAllowed)")
        }
        let trial = try GatewayTrial(snapshot)
        var resource: ProtectedResource?
        for (target, fields) in requests {
            let head = ["GET \(target) HTTP/1.1", "host: gw.test"] + fields + ["", ""]
            let request = try TrialRequest(
                Array(head.joined(separator: "\r\n").utf8), port: 3000, connection: TrialConnection())
            guard case .found(let destination) = trial.route(request) else { fatalError("no route") }
            resource = destination.routeAuthentication?.protectedResource
            let outcome = trial.judge(request, at: destination, now: now)
            lines.append(
                "\(outcome.verdict) \(outcome.status ?? 0) \(outcome.code) \(outcome.challenges) "
                    + "\(outcome.deciding?.decision.rule?.id ?? "-") \(outcome.principal.identity) "
                    + "\(outcome.principal.apiKey?.allowsModel("gpt-4o") ?? true)")
        }
        if let resource { lines += try published(resource) }
        return lines.joined(separator: "\n")
    }

    /// What OAuth clients read of a protected resource, and what the authorization server is sent in their name.
    private static func published(_ resource: ProtectedResource) throws -> [String] {
        let head = "GET /.well-known/oauth-protected-resource HTTP/1.1\r\nhost: gw.test\r\n\r\n"
        let request = try TrialRequest(Array(head.utf8), port: 3000, connection: TrialConnection())
        var lines: [String] = []
        func note(_ reply: MetadataReply?) {
            lines.append(
                reply.map { "\($0.status) \(String(decoding: $0.body, as: UTF8.self))" } ?? "as the server says")
        }
        for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"] {
            if let endpoint = MetadataEndpoint(path: path) { note(resource.reply(to: endpoint, request, base: nil)) }
        }
        let server = """
            {"issuer":"\(issuer)","authorization_endpoint":"\(issuer)/authorize","token_endpoint":"\(issuer)/token",
            "registration_endpoint":"\(issuer)/register"}
            """
        guard
            let proxy = try? AuthorizationServerProxy(
                resource, response: KeySetResponse(status: 200, body: Array(server.utf8)))
        else { return lines + ["the metadata of another issuer"] }
        note(proxy.document(for: request, path: "", base: nil))
        let form = Array("grant_type=authorization_code&code=1&client_id=app".utf8)
        let sent = try form.withUnsafeBufferPointer { try proxy.token(form: $0) }
        lines.append(sent.body.withBytes { String(decoding: $0, as: UTF8.self) })
        let requests = try AuthorizationServerProxy.metadataRequests(for: resource, rules: resource.fetchRules)
        lines.append("\(requests.map(\.url.description))")
        return lines
    }

    // MARK: The cases

    private struct Case {
        let object: String
        let field: String
        let one: String
        let other: String

        init(_ object: String, _ field: String, _ one: String, _ other: String) {
            (self.object, self.field, self.one, self.other) = (object, field, one, other)
        }
    }

    /// A policy with some fields changed; nil takes one out.
    private static func with(_ fields: [(String, String)], _ name: String, _ value: String?) -> String {
        let kept = fields.filter { $0.0 != name } + (value.map { [(name, $0)] } ?? [])
        return "{" + kept.map { "\($0.0): \($0.1)" }.joined(separator: ", ") + "}"
    }

    private static let provider = [("issuer", issuer), ("audiences", "[a1]"), ("jwks", "'\(first.keys)'")]
    private static let resource = [("issuer", issuer), ("audiences", "[a1]"), ("jwks", "'\(first.keys)'")]
    private static let key = [("key", "k-1"), ("metadata", "{team: red}")]
    /// As a file of the configuration writes it: a dollar begins a variable.
    private static let basic = [("htpasswd", "'\(hash.replacing("$", with: "$$"))'")]

    private static func jwt(_ name: String, _ value: String?, rules: String = "") -> String {
        "{jwtAuth: \(with(provider, name, value))\(rules)}"
    }

    private static func several(_ name: String, _ value: String?, rules: String = "") -> String {
        "{jwtAuth: {providers: [\(with(provider, name, value))]}\(rules)}"
    }

    private static func mcp(_ name: String, _ value: String?, rules: String = "") -> String {
        "{mcpAuthentication: \(with(resource, name, value))\(rules)}"
    }

    private static func keys(_ name: String, _ value: String?, rules: String = "") -> String {
        "{apiKey: {keys: [\(with(key, name, value))]}\(rules)}"
    }

    private static func rules(_ text: String, _ more: String = "") -> String {
        "{jwtAuth: \(with(provider, "", nil)), authorization: {rules: [\(text)]\(more)}}"
    }

    private static let typed = ", authorization: {rules: ['jwt.level == \"3\"']}"

    /// The fields that `jwtAuth` and each of its `providers` have.
    private static func ofProvider(_ object: String, _ policy: (String, String?, String) -> String) -> [Case] {
        func one(_ name: String, _ value: String?, _ rules: String = "") -> String { policy(name, value, rules) }
        return [
            Case(object, "issuer", one("issuer", issuer), one("issuer", other)),
            Case(object, "audiences", one("audiences", "[a1]"), one("audiences", "[a2]")),
            Case(object, "jwks", one("jwks", "'\(first.keys)'"), one("jwks", "'\(second.keys)'")),
            Case(
                object, "jwtValidationOptions", one("", nil), one("jwtValidationOptions", "{requiredClaims: [sub]}")),
            Case(object, "leeway", one("", nil), one("leeway", "10s")),
            Case(object, "algorithms", one("", nil), one("algorithms", "[RS256]")),
            Case(object, "claims", one("", nil, typed), one("claims", "{level: int}", typed)),
        ]
    }

    private static func location(_ text: String) -> String { jwt("location", text) }

    private static let url = "https://keys.test/jwks"

    private static let cases: [Case] =
        ofProvider("JWTAuthentication") { jwt($0, $1, rules: $2) }
        + ofProvider("JWTProvider") { several($0, $1, rules: $2) }
        + [
            Case("JWTAuthentication", "mode", jwt("", nil), jwt("mode", "permissive")),
            Case("JWTAuthentication", "location", jwt("", nil), location("{cookie: {name: token}}")),
            Case("JWTAuthentication", "providers", several("", nil), several("issuer", other)),
            Case(
                "JWTValidationOptions", "requiredClaims", jwt("jwtValidationOptions", "{requiredClaims: [sub]}"),
                jwt("jwtValidationOptions", "{requiredClaims: [tenant]}")),

            Case("CredentialLocation", "header", jwt("", nil), location("{header: {name: x-token, prefix: 'Tok '}}")),
            Case("CredentialLocation", "queryParameter", jwt("", nil), location("{queryParameter: {name: token}}")),
            Case("CredentialLocation", "cookie", jwt("", nil), location("{cookie: {name: token}}")),
            Case(
                "HeaderLocation", "name", location("{header: {name: x-token, prefix: 'Tok '}}"),
                location("{header: {name: x-other, prefix: 'Tok '}}")),
            Case(
                "HeaderLocation", "prefix", location("{header: {name: x-token, prefix: 'Tok '}}"),
                location("{header: {name: x-token}}")),
            Case(
                "QueryParameter", "name", location("{queryParameter: {name: token}}"),
                location("{queryParameter: {name: jwt}}")),
            Case("Cookie", "name", location("{cookie: {name: token}}"), location("{cookie: {name: jwt}}")),

            Case("KeySet", "url", jwt("jwks", "{url: '\(url)'}"), jwt("jwks", "{url: '\(url)2'}")),
            Case("KeySet", "file", jwt("jwks", "{file: one.json}"), jwt("jwks", "{file: two.json}")),
            Case("KeySet", "keys", jwt("jwks", first.keys), jwt("jwks", second.keys)),
            Case(
                "KeySet", "allowInsecure", jwt("jwks", "{url: 'http://keys.test/jwks'}"),
                jwt("jwks", "{url: 'http://keys.test/jwks', allowInsecure: true}")),
            Case(
                "KeySet", "allowPrivateAddresses", jwt("jwks", "{url: '\(url)'}"),
                jwt("jwks", "{url: '\(url)', allowPrivateAddresses: true}")),

            Case("MCPAuthentication", "mode", mcp("", nil), mcp("mode", "optional")),
            Case("MCPAuthentication", "issuer", mcp("", nil), mcp("issuer", other)),
            Case("MCPAuthentication", "audiences", mcp("", nil), mcp("audiences", "[a2]")),
            Case("MCPAuthentication", "jwks", mcp("", nil), mcp("jwks", "'\(second.keys)'")),
            Case("MCPAuthentication", "provider", mcp("jwks", nil), mcp("provider", "keycloak")),
            Case(
                "MCPAuthentication", "resourceMetadata", mcp("", nil),
                mcp("resourceMetadata", "{scopesSupported: [read]}")),
            Case(
                "MCPAuthentication", "authorizationLocation", mcp("", nil),
                mcp("authorizationLocation", "{cookie: {name: token}}")),
            Case(
                "MCPAuthentication", "jwtValidationOptions", mcp("", nil),
                mcp("jwtValidationOptions", "{requiredClaims: [sub]}")),
            Case("MCPAuthentication", "leeway", mcp("", nil), mcp("leeway", "10s")),
            Case(
                "MCPAuthentication", "claims", mcp("", nil, rules: typed), mcp("claims", "{level: int}", rules: typed)),
            Case(
                "MCPAuthentication", "clientId", mcp("provider", "okta"),
                mcp("provider", "okta, clientId: app")),
            Case(
                "MCPAuthentication", "clientSecret", mcp("provider", "okta, clientId: app"),
                mcp("provider", "okta, clientId: app, clientSecret: s")),
            Case(
                "MCPAuthentication", "allowInsecure",
                "{mcpAuthentication: {issuer: 'http://issuer.test', audiences: [a1]}}",
                "{mcpAuthentication: {issuer: 'http://issuer.test', audiences: [a1], allowInsecure: true}}"),
            Case(
                "MCPAuthentication", "allowPrivateAddresses",
                "{mcpAuthentication: {issuer: '\(issuer)', audiences: [a1]}}",
                "{mcpAuthentication: {issuer: '\(issuer)', audiences: [a1], allowPrivateAddresses: true}}"),
        ]
        + AuthorizationProvider.allCases.map { product in
            Case("AuthorizationProvider", product.rawValue, mcp("", nil), mcp("provider", "{\(product.rawValue): {}}"))
        }
        + [
            Case("APIKeyAuthentication", "keys", keys("", nil), keys("key", "k-2")),
            Case(
                "APIKeyAuthentication", "mode", "{apiKey: {keys: [{key: k-1}]}}",
                "{apiKey: {keys: [{key: k-1}], mode: optional}}"),
            Case(
                "APIKeyAuthentication", "location", "{apiKey: {keys: [{key: k-1}]}}",
                "{apiKey: {keys: [{key: k-1}], location: {header: {name: x-api-key}}}}"),
            Case("APIKey", "key", keys("", nil), keys("key", "k-2")),
            Case("APIKey", "keyHash", "{apiKey: {keys: [{keyHash: '\(digest)'}]}}", keys("key", "k-2")),
            Case(
                "APIKey", "metadata", keys("", nil, rules: ", authorization: {rules: ['apiKey.team == \"red\"']}"),
                keys("metadata", "{team: blue}", rules: ", authorization: {rules: ['apiKey.team == \"red\"']}")),
            Case("APIKey", "allowedModels", keys("", nil), keys("allowedModels", "[o1]")),
            Case("APIKey", "expires", keys("", nil), keys("expires", "2020-01-01T00:00:00Z")),
            Case("SecretFile", "file", keys("key", "{file: one.key}"), keys("key", "{file: two.key}")),

            Case(
                "BasicAuthentication", "htpasswd", "{basicAuth: \(with(basic, "", nil))}",
                "{basicAuth: {htpasswd: '\(otherHash.replacing("$", with: "$$"))'}}"),
            Case(
                "BasicAuthentication", "realm", "{basicAuth: \(with(basic, "", nil))}",
                "{basicAuth: \(with(basic, "realm", "Staff"))}"),
            Case(
                "BasicAuthentication", "mode", "{basicAuth: \(with(basic, "", nil))}",
                "{basicAuth: \(with(basic, "mode", "permissive"))}"),
            Case(
                "BasicAuthentication", "authorizationLocation", "{basicAuth: \(with(basic, "", nil))}",
                "{basicAuth: \(with(basic, "authorizationLocation", "{header: {name: x-login, prefix: 'Basic '}}"))}"),
            Case(
                "HtpasswdFile", "file", "{basicAuth: {htpasswd: {file: one.htpasswd}}}",
                "{basicAuth: {htpasswd: {file: two.htpasswd}}}"),

            Case("AuthorizationRules", "rules", rules("'true'"), rules("'false'")),
            Case("AuthorizationRules", "defaultAction", rules(""), rules("", ", defaultAction: deny")),
            Case("AuthorizationRules", "mode", rules("'false'"), rules("'false'", ", mode: shadow")),
            Case(
                "AuthorizationRule", "allow", rules("{allow: 'true'}"), rules("{allow: 'request.path == \"/secret\"'}")),
            Case("AuthorizationRule", "deny", rules("{deny: 'false'}"), rules("{deny: 'request.path == \"/secret\"'}")),
            Case(
                "AuthorizationRule", "require", rules("{require: 'true'}"),
                rules("{require: 'request.path == \"/secret\"'}")),
            Case("AuthorizationRule", "id", rules("{allow: 'true', id: a}"), rules("{allow: 'true', id: b}")),
            Case("AuthorizationRule", "mode", rules("{deny: 'true'}"), rules("{deny: 'true', mode: shadow}")),
        ]

    private static func objects(_ shape: Shape, _ seen: inout [String: ObjectShape]) {
        switch shape {
        case .list(let element, _), .map(let element): objects(element, &seen)
        case .either(let shapes): for shape in shapes { objects(shape, &seen) }
        case .object(let object):
            guard seen[object.name] == nil else { return }
            seen[object.name] = object
            for field in object.fields where field.support == .yes { objects(field.shape, &seen) }
        case .text, .integer, .number, .boolean, .choice, .free: break
        }
    }

    @Test func everyFieldHasACase() {
        var all: [String: ObjectShape] = [:]
        let policies = [
            Declarations.jwtAuth.shape, Declarations.mcpAuthentication.shape, Declarations.apiKey.shape,
            Declarations.basicAuth.shape, Declarations.ruleSet(.http).shape,
        ]
        for shape in policies { Self.objects(shape, &all) }
        let covered = Set(Self.cases.map { "\($0.object).\($0.field)" })
        var declared: Set<String> = []
        for object in all.values {
            for field in object.fields where field.support == .yes { declared.insert("\(object.name).\(field.name)") }
        }
        #expect(declared.count > 50)
        #expect(declared.subtracting(covered).sorted() == [])
        #expect(covered.subtracting(declared).sorted() == [])
    }

    @Test func everyFieldChangesWhatSomebodyNotices() throws {
        for one in Self.cases {
            let before = try Self.observe(one.one)
            let after = try Self.observe(one.other)
            #expect(before != after, "\(one.object).\(one.field): \(before)")
            // A configuration is refused only where what is told apart is whether it loads.
            let isAboutLoading = ["claims", "allowInsecure"].contains(one.field)
            #expect(
                isAboutLoading || !(before.hasPrefix("refused") && after.hasPrefix("refused")), "\(before) \(after)")
            if !isAboutLoading {
                #expect(!before.hasPrefix("refused"), "\(one.object).\(one.field): \(before)")
                #expect(!after.hasPrefix("refused"), "\(one.object).\(one.field): \(after)")
            }
        }
    }
}
