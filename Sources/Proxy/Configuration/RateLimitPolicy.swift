// `localRateLimit`: token buckets of this process.

import Auth

package struct RateLimitPolicy: Hashable, Sendable {
    package enum Unit: String, Sendable, CaseIterable {
        case requests
        /// Of a model, charged when an AI request has ended.
        case tokens
    }

    /// The burst, and what a key begins with.
    package var capacity: Int64
    package var perFill: Int64
    package var interval: Duration
    package var unit: Unit
    /// nil: all requests of the route share one bucket.
    package var key: PolicyExpressionSource?

    package init(
        capacity: Int64 = 0, perFill: Int64 = 0, interval: Duration = .zero, unit: Unit = .requests,
        key: PolicyExpressionSource? = nil
    ) {
        self.capacity = capacity
        self.perFill = perFill
        self.interval = interval
        self.unit = unit
        self.key = key
    }
}
