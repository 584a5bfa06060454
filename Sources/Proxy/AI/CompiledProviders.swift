// An AI backend made ready: one provider, or groups of them, each a backend of its own with its rules, policies and key.

import Auth

extension SnapshotCompiler {
    mutating func compile(
        _ ai: AIBackend, of backend: RouteBackend, claims: ClaimsSchema?
    ) throws(SnapshotError) -> CompiledBackend {
        if ai.groups.count == 1, ai.groups[0].count == 1 {
            return try compile(ai.groups[0][0], of: backend, claims: claims, weight: backend.weight)
        }
        let passing = ai.groups.joined().count { $0.policies.passesCredentials }
        guard passing == 0 || passing == ai.groups.joined().count else {
            throw SnapshotError(
                "backendAuth passthrough must hold for all providers of a backend, or for none", backend.position)
        }
        var groups: [[CompiledBackend]] = []
        for group in ai.groups {
            guard group.contains(where: { $0.weight > 0 }) else {
                throw SnapshotError("no provider of a group has a weight above 0", backend.position)
            }
            var members: [CompiledBackend] = []
            for provider in group {
                members.append(try compile(provider, of: backend, claims: claims, weight: provider.weight))
            }
            groups.append(members)
        }
        // The providers' rules are asked when one is chosen: they have the backend's among them.
        var policies = backend.policies
        if passing > 0 { policies.backendAuthentication = groups[0][0].policies.backendAuthentication }
        return CompiledBackend(
            name: backend.name, weight: backend.weight, kind: .providers(groups), rules: RuleLevels([]),
            mcpRules: RuleLevels([]), policies: policies, traffic: nil, index: nextBackend())
    }

    private mutating func compile(
        _ provider: AIUpstream, of backend: RouteBackend, claims: ClaimsSchema?, weight: Int
    ) throws(SnapshotError) -> CompiledBackend {
        var own = [backend.policies.authorization]
        if provider.policies.authorization?.position != backend.policies.authorization?.position {
            own.append(provider.policies.authorization)
        }
        var sets: [RuleSet] = []
        for rules in own { if let set = try ruleSet(rules, claims: claims) { sets.append(set) } }
        if case .signedToken? = provider.policies.backendAuthentication {
            throw SnapshotError("not supported yet: jwtSign of an ai backend", provider.position)
        }
        let traits = ProviderTraits(provider.provider)
        let address = provider.hostOverride ?? UpstreamAddress(.tcp(host: traits.host, port: traits.port), tls: true)
        // The loader has filled in what backend and route say of credentials and connections.
        var policies = provider.policies
        policies.requestHeaders = .both(backend.policies.requestHeaders, policies.requestHeaders)
        policies.responseHeaders = .both(backend.policies.responseHeaders, policies.responseHeaders)
        policies.transformations = policies.transformations ?? backend.policies.transformations
        policies.health = policies.health ?? backend.policies.health
        return CompiledBackend(
            name: backend.name, weight: weight,
            kind: .ai(
                CompiledProvider(
                    provider, traits: traits, upstream: try upstream(address, provider.policies, provider.position))),
            rules: RuleLevels(sets), mcpRules: RuleLevels([]), policies: policies, traffic: try .compile(policies),
            index: nextBackend())
    }
}

extension BackendPolicies {
    var passesCredentials: Bool {
        if case .passthrough? = backendAuthentication { return true }
        return false
    }
}

extension HeaderModifier {
    /// The changes of a backend, then those of the provider in it.
    fileprivate static func both(_ outer: HeaderModifier?, _ inner: HeaderModifier?) -> HeaderModifier? {
        guard let outer, let inner else { return outer ?? inner }
        let set = outer.set.filter { field in !inner.set.contains { $0.name == field.name } } + inner.set
        return HeaderModifier(add: outer.add + inner.add, set: set, remove: outer.remove + inner.remove)
    }
}
