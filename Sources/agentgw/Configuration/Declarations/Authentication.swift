// `jwtAuth`, `mcpAuthentication`, `apiKey`, `basicAuth`.

import Auth

extension Declarations {
    // MARK: jwtAuth

    private struct JWTDraft {
        var authentication = JWTAuthentication(providers: [])
        /// The single form; `issuer` empty: not used.
        var single: JWTProvider
    }

    private static let providerFields: [Field<JWTProvider>] = [
        .value("issuer", \.issuer, issuer, required: true, "`iss` must equal this."),
        .value(
            "audiences", \.audiences, .list(.nonEmptyString("an audience")),
            "`aud` must contain one of these. Empty: `aud` is not checked, and the load warns."),
        .value(
            "jwks", \.keys, keySet, default: "discovery from the issuer", "The keys: `url`, `file`, or the set itself."),
        .value("jwtValidationOptions", \.requiredClaims, requiredClaims, "Further checks."),
        .value("leeway", \.leeway, .duration(atLeast: .zero), default: "60s", "Tolerance for clocks that differ."),
        .optional("algorithms", \.algorithms, algorithms, "Narrows what the keys allow."),
        .optional(
            "claims", \.claims, claims,
            "Types of claims, so that rules are checked against them; `\"*\": dyn` allows others."),
    ]

    private static func newProvider(_ node: YAMLNode, _ context: DecodingContext) -> JWTProvider {
        JWTProvider(issuer: "", keys: .discovery(), position: context.position(of: node))
    }

    @Sendable private static func checkProvider(
        _ provider: JWTProvider, _ node: YAMLNode, _ context: DecodingContext
    ) -> JWTProvider? {
        if provider.audiences.isEmpty {
            context.warn(
                "no audiences: a token that the issuer made for any other service is accepted here as well", at: node,
                rule: "missing-audience")
        }
        if case .discovery(let rules) = provider.keys {
            guard checkedURL(provider.issuer, rules, node, context) != nil else { return nil }
        }
        return provider
    }

    private static let jwtProvider = ValueDecoder<JWTProvider>.object(
        "JWTProvider", "A trusted issuer.", make: newProvider, fields: providerFields
    ).check(checkProvider)

    static let jwtAuth = ValueDecoder<JWTDraft>.object(
        "JWTAuthentication",
        "Requires a JSON Web Token. Either one issuer's fields, or `providers`.",
        make: { node, context in JWTDraft(single: newProvider(node, context)) },
        fields: [
            .value(
                "mode", \.authentication.mode, authenticationMode, default: "strict",
                mode("agentgateway's default is `optional`; here a token is needed unless the file says otherwise.")),
            .value(
                "location", aliases: ["locations"], \.authentication.locations, credentialLocations,
                default: "Authorization: Bearer", "Where the token is looked for; one place or a list."),
            .apply(
                "providers", .list(jwtProvider, atLeast: 1, of: "provider"),
                "Several issuers, chosen by the token's `iss`."
            ) { owner, providers, node, context in
                owner.authentication.providers = providers
                var seen: Set<String> = []
                for provider in providers where !seen.insert(provider.issuer).inserted {
                    context.report("two providers have the same issuer", at: node)
                    return false
                }
                return true
            },
        ] + providerFields.map { $0.inside(\.single, required: false) },
        rules: [.exactlyOne(["issuer", "providers"])]
            + ["audiences", "jwks", "jwtValidationOptions", "leeway", "algorithms", "claims"].map {
                .atMostOne(["providers", $0])
            }
    ).then { (draft, node, context) -> JWTAuthentication? in
        context.noteStrictDefault(node)
        var authentication = draft.authentication
        if authentication.providers.isEmpty {
            guard let provider = checkProvider(draft.single, node, context) else { return nil }
            authentication.providers = [provider]
        }
        return authentication
    }

    // MARK: mcpAuthentication

    static let mcpAuthentication = ValueDecoder<MCPAuthentication>.object(
        "MCPAuthentication", "Makes an MCP endpoint an OAuth 2.0 protected resource, as MCP's authorization says.",
        make: { node, context in MCPAuthentication(issuer: "", position: context.position(of: node)) },
        fields: [
            .value("mode", \.mode, authenticationMode, default: "strict", mode("What an absent or wrong token does.")),
            .value("issuer", \.issuer, issuer, required: true, "The authorization server; `iss` must equal this."),
            .value(
                "audiences", \.audiences, .list(.nonEmptyString("an audience")), default: "the resource",
                "`aud` must contain one of these."),
            .optional("jwks", \.keys, keySet, default: "as the provider publishes them", "The keys."),
            .optional("provider", \.provider, authorizationProvider, "A product whose deviations are known."),
            .value(
                "resourceMetadata", \.resourceMetadata, freeObject,
                "Members of the published document (RFC 9728); names become snake_case."),
            .value(
                "authorizationLocation", aliases: ["location"], \.locations, credentialLocations,
                default: "Authorization: Bearer", "Where the token is looked for."),
            .value("jwtValidationOptions", \.requiredClaims, requiredClaims, "Further checks."),
            .value("leeway", \.leeway, .duration(atLeast: .zero), default: "60s", "Tolerance for clocks that differ."),
            .optional("claims", \.claims, claims, "Types of claims; `\"*\": dyn` allows others."),
            .optional("clientId", \.clientID, .nonEmptyString("a client identifier"), "A client registered by hand."),
            .optional("clientSecret", \.clientSecret, .secretOrFile("a secret"), "Its secret."),
            .value(
                "allowInsecure", \.fetchRules.allowInsecure, .boolean, default: "false",
                "Allows plain http to an authorization server that is not on loopback."),
            .value(
                "allowPrivateAddresses", \.fetchRules.allowPrivateAddresses, .boolean, default: "false",
                "Allows an authorization server on private and link-local addresses."),
        ]
    ).check { authentication, node, context in
        if authentication.keys == nil,
            checkedURL(authentication.issuer, authentication.fetchRules, node, context) == nil
        {
            return nil
        }
        return authentication
    }

