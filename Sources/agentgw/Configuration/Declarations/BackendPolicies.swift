// Policies of a backend: what we show it, how TLS to it is done, its own rules.

import Auth
import Proxy

/// A backend's policies as written, with what is settled only when the route is known.
struct BackendPoliciesDraft: Sendable {
    var policies = BackendPolicies()
    var ai = AIPolicyDraft()
}

extension Declarations {
    // MARK: backendAuth

    private struct BackendAuthDraft {
        var authentication: BackendAuthentication?
    }

    private struct KeyDraft {
        var value: Secret?
        var location: CredentialLocation?
    }

    static let backendAuth: ValueDecoder<BackendAuthentication> = {
        let keyObject = ValueDecoder<KeyDraft>.object(
            "BackendKey", "A static credential.", make: { _, _ in KeyDraft() },
            fields: [
                .optional("value", \.value, .secretOrFile("a key"), "The credential."),
                .optional("file", \.value, secretFromPath, "A file that holds it."),
                .optional("location", \.location, credentialLocation, "Where it is sent."),
            ], rules: [.exactlyOne(["value", "file"])]
        ).then { (draft, node, context) -> BackendAuthentication? in
            draft.value.map { .key($0, location: draft.location) }
        }
        let passthrough = ValueDecoder<CredentialLocation?>.object(
            "Passthrough", "Where the client's credential is put.", make: { _, _ in nil },
            fields: [.optional("location", \.self, credentialLocation, default: "where it was", "Where it is sent.")])
        return .byNotation(
            scalar: ValueDecoder<BackendAuthentication>(.choice(["passthrough"])) { node, context in
                guard let scalar = Scalars.text("passthrough", node, context) else { return nil }
                switch scalar.text.text {
                case "passthrough": return .passthrough(location: nil)
                case "copilot": return context.fail("not supported yet: copilot", at: node)
                default:
                    return context.fail("expected passthrough or {key: …}, found other text", at: node)
                }
            },
            mapping: ValueDecoder<BackendAuthDraft>.object(
                "BackendAuth",
                "The credential sent to the backend. The client's own never travels unless `passthrough` says so.",
                make: { _, _ in BackendAuthDraft() },
                fields: [
                    .optional(
                        "key", \.authentication,
                        .byNotation(
                            scalar: ValueDecoder<Secret>.secret("a key").map { .key($0, location: nil) },
                            mapping: keyObject, expected: "a key, {file: …} or {value: …, location: …}"),
                        "A static credential, sent where the provider expects it."),
                    .apply(
                        "passthrough", passthrough, "Sends the credential that the client was authenticated with."
                    ) { owner, location, _, _ in
                        owner.authentication = .passthrough(location: location)
                        return true
                    },
                    .optional("jwtSign", \.authentication, jwtSign, "Sends a short-lived token of the gateway's own."),
                    .notYet("gcp", "Google Cloud credentials"),
                    .notYet("aws", "AWS request signing"),
                    .notYet("azure", "Entra credentials"),
                    .notYet("copilot", "Copilot credentials"),
                    .notYet("oauthTokenExchange", "token exchange (RFC 8693)"),
                    .notYet("crossAppAccess", "cross-application access"),
                    .notYet("credentials", "additional static credentials"),
                ],
                rules: [
                    .exactlyOne([
                        "key", "passthrough", "jwtSign", "gcp", "aws", "azure", "copilot", "oauthTokenExchange",
                        "crossAppAccess", "credentials",
                    ])
                ]
            ).then { draft, _, _ in draft.authentication },
            expected: "{key: …} or passthrough")
    }()

    private static let secretFromPath = ValueDecoder<Secret>(.text("a path")) { node, context in
        guard let scalar = Scalars.text("a path", node, context) else { return nil }
        return .file(scalar.text.text, node, context)
    }

    private struct JWTSignDraft {
        var signing: JWTSigning
    }

