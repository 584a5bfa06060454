// SHA-256, SHA-1 and MD5 over bytes: rules name things by their digests; nothing here protects a secret, and CEL depends on
// no cryptographic library.

enum Digests {
    /// Pads as all three do: a one bit, zeros, the length in bits.
    private static func blocks(_ bytes: Bytes, littleEndianLength: Bool, _ body: (UnsafePointer<UInt8>) -> Void) {
        var padded = Array(bytes)
        let bits = UInt64(bytes.count) &* 8
        padded.append(0x80)
        while padded.count % 64 != 56 { padded.append(0) }
        for i in 0..<8 {
            let shift = UInt64(littleEndianLength ? i * 8 : 56 - i * 8)
            padded.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
        padded.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            for start in stride(from: 0, to: buffer.count, by: 64) { body(base + start) }
        }
    }

    private static func word(_ p: UnsafePointer<UInt8>, _ i: Int, bigEndian: Bool) -> UInt32 {
        let q = p + i * 4
        return bigEndian
            ? UInt32(q[0]) << 24 | UInt32(q[1]) << 16 | UInt32(q[2]) << 8 | UInt32(q[3])
            : UInt32(q[3]) << 24 | UInt32(q[2]) << 16 | UInt32(q[1]) << 8 | UInt32(q[0])
    }

    private static func rotate(_ x: UInt32, left n: UInt32) -> UInt32 { x << n | x >> (32 - n) }

    private static func bytes(_ words: [UInt32], bigEndian: Bool) -> [UInt8] {
        words.flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(bigEndian ? 24 - $0 * 8 : $0 * 8)) }
        }
    }

    /// The first 32 bits of the fractions of the n-th roots of the first primes, by integer search (FIPS 180-4 §4.2.2).
    private static let primes: [UInt32] = {
        var found: [UInt32] = []
        var candidate: UInt32 = 2
        while found.count < 64 {
            if found.allSatisfy({ candidate % $0 != 0 }) { found.append(candidate) }
            candidate += 1
        }
        return found
    }()

    private static let cubeRoots: [UInt32] = primes.map { prime in
        // The largest x with x³ ≤ prime · 2⁹⁶ fits 36 bits; its low 32 are the fraction.
        var low: UInt64 = 0
        var high: UInt64 = 1 << 36
        while high - low > 1 {
            let middle = (low + high) / 2
            let square = UInt128(middle) * UInt128(middle)
            if square * UInt128(middle) <= UInt128(prime) << 96 { low = middle } else { high = middle }
        }
        return UInt32(truncatingIfNeeded: low)
    }

    private static let squareRoots: [UInt32] = primes.prefix(8).map { prime in
        var low: UInt64 = 0
        var high: UInt64 = 1 << 36
        while high - low > 1 {
            let middle = (low + high) / 2
            if UInt128(middle) * UInt128(middle) <= UInt128(prime) << 64 { low = middle } else { high = middle }
        }
        return UInt32(truncatingIfNeeded: low)
    }

    /// FIPS 180-4 §6.2.
    static func sha256(_ input: Bytes) -> [UInt8] {
        var state = squareRoots
        blocks(input, littleEndianLength: false) { block in
            var w = (0..<16).map { word(block, $0, bigEndian: true) }
            for t in 16..<64 {
                let x = w[t - 15]
                let y = w[t - 2]
                let s0 = rotate(x, left: 25) ^ rotate(x, left: 14) ^ x >> 3
                let s1 = rotate(y, left: 15) ^ rotate(y, left: 13) ^ y >> 10
                w.append(w[t - 16] &+ s0 &+ w[t - 7] &+ s1)
            }
            var v = state
            for t in 0..<64 {
                let s1 = rotate(v[4], left: 26) ^ rotate(v[4], left: 21) ^ rotate(v[4], left: 7)
                let choice = v[4] & v[5] ^ ~v[4] & v[6]
                let first = v[7] &+ s1 &+ choice &+ cubeRoots[t] &+ w[t]
                let s0 = rotate(v[0], left: 30) ^ rotate(v[0], left: 19) ^ rotate(v[0], left: 10)
                let majority = v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2]
                v = [first &+ s0 &+ majority, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
            }
            for i in 0..<8 { state[i] = state[i] &+ v[i] }
        }
        return bytes(state, bigEndian: true)
    }

    /// FIPS 180-4 §6.1.
    static func sha1(_ input: Bytes) -> [UInt8] {
        var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
        blocks(input, littleEndianLength: false) { block in
            var w = (0..<16).map { word(block, $0, bigEndian: true) }
            for t in 16..<80 { w.append(rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], left: 1)) }
            var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
            for t in 0..<80 {
                let (f, k): (UInt32, UInt32) =
                    switch t {
                    case ..<20: (b & c | ~b & d, 0x5a82_7999)
                    case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
                    case ..<60: (b & c | b & d | c & d, 0x8f1b_bcdc)
                    default: (b ^ c ^ d, 0xca62_c1d6)
                    }
                let next = rotate(a, left: 5) &+ f &+ e &+ k &+ w[t]
                (e, d, c, b, a) = (d, c, rotate(b, left: 30), a, next)
            }
            for (i, x) in [a, b, c, d, e].enumerated() { state[i] = state[i] &+ x }
        }
        return bytes(state, bigEndian: true)
    }

    /// RFC 1321 §3.4.
    static func md5(_ input: Bytes) -> [UInt8] {
        let shifts: [[UInt32]] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
        var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
        blocks(input, littleEndianLength: true) { block in
            let w = (0..<16).map { word(block, $0, bigEndian: false) }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            for t in 0..<64 {
                let (f, g): (UInt32, Int) =
                    switch t / 16 {
                    case 0: (b & c | ~b & d, t)
                    case 1: (d & b | ~d & c, (5 * t + 1) % 16)
                    case 2: (b ^ c ^ d, (3 * t + 5) % 16)
                    default: (c ^ (b | ~d), (7 * t) % 16)
                    }
                let sum = a &+ f &+ sines[t] &+ w[g]
                (a, d, c, b) = (d, c, b, b &+ rotate(sum, left: shifts[t / 16][t % 4]))
            }
            for (i, x) in [a, b, c, d].enumerated() { state[i] = state[i] &+ x }
        }
        return bytes(state, bigEndian: false)
    }

    /// ⌊2³² · |sin(t + 1)|⌋
    private static let sines: [UInt32] = (1...64).map { UInt32(abs(Trigonometry.sine(Double($0))) * 0x1p32) }
}
