// `gateways` with `routes` attached by name: agentgateway's newer layout of what `binds` says.

import Auth
import Proxy

struct GatewayDraft: Sendable {
    var name = ""
    var port: UInt16 = 0
    var isInline: Bool { listeners == nil }
    /// The gateway as a listener of its own, when it has no `listeners`.
    var inline: ListenerDraft
    var listeners: [ListenerDraft]?
    var position: FilePosition
    var path: String
}

struct AttachedRouteDraft: Sendable {
    var route: RouteDraft
    /// `gateway` or `gateway/listener`.
    var gateways: [String] = []
}

extension Declarations {
    private static func newListener(_ node: YAMLNode, _ context: DecodingContext) -> ListenerDraft {
        ListenerDraft(listener: Listener(position: context.position(of: node)), path: context.pathText)
    }

    /// Without `listeners` around them, policies stand beside the port.
    private static let flatListenerFields: [Field<ListenerDraft>] =
        [
            .value("protocol", \.listener.transport, listenerProtocol, default: "HTTP", "`HTTP` or `HTTPS`."),
            .optional("tls", \.listener.tls, listenerTLS, "TLS, with `protocol: HTTPS`."),
        ] + listenerPolicyFields.map { $0.inside(\.listener.policies, required: false) }

    private static let gatewayListener = ValueDecoder<ListenerDraft>.object(
        "GatewayListener", "One of the services of a gateway.", make: newListener,
        fields: [
            .apply("name", .nonEmptyString("a name"), default: "its place: `listener0`, …", "What routes refer to.") {
                owner, name, _, _ in
                owner.listener.name = name
                owner.isNamed = true
                return true
            },
            .value("hostname", \.listener.hostname, hostPattern, default: "any", "The host name it serves."),
        ] + flatListenerFields)

    static let gateway = ValueDecoder<GatewayDraft>.object(
        "Gateway", "A port that routes attach to by name. Policies stand beside the port, or on each of `listeners`.",
        make: { node, context in
            GatewayDraft(
                inline: newListener(node, context), position: context.position(of: node), path: context.pathText)
        },
        fields: [
            .apply("port", .port, required: true, "The port.") { owner, port, _, _ in
                owner.port = UInt16(clamping: port)
                return true
            },
            .optional(
                "listeners", \.listeners, .list(gatewayListener, atLeast: 1, of: "listener"),
                "Services told apart by host name."),
        ] + flatListenerFields.map { $0.inside(\.inline, required: false) },
        rules: flatListenerFields.map { .atMostOne(["listeners", $0.shape.name]) })

    static let gateways = ValueDecoder<Never>.map(
        gateway,
        key: { name in
            name.isEmpty || name.contains("/") ? "a gateway's name is not empty and has no \"/\"" : nil
        }
    ).map { entries in
        entries.map { entry in
            var draft = entry.value
            draft.name = entry.key
            return draft
        }
    }

    static let attachedRoute = ValueDecoder<AttachedRouteDraft>.object(
        "AttachedRoute", "A route of one or more gateways.",
        make: { node, context in AttachedRouteDraft(route: newRoute(node, context)) },
        fields: [
            .value(
                "gateways", \.gateways,
                ValueDecoder<Never>.oneOrMore(.nonEmptyString("a gateway's name"), of: "gateway"), default: "default",
                "`gateway` or `gateway/listener`; one or a list.")
        ] + routeFields.map { $0.inside(\.route, required: false) },
        rules: [.atMostOne(["matches", "match"])]
    ).check { draft, node, context in
        var draft = draft
        guard let route = finishRoute(draft.route, node, context) else { return nil }
        draft.route = route
        return draft
    }
}

/// Attaches routes to gateways: the result is the older layout.
struct GatewayAssembly {
    let context: DecodingContext

    func binds(_ gateways: [GatewayDraft], _ routes: [AttachedRouteDraft]) -> [BindDraft] {
        var binds = gateways.map { gateway in
            var draft = BindDraft(
                bind: Bind(port: gateway.port, position: gateway.position),
                listeners: gateway.listeners ?? [gateway.inline], path: gateway.path)
            for index in draft.listeners.indices where !draft.listeners[index].isNamed {
                draft.listeners[index].listener.name = gateway.isInline ? gateway.name : "listener\(index)"
                draft.listeners[index].isNamed = true
            }
            return draft
        }
        for (number, attached) in routes.enumerated() {
            var route = attached.route
            // By its place among all routes, whatever it attaches to.
            if !route.isNamed {
                route.route.name = "route\(number)"
                route.isNamed = true
            }
            var targets: Set<[Int]> = []
            for reference in attached.gateways.isEmpty ? ["default"] : attached.gateways {
                for target in resolve(reference, attached, gateways, binds) { targets.insert(target) }
            }
            for target in targets { binds[target[0]].listeners[target[1]].routes.append(route) }
        }
        return binds
    }

    /// Indices of gateway and listener.
    private func resolve(
        _ reference: String, _ route: AttachedRouteDraft, _ gateways: [GatewayDraft], _ binds: [BindDraft]
    ) -> [[Int]] {
        let parts = reference.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        let position = route.route.route.position
        guard let gateway = gateways.firstIndex(where: { $0.name == parts[0] }) else {
            if route.gateways.isEmpty {
                context.report("the route names no gateway, and there is none called \"default\"", at: position)
            } else {
                context.report(
                    "there is no gateway \"\(Excerpt.of(parts[0]))\""
                        + Suggestion.hint(for: parts[0], among: gateways.map(\.name)), at: position)
            }
            return []
        }
        let names = binds[gateway].listeners.map(\.listener.name)
        guard parts.count == 2 else { return names.indices.map { [gateway, $0] } }
        guard let listener = names.firstIndex(of: parts[1]) else {
            context.report(
                "gateway \"\(parts[0])\" has no listener \"\(Excerpt.of(parts[1]))\""
                    + Suggestion.hint(for: parts[1], among: names), at: position)
            return []
        }
        return [[gateway, listener]]
    }
}
