// What the traffic policies of a listener, a route and a backend do with a request: refuse it, hold it, change its header.

import Auth

extension CompiledBackend {
    /// A plain backend with nothing of its own: no rules, no credential, no change of the header.
    var takesAnyRequest: Bool {
        guard case .host(let upstream) = kind, upstream.acceptsHTTP1, rules.isEmpty else { return false }
        return policies.backendAuthentication == nil && policies.requestHeaders == nil
            && policies.responseHeaders == nil
            && policies.requestTimeout == nil && traffic?.request == nil && traffic?.response == nil
    }
}

extension RouteContext {
    /// Where requests of this route carry credentials for the gateway.
    var credentialPlaces: [CredentialStripping] {
        [listener.authentication?.stripping, route?.authentication?.stripping].compactMap { $0 }
    }

    /// A credential for the gateway is in the query.
    func hasCredential(inQuery query: ByteRun?) -> Bool {
        guard let query else { return false }
        return credentialPlaces.contains { $0.touchesQuery && $0.strippedQuery(query) != nil }
    }

    /// Asks the service of an `extAuthz`. False: a reply has been sent.
    func ask(
        _ service: CompiledExternalAuthorization, _ exchange: Exchange, _ principal: Principal,
        _ record: inout RequestRecord
    ) async -> Bool {
        let inputs = RuleInputs(
            ExchangeAttributes(exchange: exchange), principal: principal,
            startTime: UnixTime(nanoseconds: record.startedAt))
        let shape = route?.errorShape(exchange.request.path) ?? .plain
        switch await service.judge(exchange, inputs, worker) {
        case .allowed: return true
        case .refused(let status, let type, let body, let headers):
            record.reason = "ext_authz"
            var headers = headers
            if let type { headers.append(("content-type", type)) }
            await Reply.send(
                exchange, status: status, contentType: nil, body: body, headers: headers + corsFields)
        case .failed(let status, let reason):
            record.reason = "ext_authz_failed"
            record.detail = reason
            await error(
                exchange, status: status, message: "the request could not be authorized", code: "ext_authz_failed",
                shape: shape)
        case .client(let failure):
            record.reason = "request_body"
            record.detail = failure.description
            await error(
                exchange, status: failure.status, message: failure.clientMessage, code: "request_body", shape: shape)
        }
        return false
    }

    /// Asks the route's limits. False: a reply has been sent.
    func admit(
        _ exchange: Exchange, _ limits: [CompiledRateLimit], _ principal: Principal, _ record: inout RequestRecord
    ) async -> Bool {
        let inputs = RuleInputs(
            ExchangeAttributes(exchange: exchange), principal: principal,
            startTime: UnixTime(nanoseconds: record.startedAt))
        switch RateLimiting.judge(limits, inputs, worker.authorizer, at: worker.loop.now) {
        case .admitted(let outcome):
            record.limits = outcome
            self.limits = outcome
            return true
        case .refused(let refusal):
            record.reason = "rate_limited"
            worker.metrics.rateLimited(route: record.route, refusal.unit)
            await error(
                exchange, status: 429, message: "rate limit exceeded", code: "rate_limit_exceeded",
                shape: route?.errorShape(exchange.request.path) ?? .plain, headers: refusal.fields)
            return false
        }
    }

    /// Holds the request's body. False: a reply has been sent.
    func buffer(_ exchange: Exchange, atMost limit: Int, _ record: inout RequestRecord) async -> Bool {
        let failure: UpstreamError
        do throws(ExchangeError) {
            if try await exchange.hold(atMost: limit) { return true }
            failure = .client(.message(.bodyTooLarge))
        } catch { failure = .client(error) }
        record.reason = "request_body"
        record.detail = failure.description
        await error(
            exchange, status: failure.status, message: failure.clientMessage, code: "request_body",
            shape: route?.errorShape(exchange.request.path) ?? .plain)
        return false
    }

    /// The request as it was judged, for an expression that is evaluated late.
    func inputs(_ exchange: Exchange) -> RuleInputs {
        judged
            ?? RuleInputs(
                JudgedRequest(exchange, without: self), principal: .anonymous, startTime: UnixTime(nanoseconds: 0))
    }

    /// Changes the request's header as route and backend say: computed fields first, then the fixed ones.
    func changeHeader(_ headers: HeaderBlock, _ backend: CompiledBackend) {
        if let judged {
            route?.traffic?.request?.apply(to: headers, judged, worker.authorizer)
            backend.traffic?.request?.apply(to: headers, judged, worker.authorizer)
        }
        route?.route.policies.requestHeaders?.apply(to: headers)
        backend.policies.requestHeaders?.apply(to: headers)
    }
}
