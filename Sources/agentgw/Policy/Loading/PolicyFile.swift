// A policy file: rules by themselves, as a security team keeps and tests them apart from any gateway. It becomes a gateway
// with one route, so that everything else works on one form.
//
//     kind: mcpAuthorization          # authorization without `tools`, mcpAuthorization with them
//     rules:
//       - allow: hasScope("mcp:read")
//     claims: {groups: list(string)}  # types of the token's claims
//     tools: tools.json               # a saved tools/list result, or names

import Auth
import JSON
import Proxy

struct PolicyFile {
    var rules: AuthorizationRules
    var claims: ClaimsSchema?
    var tools: [PolicyTool] = []

    /// The target of a policy file's tools.
    static let target = "server"

    /// Rules at the top level; a gateway's configuration has them in policies.
    static func isPolicyFile(_ root: YAMLNode) -> Bool {
        (root.entries ?? []).contains { $0.key == "rules" }
    }

    /// nil: errors have been reported.
    static func decode(_ root: YAMLNode, _ context: DecodingContext) -> PolicyFile? {
        guard let kind = kind(of: root, context), let file = declaration(kind)(root, context) else { return nil }
        RuleSite.check(file.rules, claims: file.claims, context)
        return file
    }

    /// A backend's rules are about a backend, which a policy file has none of.
    private static let kinds = ValueDecoder<RuleSetKind>.word(except: [.backend])

    /// The rules' kind decides what they may read, so it is known before anything else is.
    private static func kind(of root: YAMLNode, _ context: DecodingContext) -> RuleSetKind? {
        let entries = root.entries ?? []
        if let entry = entries.first(where: { $0.key == "kind" }) {
            return context.within(key: entry.key) { kinds(entry.value, context) }
        }
        return entries.contains { $0.key == "tools" } ? .mcp : .http
    }

    static func declaration(_ kind: RuleSetKind) -> ValueDecoder<PolicyFile> {
        .object(
            "PolicyFile", "A rule set by itself.",
            make: { node, context in
                PolicyFile(
                    rules: AuthorizationRules(
                        kind: kind, rules: [], name: context.source.file, position: context.position(of: node)))
            },
            fields: Declarations.ruleSetFields(kind).map { $0.inside(\.rules, required: $0.shape.isRequired) } + [
                .apply(
                    "kind", kinds,
                    default: "`mcpAuthorization` with `tools`, else `authorization`",
                    "What the rules are about, as the policies of a route are called."
                ) { _, _, _, _ in true },
                .optional(
                    "claims", \.claims, Declarations.claims, "Types of the token's claims; `\"*\": dyn` allows others."),
                .optional(
                    "claimsFrom", \.claims, ClaimsSample.schema,
                    "A file with the claims of a sample token, as JSON or as a token: their types are taken from it."),
                .value("tools", \.tools, PolicyTools.list, "The tools that the rules are about."),
            ], rules: [.atMostOne(["claims", "claimsFrom"])])
    }

    /// A gateway with one route.
    var configuration: GatewayConfiguration {
        var route = Route(name: "policy", position: rules.position)
        if let claims {
            // Declares the claims. Nothing is verified: a case says who is asking.
            route.policies.jwtAuthentication = JWTAuthentication(
                mode: .permissive,
                providers: [
                    JWTProvider(
                        issuer: "https://policy.invalid", audiences: ["policy"], keys: .discovery(), claims: claims,
                        position: rules.position)
                ])
        }
        let host = UpstreamAddress(.tcp(host: "127.0.0.1", port: 9))
        switch rules.kind {
        case .http:
            route.policies.authorization = rules
            route.backends = [RouteBackend(kind: .host(host), position: rules.position)]
        case .mcp:
            route.policies.mcpAuthorization = rules
            let target = MCPTarget(
                name: Self.target, transport: .streamableHTTP(host, path: "/mcp"), position: rules.position)
            route.backends = [
                RouteBackend(
                    kind: .mcp(MCPBackend(targets: [target], position: rules.position)), position: rules.position)
            ]
        case .backend:
            var policies = BackendPolicies()
            policies.authorization = rules
            route.backends = [RouteBackend(kind: .host(host), policies: policies, position: rules.position)]
        case .a2a:
            route.policies.a2a = A2APolicy()
            route.policies.a2aAuthorization = rules
            route.backends = [RouteBackend(kind: .host(host), position: rules.position)]
        }
        let listener = Listener(name: "policy", routes: [route], position: rules.position)
        return GatewayConfiguration(binds: [Bind(port: 80, listeners: [listener], position: rules.position)])
    }
}