    private static let jwtSign = ValueDecoder<JWTSignDraft>.object(
        "JWTSign", "A token made for each request.",
        make: { node, context in
            JWTSignDraft(signing: JWTSigning(signingKey: Secret(bytes: []), position: context.position(of: node)))
        },
        fields: [
            .value(
                "signingKey", \.signing.signingKey, .secretOrFile("a key in PEM"), required: true, "The private key."),
            .value("alg", \.signing.algorithm, ValueDecoder<JWSAlgorithm>.word(), default: "RS256", "The algorithm."),
            .optional("kid", \.signing.keyID, .nonEmptyString(), "The key's identifier."),
            .value("claims", \.signing.claims, freeObject, "Claims beside `iat`, `nbf` and `exp`."),
            .value("ttl", \.signing.lifetime, .duration(atLeast: .seconds(1)), default: "300s", "The token's life."),
            .value(
                "location", \.signing.location, credentialLocation, default: "Authorization: Bearer",
                "Where it is sent."),
        ]
    ).check { draft, node, context in
        for claim in draft.signing.claims where ["iat", "nbf", "exp"].contains(claim.name) {
            return context.fail("the claim \"\(claim.name)\" is the gateway's", at: node)
        }
        return draft
    }.map { BackendAuthentication.signedToken($0.signing) }

    // MARK: backendTLS

    static let backendTLS = ValueDecoder<BackendTLS>.object(
        "BackendTLS", "TLS to the backend. `{}` verifies against the system's certificate authorities.",
        make: { _, _ in BackendTLS() },
        fields: [
            .optional("root", \.rootPath, .nonEmptyString("a path"), "Certificate authorities in PEM."),
            .optional("cert", \.certificatePath, .nonEmptyString("a path"), "Our client certificate in PEM."),
            .optional("key", \.keyPath, .nonEmptyString("a path"), "Its private key in PEM."),
            .optional("hostname", \.hostname, .nonEmptyString("a host name"), "Sent as SNI and verified."),
            .value("insecure", \.insecure, .boolean, default: "false", "Verifies nothing."),
            .value("insecureHost", \.insecureHost, .boolean, default: "false", "Verifies the chain, not the name."),
            .value("alpn", \.alpn, .list(.nonEmptyString("a protocol")), "Application protocols offered."),
            .value(
                "subjectAltNames", \.subjectAltNames, .list(.nonEmptyString("a name")),
                "DNS names or URIs; one must be in the certificate, in place of the host name."
            ),
            .notYet("keyExchangeGroups", "a choice of key exchange groups"),
            .notYet("spiffe", "SPIFFE identities"),
        ]
    ).check { tls, node, context in
        if (tls.certificatePath == nil) != (tls.keyPath == nil) {
            return context.fail("cert and key belong together", at: node)
        }
        if tls.insecure, !tls.subjectAltNames.isEmpty {
            return context.fail("subjectAltNames would not be looked at: insecure verifies nothing", at: node)
        }
        if tls.insecure {
            context.warn("insecure: the backend's certificate is not verified", at: node, rule: "insecure-backend")
        }
        return tls
    }

    // MARK: The lists of policies

    private static let httpVersion = ValueDecoder<BackendPoliciesDraft>.object(
        "BackendHTTP", "HTTP to the backend.", make: { _, _ in BackendPoliciesDraft() },
        fields: [
            .optional(
                "version", \.policies.httpVersion, ValueDecoder<UpstreamHTTPVersion>.word(),
                default: "1.1, or what ALPN finds",
                "`1.1`, or `2`: over TLS by ALPN, else with prior knowledge. MCP targets are always spoken to in 1.1."),
            .optional("requestTimeout", \.policies.requestTimeout, .duration(), "Of one attempt."),
        ])

