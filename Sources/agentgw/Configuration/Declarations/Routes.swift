// Routes: matches, policies, backends.

import Auth
import Proxy

/// A route as written, before what its levels say together is settled.
struct RouteDraft: Sendable {
    var route: Route
    var isNamed = false
    var match: [RouteMatch]?
    var matches: [RouteMatch]?
    var ai = AIPolicyDraft()
    var backends: [BackendDraft] = []
    var node: YAMLNode
}

struct RoutePoliciesDraft: Sendable {
    var policies = RoutePolicies()
    var ai = AIPolicyDraft()
}

struct BackendDraft: Sendable {
    enum Kind: Sendable {
        case host(UpstreamAddress)
        case ai([[AIUpstreamDraft]])
        case mcp(MCPBackend)
        /// `backend: NAME`
        case named(String)
    }

    var name = ""
    var weight = 1
    var kind: Kind?
    var policies: BackendPoliciesDraft?
    var position: FilePosition
    /// For messages about the whole entry.
    var path: String
}

extension Declarations {
    static let routePolicies = ValueDecoder<RoutePoliciesDraft>.object(
        "RoutePolicies", "What is done to a route's requests.", make: { _, _ in RoutePoliciesDraft() },
        fields: [
            .optional("cors", \.policies.cors, cors, "Which web pages may read the answers."),
            .optional("jwtAuth", \.policies.jwtAuthentication, jwtAuth, "Requires a JSON Web Token."),
            .optional(
                "mcpAuthentication", \.policies.mcpAuthentication, mcpAuthentication,
                "Makes an MCP endpoint an OAuth 2.0 protected resource."),
            .optional("basicAuth", \.policies.basicAuthentication, basicAuth, "Requires a user and a password."),
            .optional("apiKey", \.policies.apiKeyAuthentication, apiKey, "Requires an API key."),
            .optional("authorization", \.policies.authorization, ruleSet(.http), "Rules for every request."),
            .optional("mcpAuthorization", \.policies.mcpAuthorization, ruleSet(.mcp), "Rules for MCP messages."),
            .optional("a2aAuthorization", \.policies.a2aAuthorization, ruleSet(.a2a), "Rules for A2A messages."),
            .optional("a2a", \.policies.a2a, a2a, "The route leads to an A2A agent."),
            .value("ai", \.ai, aiPolicy, "How AI requests are treated."),
            .optional("requestHeaderModifier", \.policies.requestHeaders, headerModifier, "Changes request headers."),
            .optional(
                "responseHeaderModifier", \.policies.responseHeaders, headerModifier, "Changes response headers."),
            .optional("urlRewrite", \.policies.urlRewrite, urlRewrite, "Changes the URL that is forwarded."),
            .optional("requestRedirect", \.policies.requestRedirect, requestRedirect, "Answers with a redirect."),
            .optional("directResponse", \.policies.directResponse, directResponse, "Answers without a backend."),
            .value("timeout", \.policies.timeouts, timeouts, "How long a request may take."),
            .optional("extAuthz", \.policies.externalAuthorization, extAuthz, "A service is asked over HTTP."),
            .optional("transformations", \.policies.transformations, transformations, "Headers computed by CEL."),
            .optional("requestMirror", \.policies.mirror, requestMirror, "A copy goes to another service."),
            .optional("buffer", \.policies.bufferedRequest, buffer, "Bodies are held before they are sent on."),
            .value(
                "balancing", \.policies.balancing, ValueDecoder<Balancing>.word(), default: "weighted",
                "How a backend is chosen: `weighted`, or `leastRequest`: of two, the one with fewer under way."),
            .optional(
                "sessionAffinity", \.policies.affinity, sessionAffinity, "The same key goes to the same backend."),
            .optional("csrf", \.policies.csrf, csrf, "Refuses what another site's page makes a browser send."),
            .value("localRateLimit", \.policies.rateLimits, rateLimits, "How many requests, or model tokens, pass."),
            .optional("retry", \.policies.retry, retry, "Tries again when the upstream fails."),
            .optional(
                "backendAuth", \.policies.backendAuthentication, backendAuth, "The credential sent to the backends."),
            .optional("backendTLS", \.policies.backendTLS, backendTLS, "TLS to the backends."),
            .notYet("oidc", "browser login"),
            .notYet("extProc", "an external processor"),
            .notYet("remoteRateLimit", "rate limits of an external service"),
            .notYet("mcpGuardrails", "external MCP guardrails"),
            .notYet("delay", "delays"),
            .notYet("backendTunnel", "an egress proxy"),
        ]
    ).check { draft, node, context in
        let policies = draft.policies
        if policies.jwtAuthentication != nil, policies.mcpAuthentication != nil {
            return context.fail("only one of jwtAuth, mcpAuthentication can be set", at: node)
        }
        if policies.directResponse != nil, policies.requestRedirect != nil {
            return context.fail("only one of directResponse, requestRedirect can be set", at: node)
        }
        return draft
    }

