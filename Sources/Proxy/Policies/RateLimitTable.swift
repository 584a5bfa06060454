// The buckets of one `localRateLimit`, for all loops together: a limit is of the process, not of a thread. They are split
// by key over shards, each behind a lock that is held for one look-up and nothing else; two loops meet at a lock only when
// they ask about the same keys at the same moment.

import Auth
import Synchronization

final class RateLimitTable: Sendable {
    /// Keys that are counted apart: about 5 MiB. A limit with more of them at work puts the rest into one bucket per
    /// shard, so that inventing keys never buys more requests.
    static let maximumKeys = 65_536
    private static let maximumShards = 16

    private final class Shard: Sendable {
        let limiter: Mutex<RateLimiter<RateLimitKey>>

        init(_ limit: RateLimit, keys: Int) { limiter = Mutex(RateLimiter(limit, maximumKeys: keys)) }
    }

    let limit: RateLimit
    private let shards: [Shard]

    init(_ limit: RateLimit, isKeyed: Bool) {
        self.limit = limit
        // Without a key there is one bucket, or two: nothing to split.
        let count = isKeyed ? RateLimitTable.maximumShards : 1
        shards = (0..<count).map { _ in Shard(limit, keys: RateLimitTable.maximumKeys / count) }
    }

    private func shard(_ key: RateLimitKey) -> Shard {
        shards.count == 1 ? shards[0] : shards[Int(UInt(bitPattern: key.hashValue) % UInt(shards.count))]
    }

    func take(_ cost: Int64, _ key: RateLimitKey, at now: MonotonicTime) -> RateLimitVerdict {
        shard(key).limiter.withLock { $0.take(cost, key: key, at: now) }
    }

    func refund(_ cost: Int64, _ key: RateLimitKey, at now: MonotonicTime) {
        shard(key).limiter.withLock { $0.refund(cost, key: key, at: now) }
    }

    func charge(_ cost: Int64, _ key: RateLimitKey, at now: MonotonicTime) {
        shard(key).limiter.withLock { $0.charge(cost, key: key, at: now) }
    }
}

/// One `localRateLimit` of a route, compiled.
final class CompiledRateLimit: Sendable {
    let policy: RateLimitPolicy
    let key: PolicyExpression?
    let table: RateLimitTable

    init(_ policy: RateLimitPolicy, key: PolicyExpression?, table: RateLimitTable) {
        self.policy = policy
        self.key = key
        self.table = table
    }

    /// Model tokens are not known before the call: then anything left is enough.
    var cost: Int64 { policy.unit == .requests ? 1 : 0 }
}

/// The buckets that one configuration names, by route and limit: those that the next one names as well go on with what
/// they have counted.
struct RateLimitTables: Sendable {
    private struct Place: Hashable {
        let route: String
        let policy: RateLimitPolicy
        /// Among equal limits of the route.
        let occurrence: Int
    }

    private var tables: [Place: RateLimitTable] = [:]

    mutating func table(
        _ policy: RateLimitPolicy, _ limit: RateLimit, route: String, occurrence: Int, before: RateLimitTables?
    ) -> RateLimitTable {
        let place = Place(route: route, policy: policy, occurrence: occurrence)
        let table = before?.tables[place] ?? RateLimitTable(limit, isKeyed: policy.key != nil)
        tables[place] = table
        return table
    }
}