    private static let authorizationProvider: ValueDecoder<AuthorizationProvider> = {
        let empty = ValueDecoder<Bool>.object(
            "ProviderOptions", "The provider has no options.", make: { _, _ in true }, fields: [])
        let names = AuthorizationProvider.allCases
        return .byNotation(
            scalar: .word(),
            mapping: ValueDecoder<AuthorizationProvider?>.object(
                "AuthorizationProvider", "A product, by its name.", make: { _, _ in nil },
                fields: names.map { provider in
                    .apply(provider.rawValue, empty, "The product \(provider.rawValue).") { owner, _, _, _ in
                        owner = provider
                        return true
                    }
                }, rules: [.exactlyOne(names.map(\.rawValue))]
            ).then { provider, _, _ in provider },
            expected: "a provider's name")
    }()

    // MARK: apiKey

    private struct APIKeyDraft {
        var plain: Secret?
        var hash: String?
        var key: APIKey
    }

    private static let apiKeyEntry = ValueDecoder<APIKeyDraft>.object(
        "APIKey", "One key.",
        make: { node, context in APIKeyDraft(key: APIKey(key: .hash(""), position: context.position(of: node))) },
        fields: [
            .optional("key", \.plain, .secretOrFile("an API key"), "The key. Only its SHA-256 is kept."),
            .optional("keyHash", \.hash, keyHash, "The key's SHA-256: `sha256:` and 64 hex digits."),
            .value("metadata", \.key.metadata, freeObject, "What rules see as `apiKey.…`."),
            .optional(
                "allowedModels", \.key.allowedModels, .list(.nonEmptyString("a model")), default: "all",
                "Models the key may use at AI backends: exact, `prefix*`, `*suffix` or `*`. An empty list: none."),
            .optional("expires", \.key.expires, timestamp, "From then on the key is refused: `2027-01-31T00:00:00Z`."),
        ], rules: [.exactlyOne(["key", "keyHash"])]
    ).map { draft in
        var key = draft.key
        if let plain = draft.plain { key.key = .plain(plain) }
        if let hash = draft.hash { key.key = .hash(hash) }
        return key
    }

    private static let keyHash = ValueDecoder<String>(
        .text("sha256:<64 hex digits>", pattern: "^sha256:[0-9a-fA-F]{64}$")
    ) {
        node, context in
        guard let scalar = Scalars.text("sha256:<64 hex digits>", node, context) else { return nil }
        let text = scalar.text.text
        let digits = text.utf8.dropFirst(7)
        guard text.hasPrefix("sha256:"), digits.count == 64, digits.allSatisfy({ Hexadecimal.value($0) != nil }) else {
            return context.fail("expected sha256: and 64 hexadecimal digits", at: node)
        }
        return text
    }

    /// RFC 3339, or YAML's plain date.
    static let timestamp = ValueDecoder<Int64>(.text("a time such as 2027-01-31T00:00:00Z")) { node, context in
        guard let scalar = Scalars.any("a time", node, context) else { return nil }
        guard let seconds = TimestampText.seconds(scalar.text.text) else {
            return context.fail("expected a time such as 2027-01-31T00:00:00Z", at: node)
        }
        return seconds
    }

    static let apiKey = ValueDecoder<APIKeyAuthentication>.object(
        "APIKeyAuthentication", "Requires one of the listed keys.", make: { _, _ in APIKeyAuthentication(keys: []) },
        fields: [
            .value("keys", \.keys, .list(apiKeyEntry, atLeast: 1, of: "key"), required: true, "The keys."),
            .value("mode", \.mode, authenticationMode, default: "strict", mode("What an absent or wrong key does.")),
            .value(
                "location", aliases: ["locations"], \.locations, credentialLocations, default: "Authorization: Bearer",
                "Where the key is looked for."),
        ]
    ).check { authentication, node, context in
        context.noteStrictDefault(node)
        return authentication
    }

    // MARK: basicAuth

    static let basicAuth = ValueDecoder<BasicAuthentication>.object(
        "BasicAuthentication", "Requires a user and a password (RFC 7617).",
        make: { node, context in BasicAuthentication(users: .file(path: ""), position: context.position(of: node)) },
        fields: [
            .value(
                "htpasswd", \.users,
                .byNotation(
                    scalar: ValueDecoder<Secret>.secret("htpasswd lines").map { .inline($0) },
                    mapping: ValueDecoder<String>.object(
                        "HtpasswdFile", "Users kept in a file.", make: { _, _ in "" },
                        fields: [.value("file", \.self, .nonEmptyString("a path"), required: true, "The file's path.")]
                    ).map { .file(path: $0) },
                    expected: "htpasswd lines or {file: …}"), required: true,
                "Lines `user:hash`, or a file of them. bcrypt and SHA-512-crypt."),
            .value("realm", \.realm, .headerValue, default: "Restricted", "Shown by the client when it asks."),
            .apply("mode", authenticationMode, default: "strict", mode("What an absent or wrong password does.")) {
                owner, mode, _, _ in
                owner.mode = mode
                return true
            },
            .value(
                "authorizationLocation", aliases: ["location"], \.locations, credentialLocations,
                default: "Authorization: Basic", "Where user and password are looked for, as base64 of `user:password`."
            ),
        ]
    ).check { authentication, node, context in
        context.noteStrictDefault(node)
        return authentication
    }
}

enum Hexadecimal {
    static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
