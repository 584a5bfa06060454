// The rule sets of a snapshot with the places they guard: what tools that look at a policy from outside start from. The
// sets are the very ones that the gateway asks.

import Auth

/// Where a rule set stands on a request's way.
package struct RulePlace: Hashable, Sendable {
    package enum Level: String, Sendable, CaseIterable {
        case listener, route, backend, target
    }

    package var level: Level
    package var port: UInt16
    package var listener: String
    /// nil: the listener's own.
    package var route: String?
    /// Index among the route's backends; nil: not of a backend.
    package var backend: Int?
    /// The name of an MCP target; nil: not of one.
    package var target: String?

    /// `3000/public/api`, as logs and decisions show it.
    package var label: String {
        "\(port)/\(listener)" + (route.map { "/\($0)" } ?? "") + (backend.map { "/backends[\($0)]" } ?? "")
            + (target.map { "/\($0)" } ?? "")
    }
}

/// A compiled rule set, and who the requests that it judges come from.
package struct PlacedRuleSet: Sendable {
    package var place: RulePlace
    package var set: RuleSet
    /// The declared claims that the rules were checked against; nil: any claim may be read.
    package var claims: ClaimsSchema?
    /// Authenticates the requests; nil: nobody does. The route's, or else the listener's.
    package var authentication: AuthPolicy?
}

extension Snapshot {
    /// From the listener inwards, in the order of the file. A listener's set is there once, not once for each route.
    package var placedRuleSets: [PlacedRuleSet] {
        configuration.binds.flatMap { bind in
            (binds[bind.port]?.listeners ?? []).flatMap { placed($0, port: bind.port) }
        }
    }

    private func placed(_ listener: CompiledListener, port: UInt16) -> [PlacedRuleSet] {
        var place = RulePlace(level: .listener, port: port, listener: listener.name)
        var result = listener.rules.sets.map {
            PlacedRuleSet(
                place: place, set: $0, claims: listener.authentication?.claims, authentication: listener.authentication)
        }
        for route in listener.routes {
            place.route = route.route.name
            let authentication = route.authentication ?? listener.authentication
            func add(_ set: RuleSet, _ level: RulePlace.Level, _ backend: Int? = nil, target: String? = nil) {
                place.level = level
                place.backend = backend
                place.target = target
                guard !result.contains(where: { $0.set === set }) else { return }
                result.append(
                    PlacedRuleSet(
                        place: place, set: set, claims: route.authentication?.claims, authentication: authentication))
            }
            for set in route.rules.sets { add(set, .route) }
            for (index, backend) in route.backends.enumerated() {
                let ownPosition = route.route.policies.mcpAuthorization?.position
                for set in backend.mcpRules.sets {
                    // What the route says about MCP messages is asked with each backend's own.
                    if set.position == ownPosition { add(set, .route) } else { add(set, .backend, index) }
                }
                for set in backend.rules.sets { add(set, .backend, index) }
                if case .a2a(let agent) = backend.kind {
                    let routePosition = route.route.policies.a2aAuthorization?.position
                    for set in agent.rules.sets {
                        if set.position == routePosition { add(set, .route) } else { add(set, .backend, index) }
                    }
                }
                guard case .mcp(let mcp) = backend.kind else { continue }
                for target in mcp.targets {
                    for set in mcp.rulesByTarget[target.name]?.sets ?? [] {
                        add(set, .target, index, target: target.name)
                    }
                }
            }
        }
        return result
    }
}
