// May they: the rules of a level asked about a request, the decision put on record, and the reply when it is no.

import Auth

extension RouteContext {
    /// Asks rules that know what the request's head says. False: a reply has been sent.
    func authorize(
        _ exchange: Exchange, _ levels: RuleLevels, _ phase: DecisionPhase, _ principal: Principal,
        _ record: inout RequestRecord
    ) async -> Bool {
        if levels.isEmpty { return true }
        let inputs = RuleInputs(
            ExchangeAttributes(exchange: exchange), principal: principal,
            startTime: UnixTime(nanoseconds: record.startedAt))
        return await authorize(exchange, levels, phase, inputs, &record)
    }

    /// Asks the rules of the backend that was chosen. False: a reply has been sent.
    /// - Parameter llm: what an AI backend understood of the request; nil for others, whose rules do not read it.
    func authorize(
        _ exchange: Exchange, _ backend: CompiledBackend, _ llm: LLMAttributes?, _ record: inout RequestRecord
    ) async -> Bool {
        if backend.rules.isEmpty { return true }
        let inputs = RuleInputs(
            ExchangeAttributes(exchange: exchange), principal: record.principal ?? .anonymous,
            startTime: UnixTime(nanoseconds: record.startedAt))
        inputs.backend = backend.attributes
        inputs.llm = llm
        return await authorize(exchange, backend.rules, llm == nil ? .backend : .llm, inputs, &record)
    }

    private func authorize(
        _ exchange: Exchange, _ levels: RuleLevels, _ phase: DecisionPhase, _ inputs: RuleInputs,
        _ record: inout RequestRecord
    ) async -> Bool {
        let began = MonotonicTime.now
        var decision = worker.authorizer.authorize(levels, inputs, phase: phase)
        decision.duration = MonotonicTime.now.since(began)
        worker.writeDecisionLine(decision, inputs, levels, label: record.route, startedAt: record.startedAt)
        if decision.isAllowed { return true }
        let resource = route?.authentication?.protectedResource
        let scopes = resource == nil ? [] : worker.authorizer.challengedScopes(levels, inputs, phase: phase)
        let rejection = Rejection.denied(
            decision, metadataURL: resource?.metadataURL(for: ExchangeAttributes(exchange: exchange), base: nil),
            scopes: scopes)
        record.reason = rejection.code
        record.detail = rejection.reason
        record.decision = decision.id
        await reject(exchange, rejection)
        return false
    }
}

extension CompiledBackend {
    var attributes: BackendAttributes { BackendAttributes(name: name, type: typeName) }
}
