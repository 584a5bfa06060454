// The traffic policies of a route, compiled. A route that has none of them holds nil and pays for none.

import Auth

final class CompiledTraffic: Sendable {
    let rateLimits: [CompiledRateLimit]

    /// nil: the route has none of these policies.
    init?(
        _ policies: RoutePolicies, route: String, tables: inout RateLimitTables, before: RateLimitTables?,
        at position: FilePosition
    ) throws(SnapshotError) {
        var limits: [CompiledRateLimit] = []
        for (index, policy) in policies.rateLimits.enumerated() {
            guard let limit = RateLimit(capacity: policy.capacity, perFill: policy.perFill, interval: policy.interval)
            else { throw SnapshotError("a rate limit that admits nothing", position) }
            let occurrence = policies.rateLimits[..<index].count { $0 == policy }
            limits.append(
                CompiledRateLimit(
                    policy, key: try policy.key.map { (key) throws(SnapshotError) in try .compiled(key) },
                    table: tables.table(policy, limit, route: route, occurrence: occurrence, before: before)))
        }
        rateLimits = limits
        if limits.isEmpty { return nil }
    }
}

extension PolicyExpression {
    static func compiled(_ source: PolicyExpressionSource) throws(SnapshotError) -> PolicyExpression {
        do throws(RuleSetError) {
            return try PolicyExpression(source)
        } catch { throw SnapshotError(rendered: error.description, source.position) }
    }
}
