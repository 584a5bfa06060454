// The traffic policies of a route and of a backend, compiled. One that has none of them holds nil and pays for none.

import Auth

final class CompiledTraffic: Sendable {
    let rateLimits: [CompiledRateLimit]
    let externalAuthorization: CompiledExternalAuthorization?
    let retry: CompiledRetry?
    let mirror: (upstream: Upstream, share: Double)?
    let request: CompiledTransformation?
    let response: CompiledTransformation?
    /// nil: by weight, all of them.
    let choice: BackendChoice?

    /// Something is evaluated when the request's header is already the upstream's.
    var looksBack: Bool { retry != nil || request != nil || response != nil }

    private init(
        _ policies: RoutePolicies, _ limits: [CompiledRateLimit], _ choice: BackendChoice?,
        _ compiler: SnapshotCompiler
    ) throws(SnapshotError) {
        rateLimits = limits
        self.choice = choice
        externalAuthorization = try policies.externalAuthorization.map { (policy) throws(SnapshotError) in
            try compiler.externalAuthorization(policy)
        }
        retry = try CompiledRetry(policies.retry)
        mirror = try policies.mirror.map { (mirror) throws(SnapshotError) in
            (try compiler.upstream(mirror.address, BackendPolicies(), mirror.position), mirror.share)
        }
        request = try CompiledTransformation(policies.transformations?.request)
        response = try CompiledTransformation(policies.transformations?.response)
    }

    /// nil: the route has none of these policies.
    static func compile(
        _ route: Route, label: String, _ compiler: inout SnapshotCompiler
    ) throws(SnapshotError) -> CompiledTraffic? {
        let policies = route.policies
        var limits: [CompiledRateLimit] = []
        for (index, policy) in policies.rateLimits.enumerated() {
            guard let limit = RateLimit(capacity: policy.capacity, perFill: policy.perFill, interval: policy.interval)
            else { throw SnapshotError("a rate limit that admits nothing", route.position) }
            let occurrence = policies.rateLimits[..<index].count { $0 == policy }
            limits.append(
                CompiledRateLimit(
                    policy, key: try policy.key.map { (key) throws(SnapshotError) in try .compiled(key) },
                    table: compiler.rateLimits.table(
                        policy, limit, route: label, occurrence: occurrence, before: compiler.previousLimits)))
        }
        let choosesAgain =
            policies.balancing != .weighted || policies.affinity != nil
            || route.backends.contains { $0.policies.health != nil }
        let choice =
            try choosesAgain
            ? BackendChoice(
                balancing: policies.balancing,
                affinity: policies.affinity.map { (key) throws(SnapshotError) in try .compiled(key) }) : nil
        guard
            !limits.isEmpty || choice != nil || policies.externalAuthorization != nil || policies.retry != nil
                || policies.mirror != nil || policies.transformations != nil
        else { return nil }
        return try CompiledTraffic(policies, limits, choice, compiler)
    }
}

final class CompiledBackendTraffic: Sendable {
    let request: CompiledTransformation?
    let response: CompiledTransformation?
    let health: CompiledHealth?

    /// nil: the backend has none of these policies.
    static func compile(_ policies: BackendPolicies) throws(SnapshotError) -> CompiledBackendTraffic? {
        guard policies.transformations != nil || policies.health != nil else { return nil }
        return try CompiledBackendTraffic(policies)
    }

    private init(_ policies: BackendPolicies) throws(SnapshotError) {
        request = try CompiledTransformation(policies.transformations?.request)
        response = try CompiledTransformation(policies.transformations?.response)
        health = try policies.health.map { (policy) throws(SnapshotError) in try CompiledHealth(policy) }
    }
}

final class CompiledHealth: Sendable {
    let policy: HealthPolicy
    let unhealthy: PolicyExpression?

    init(_ policy: HealthPolicy) throws(SnapshotError) {
        self.policy = policy
        unhealthy = try policy.unhealthy.map { (source) throws(SnapshotError) in try .compiled(source) }
    }
}

extension SnapshotCompiler {
    func externalAuthorization(
        _ policy: ExternalAuthorization
    ) throws(SnapshotError) -> CompiledExternalAuthorization {
        guard let address = policy.address else {
            throw SnapshotError("extAuthz needs a host that is asked", policy.position)
        }
        return try CompiledExternalAuthorization(
            policy, upstream: try upstream(address, BackendPolicies(), policy.position))
    }
}

extension PolicyExpression {
    static func compiled(_ source: PolicyExpressionSource) throws(SnapshotError) -> PolicyExpression {
        do throws(RuleSetError) {
            return try PolicyExpression(source)
        } catch { throw SnapshotError(rendered: error.description, source.position) }
    }
}