    private static let tcpSettings = ValueDecoder<BackendPoliciesDraft>.object(
        "BackendTCP", "Connections to the backend.", make: { _, _ in BackendPoliciesDraft() },
        fields: [
            .optional("connectTimeout", \.policies.connectTimeout, .duration(), "Of connecting."),
            .optional("keepalives", \.policies.keepalive, keepalive, "TCP keepalive; the process's otherwise."),
        ])

    /// What MCP targets and helper services may have.
    private static let simpleBackendFields: [Field<BackendPoliciesDraft>] = [
        .optional("requestHeaderModifier", \.policies.requestHeaders, headerModifier, "Changes request headers."),
        .optional("backendTLS", \.policies.backendTLS, backendTLS, "TLS to the backend."),
        .optional("backendAuth", \.policies.backendAuthentication, backendAuth, "The credential sent to the backend."),
        .apply("http", httpVersion, "HTTP to the backend.") { owner, http, _, _ in
            owner.policies.requestTimeout = http.policies.requestTimeout
            owner.policies.httpVersion = http.policies.httpVersion
            return true
        },
        .apply("tcp", tcpSettings, "Connections to the backend.") { owner, tcp, _, _ in
            owner.policies.connectTimeout = tcp.policies.connectTimeout
            owner.policies.keepalive = tcp.policies.keepalive
            return true
        },
        .notYet("backendTunnel", "an egress proxy"),
    ]

    /// Of an MCP target.
    static let targetPolicies = ValueDecoder<BackendPoliciesDraft>.object(
        "MCPTargetPolicies", "Policies of an MCP target.", make: { _, _ in BackendPoliciesDraft() },
        fields: simpleBackendFields + [
            .notYet("transformations", "transformations of a target"),
            .optional(
                "mcpAuthorization", \.policies.mcpAuthorization, ruleSet(.mcp),
                "Rules for this target's tools, prompts and resources, after the route's and the backend's."),
        ]
    ).map(\.policies)

    static let backendPolicies = ValueDecoder<BackendPoliciesDraft>.object(
        "BackendPolicies", "Policies of a backend.", make: { _, _ in BackendPoliciesDraft() },
        fields: simpleBackendFields + [
            .optional(
                "responseHeaderModifier", \.policies.responseHeaders, headerModifier, "Changes response headers."),
            .optional(
                "authorization", \.policies.authorization, ruleSet(.backend),
                "Rules, after the route's. They read `backend` and, of an AI backend, `llm` as well."),
            .optional("mcpAuthorization", \.policies.mcpAuthorization, ruleSet(.mcp), "Rules for MCP messages."),
            .optional("a2aAuthorization", \.policies.a2aAuthorization, ruleSet(.a2a), "Rules for A2A messages."),
            .optional("a2a", \.policies.a2a, a2a, "The backend is an A2A agent."),
            .value("ai", \.ai, aiPolicy, "How AI requests are treated."),
            .optional("transformations", \.policies.transformations, transformations, "Headers computed by CEL."),
            .optional("health", \.policies.health, health, "A backend that fails is left out for a while."),
            .notYet("extAuthz", "an external authorization service of a backend; a route's is there"),
            .notYet("requestRedirect", "redirects by a backend"),
            .notYet("mcpGuardrails", "external MCP guardrails"),
            .notYet("inferenceRouting", "inference routing"),
            .notYet(
                "sessionAffinity", "session affinity of a backend; set it on the route, whose backends it chooses among"
            ),
        ])
}

extension Secret {
    /// A file's content, trimmed. nil: reported.
    static func file(_ path: String, _ node: YAMLNode, _ context: DecodingContext) -> Secret? {
        switch context.files.read(path, ValueDecoder<Secret>.maximumLength) {
        case .failure(let failure):
            return context.fail("cannot read \"\(Excerpt.of(path))\": \(failure.message)", at: node)
        case .success(let bytes):
            let text = bytes.trimmingASCIIWhitespace
            if text.isEmpty { return context.fail("\"\(Excerpt.of(path))\" is empty", at: node) }
            return Secret(bytes: text)
        }
    }
}
