// Ports and listeners.

import Auth
import Proxy

struct BindDraft: Sendable {
    var bind: Bind
    var listeners: [ListenerDraft] = []
    /// `binds[2]`, for messages.
    var path: String
}

struct ListenerDraft: Sendable {
    var listener: Listener
    var isNamed = false
    var routes: [RouteDraft] = []
    var path: String
}

extension Declarations {
    /// Of a listener: they run before the route is chosen.
    static let listenerPolicyFields: [Field<ListenerPolicies>] = [
        .optional("cors", \.cors, cors, "Which web pages may read the answers."),
        .optional("jwtAuth", \.jwtAuthentication, jwtAuth, "Requires a JSON Web Token."),
        .optional("basicAuth", \.basicAuthentication, basicAuth, "Requires a user and a password."),
        .optional("apiKey", \.apiKeyAuthentication, apiKey, "Requires an API key."),
        .optional("authorization", \.authorization, ruleSet(.http), "Rules for every request; the route's come after."),
        .notYet("oidc", "browser login"),
        .optional("extAuthz", \.externalAuthorization, extAuthz, "A service is asked over HTTP, before the route's."),
        .notYet("extProc", "an external processor"),
        .notYet("transformations", "transformations"),
    ]

    static let listenerPolicies = ValueDecoder<ListenerPolicies>.object(
        "ListenerPolicies", "What is done to every request of a listener, before its route is chosen.",
        make: { _, _ in ListenerPolicies() }, fields: listenerPolicyFields)

    private static let tlsVersion = ValueDecoder<TLSVersion>.word(unsupported: ["TLS_V1_0", "TLS_V1_1"])

    private static let listenerTLSObject = ValueDecoder<ListenerTLS>.object(
        "ListenerTLS", "TLS of a listener; files in PEM.",
        make: { node, context in
            ListenerTLS(certificatePath: "", keyPath: "", position: context.position(of: node))
        },
        fields: [
            .value("cert", \.certificatePath, .nonEmptyString("a path"), required: true, "The certificate chain."),
            .value("key", \.keyPath, .nonEmptyString("a path"), required: true, "Its private key."),
            .optional(
                "root", \.clientRootPath, .nonEmptyString("a path"),
                "Client authorities; makes a client certificate required."),
            .value(
                "requireClientCert", \.requiresClientCertificate, .boolean, default: "true",
                "With `root`: false admits clients without a certificate; one that is shown must verify."),
            .value(
                "minTLSVersion", aliases: ["minTlsVersion"], \.minimumVersion, tlsVersion, default: "TLS_V1_2",
                "Least version."),
            .value(
                "maxTLSVersion", aliases: ["maxTlsVersion"], \.maximumVersion, tlsVersion, default: "TLS_V1_3",
                "Last version."),
            .notYet("mode", "certificates made on demand"),
            .notYet("spiffe", "SPIFFE identities"),
            .notYet("cipherSuites", "a choice of cipher suites"),
            .notYet("keyExchangeGroups", "a choice of key exchange groups"),
        ]
    ).check { tls, node, context in
        if tls.minimumVersion > tls.maximumVersion {
            return context.fail("minTLSVersion is above maxTLSVersion", at: node)
        }
        if !tls.requiresClientCertificate, tls.clientRootPath == nil {
            return context.fail("requireClientCert has a meaning only with root", at: node)
        }
        return tls
    }

    static var listenerTLS: ValueDecoder<ListenerTLS> { listenerTLSObject }

    static let listenerProtocol = ValueDecoder<ListenerProtocol>.word(unsupported: ["TLS", "TCP", "HBONE"])

    static let listener = ValueDecoder<ListenerDraft>.object(
        "Listener", "One of the services on a port.",
        make: { node, context in
            ListenerDraft(listener: Listener(position: context.position(of: node)), path: context.pathText)
        },
        fields: [
            .apply("name", .nonEmptyString("a name"), default: "its place: `listener0`, …", "Shown in metrics.") {
                owner, name, _, _ in
                owner.listener.name = name
                owner.isNamed = true
                return true
            },
            .notYet("namespace", "namespaces"),
            .value("hostname", \.listener.hostname, hostPattern, default: "any", "The host name it serves."),
            .value("protocol", \.listener.transport, listenerProtocol, default: "HTTP", "`HTTP` or `HTTPS`."),
            .optional("tls", \.listener.tls, listenerTLS, "TLS, with `protocol: HTTPS`."),
            .value("policies", \.listener.policies, listenerPolicies, "What is done to every request."),
            .value("routes", \.routes, .list(route), "Its routes."),
            .notYet("tcpRoutes", "TCP routes"),
        ]
    ).check { draft, node, context in
        switch (draft.listener.transport, draft.listener.tls) {
        case (.http, .some): context.fail("protocol HTTP cannot have tls; write protocol: HTTPS", at: node)
        case (.https, nil): context.fail("protocol HTTPS needs tls", at: node)
        default: draft
        }
    }

    static let bind = ValueDecoder<BindDraft>.object(
        "Bind", "One port.",
        make: { node, context in
            BindDraft(bind: Bind(port: 0, position: context.position(of: node)), path: context.pathText)
        },
        fields: [
            .apply("port", .port, required: true, "The port.") { owner, port, _, _ in
                owner.bind.port = UInt16(clamping: port)
                return true
            },
            .value(
                "addresses", \.bind.addresses, .list(addressLiteral), default: "all interfaces",
                "IP addresses to listen on."),
            .value(
                "listeners", \.listeners, .list(listener, atLeast: 1, of: "listener"), required: true, "Its listeners."),
            .notYet("tunnelProtocol", "tunnels"),
            .notYet("mode", "internal binds"),
        ])

    private static let addressLiteral = ValueDecoder<String>(.text("an IP address")) { node, context in
        guard let scalar = Scalars.text("an IP address", node, context) else { return nil }
        let text = scalar.text.text
        if text.contains(":"), let place = HostPort("[\(text)]") { return place.host }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts.allSatisfy({ $0.utf8.count <= 3 && UInt8($0) != nil && !$0.hasPrefix("+") })
        else {
            return context.fail("\"\(scalar.written)\" is not an IP address", at: node)
        }
        return text
    }
}
