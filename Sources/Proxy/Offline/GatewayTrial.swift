// The way of a request without sockets and loops: the same route table, auth layer and rules in the same order as in
// `RequestPipeline`, so that what is decided offline is what the gateway decides. A test sends the same requests through
// both.

import Auth
import JSON

/// One configuration to try requests on. Confined to one thread.
package final class GatewayTrial {
    package let snapshot: Snapshot
    private var auth: AuthLayer
    /// Tokens are remembered as they were judged; another time is another judgement.
    private var authTime: UnixTime?
    private let authorizer: Authorizer
    private var canonicalPath: [UInt8] = []

    package init(_ snapshot: Snapshot) throws(AuthError) {
        self.snapshot = snapshot
        auth = try AuthLayer(snapshot.authentication)
        authorizer = try Authorizer()
    }

    /// The place that takes a request.
    package struct Destination {
        package let port: UInt16
        let listener: CompiledListener
        let match: RouteTable.Match?

        var route: CompiledRoute? { match.map { listener.routes[$0.route] } }

        package var listenerAuthentication: AuthPolicy? { listener.authentication }
        package var routeAuthentication: AuthPolicy? { route?.authentication }
        package var label: String { route?.label ?? "" }
        package var backendCount: Int { route?.backends.count ?? 0 }
        /// The backends that can be picked.
        package var choosableBackends: [Int] {
            route.map { route in route.backends.indices.filter { route.backends[$0].weight > 0 } } ?? []
        }

        /// Whether rules judge the MCP messages that go there.
        package func judgesMessages(backend: Int) -> Bool {
            guard let route, route.backends.indices.contains(backend), case .mcp(let mcp) = route.backends[backend].kind
            else { return false }
            return !route.backends[backend].mcpRules.isEmpty || !mcp.rulesByTarget.isEmpty
        }

        /// Whether rules judge the models that are asked for there.
        package func judgesModels(backend: Int) -> Bool {
            route.map { $0.backends.indices.contains(backend) && $0.backends[backend].readsModel } ?? false
        }

        /// Whether rules judge the A2A messages that go there.
        package func judgesAgentMessages(backend: Int) -> Bool {
            agent(backend: backend).map { !$0.rules.isEmpty } ?? false
        }

        private func agent(backend: Int) -> CompiledA2A? {
            guard let route, route.backends.indices.contains(backend),
                case .a2a(let agent) = route.backends[backend].kind
            else { return nil }
            return agent
        }

        /// The request of an A2A client, read as the gateway reads it.
        /// - Parameters:
        ///   - method: the JSON-RPC method, of either version.
        ///   - params: a JSON object; nil: none.
        /// - Returns: nil when the backend is no agent.
        /// - Throws: for a request that the gateway refuses before it asks rules.
        package func agentCall(
            method: String, params: JSONValue?, backend: Int
        ) throws(A2AError) -> A2ACall? {
            guard let agent = agent(backend: backend) else { return nil }
            return try A2ACall(
                method: method, params: params, extensionMethods: agent.extensionMethods, push: agent.push)
        }

        /// nil: the backend is none for MCP.
        package func mcp(backend: Int) -> TrialMCPBackend? {
            guard let route, route.backends.indices.contains(backend), case .mcp(let mcp) = route.backends[backend].kind
            else { return nil }
            return TrialMCPBackend(compiled: mcp)
        }
    }

    package enum Routing {
        case found(Destination)
        case ended(TrialOutcome)
    }

    /// Brings the path into its canonical form and finds listener and route.
    package func route(_ request: TrialRequest) -> Routing {
        let head = request.head
        do throws(CanonicalPath.Problem) {
            if try CanonicalPath.canonicalise(head.path, into: &canonicalPath) { head.replacePath(canonicalPath) }
        } catch {
            return .ended(.gateway(.malformed, 400, "invalid_path", error.description))
        }
        guard let bind = snapshot.binds[request.port] else {
            return .ended(.gateway(.unrouted, nil, "no_bind", "the gateway has no port \(request.port)"))
        }
        guard let listener = bind.listener(for: head.host) else {
            return .ended(.gateway(.unrouted, 404, "no_listener", "no listener takes this host"))
        }
        let match = listener.table.match(
            RoutableRequest(
                method: head.methodName, host: head.host, path: head.path, query: head.query, headers: head.headers))
        return .found(Destination(port: request.port, listener: listener, match: match))
    }

    /// Takes a request all the way.
    /// - Parameters:
    ///   - principal: what is known of who asks before any credential is looked at; for policies without authentication.
    ///   - backend: of the route, as if it had been picked.
    ///   - message: what the body asks for, at an MCP backend.
    ///   - llm: what the body asks for, at an AI backend.
    ///   - agent: what the body asks for, at an A2A agent, or why the gateway does not take it.
    ///   - now: the time of the request.
    package func judge(
        _ request: TrialRequest, at destination: Destination, principal: Principal = .anonymous, backend: Int = 0,
        message: TrialMessage? = nil, llm: TrialModelRequest? = nil, agent: Result<A2ACall, A2AError>? = nil,
        now: UnixTime
    ) -> TrialOutcome {
        var outcome = TrialOutcome(.allow)
        outcome.route = destination.label
        outcome.principal = principal
        if let answered = answered(request, destination) { return answered }
        guard authenticate(request, destination.listenerAuthentication, &outcome, now) else { return outcome }
        guard let route = destination.route else {
            guard ask(destination.listener.rules, inputs(request, outcome, now), .request, destination, &outcome)
            else { return outcome }
            outcome.end(.unrouted, 404, "no_route", "no route takes the request")
            return outcome
        }
        guard authenticate(request, route.authentication, &outcome, now) else { return outcome }
        guard ask(route.rules, inputs(request, outcome, now), .request, destination, &outcome) else { return outcome }
        let policies = route.route.policies
        if policies.requestRedirect != nil || policies.directResponse != nil { return outcome }
        guard route.backends.indices.contains(backend) else {
            outcome.end(.unrouted, 500, "no_backend", "no valid backend")
            return outcome
        }
        // Of several providers, the first of the first group is asked when all are well.
        let chosen = route.backends[backend].providers.first ?? route.backends[backend]
        let backendInputs = inputs(request, outcome, now)
        backendInputs.backend = chosen.attributes
        if case .ai(let provider) = chosen.kind { backendInputs.llm = llm?.attributes(at: provider) }
        guard ask(chosen.rules, backendInputs, chosen.readsModel ? .llm : .backend, destination, &outcome) else {
            return outcome
        }
        if let message {
            judge(message, chosen, request, destination, &outcome, now)
        }
        switch agent {
        case .success(let call)?: judge(call, chosen, request, destination, &outcome, now)
        case .failure(let error)?:
            outcome.end(
                error.status == 403 ? .deny : .malformed, error.status, error.reason.lowercased(), error.message)
        case nil: break
        }
        return outcome
    }

    /// What is answered before anybody is asked who they are.
    private func answered(_ request: TrialRequest, _ destination: Destination) -> TrialOutcome? {
        let head = request.head
        if head.path.starts(with: "/.well-known/"), let endpoint = MetadataEndpoint(path: head.path.text),
            MetadataHandler.protectedRoute(head, endpoint, destination.listener) != nil
        {
            return .gateway(.answered, 200, "metadata", "OAuth metadata is answered without credentials")
        }
        let cors = destination.route?.route.policies.cors ?? destination.listener.cors
        if cors != nil, CORSPolicy.isPreflight(head) {
            return .gateway(.answered, 204, "preflight", "a preflight is answered without credentials")
        }
        return nil
    }

    private func inputs(_ request: TrialRequest, _ outcome: TrialOutcome, _ now: UnixTime) -> RuleInputs {
        RuleInputs(request, principal: outcome.principal, startTime: now)
    }

    // MARK: Who

    /// False: the outcome is a refusal.
    private func authenticate(
        _ request: TrialRequest, _ policy: AuthPolicy?, _ outcome: inout TrialOutcome, _ now: UnixTime
    ) -> Bool {
        guard let policy else { return true }
        if authTime != now {
            if authTime != nil, let fresh = try? AuthLayer(snapshot.authentication) { auth = fresh }
            authTime = now
        }
        while true {
            switch auth.authenticate(request, policy, principal: outcome.principal, now: now, isLastTry: true) {
            case .accepted(let principal):
                outcome.principal = principal
                return true
            case .rejected(let rejection):
                outcome.refuse(rejection)
                return false
            case .awaitingKeys:
                outcome.end(.deny, 503, "keys_unavailable", "the issuer's keys are not here")
                return false
            case .awaitingPassword(let check):
                auth.note(check.run(), now: now)
            }
        }
    }

    // MARK: May they

    /// False: the outcome is a refusal.
    private func ask(
        _ levels: RuleLevels, _ inputs: RuleInputs, _ phase: DecisionPhase, _ destination: Destination,
        _ outcome: inout TrialOutcome
    ) -> Bool {
        if levels.isEmpty { return true }
        let decision = authorizer.authorize(levels, inputs, phase: phase)
        outcome.stages.append(TrialStage(levels: levels, inputs: inputs, decision: decision))
        if decision.isAllowed { return true }
        let resource = destination.routeAuthentication?.protectedResource
        outcome.scopes = resource == nil ? [] : authorizer.challengedScopes(levels, inputs, phase: phase)
        outcome.refuse(
            Rejection.denied(
                decision, metadataURL: resource?.metadataURL(for: inputs.request, base: nil), scopes: outcome.scopes))
        return false
    }

    private func judge(
        _ message: TrialMessage, _ backend: CompiledBackend, _ request: TrialRequest, _ destination: Destination,
        _ outcome: inout TrialOutcome, _ now: UnixTime
    ) {
        if case .agent(let call) = message { return judge(call, backend, request, destination, &outcome, now) }
        guard case .mcp(let mcp) = backend.kind else { return }
        let inputs = inputs(request, outcome, now)
        inputs.backend = backend.attributes
        guard !backend.mcpRules.isEmpty || !mcp.rulesByTarget.isEmpty else {
            if case .list(_, let items) = message {
                outcome.listed = items.map { _ in TrialListing(isShown: true, levels: backend.mcpRules, inputs: inputs)
                }
            }
            return
        }
        let resource = destination.routeAuthentication?.protectedResource
        var stages: [TrialStage] = []
        var scopes: [String] = []
        // The authorizer goes on to the next question with the same object.
        func copy(_ inputs: RuleInputs) -> RuleInputs {
            let copy = RuleInputs(request, principal: inputs.principal, startTime: inputs.startTime)
            copy.mcp = inputs.mcp
            copy.backend = inputs.backend
            return copy
        }
        let rules = RuleAuthorizer(
            authorizer, backend.mcpRules, inputs, byTarget: mcp.rulesByTarget, hidesDenied: mcp.hidesDenied,
            challenge: { needed in
                scopes = needed
                return resource.map {
                    Challenge.insufficientScope(needed, metadataURL: $0.metadataURL(for: request, base: nil))
                }
            },
            record: { decision, inputs, levels in
                stages.append(TrialStage(levels: levels, inputs: copy(inputs), decision: decision))
            })
        let call: MCPCall
        switch message {
        case .message(let asked), .call(let asked), .list(let asked, _): call = asked
        case .agent: return
        }
        let judgement = rules.judge(call)
        outcome.stages += stages
        guard case .allow = judgement else {
            if case .deny(let denial) = judgement, let challenge = denial.challenge { outcome.challenges = [challenge] }
            outcome.scopes = outcome.challenges.isEmpty ? [] : scopes
            if case .deny(let denial) = judgement, denial.hides {
                outcome.end(
                    .deny, 200, "denied", "denied by the MCP rules, and answered as if there were no such thing")
            } else {
                outcome.end(.deny, 403, "denied", "denied by the MCP rules")
            }
            return
        }
        guard case .list(_, let items) = message else { return }
        outcome.listed = items.map { item in
            let isShown = rules.shows(item)
            return TrialListing(
                isShown: isShown, levels: mcp.rulesByTarget[item.target] ?? backend.mcpRules, inputs: copy(inputs))
        }
    }
}

