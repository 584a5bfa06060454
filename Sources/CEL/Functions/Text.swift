// Work on UTF-8 bytes: searching, counting and cutting by code points, without building strings.

#if canImport(Glibc)
import Glibc
#endif

enum Text {
    @inline(__always)
    static func hasPrefix(_ text: Bytes, _ prefix: Bytes) -> Bool {
        guard text.count >= prefix.count else { return false }
        guard let a = text.baseAddress, let b = prefix.baseAddress, prefix.count > 0 else { return true }
        return Value.sameBytes(a, b, prefix.count)
    }

    /// ASCII letters of either case are the same, as in the names of header fields.
    static func isSameIgnoringCase(_ a: some Collection<UInt8>, _ b: Bytes) -> Bool {
        guard a.count == b.count else { return false }
        return zip(a, b).allSatisfy { x, y in
            (x &- 0x41 < 26 ? x | 0x20 : x) == (y &- 0x41 < 26 ? y | 0x20 : y)
        }
    }

    static func hasSuffix(_ text: Bytes, _ suffix: Bytes) -> Bool {
        guard text.count >= suffix.count else { return false }
        guard let a = text.baseAddress, let b = suffix.baseAddress, suffix.count > 0 else { return true }
        return Value.sameBytes(a + (text.count - suffix.count), b, suffix.count)
    }

    /// Longer needles are searched for by algorithms that are linear whatever the texts: two that agree almost everywhere,
    /// in a request, must not take seconds. For shorter ones looking at the ends first is faster.
    private static let longNeedle = 32

    /// The offset of the first `needle` at or after `start`, in time linear in `text`.
    static func find(_ needle: Bytes, in text: Bytes, from start: Int = 0) -> Int? {
        guard start <= text.count else { return nil }
        guard needle.count > 0, let pattern = needle.baseAddress else { return start }
        guard let base = text.baseAddress, text.count - start >= needle.count else { return nil }
        if needle.count > longNeedle {
            return LinearSearch(needle, isBackward: false).run(text[start...]).map { $0 + start }
        }
        let (first, last) = (pattern[0], pattern[needle.count - 1])
        let end = text.count - needle.count
        var position = start
        while position <= end {
            guard let found = memchr(base + position, Int32(first), end - position + 1) else { return nil }
            position = UnsafeRawPointer(found) - UnsafeRawPointer(base)
            if base[position + needle.count - 1] == last, memcmp(base + position, pattern, needle.count) == 0 {
                return position
            }
            position += 1
        }
        return nil
    }

    /// What `find` costs at most, in units of the budget.
    static func findCost(_ needle: Bytes, in text: Bytes) -> Int { text.count >> 4 + needle.count >> 4 }

    /// The offset of the last `needle` that begins at or before `start`, in time linear in `text`.
    static func findLast(_ needle: Bytes, in text: Bytes, from start: Int) -> Int? {
        guard text.count >= needle.count else { return nil }
        var position = min(start, text.count - needle.count)
        guard needle.count > 0 else { return position }
        if needle.count > longNeedle {
            let end = position + needle.count
            return LinearSearch(needle, isBackward: true).run(text[..<end]).map { end - needle.count - $0 }
        }
        while position >= 0 {
            if text[position] == needle[0], memcmp(text.baseAddress! + position, needle.baseAddress!, needle.count) == 0
            {
                return position
            }
            position -= 1
        }
        return nil
    }

    @inline(__always) static func isStart(_ byte: UInt8) -> Bool { byte & 0xc0 != 0x80 }

    /// Code points.
    static func count(_ text: Bytes) -> Int {
        var count = 0
        for byte in text where isStart(byte) { count += 1 }
        return count
    }

    /// The byte offset of code point `index`; the end for `index` equal to their number; nil beyond.
    static func offset(of index: Int, in text: Bytes) -> Int? {
        guard index >= 0 else { return nil }
        var seen = 0
        for (offset, byte) in text.enumerated() where isStart(byte) {
            if seen == index { return offset }
            seen += 1
        }
        return seen == index ? text.count : nil
    }

    static func slice(_ text: Bytes, _ from: Int, _ to: Int) -> Bytes { Bytes(rebasing: text[from..<to]) }

    /// The code point that well-formed UTF-8 of one is.
    static func scalar(_ bytes: Slice<Bytes>) -> UInt32 {
        guard let first = bytes.first, first >= 0x80 else { return UInt32(bytes.first ?? 0) }
        let lead = UInt32(first) & (0x7f >> UInt32(bytes.count))
        return bytes.dropFirst().reduce(lead) { $0 << 6 | UInt32($1 & 0x3f) }
    }

    static func isSpace(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 9...13, 0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000: true
        default: false
        }
    }

    /// Whether `bytes` is well-formed UTF-8 (Unicode, table 3-7).
    static func isUTF8(_ bytes: Bytes) -> Bool {
        var i = 0
        while i < bytes.count {
            let first = bytes[i]
            if first < 0x80 {
                i += 1
                continue
            }
            let length: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xbf
            switch first {
            case 0xc2...0xdf: length = 2
            case 0xe0: (length, low) = (3, 0xa0)
            case 0xed: (length, high) = (3, 0x9f)
            case 0xe1...0xef: length = 3
            case 0xf0: (length, low) = (4, 0x90)
            case 0xf4: (length, high) = (4, 0x8f)
            case 0xf1...0xf3: length = 4
            default: return false
            }
            guard bytes.count - i >= length, bytes[i + 1] >= low, bytes[i + 1] <= high else { return false }
            for k in 2..<max(2, length) where bytes[i + k] & 0xc0 != 0x80 { return false }
            i += length
        }
        return true
    }
}

/// The algorithm of Knuth, Morris and Pratt, in either direction: a needle is never looked at from its start again.
private struct LinearSearch {
    let needle: Bytes
    let isBackward: Bool
    /// By the length of what has matched, less one: how much of it has matched when the next byte does not.
    private var fallback: [UInt32]

    init(_ needle: Bytes, isBackward: Bool) {
        self.needle = needle
        self.isBackward = isBackward
        fallback = [UInt32](repeating: 0, count: needle.count)
        var matched = 0
        for index in 1..<needle.count {
            matched = next(matched, byte(index))
            fallback[index] = UInt32(matched)
        }
    }

    private func byte(_ index: Int) -> UInt8 { needle[isBackward ? needle.count - 1 - index : index] }

    @inline(__always)
    private func next(_ matched: Int, _ found: UInt8) -> Int {
        var matched = matched
        while matched > 0, found != byte(matched) { matched = Int(fallback[matched - 1]) }
        return found == byte(matched) ? matched + 1 : matched
    }

    /// How many bytes lie before the first occurrence, counted in the direction of the search.
    func run(_ text: Slice<Bytes>) -> Int? {
        var matched = 0
        for index in 0..<text.count {
            matched = next(matched, text[isBackward ? text.endIndex - 1 - index : text.startIndex + index])
            if matched == needle.count { return index + 1 - needle.count }
        }
        return nil
    }
}
