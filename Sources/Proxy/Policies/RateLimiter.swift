// Token buckets by key, for limits on requests and on model tokens. No clock of its own: the time is passed in.

package struct RateLimit: Hashable, Sendable {
    /// The burst, and what a key begins with.
    package let capacity: Int64
    package let perFill: Int64
    package let interval: Duration

    /// nil when the limit would admit nothing, or everything: each must be positive, `perFill` not above `capacity`.
    package init?(capacity: Int64, perFill: Int64, interval: Duration) {
        guard capacity > 0, perFill > 0, perFill <= capacity, interval > .zero else { return nil }
        self.capacity = capacity
        self.perFill = perFill
        self.interval = interval
    }
}

package enum RateLimitVerdict: Hashable, Sendable {
    /// - Parameter reset: until the bucket is full again.
    case admitted(remaining: Int64, reset: Duration)
    case limited(retryAfter: Duration)
}

package struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    private struct Bucket {
        /// Below zero when a call took more than was left: it is paid back first.
        var level: Int64
        /// When the last whole interval ended.
        var filled: MonotonicTime
    }

    private let limit: RateLimit
    private let intervalNanoseconds: UInt64
    private let maximumKeys: Int
    private var buckets: [Key: Bucket] = [:]
    /// For keys that find no room: they share, so that inventing keys never buys more.
    private var overflow: Bucket?
    private var swept: MonotonicTime?

    /// - Parameter maximumKeys: bounds the memory; a bucket that is full again is forgotten.
    package init(_ limit: RateLimit, maximumKeys: Int = 65_536) {
        self.limit = limit
        self.maximumKeys = max(1, maximumKeys)
        let (seconds, attoseconds) = limit.interval.components
        let (scaled, isTooLong) = UInt64(max(0, seconds)).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = scaled.addingReportingOverflow(UInt64(max(0, attoseconds) / 1_000_000_000))
        intervalNanoseconds = isTooLong || carry ? .max : max(1, sum)
    }

    /// Takes `cost` when it is there. 0 asks whether anything is left: for calls whose cost is known only afterwards.
    /// A cost above the capacity is never there.
    package mutating func take(_ cost: Int64, key: Key, at now: MonotonicTime) -> RateLimitVerdict {
        var bucket = current(key, now)
        let needed = max(1, cost)
        defer { store(bucket, key, now) }
        guard bucket.level >= needed else { return .limited(retryAfter: wait(bucket, needed, now)) }
        bucket.level -= max(0, cost)
        return .admitted(remaining: bucket.level, reset: wait(bucket, limit.capacity, now))
    }

    /// Takes what a call has cost in the end, even when that is more than is left.
    package mutating func charge(_ cost: Int64, key: Key, at now: MonotonicTime) {
        var bucket = current(key, now)
        let (level, underflow) = bucket.level.subtractingReportingOverflow(max(0, cost))
        bucket.level = underflow ? .min : level
        store(bucket, key, now)
    }

    /// Gives back what `take` took, for a request that another limit has refused.
    package mutating func refund(_ cost: Int64, key: Key, at now: MonotonicTime) {
        var bucket = current(key, now)
        let (level, overflow) = bucket.level.addingReportingOverflow(max(0, cost))
        bucket.level = overflow ? limit.capacity : min(limit.capacity, level)
        store(bucket, key, now)
    }

    private func current(_ key: Key, _ now: MonotonicTime) -> Bucket {
        var bucket: Bucket
        if let known = buckets[key] {
            bucket = known
        } else if buckets.count >= maximumKeys, let shared = overflow {
            bucket = shared
        } else {
            return Bucket(level: limit.capacity, filled: now)
        }
        refill(&bucket, now)
        return bucket
    }

    private func refill(_ bucket: inout Bucket, _ now: MonotonicTime) {
        guard now > bucket.filled else { return }
        let fills = (now.nanoseconds - bucket.filled.nanoseconds) / intervalNanoseconds
        // At most `now`, so neither step can overflow.
        bucket.filled = MonotonicTime(nanoseconds: bucket.filled.nanoseconds + fills * intervalNanoseconds)
        let (gain, isMuch) = Int64(clamping: fills).multipliedReportingOverflow(by: limit.perFill)
        let (level, carry) = bucket.level.addingReportingOverflow(isMuch ? .max : gain)
        bucket.level = carry ? limit.capacity : min(limit.capacity, level)
    }

    private mutating func store(_ bucket: Bucket, _ key: Key, _ now: MonotonicTime) {
        if buckets[key] == nil, buckets.count >= maximumKeys {
            sweep(now)
            if buckets.count >= maximumKeys {
                overflow = bucket
                return
            }
        }
        buckets[key] = bucket
    }

    /// Forgets full buckets, which a new one would equal; at most once in an interval, as it looks at all of them.
    private mutating func sweep(_ now: MonotonicTime) {
        if let swept, now < swept + limit.interval { return }
        swept = now
        buckets = buckets.filter { entry in
            var bucket = entry.value
            refill(&bucket, now)
            return bucket.level < limit.capacity
        }
    }

    private func wait(_ bucket: Bucket, _ needed: Int64, _ now: MonotonicTime) -> Duration {
        let (missing, overflow) = needed.subtractingReportingOverflow(bucket.level)
        let lacking = overflow ? Int64.max : missing
        guard lacking > 0 else { return .zero }
        let fills = UInt64(lacking / limit.perFill) + (lacking % limit.perFill == 0 ? 0 : 1)
        let (length, isLong) = fills.multipliedReportingOverflow(by: intervalNanoseconds)
        guard !isLong else { return .nanoseconds(Int64.max) }
        let passed = now > bucket.filled ? now.nanoseconds - bucket.filled.nanoseconds : 0
        return .nanoseconds(Int64(clamping: length > passed ? length - passed : 0))
    }
}
