// `localRateLimit` on the way of a request: asked after its rules, before anything is sent on; model tokens are charged
// when the request has ended.

import Auth

/// What a request's limits have said, kept to its end.
final class RateLimitOutcome {
    /// Of the bucket with the least left, in its own unit.
    private(set) var limit: Int64 = 0
    private(set) var remaining = Int64.max
    private(set) var reset = Duration.zero
    /// To be charged when the tokens are known.
    private(set) var charges: [(table: RateLimitTable, key: RateLimitKey)] = []

    fileprivate func note(_ limit: RateLimit, _ remaining: Int64, _ reset: Duration) {
        guard remaining < self.remaining else { return }
        (self.limit, self.remaining, self.reset) = (limit.capacity, remaining, reset)
    }

    fileprivate func owe(_ table: RateLimitTable, _ key: RateLimitKey) { charges.append((table, key)) }

    /// - Parameter tokens: of the model, both ways.
    func charge(_ tokens: Int64, at now: MonotonicTime) {
        for (table, key) in charges { table.charge(tokens, key, at: now) }
    }

    /// Fields of agentgateway's names; seconds are rounded up, so that nobody comes back too early.
    var fields: [(String, String)] {
        [
            ("x-ratelimit-limit", "\(limit)"), ("x-ratelimit-remaining", "\(max(0, remaining))"),
            ("x-ratelimit-reset", "\(reset.roundedUpSeconds)"),
        ]
    }
}

struct RateLimitRefusal {
    let unit: RateLimitPolicy.Unit
    let limit: Int64
    let retryAfter: Duration

    var fields: [(String, String)] {
        let seconds = "\(max(1, retryAfter.roundedUpSeconds))"
        return [
            ("retry-after", seconds), ("x-ratelimit-limit", "\(limit)"), ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", seconds),
        ]
    }
}

enum RateLimiting {
    enum Verdict {
        case admitted(RateLimitOutcome)
        case refused(RateLimitRefusal)
    }

    /// Asks every limit. What one of them refuses costs nothing at the others: a client over its own limit must not use
    /// up one that it shares.
    static func judge(
        _ limits: [CompiledRateLimit], _ inputs: RuleInputs, _ authorizer: Authorizer, at now: MonotonicTime
    ) -> Verdict {
        let outcome = RateLimitOutcome()
        var taken: [(table: RateLimitTable, key: RateLimitKey)] = []
        for limit in limits {
            let key = limit.key.map { RateLimitKey(authorizer.value($0, inputs)) } ?? .all
            switch limit.table.take(limit.cost, key, at: now) {
            case .admitted(let remaining, let reset):
                outcome.note(limit.table.limit, remaining, reset)
                if limit.policy.unit == .tokens {
                    outcome.owe(limit.table, key)
                } else {
                    taken.append((limit.table, key))
                }
            case .limited(let wait):
                for (table, key) in taken { table.refund(1, key, at: now) }
                return .refused(
                    RateLimitRefusal(
                        unit: limit.policy.unit, limit: limit.table.limit.capacity, retryAfter: wait))
            }
        }
        return .admitted(outcome)
    }
}

extension Duration {
    fileprivate var roundedUpSeconds: Int64 {
        components.attoseconds > 0 ? components.seconds + 1 : components.seconds
    }
}
