// `health`: backends that fail are left out for a while. Learnt from the replies to clients; nothing is probed.

import Auth

package struct HealthPolicy: Hashable, Sendable {
    /// Says of a reply that it counts as a failure; nil: 5xx. Not getting one always counts.
    package var unhealthy: PolicyExpressionSource?
    /// Failures in a row that it takes.
    package var consecutiveFailures: Int
    /// Of the first ejection; the n-th in a row lasts n times as long.
    package var duration: Duration

    package init(
        unhealthy: PolicyExpressionSource? = nil, consecutiveFailures: Int = 1, duration: Duration = .seconds(3)
    ) {
        self.unhealthy = unhealthy
        self.consecutiveFailures = consecutiveFailures
        self.duration = duration
    }
}

/// How one of a route's backends is chosen.
package enum Balancing: String, Sendable, CaseIterable {
    /// By weight, at random.
    case weighted
    /// Of two chosen by weight, the one with fewer requests under way.
    case leastRequest
}
