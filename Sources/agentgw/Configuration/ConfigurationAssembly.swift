// From what was written to what runs: names and references resolved, what levels say together settled, and the checks that
// need more than one field.

import Auth
import Proxy

struct ConfigurationAssembly {
    private let context: DecodingContext
    private var backends: [String: BackendDraft] = [:]

    private init(_ context: DecodingContext) {
        self.context = context
    }

    /// Findings go to the context; the result counts only when there are no errors.
    static func assemble(_ draft: ConfigurationDraft, _ context: DecodingContext) -> GatewayConfiguration {
        var assembly = ConfigurationAssembly(context)
        assembly.collectBackends(draft.backends)
        var routes = draft.routes
        var drafts = draft.binds
        switch draft.mcp?.placed(among: draft.gateways.map(\.name)) {
        case .attached(let route): routes.append(route)
        case .own(let bind): drafts.append(bind)
        case nil: break
        }
        switch draft.llm?.placed(among: draft.gateways.map(\.name), context) {
        case .attached(let route)?: routes.append(route)
        case .own(let bind)?: drafts.append(bind)
        case nil: break
        }
        drafts += GatewayAssembly(context: context).binds(draft.gateways, routes)
        let binds = drafts.map { assembly.bind($0) }
        let checks = ListenerChecks(context)
        checks.ports(binds, draft.process)
        for bind in binds { checks.listeners(bind) }
        var configuration = GatewayConfiguration(
            process: draft.process, limits: draft.frontend.http, tracing: draft.frontend.tracing, binds: binds)
        configuration.accessLog = draft.frontend.accessLog
        configuration.decisionLog = draft.frontend.decisionLog
        return configuration
    }

    private mutating func collectBackends(_ drafts: [BackendDraft]) {
        for draft in drafts {
            if let first = backends[draft.name] {
                context.report(
                    "backend \"\(Excerpt.of(draft.name))\" is already defined in line \(first.position.line)",
                    at: draft.position)
            } else {
                backends[draft.name] = draft
            }
        }
    }

    private func bind(_ draft: BindDraft) -> Bind {
        var bind = draft.bind
        bind.listeners = draft.listeners.enumerated().map { index, draft in
            var listener = draft.listener
            if !draft.isNamed { listener.name = "listener\(index)" }
            listener.routes = draft.routes.enumerated().map { index, draft in route(draft, index) }
            let claims = listener.policies.jwtAuthentication?.declaredClaims
            RuleSite.check(listener.policies.authorization, claims: claims, context)
            for route in listener.routes { checkRules(route, listenerClaims: claims) }
            return listener
        }
        return bind
    }

    // MARK: Routes

    private func route(_ draft: RouteDraft, _ index: Int) -> Route {
        var route = draft.route
        if !draft.isNamed { route.name = "route\(index)" }
        route.backends = draft.backends.compactMap { backend($0, of: draft) }
        check(route, draft)
        return route
    }

    private func check(_ route: Route, _ draft: RouteDraft) {
        let policies = route.policies
        let answers = policies.directResponse != nil || policies.requestRedirect != nil
        if draft.backends.isEmpty, !answers {
            report("the route has no backends, and no directResponse or requestRedirect answers in their place", route)
        }
        if !draft.backends.isEmpty, draft.backends.allSatisfy({ $0.weight == 0 }), !answers {
            report("no backend of the route has a weight above 0", route)
        }
        if case .prefix? = policies.urlRewrite?.path { checkPrefixRewrite(route, "urlRewrite") }
        if case .prefix? = policies.requestRedirect?.path { checkPrefixRewrite(route, "requestRedirect") }
        // A rule set that never runs looks like protection and is none.
        guard route.backends.count == draft.backends.count else { return }
        let hasMCP = route.backends.contains { if case .mcp = $0.kind { true } else { false } }
        let hasAI = route.backends.contains { if case .ai = $0.kind { true } else { false } }
        if policies.mcpAuthorization != nil, !hasMCP {
            report("mcpAuthorization would never run: the route has no mcp backend", route)
        }
        if policies.a2aAuthorization != nil, policies.a2a == nil,
            !route.backends.contains(where: { $0.policies.a2a != nil })
        {
            report("a2aAuthorization would never run: the route has no a2a policy", route)
        }
        for backend in route.backends where policies.a2a != nil || backend.policies.a2a != nil {
            guard case .host = backend.kind else {
                report("a2a needs backends of the kind host: an agent is reached over plain HTTP", route)
                break
            }
        }
        let hasHost = route.backends.contains { if case .host = $0.kind { true } else { false } }
        let whatIdles =
            hasMCP ? "targets of an mcp backend have policies of their own" : "the route has no host backend"
        let idle: [(name: String, isIdle: Bool, severity: Diagnostic.Severity)] = [
            ("requestMirror", policies.mirror != nil && !hasHost, .error),
            ("transformations", policies.transformations != nil && !hasHost && !hasAI, .error),
            ("urlRewrite", policies.urlRewrite != nil && !hasHost, .warning),
            ("requestHeaderModifier", policies.requestHeaders != nil && !hasHost && !hasAI, .warning),
            ("responseHeaderModifier", policies.responseHeaders != nil && !hasHost && !hasAI, .warning),
            ("retry", policies.retry != nil && !hasHost && !hasAI, .warning),
            ("timeout", policies.timeouts != Timeouts() && !hasHost && !hasAI, .warning),
        ]
        for policy in idle where policy.isIdle && !route.backends.isEmpty {
            context.report(
                "route \"\(Excerpt.of(route.name))\": \(policy.name) would do nothing: \(whatIdles)",
                at: route.position, severity: policy.severity)
        }
        if (policies.balancing != .weighted || policies.affinity != nil), route.backends.count < 2 {
            report("there is nothing to choose: balancing and sessionAffinity need several backends", route)
        }
        for backend in route.backends where backend.policies.health != nil {
            guard case .host = backend.kind else {
                report("health would do nothing: only host backends are left out when they fail", route)
                break
            }
        }
        if draft.ai.routes != nil, !hasAI {
            report("policies.ai would do nothing: the route has no ai backend", route)
        }
        if case .passthrough = policies.backendAuthentication {
            context.report(
                "backendAuth passthrough sends the client's credential to the backend", at: route.position,
                severity: .warning)
            let authenticates =
                policies.jwtAuthentication != nil || policies.mcpAuthentication != nil
                || policies.apiKeyAuthentication != nil || policies.basicAuthentication != nil
            if !authenticates {
                context.report(
                    "no policy of this route authenticates the client, so the credential is passed on unchecked",
                    at: route.position, severity: .warning)
            }
        }
    }

