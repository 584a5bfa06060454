// A request to an `mcp` backend: handed to the MCP layer with the rules of its route, its outcome put on record.

import Auth

enum MCPHandler {
    static func serve(
        _ exchange: Exchange, _ backend: CompiledMCP, _ principal: Principal, _ context: RouteContext,
        _ record: inout RequestRecord
    ) async {
        let outcome = await MCPEndpoint.handle(
            exchange, backend, context.worker.mcp, principal: principal, authorizer: AllowAll(),
            admitsOrigin: context.admitsOrigin, decorate: context.decorate)
        record.upstream = outcome.target
        if outcome.errorCode != 0 { record.reason = "mcp_error" }
        record.detail = outcome.detail
    }
}
