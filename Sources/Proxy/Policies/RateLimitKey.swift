// What a limit counts apart: a digest of the key's value. The value itself is not kept: it may be a credential, and it may
// be as long as a header field can be.

import CEL

struct RateLimitKey: Hashable, Sendable {
    // Two halves of 64 bits, each by SipHash under the process's random seed: nobody outside can look for two values that
    // meet, and by chance it takes 2^64 of them.
    private let high: Int
    private let low: Int

    /// All requests together.
    static let all = RateLimitKey { _ in }
    /// Requests for which the key cannot be computed. They share one bucket: a request without a key must not be one
    /// without a limit.
    static let none = RateLimitKey { $0.combine(UInt8(0)) }

    /// nil: the evaluation failed.
    init(_ value: CELValue?) {
        guard let value else {
            self = .none
            return
        }
        switch value {
        case .null, .unknown, .opaque, .type: self = .none
        case .string(let text) where text.isEmpty: self = .none
        default: self.init { Self.add(value, to: &$0) }
        }
    }

    private init(_ add: (inout Hasher) -> Void) {
        func half(_ salt: UInt8) -> Int {
            var hasher = Hasher()
            hasher.combine(salt)
            add(&hasher)
            return hasher.finalize()
        }
        high = half(1)
        low = half(2)
    }

    /// Each part with its kind and length, so that no two values run together into the same bytes.
    private static func add(_ value: CELValue, to hasher: inout Hasher) {
        switch value {
        case .null: hasher.combine(UInt8(1))
        case .bool(let flag): hasher.combine(flag ? UInt8(2) : 3)
        case .int(let number):
            hasher.combine(UInt8(4))
            hasher.combine(number)
        case .uint(let number):
            hasher.combine(UInt8(4))
            hasher.combine(number)
        case .double(let number):
            hasher.combine(UInt8(5))
            hasher.combine(number)
        case .string(let text):
            hasher.combine(UInt8(6))
            hasher.combine(text.utf8.count)
            for byte in text.utf8 { hasher.combine(byte) }
        case .bytes(let bytes):
            hasher.combine(UInt8(7))
            hasher.combine(bytes)
        case .timestamp(let seconds, let nanoseconds):
            hasher.combine(UInt8(8))
            hasher.combine(seconds)
            hasher.combine(nanoseconds)
        case .duration(let nanoseconds):
            hasher.combine(UInt8(9))
            hasher.combine(nanoseconds)
        case .list(let elements):
            hasher.combine(UInt8(10))
            hasher.combine(elements.count)
            for element in elements { add(element, to: &hasher) }
        case .map(let entries):
            hasher.combine(UInt8(11))
            hasher.combine(entries.count)
            for entry in entries {
                add(entry.key, to: &hasher)
                add(entry.value, to: &hasher)
            }
        case .optional(let wrapped):
            hasher.combine(wrapped == nil ? UInt8(12) : 13)
            if let wrapped { add(wrapped, to: &hasher) }
        case .type(let text), .opaque(_, let text): hasher.combine(text)
        case .unknown: hasher.combine(UInt8(14))
        }
    }
}
