// Where each byte of a scalar's value stands in the file: for an error inside a CEL expression, in any notation of YAML.

enum ScalarOffsets {
    /// The offset of the first character of the content: behind the quote, or on the first line of a block.
    static func firstContent(of scalar: YAMLScalar, in source: YAMLSource) -> Int {
        switch scalar.style {
        case .plain: scalar.source.lowerBound
        case .singleQuoted, .doubleQuoted: min(scalar.source.lowerBound + 1, source.bytes.count)
        case .literal, .folded: of(scalar, in: source)?.first ?? scalar.source.lowerBound
        }
    }

    /// For each byte of the text its offset in the file, and one more for its end. The walk compares the text with what
    /// it passes; nil when they disagree, so that a position is right or absent.
    static func of(_ scalar: YAMLScalar, in source: YAMLSource) -> [Int]? {
        var walk = Walk(scalar: scalar, bytes: source.bytes)
        return walk.run()
    }

    private struct Walk {
        let text: [UInt8]
        let style: YAMLScalar.Style
        let bytes: [UInt8]
        let end: Int
        var at: Int
        /// Of a block scalar: the columns that do not belong to the text.
        var indentation = 0
        var offsets: [Int] = []

        init(scalar: YAMLScalar, bytes: [UInt8]) {
            text = Array(scalar.text.utf8)
            style = scalar.style
            self.bytes = bytes
            at = scalar.source.lowerBound
            end = min(scalar.source.upperBound, bytes.count)
            offsets.reserveCapacity(text.count + 1)
        }

        mutating func run() -> [Int]? {
            switch style {
            case .plain: break
            case .singleQuoted, .doubleQuoted: at += 1
            case .literal, .folded: skipBlockHeader()
            }
            var i = 0
            while i < text.count {
                guard let taken = style == .literal || style == .folded ? block(i) : flow(i) else { return nil }
                i += taken
            }
            offsets.append(at)
            return offsets
        }

        func byte(_ distance: Int = 0) -> UInt8? { at + distance < end ? bytes[at + distance] : nil }

        func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }

        /// Takes text bytes from `i` on; how many.
        private mutating func flow(_ i: Int) -> Int? {
            // Folding: blanks around breaks vanish, one break is a space, n are n - 1 newlines.
            var ahead = at
            while ahead < end, isBlank(bytes[ahead]) { ahead += 1 }
            if ahead < end, YAMLSource.lineBreakLength(bytes, ahead) > 0 {
                return fold(i, firstBreak: ahead)
            }
            switch (style, byte()) {
            case (.singleQuoted, UInt8(ascii: "'")):
                guard text[i] == UInt8(ascii: "'"), byte(1) == UInt8(ascii: "'") else { return nil }
                offsets.append(at)
                at += 2
                return 1
            case (.doubleQuoted, UInt8(ascii: "\\")):
                return escape(i)
            default:
                guard byte() == text[i] else { return nil }
                offsets.append(at)
                at += 1
                return 1
            }
        }

        private mutating func fold(_ i: Int, firstBreak: Int) -> Int? {
            let start = at
            at = firstBreak
            var breaks = 0
            while at < end {
                let length = YAMLSource.lineBreakLength(bytes, at)
                if length > 0 {
                    breaks += 1
                    at += length
                } else if isBlank(bytes[at]) {
                    at += 1
                } else {
                    break
                }
            }
            let expected: [UInt8] = breaks == 1 ? [0x20] : Array(repeating: 0x0A, count: breaks - 1)
            guard text[i...].starts(with: expected) else { return nil }
            offsets.append(contentsOf: Array(repeating: start, count: expected.count))
            return expected.count
        }

        private mutating func escape(_ i: Int) -> Int? {
            guard let kind = byte(1) else { return nil }
            let lineBreak = YAMLSource.lineBreakLength(bytes, at + 1)
            if lineBreak > 0 {
                // An escaped break joins the lines without a space.
                at += 1 + lineBreak
                while isBlank(byte()) { at += 1 }
                return 0
            }
            let digits: Int
            switch kind {
            case UInt8(ascii: "x"): digits = 2
            case UInt8(ascii: "u"): digits = 4
            case UInt8(ascii: "U"): digits = 8
            default: digits = 0
            }
            // What an escape stands for is one code point; libyaml has already read it into the text.
            var length = 1
            while i + length < text.count, text[i + length] & 0xC0 == 0x80 { length += 1 }
            offsets.append(contentsOf: Array(repeating: at, count: length))
            at += 2 + digits
            return length
        }

        private mutating func skipBlockHeader() {
            var explicit: Int?
            while at < end, YAMLSource.lineBreakLength(bytes, at) == 0 {
                if let digit = byte(), (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(digit), explicit == nil {
                    explicit = Int(digit - UInt8(ascii: "0"))
                }
                if byte() == UInt8(ascii: "#") {
                    while at < end, YAMLSource.lineBreakLength(bytes, at) == 0 { at += 1 }
                    break
                }
                at += 1
            }
            at += YAMLSource.lineBreakLength(bytes, at)
            // The text's own first line tells how much of the file's line is indentation.
            let leading = text.prefix { $0 == 0x20 }.count
            var ahead = at
            var column = 0
            while ahead < end {
                let length = YAMLSource.lineBreakLength(bytes, ahead)
                if length > 0 {
                    column = 0
                    ahead += length
                } else if bytes[ahead] == 0x20 {
                    column += 1
                    ahead += 1
                } else {
                    break
                }
            }
            indentation = explicit == nil ? column : max(0, column - leading)
            skipIndentation()
        }

        private mutating func skipIndentation() {
            var column = 0
            while column < indentation, byte() == 0x20 {
                at += 1
                column += 1
            }
        }

        private mutating func block(_ i: Int) -> Int? {
            let length = YAMLSource.lineBreakLength(bytes, at)
            if at >= end {
                // libyaml ends the last line even where the file does not.
                guard text[i] == 0x0A else { return nil }
                offsets.append(at)
                return 1
            }
            if length == 0 {
                guard byte() == text[i] else { return nil }
                offsets.append(at)
                at += 1
                return 1
            }
            let start = at
            at += length
            skipIndentation()
            if text[i] == 0x0A || (style == .folded && text[i] == 0x20) {
                offsets.append(start)
                return 1
            }
            // A folded line's break beside empty lines stands for nothing.
            return style == .folded ? 0 : nil
        }
    }
}