    // MARK: Backends

    private static func backendFields() -> [Field<BackendDraft>] {
        [
            .apply(
                "host", upstream(allowsPath: false), "Plain HTTP: `host:port`, `unix:/path`, or a URL without a path."
            ) { owner, text, _, _ in
                owner.kind = .host(text.address)
                return true
            },
            .apply("ai", aiBackend, "AI providers.") { owner, groups, _, _ in
                owner.kind = .ai(groups)
                return true
            },
            .apply("mcp", mcpBackend, "MCP servers.") { owner, backend, _, _ in
                owner.kind = .mcp(backend)
                return true
            },
            .optional("policies", \.policies, backendPolicies, "Policies of this backend."),
            .notYet("internal", "in-process backends"),
            .notYet("aws", "AWS backends"),
        ]
    }

    static let routeBackend = ValueDecoder<BackendDraft>.object(
        "RouteBackend", "Where requests go.",
        make: { node, context in BackendDraft(position: context.position(of: node), path: context.pathText) },
        fields: backendFields() + [
            .value(
                "weight", \.weight, .integer(0...1_000_000), default: "1",
                "Relative to the route's other backends; 0: never."),
            .apply("backend", .nonEmptyString("a backend's name"), "One of the file's named `backends`.") {
                owner, name, _, _ in
                owner.kind = .named(name.hasPrefix("/") ? String(name.dropFirst()) : name)
                return true
            },
            .notYet("service", "services of a registry"),
            .notYet("dynamic", "forward proxying"),
            .notYet("routeGroup", "route groups"),
            .notYet("invalid", "a backend that always fails"),
        ],
        rules: [
            .exactlyOne([
                "host", "ai", "mcp", "backend", "service", "internal", "dynamic", "aws", "routeGroup", "invalid",
            ])
        ]
    ).check { draft, node, context in
        if case .named = draft.kind, draft.policies != nil {
            return context.fail("policies belong to the named backend, not to the reference to it", at: node)
        }
        return draft
    }

    static let namedBackend = ValueDecoder<BackendDraft>.object(
        "NamedBackend", "A backend that routes refer to by name.",
        make: { node, context in BackendDraft(position: context.position(of: node), path: context.pathText) },
        fields: backendFields() + [
            .value("name", \.name, .nonEmptyString("a name"), required: true, "Its name.")
        ], rules: [.exactlyOne(["host", "ai", "mcp", "internal", "aws"])])

    // MARK: Routes

    static let routeFields: [Field<RouteDraft>] = [
        .apply("name", .nonEmptyString("a name"), default: "its place: `route0`, …", "Shown in metrics and decisions.")
        {
            owner, name, _, _ in
            owner.route.name = name
            owner.isNamed = true
            return true
        },
        .notYet("namespace", "namespaces"),
        .notYet("ruleName", "rule names"),
        .value("hostnames", \.route.hostnames, .list(hostPattern), default: "any", "Host names: exact or `*.suffix`."),
        .optional("matches", \.matches, .list(routeMatch, atLeast: 1, of: "match"), "Alternatives; one must hold."),
        .optional(
            "match", \.match, ValueDecoder<Never>.oneOrMore(routeMatch, of: "match"), "The short form of `matches`."),
        .apply("policies", routePolicies, "What is done to the requests.") { owner, draft, _, _ in
            owner.route.policies = draft.policies
            owner.ai = draft.ai
            return true
        },
        .value("backends", \.backends, .list(routeBackend), "Where the requests go; chosen by weight."),
    ]

    static func newRoute(_ node: YAMLNode, _ context: DecodingContext) -> RouteDraft {
        RouteDraft(route: Route(position: context.position(of: node)), node: node)
    }

    @Sendable static func finishRoute(_ draft: RouteDraft, _ node: YAMLNode, _ context: DecodingContext) -> RouteDraft?
    {
        var draft = draft
        draft.route.matches = draft.matches ?? draft.match ?? [RouteMatch(position: draft.route.position)]
        // "*" among others takes every host.
        if draft.route.hostnames.contains(.any) { draft.route.hostnames = [] }
        return draft
    }

    static let route = ValueDecoder<RouteDraft>.object(
        "Route", "Which requests, what is done to them, where they go.", make: newRoute, fields: routeFields,
        rules: [.atMostOne(["matches", "match"])]
    ).check(finishRoute)
}
