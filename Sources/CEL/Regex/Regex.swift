// Regular expressions in RE2's syntax, in linear time; the one door to libre2.

import CRE2

/// Why a pattern was refused.
struct RegexError: Error {
    let message: String
}

/// A compiled pattern. Immutable; RE2 objects may be used from several threads at once.
final class Regex: @unchecked Sendable {
    /// Longer patterns are refused: nobody writes them by hand.
    static let maximumPatternBytes = 8 << 10
    /// RE2's bound on the compiled program and its automata, per pattern.
    private static let maximumMemory: Int64 = 8 << 20

    private let handle: OpaquePointer
    let groupCount: Int
    /// A table for patterns simple enough; libre2 costs a hundred nanoseconds per call before it reads a byte.
    private let table: PatternTable?

    init(_ pattern: Bytes) throws(RegexError) {
        guard pattern.count <= Regex.maximumPatternBytes else {
            throw RegexError(message: "the pattern is longer than \(Regex.maximumPatternBytes) bytes")
        }
        guard let handle = agentgw_re2_new(pattern.baseAddress, pattern.count, Regex.maximumMemory) else {
            throw RegexError(message: "out of memory")
        }
        guard agentgw_re2_ok(handle) else {
            let message = String(cString: agentgw_re2_error(handle))
            agentgw_re2_free(handle)
            throw RegexError(message: "invalid pattern: \(message)")
        }
        self.handle = handle
        groupCount = Int(agentgw_re2_group_count(handle))
        table = PatternTable(pattern)
    }

    deinit { agentgw_re2_free(handle) }

    /// Whether the pattern occurs anywhere in `text`.
    @inline(__always)
    func matches(_ text: Bytes) -> Bool {
        if let table, let answer = table.matches(text) { return answer }
        return agentgw_re2_match(handle, text.baseAddress, text.count, 0, nil, 0)
    }

    /// The first occurrence at or after `start`: byte offsets of the whole and of each group, nil for a group without part.
    func firstMatch(in text: Bytes, from start: Int) -> [Range<Int>?]? {
        let count = min(groupCount + 1, 17)
        var offsets = [Int64](repeating: -1, count: count * 2)
        guard agentgw_re2_match(handle, text.baseAddress, text.count, start, &offsets, Int32(count)) else { return nil }
        return (0..<count).map { offsets[2 * $0] < 0 ? nil : Int(offsets[2 * $0])..<Int(offsets[2 * $0 + 1]) }
    }
}

/// Patterns that are not constant, compiled once each while they are in use. One per evaluation context.
final class RegexCache {
    /// A rule set has a handful of dynamic patterns; a client that sends them must not grow the process.
    static let capacity = 32

    private var entries: [(pattern: [UInt8], regex: Regex, used: UInt64)] = []
    private var clock: UInt64 = 0

    func regex(_ pattern: Bytes) throws(RegexError) -> Regex {
        clock += 1
        for i in entries.indices where entries[i].pattern.elementsEqual(pattern) {
            entries[i].used = clock
            return entries[i].regex
        }
        let regex = try Regex(pattern)
        let entry = (Array(pattern), regex, clock)
        if entries.count < RegexCache.capacity {
            entries.append(entry)
        } else if let oldest = entries.indices.min(by: { entries[$0].used < entries[$1].used }) {
            entries[oldest] = entry
        }
        return regex
    }
}
