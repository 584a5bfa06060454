import CRE2
import Testing

@testable import CEL

@Suite struct PatternTableTests {
    /// Patterns within and beyond what the table covers, and texts near them, against libre2 itself.
    @Test func theTableAnswersAsRE2Does() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(state: seed)
        func atom(_ depth: Int) -> String {
            switch Int.random(in: 0..<(depth > 0 ? 9 : 7), using: &random) {
            case 0: return "a"
            case 1: return "b"
            case 2: return "[ab]"
            case 3: return "."
            case 4: return "\\d"
            case 5: return "[0-9a-]"
            case 6: return "-"
            default: return "(\(alternatives(depth - 1)))"
            }
        }
        func sequence(_ depth: Int) -> String {
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
                atom(depth) + ["", "", "*", "+", "?"].randomElement(using: &random)!
            }.joined()
        }
        func alternatives(_ depth: Int) -> String {
            (0..<Int.random(in: 1...2, using: &random)).map { _ in sequence(depth) }.joined(separator: "|")
        }
        var covered = 0
        for _ in 0..<500 {
            let pattern =
                (Bool.random(using: &random) ? "^" : "") + alternatives(2) + (Bool.random(using: &random) ? "$" : "")
            let bytes = Array(pattern.utf8)
            let table = bytes.withUnsafeBufferPointer { PatternTable($0) }
            let handle = try #require(agentgw_re2_new(bytes, bytes.count, 1 << 20))
            defer { agentgw_re2_free(handle) }
            guard let table else { continue }
            #expect(agentgw_re2_ok(handle), "\(pattern)")
            covered += 1
            for _ in 0..<20 {
                let text = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    Array("ab-01\nx".utf8).randomElement(using: &random)!
                }
                let expected = agentgw_re2_match(handle, text, text.count, 0, nil, 0)
                let got = text.withUnsafeBufferPointer { table.matches($0) }
                #expect(got == expected, "seed \(seed): \(pattern) on \(String(decoding: text, as: UTF8.self))")
            }
        }
        #expect(covered > 150)
    }
}

/// SplitMix64: small, and the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
