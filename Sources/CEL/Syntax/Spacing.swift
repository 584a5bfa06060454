// The spaces between tokens as this project writes them: for a formatter that changes nothing else, so that comments, line
// breaks, quotes and parentheses stay as somebody has put them.

package enum Spacing {
    /// What one gap between two tokens should be.
    package struct Gap: Hashable, Sendable {
        package var range: SourceRange
        package var text: String
    }

    /// The gaps that are otherwise; empty for text that has no tokens or cannot be read. A gap with a line break or a
    /// comment is left alone.
    package static func corrections(_ source: String) -> [Gap] {
        let bytes = Array(source.utf8)
        var lexer = Lexer(bytes)
        lexer.run()
        guard lexer.problems.isEmpty else { return [] }
        var walk = Walk(tokens: lexer.tokens)
        var gaps: [Gap] = []
        for index in 1..<max(1, lexer.tokens.count) {
            let (before, after) = (lexer.tokens[index - 1], lexer.tokens[index])
            walk.take(index - 1)
            guard after.kind != .end else { break }
            let range = Int(before.range.end)..<Int(after.range.start)
            guard bytes[range].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else { continue }
            let wanted = walk.needsSpace(between: index - 1, and: index) ? " " : ""
            if String(decoding: bytes[range], as: UTF8.self) != wanted {
                gaps.append(Gap(range: SourceRange(range.lowerBound, range.upperBound), text: wanted))
            }
        }
        return gaps
    }

    /// What the tokens so far mean for the next gap.
    private struct Walk {
        let tokens: [Token]
        /// Open brackets, each with the `?` of conditionals inside it that wait for their `:`.
        private var open: [(kind: Token.Kind, conditionals: Int)] = [(.end, 0)]
        private var unary: Set<Int> = []
        private var markers: Set<Int> = []
        private var mapColons: Set<Int> = []

        init(tokens: [Token]) { self.tokens = tokens }

        mutating func take(_ index: Int) {
            switch tokens[index].kind {
            case .leftParenthesis, .leftBracket, .leftBrace: open.append((tokens[index].kind, 0))
            case .rightParenthesis, .rightBracket, .rightBrace: if open.count > 1 { open.removeLast() }
            default: break
            }
            classify(index)
            // The next one, too: the gap before it depends on what it is.
            if index + 1 < tokens.count { classify(index + 1, ahead: true) }
        }

        private mutating func classify(_ index: Int, ahead: Bool = false) {
            let before = index > 0 ? tokens[index - 1].kind : .end
            switch tokens[index].kind {
            case .not: unary.insert(index)
            case .minus: if Walk.beginsOperand(before) { unary.insert(index) }
            case .question:
                let isMarker = before == .dot || before == .leftBracket || before == .leftBrace || before == .comma
                if isMarker {
                    markers.insert(index)
                } else if !ahead {
                    open[open.count - 1].conditionals += 1
                }
            case .colon:
                if open[open.count - 1].kind == .leftBrace, open[open.count - 1].conditionals == 0 {
                    mapColons.insert(index)
                } else if !ahead {
                    open[open.count - 1].conditionals = max(0, open[open.count - 1].conditionals - 1)
                }
            default: break
            }
        }

        /// Whether a token that comes after this one begins an operand.
        private static func beginsOperand(_ kind: Token.Kind) -> Bool {
            switch kind {
            case .identifier, .quotedIdentifier, .int, .uint, .double, .string, .bytes, .true, .false, .null,
                .rightParenthesis, .rightBracket, .rightBrace:
                false
            default: true
            }
        }

        func needsSpace(between left: Int, and right: Int) -> Bool {
            let (a, b) = (tokens[left].kind, tokens[right].kind)
            switch a {
            case .leftParenthesis, .leftBracket, .leftBrace, .dot: return false
            case .comma: return true
            default: break
            }
            if unary.contains(left) || markers.contains(left) { return false }
            switch b {
            case .rightParenthesis, .rightBracket, .rightBrace, .comma, .dot: return false
            case .leftParenthesis, .leftBrace: return a != .identifier
            case .leftBracket: return Walk.beginsOperand(a)
            case .colon: return !mapColons.contains(right)
            default: return true
            }
        }
    }
}