extension GatewayTrial {
    private func judge(
        _ call: A2ACall, _ backend: CompiledBackend, _ request: TrialRequest, _ destination: Destination,
        _ outcome: inout TrialOutcome, _ now: UnixTime
    ) {
        guard case .a2a(let agent) = backend.kind else { return }
        let inputs = inputs(request, outcome, now)
        inputs.backend = backend.attributes
        inputs.a2a = call.attributes
        _ = ask(agent.rules, inputs, .a2a, destination, &outcome)
    }
}

extension TrialOutcome {
    fileprivate static func gateway(
        _ verdict: TrialVerdict, _ status: Int?, _ code: String, _ detail: String
    ) -> TrialOutcome {
        var outcome = TrialOutcome(verdict)
        outcome.end(verdict, status, code, detail)
        return outcome
    }

    /// A head that the parser refuses.
    package static func malformed(_ error: ProtocolError) -> TrialOutcome {
        .gateway(.malformed, error.status, "protocol", error.reason)
    }

    fileprivate mutating func end(_ verdict: TrialVerdict, _ status: Int?, _ code: String, _ detail: String) {
        self.verdict = verdict
        self.status = status
        self.code = code
        self.detail = detail
    }

    fileprivate mutating func refuse(_ rejection: Rejection) {
        end(.deny, rejection.status, rejection.code, rejection.reason)
        challenges = rejection.headers.filter { $0.name == "www-authenticate" }.map(\.value)
        if scopes.isEmpty { scopes = challenges.flatMap(Challenge.scopes) }
    }
}

