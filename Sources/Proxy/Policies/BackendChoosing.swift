// Which of a route's backends a request goes to: those that fail are left out, the same key leads to the same one, and of
// two the less busy is better.

import Auth
import CEL
import Glibc

/// `balancing` and `sessionAffinity` of a route.
struct BackendChoice: Sendable {
    let balancing: Balancing
    let affinity: PolicyExpression?
}

extension CompiledBackend {
    var hostUpstream: Upstream? { if case .host(let upstream) = kind { upstream } else { nil } }
}

extension CompiledRoute {
    /// One of the backends for a request; nil when there is none to choose.
    func pick(_ context: RouteContext, _ inputs: @autoclosure () -> RuleInputs) -> CompiledBackend? {
        guard let choice = traffic?.choice else { return pick(&context.worker.random) }
        let worker = context.worker
        var candidates = backends.filter { backend in
            guard backend.weight > 0 else { return false }
            guard let upstream = backend.hostUpstream, backend.traffic?.health != nil else { return true }
            return !worker.health.isEjected(upstream, at: worker.loop.now)
        }
        // All of them failing is no reason to try none.
        if candidates.isEmpty { candidates = backends.filter { $0.weight > 0 } }
        guard candidates.count > 1 else { return candidates.first }
        if let affinity = choice.affinity {
            if let key = worker.authorizer.value(affinity, inputs()), key.isKey {
                return Self.favourite(key.debugText, candidates)
            }
        }
        let first = Self.weighted(candidates, &worker.random)
        guard choice.balancing == .leastRequest, let first else { return first }
        guard let second = Self.weighted(candidates.filter { $0 !== first }, &worker.random) else { return first }
        func load(_ backend: CompiledBackend) -> Int { backend.hostUpstream.map { worker.health.load($0) } ?? 0 }
        return load(second) < load(first) ? second : first
    }

    /// Where a request goes that has failed at `tried`: to a backend that it has not been to, as long as there is one.
    func pick(
        _ context: RouteContext, after tried: [CompiledBackend], _ inputs: @autoclosure () -> RuleInputs
    ) -> CompiledBackend? {
        let chosen = pick(context, inputs())
        guard let chosen, tried.contains(where: { $0 === chosen }) else { return chosen }
        let rest = backends.filter { backend in !tried.contains { $0 === backend } }
        return Self.weighted(rest, &context.worker.random) ?? chosen
    }

    private static func weighted(
        _ backends: [CompiledBackend], _ random: inout some RandomNumberGenerator
    ) -> CompiledBackend? {
        let total = backends.reduce(0) { $0 + $1.weight }
        guard total > 0 else { return nil }
        var ticket = Int.random(in: 0..<total, using: &random)
        for backend in backends {
            ticket -= backend.weight
            if ticket < 0 { return backend }
        }
        return nil
    }

    /// Rendezvous hashing: every backend draws a number from the key, and the best, by its weight, wins. When a backend
    /// goes, only its own keys move. The hash is the same in every process, so replicas agree. A client that chooses its
    /// key chooses no more than which of the backends that it may reach anyway.
    private static func favourite(_ key: String, _ backends: [CompiledBackend]) -> CompiledBackend? {
        var best: (backend: CompiledBackend, score: Double)?
        for backend in backends {
            let share = (Double(hash(backend.name, key) >> 11) + 0.5) / Double(1 << 53)
            let score = -Double(backend.weight) / log(share)
            if best.map({ score > $0.score }) ?? true { best = (backend, score) }
        }
        return best?.backend
    }

    /// FNV-1a, its bits then mixed as by SplitMix64. The process's own hash function would give every replica another.
    private static func hash(_ name: String, _ key: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for byte in name.utf8 { add(byte) }
        add(0)
        for byte in key.utf8 { add(byte) }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        return hash ^ (hash >> 31)
    }
}

extension CELValue {
    /// Not nothing: requests without a key are spread, not all sent to one backend.
    fileprivate var isKey: Bool {
        switch self {
        case .null, .unknown, .opaque, .type: false
        case .string(let text): !text.isEmpty
        default: true
        }
    }
}
