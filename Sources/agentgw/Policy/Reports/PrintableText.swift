// Text of other people's files on a terminal: what would move the cursor, change colours or turn the line around is shown
// as the replacement character, a column each, so that marks under a line stay where they belong.

extension String {
    /// Without control characters, but for line feeds and tabs, and without those that change the direction of text.
    var printable: String {
        guard unicodeScalars.contains(where: { $0.isControl }) else { return self }
        var out = String.UnicodeScalarView()
        for scalar in unicodeScalars { out.append(scalar.isControl ? "\u{FFFD}" : scalar) }
        return String(out)
    }
}

extension Unicode.Scalar {
    fileprivate var isControl: Bool {
        switch value {
        case 0x09, 0x0A: false
        // C0, DEL and C1.
        case 0x00...0x1F, 0x7F...0x9F: true
        // Marks, embeddings, overrides and isolates (UAX #9), and the two separators that end a line.
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069, 0x2028, 0x2029: true
        default: false
        }
    }
}
