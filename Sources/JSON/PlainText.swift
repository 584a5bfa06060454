// How far text goes on without a byte that JSON treats in its own way, eight bytes at a time: most of every message is
// such text, and looking at single bytes was a third of the time that a short request's body took.

enum PlainText {
    /// The number of leading bytes of `text` that are ASCII, printable, and neither quote nor backslash.
    @inline(__always)
    static func asciiPrefix(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
        prefix(text, count, alsoStopAt: high)
    }

    /// The same for text that is known to be UTF-8, whose bytes above ASCII stand for themselves.
    @inline(__always)
    static func unescapedPrefix(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
        prefix(text, count, alsoStopAt: 0)
    }

    private static var ones: UInt64 { 0x0101_0101_0101_0101 }
    private static var high: UInt64 { 0x8080_8080_8080_8080 }

    /// Invariant: loads of eight bytes begin only where eight are left.
    @inline(__always)
    private static func prefix(_ text: UnsafePointer<UInt8>, _ count: Int, alsoStopAt extra: UInt64) -> Int {
        var position = 0
        while count - position >= 8 {
            let word = UInt64(littleEndian: UnsafeRawPointer(text + position).loadUnaligned(as: UInt64.self))
            // A byte borrows from its upper neighbour only after it has been found itself, so the lowest mark is right.
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5c)
            let found =
                (((word &- (ones &* 0x20)) & ~word) | ((quote &- ones) & ~quote)
                    | ((backslash &- ones) & ~backslash)) & high | word & extra
            if found != 0 { return position + found.trailingZeroBitCount >> 3 }
            position += 8
        }
        while position < count {
            let byte = text[position]
            if byte < 0x20 || byte == 0x22 || byte == 0x5c || extra != 0 && byte >= 0x80 { break }
            position += 1
        }
        return position
    }
}
