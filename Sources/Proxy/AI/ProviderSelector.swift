// Which provider takes the next call: the first priority group with one that is not cooling down, by weight within it.
// A state machine without clock or randomness of its own; both are passed in.

package struct ProviderSelector: Sendable {
    /// No provider is left alone for longer, whatever its Retry-After says: it would be forgotten.
    package static let longestCoolDown = Duration.seconds(300)

    private struct Provider {
        var weight: UInt64
        var failures = 0
        /// Cool-downs since the last success; each is longer than the one before.
        var ejections = 0
        var coolUntil: MonotonicTime?
    }

    private var providers: [Provider] = []
    private var groups: [Range<Int>] = []
    private let threshold: Int
    private let coolDown: Duration

    /// - Parameters:
    ///   - weights: of each provider in each group; 0 is never chosen. Providers are numbered through all groups.
    ///   - threshold: failures in a row before a provider is left alone; at least 1.
    ///   - coolDown: times the number of cool-downs in a row, when the provider does not say how long.
    package init(weights: [[UInt32]], threshold: Int = 1, coolDown: Duration = .seconds(3)) {
        for group in weights {
            let start = providers.count
            providers += group.map { Provider(weight: UInt64($0)) }
            groups.append(start..<providers.count)
        }
        self.threshold = max(1, threshold)
        self.coolDown = min(max(coolDown, .zero), Self.longestCoolDown)
    }

    /// - Parameters:
    ///   - random: uniform over all 64-bit values.
    ///   - tried: providers that this request has already failed on.
    /// - Returns: nil when every provider was tried. When all others are cooling down, the one that is ready first: a
    ///   call that may fail is better than one that must.
    package func select(at now: MonotonicTime, random: UInt64, excluding tried: Set<Int> = []) -> Int? {
        for group in groups {
            let ready = group.filter { isReady($0, now) && !tried.contains($0) }
            let total = ready.reduce(UInt64(0)) { $0 + providers[$1].weight }
            guard total > 0 else { continue }
            var point = random.multipliedFullWidth(by: total).high
            for index in ready {
                if point < providers[index].weight { return index }
                point -= providers[index].weight
            }
        }
        return providers.indices
            .filter { providers[$0].weight > 0 && !tried.contains($0) }
            .min { (providers[$0].coolUntil ?? now, $0) < (providers[$1].coolUntil ?? now, $1) }
    }

    package func isReady(_ provider: Int, _ now: MonotonicTime) -> Bool {
        guard let until = providers[provider].coolUntil else { return true }
        return until <= now
    }

    package mutating func succeeded(_ provider: Int) {
        providers[provider].failures = 0
        providers[provider].ejections = 0
        providers[provider].coolUntil = nil
    }

    /// - Parameter retryAfter: what the provider asked for; it is honoured at once, even below the threshold.
    package mutating func failed(_ provider: Int, at now: MonotonicTime, retryAfter: Duration? = nil) {
        let limit = Self.longestCoolDown
        providers[provider].failures = min(providers[provider].failures + 1, threshold)
        guard retryAfter != nil || providers[provider].failures >= threshold else { return }
        // Calls that were under way when it began to cool down say nothing new.
        if isReady(provider, now) { providers[provider].ejections = min(providers[provider].ejections + 1, 1000) }
        let pause = min(max(retryAfter ?? coolDown * providers[provider].ejections, .zero), limit)
        providers[provider].coolUntil = max(providers[provider].coolUntil ?? now, now + pause)
    }
}
