// `health` and `balancing` at work: what one loop has learnt of the backends it sends to. Each loop learns for itself, from
// the replies to its own clients.

import Auth

final class BackendHealth {
    private struct State {
        var failures = 0
        /// In a row; a success ends the row.
        var ejections = 0
        var ejectedUntil = MonotonicTime(nanoseconds: 0)
        /// Requests under way.
        var load = 0
    }

    /// An ejection lasts no longer, however often it is repeated.
    private static let longest = Duration.seconds(300)

    /// By the backend's upstream, which is the same object over reloads.
    private var states: [ObjectIdentifier: State] = [:]
    private var names: [ObjectIdentifier: String] = [:]
    private(set) var ejections: UInt64 = 0

    func isEjected(_ upstream: Upstream, at now: MonotonicTime) -> Bool {
        guard let state = states[ObjectIdentifier(upstream)] else { return false }
        return now < state.ejectedUntil
    }

    func note(_ upstream: Upstream, _ policy: HealthPolicy, failed: Bool, at now: MonotonicTime) {
        let id = ObjectIdentifier(upstream)
        var state = states[id] ?? State()
        defer { states[id] = state }
        guard failed else {
            state.failures = 0
            // A straggler that was sent before the ejection says nothing of how things are now.
            if now >= state.ejectedUntil { state.ejections = 0 }
            return
        }
        state.failures += 1
        guard state.failures >= policy.consecutiveFailures, now >= state.ejectedUntil else { return }
        state.failures = 0
        state.ejections = min(state.ejections + 1, 1000)
        state.ejectedUntil = now + min(Self.longest, policy.duration * state.ejections)
        names[id] = upstream.name
        ejections += 1
    }

    func load(_ upstream: Upstream) -> Int { states[ObjectIdentifier(upstream)]?.load ?? 0 }

    func begin(_ upstream: Upstream) { states[ObjectIdentifier(upstream), default: State()].load += 1 }

    func end(_ upstream: Upstream) { states[ObjectIdentifier(upstream)]?.load -= 1 }

    /// Another configuration is in force.
    func keepOnly(_ upstreams: Set<ObjectIdentifier>) {
        states = states.filter { upstreams.contains($0.key) || $0.value.load > 0 }
        names = names.filter { upstreams.contains($0.key) }
    }

    func report(into report: inout MetricsReport, at now: MonotonicTime) {
        report.add(.ejections, [], Double(ejections))
        for (id, name) in names {
            let isOut = states[id].map { now < $0.ejectedUntil } ?? false
            report.add(.ejected, [("backend", name)], isOut ? 1 : 0)
        }
    }
}
