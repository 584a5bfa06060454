// A histogram with fixed buckets. One writer; merged and rendered when somebody asks.

extension Duration {
    /// As metrics state times.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

struct Histogram: Sendable {
    /// Upper bounds in ascending order; what is above the last counts in a bucket of its own.
    let bounds: [Double]
    private(set) var counts: [UInt64]
    private(set) var sum = 0.0

    /// Seconds: from a reply made by the gateway itself to a long stream.
    static let seconds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]
    /// Tokens, as the GenAI semantic conventions of OpenTelemetry state them.
    static let tokens: [Double] = [
        1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
    ]

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    mutating func observe(_ value: Double) {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index] += 1
        sum += value
    }

    /// - Parameter other: with the same bounds.
    mutating func add(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sum += other.sum
    }

    var count: UInt64 { counts.reduce(0, +) }
}
