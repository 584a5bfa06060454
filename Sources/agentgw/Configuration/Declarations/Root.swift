// The file as a whole.

import Auth
import Proxy

struct ConfigurationDraft: Sendable {
    var process = ProcessConfiguration()
    var frontend = FrontendDraft()
    var binds: [BindDraft] = []
    var gateways: [GatewayDraft] = []
    var routes: [AttachedRouteDraft] = []
    var mcp: MCPShortDraft?
    var llm: LLMShortDraft?
    var backends: [BackendDraft] = []
}

extension Declarations {
    static let root = ValueDecoder<ConfigurationDraft>.object(
        "Configuration", "The configuration of a gateway.", make: { _, _ in ConfigurationDraft() },
        fields: [
            .value("config", \.process, process, "What is read once at start."),
            .value("binds", \.binds, .list(bind), "Ports, their listeners and routes."),
            .optional("mcp", \.mcp, mcpShort, "One MCP endpoint, in short."),
            .optional("llm", \.llm, llmShort, "Many models behind one endpoint, chosen by the request's `model`."),
            .value("backends", \.backends, .list(namedBackend), "Backends that routes refer to by name."),
            .value("frontendPolicies", \.frontend, frontendPolicies, "Policies of client connections."),
            .value("gateways", \.gateways, gateways, "Ports by name, for `routes` to attach to."),
            .value("routes", \.routes, .list(attachedRoute), "Routes attached to `gateways`."),
            .notYet("tcpRoutes", "TCP routes"),
            .notYet("routeGroups", "route groups"),
            .notYet("policies", "policies attached by target"),
            .notYet("services", "a service registry"),
            .notYet("workloads", "a workload registry"),
            .notYet("ui", "the UI on a gateway; it is on config.adminAddr"),
        ])
}
