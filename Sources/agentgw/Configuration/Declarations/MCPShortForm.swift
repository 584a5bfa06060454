// `mcp:` at the top level: one federated endpoint without ports, listeners and routes around it.

import Auth
import Proxy

struct MCPShortDraft: Sendable {
    /// What agentgateway uses when neither port nor gateway is named.
    static let defaultPort: UInt16 = 3000

    var backend: MCPBackend
    var gateways: [String] = []
    var port: UInt16?
    var policies = RoutePoliciesDraft()
    var node: YAMLNode
}

extension Declarations {
    static let mcpShort = ValueDecoder<MCPShortDraft>.object(
        "MCP", "One MCP endpoint: on a port of its own, or as `/mcp` and `/sse` of a gateway.",
        make: { node, context in
            MCPShortDraft(backend: MCPBackend(targets: [], position: context.position(of: node)), node: node)
        },
        fields: mcpFields.map { $0.inside(\.backend, required: $0.shape.isRequired) } + [
            .value(
                "gateways", \.gateways,
                ValueDecoder<Never>.oneOrMore(.nonEmptyString("a gateway's name"), of: "gateway"),
                default: "the gateway `default`, when there is one",
                "`gateway` or `gateway/listener`; one or a list."),
            .apply("port", .port, default: "3000", "A port of its own.") { owner, port, _, _ in
                owner.port = UInt16(clamping: port)
                return true
            },
            .value("policies", \.policies, routePolicies, "What is done to the requests."),
        ], rules: [.atMostOne(["gateways", "port"])]
    ).check { draft, node, context in
        checkTargets(draft.backend, node, context) == nil ? nil : draft
    }
}

extension MCPShortDraft {
    /// As a route of gateways, or as a port of its own.
    enum Placement {
        case attached(AttachedRouteDraft)
        case own(BindDraft)
    }

    func placed(among gatewayNames: [String]) -> Placement {
        let position = backend.position
        var route = RouteDraft(route: Route(position: position), node: node)
        route.route.policies = policies.policies
        route.ai = policies.ai
        route.backends = [BackendDraft(kind: .mcp(backend), position: position, path: "mcp")]
        if port == nil, !gateways.isEmpty || gatewayNames.contains("default") {
            route.route.name = "mcp:default"
            route.isNamed = true
            route.route.matches = ["/mcp", "/sse", "/.well-known"].map {
                RouteMatch(path: .prefix($0), position: position)
            }
            return .attached(AttachedRouteDraft(route: route, gateways: gateways))
        }
        route.route.matches = [RouteMatch(position: position)]
        var listener = ListenerDraft(listener: Listener(name: "mcp", position: position), path: "mcp")
        listener.isNamed = true
        listener.routes = [route]
        return .own(
            BindDraft(
                bind: Bind(port: port ?? Self.defaultPort, position: position), listeners: [listener], path: "mcp"))
    }
}