    private func checkPrefixRewrite(_ route: Route, _ policy: String) {
        let isPrefix = route.matches.allSatisfy { if case .prefix = $0.path { true } else { false } }
        if !isPrefix { report("\(policy).path.prefix needs a prefix in every match of the route", route) }
    }

    private func report(_ message: String, _ route: Route) {
        context.report("route \"\(Excerpt.of(route.name))\": \(message)", at: route.position)
    }

    /// The rules of a route against the claims of the token that its requests carry.
    private func checkRules(_ route: Route, listenerClaims: ClaimsSchema?) {
        let policies = route.policies
        let claims =
            policies.jwtAuthentication == nil && policies.mcpAuthentication == nil
            ? listenerClaims : policies.jwtAuthentication?.declaredClaims ?? policies.mcpAuthentication?.claims
        for rules in [policies.authorization, policies.mcpAuthorization, policies.a2aAuthorization] {
            RuleSite.check(rules, claims: claims, context)
        }
        for backend in route.backends {
            let policies = backend.policies
            for rules in [policies.authorization, policies.mcpAuthorization, policies.a2aAuthorization] {
                RuleSite.check(rules, claims: claims, context)
            }
        }
    }

    // MARK: Backends

    private func backend(_ written: BackendDraft, of route: RouteDraft) -> RouteBackend? {
        var draft = written
        var definedName: String?
        if case .named(let name) = written.kind {
            definedName = name
            guard let target = backends[name] else {
                context.report(
                    "\(written.path): there is no backend \"\(Excerpt.of(name))\""
                        + Suggestion.hint(for: name, among: backends.keys.sorted()), at: written.position)
                return nil
            }
            draft.kind = target.kind
            draft.policies = target.policies
        }
        var policies = draft.policies?.policies ?? BackendPolicies()
        policies.backendAuthentication = policies.backendAuthentication ?? route.route.policies.backendAuthentication
        policies.backendTLS = policies.backendTLS ?? route.route.policies.backendTLS
        let ai = (draft.policies?.ai ?? AIPolicyDraft()).merged(over: route.ai)
        let kind: BackendKind
        switch draft.kind {
        case .host(let address): kind = .host(address)
        case .mcp(var backend):
            for index in backend.targets.indices { backend.targets[index].policies.inherit(from: policies) }
            kind = .mcp(backend)
        case .ai(let groups):
            kind = .ai(
                AIBackend(
                    groups: groups.map { group in
                        group.map { draft in
                            var upstream = draft.upstream
                            upstream.policies.inherit(from: policies)
                            let policy = draft.ai.merged(over: ai)
                            upstream.routes = policy.routes ?? .standard
                            upstream.modelAliases = policy.modelAliases ?? []
                            upstream.allowsLosses = policy.lossy == .allow
                            return upstream
                        }
                    }))
        case .named, nil: return nil
        }
        return RouteBackend(
            name: definedName, weight: draft.weight, kind: kind, policies: policies, position: written.position)
    }
}

extension JWTAuthentication {
    /// With several issuers a token may be any of theirs, so no one's declarations hold.
    fileprivate var declaredClaims: ClaimsSchema? { providers.count == 1 ? providers[0].claims : nil }
}

extension BackendPolicies {
    /// What a provider or target leaves open, the backend around it says. Rule sets and header changes are not
    /// inherited: those of both levels apply.
    fileprivate mutating func inherit(from outer: BackendPolicies) {
        backendAuthentication = backendAuthentication ?? outer.backendAuthentication
        backendTLS = backendTLS ?? outer.backendTLS
        connectTimeout = connectTimeout ?? outer.connectTimeout
        requestTimeout = requestTimeout ?? outer.requestTimeout
        httpVersion = httpVersion ?? outer.httpVersion
        keepalive = keepalive ?? outer.keepalive
    }
}