/// The names of an MCP backend as its clients use them.
package struct TrialMCPBackend {
    let compiled: CompiledMCP

    package var targets: [String] { compiled.targets.map(\.name) }
    /// Tools and prompts carry their target's name.
    package var isPrefixed: Bool { compiled.isPrefixed }

    /// Whether the gateway knows what a method means; others pass only when they are granted, to a single target.
    package static func knows(method: String) -> Bool {
        MCPMethod(rawValue: method) != nil || method.hasPrefix("notifications/")
    }

    package enum Resolution: Hashable, Sendable {
        case found(target: String, name: String)
        /// Only the targets' lists know whose it is.
        case needsLists
        case unknown
    }

    /// A tool's or a prompt's name as a client writes it.
    package func resolve(name: String) -> Resolution {
        switch ExposedNames(backend: compiled).resolve(name: name) {
        case .found(let target, let name): .found(target: targets[target], name: name)
        case .needsLists: .needsLists
        case .unknown: .unknown
        }
    }

    package func resolve(uri: String) -> Resolution {
        ExposedNames(backend: compiled).resolve(uri: uri).map { .found(target: targets[$0.target], name: $0.uri) }
            ?? .unknown
    }

    /// As clients see it.
    package func exposed(_ name: String, of target: String) -> String {
        guard let index = compiled.byName[target] else { return name }
        return ExposedNames(backend: compiled).name(name, of: index)
    }
}
