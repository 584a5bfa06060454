// The latest decisions of one loop, as their log lines, for the admin page. Confined to the loop; empty when no page is
// served.

struct DecisionRing {
    /// Enough to look back over a few seconds of a busy gateway; each line is a few hundred bytes.
    static let capacity = 256

    var isEnabled = false
    private var lines: [[UInt8]] = []
    private var next = 0
    /// Decisions so far.
    private(set) var count = 0

    mutating func append(_ line: [UInt8]) {
        if lines.count < DecisionRing.capacity { lines.append(line) } else { lines[next] = line }
        next = (next + 1) % DecisionRing.capacity
        count += 1
    }

    /// What has come since there were `position`, oldest first; what was overwritten is lost.
    func since(_ position: Int) -> [[UInt8]] {
        let wanted = min(count - position, lines.count)
        guard wanted > 0 else { return [] }
        return (0..<wanted).map { lines[(next - wanted + $0 + lines.count * 2) % lines.count] }
    }
}
