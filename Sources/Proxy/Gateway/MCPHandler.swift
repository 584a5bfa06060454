// A request to an `mcp` backend: handed to the MCP layer with the rules of its route, its outcome put on record.

import Auth

enum MCPHandler {
    static func serve(
        _ exchange: Exchange, _ backend: CompiledMCP, _ chosen: CompiledBackend, _ principal: Principal,
        _ context: RouteContext,
        _ record: inout RequestRecord
    ) async {
        let levels = chosen.mcpRules
        let worker = context.worker
        let attributes = ExchangeAttributes(exchange: exchange)
        let inputs = RuleInputs(attributes, principal: principal, startTime: UnixTime(nanoseconds: record.startedAt))
        inputs.backend = chosen.attributes
        let resource = context.route?.authentication?.protectedResource
        let label = record.route
        let startedAt = record.startedAt
        var denied: Decision?
        let rules =
            levels.isEmpty && backend.rulesByTarget.isEmpty
            ? nil
            : RuleAuthorizer(
                worker.authorizer, levels, inputs, byTarget: backend.rulesByTarget, hidesDenied: backend.hidesDenied,
                challenge: { scopes in
                    resource.map {
                        Challenge.insufficientScope(scopes, metadataURL: $0.metadataURL(for: attributes, base: nil))
                    }
                },
                record: { decision, inputs, levels in
                    if !decision.isAllowed { denied = decision }
                    worker.writeDecisionLine(decision, inputs, levels, label: label, startedAt: startedAt)
                })
        let outcome = await MCPEndpoint.handle(
            exchange, backend, context.worker.mcp, principal: principal, authorizer: rules ?? AllowAll(),
            admitsOrigin: context.admitsOrigin, isNamedHost: context.isNamedHost, decorate: context.decorate)
        worker.metrics.recordMCP(route: label, outcome)
        record.upstream = outcome.target
        record.mcp = outcome
        if outcome.errorCode != 0 { record.reason = "mcp_error" }
        record.detail = outcome.detail
        if let denied {
            record.reason = "denied"
            record.decision = denied.id
        }
    }
}
