// Names for decisions: what a client quotes and an operator searches for.

import COpenSSL

/// Names one decision in the client's reply and in our records.
package struct DecisionID: Hashable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    /// Sixteen lowercase hexadecimal digits.
    package var description: String {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }.hexadecimal
    }
}

/// Makes ids on one event loop: a permutation of a counter that starts at a random place, so two ids of a loop are never
/// equal and those of different loops and processes hardly ever. They are names, not secrets.
struct DecisionIDSource {
    private var counter: UInt64 = 0

    init() throws(AuthError) {
        let filled = withUnsafeMutableBytes(of: &counter) {
            RAND_bytes($0.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32($0.count)) == 1
        }
        guard filled else { throw .crypto("no random numbers") }
    }

    /// SplitMix64's output function over its Weyl sequence.
    mutating func next() -> DecisionID {
        counter &+= 0x9E37_79B9_7F4A_7C15
        var z = counter
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return DecisionID(z ^ (z >> 31))
    }
}
