// The text of a configuration file, and the way from a place in it to line and column.

import Auth

/// A file's text with its line starts. Lines end as libyaml ends them: CR, LF, CRLF, NEL, LS, PS.
final class YAMLSource: Sendable {
    /// Code points between two entries of `offsets`: what a look-up walks at most, so that a file of one long line
    /// costs no more than any other.
    private static let stride = 256

    let file: String
    let bytes: [UInt8]
    private let lineStarts: [Int]
    /// The byte offset of every `stride`th code point.
    private let offsets: [Int]

    /// - Parameter bytes: UTF-8; a byte order mark at the start is dropped.
    init(file: String, bytes: [UInt8]) {
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        self.file = file
        self.bytes = text
        var starts = [0]
        var offsets: [Int] = []
        var points = 0
        for at in text.indices {
            let byte = text[at]
            if byte & 0xC0 != 0x80 {
                if points % Self.stride == 0 { offsets.append(at) }
                points += 1
            }
            // A break is noticed at its first byte; the second half of CRLF is not one of its own.
            if byte == 0x0A || byte == 0x0D || byte == 0xC2 || byte == 0xE2 {
                let length = YAMLSource.lineBreakLength(text, at)
                let isSecondHalf = byte == 0x0A && at > 0 && text[at - 1] == 0x0D
                if length > 0, !isSecondHalf { starts.append(at + length) }
            }
        }
        lineStarts = starts
        self.offsets = offsets
    }

    /// The bytes of the line break at `offset`; 0: there is none.
    static func lineBreakLength(_ bytes: [UInt8], _ offset: Int) -> Int {
        func byte(_ distance: Int) -> UInt8 { offset + distance < bytes.count ? bytes[offset + distance] : 0 }
        switch byte(0) {
        case 0x0A: return 1
        case 0x0D: return byte(1) == 0x0A ? 2 : 1
        case 0xC2: return byte(1) == 0x85 ? 2 : 0
        case 0xE2: return byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9) ? 3 : 0
        default: return 0
        }
    }

    /// The byte offset of a code point, counted from 0.
    func offset(ofCodePoint index: Int) -> Int {
        guard index >= 0, index / Self.stride < offsets.count else { return bytes.count }
        let block = index / Self.stride
        var at = offsets[block]
        // Most blocks are of ASCII alone: every code point a byte.
        if isPlain(block) { return at + index % Self.stride }
        for _ in 0..<(index % Self.stride) {
            guard at < bytes.count else { return at }
            at += 1
            while at < bytes.count, bytes[at] & 0xC0 == 0x80 { at += 1 }
        }
        return at
    }

    /// Line and column of a byte offset, 1-based, the column in code points.
    func position(at offset: Int) -> FilePosition {
        let offset = min(max(offset, 0), bytes.count)
        let line = Self.last(in: lineStarts, notAbove: offset)
        return FilePosition(
            file: file, line: line + 1, column: codePoints(before: offset) - codePoints(before: lineStarts[line]) + 1)
    }

    private func codePoints(before offset: Int) -> Int {
        guard !offsets.isEmpty else { return 0 }
        let entry = Self.last(in: offsets, notAbove: offset)
        guard offsets[entry] < offset else { return entry * Self.stride }
        if isPlain(entry) { return entry * Self.stride + offset - offsets[entry] }
        return entry * Self.stride + bytes[offsets[entry]..<offset].count { $0 & 0xC0 != 0x80 }
    }

    private func isPlain(_ block: Int) -> Bool {
        block + 1 < offsets.count && offsets[block + 1] - offsets[block] == Self.stride
    }

    /// The index of the last element ≤ `value`; 0 when there is none.
    private static func last(in sorted: [Int], notAbove value: Int) -> Int {
        var low = 0
        var high = sorted.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if sorted[middle] <= value { low = middle } else { high = middle }
        }
        return low
    }
}
