// What is wrong with an expression, where, and what was probably meant.

/// One finding about an expression, at load time.
public struct Diagnostic: Error, Hashable, Sendable {
    public var message: String
    public var range: SourceRange
    /// What the writer probably meant: a name, or a rewritten piece.
    public var suggestion: String?

    public init(_ message: String, _ range: SourceRange, suggestion: String? = nil) {
        self.message = message
        self.range = range
        self.suggestion = suggestion
    }

    /// The message with its suggestion.
    public var text: String { suggestion.map { "\(message); did you mean '\($0)'?" } ?? message }
}

/// All findings about one expression. Never empty.
public struct CompileError: Error, Hashable, Sendable, CustomStringConvertible {
    public let source: String
    public let diagnostics: [Diagnostic]

    public init(source: String, diagnostics: [Diagnostic]) {
        self.source = source
        self.diagnostics = diagnostics
    }

    public var description: String {
        diagnostics.map { $0.render(source: source, name: "expression") }.joined(separator: "\n")
    }
}

/// A position for people: both numbers from 1, columns in Unicode scalars.
public struct LineColumn: Hashable, Sendable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The position of a byte offset in `source`.
    public init(offset: Int, in source: String) {
        line = 1
        column = 1
        for (index, byte) in source.utf8.enumerated() {
            if index >= offset { break }
            if byte == 0x0a {
                line += 1
                column = 1
            } else if byte & 0xc0 != 0x80 {
                column += 1
            }
        }
    }
}

extension Diagnostic {
    /// `NAME:LINE:COL: error: …` with the line of the source and a mark under the range.
    /// - Parameter origin: where the expression begins in the file called `name`.
    public func render(source: String, name: String, origin: LineColumn = LineColumn(line: 1, column: 1)) -> String {
        let start = LineColumn(offset: Int(range.start), in: source)
        let line = start.line + origin.line - 1
        let column = start.line == 1 ? start.column + origin.column - 1 : start.column
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        guard start.line <= lines.count else { return "\(name):\(line):\(column): error: \(text)" }
        let shown = lines[start.line - 1]
        let end = LineColumn(offset: Int(range.end), in: source)
        let width = end.line == start.line ? end.column - start.column : shown.unicodeScalars.count - start.column + 1
        let number = "\(line)"
        let indent = String(repeating: " ", count: max(0, start.column - 1))
        let mark = "^" + String(repeating: "~", count: max(0, width - 1))
        return """
            \(name):\(line):\(column): error: \(text)
              \(number) | \(shown)
              \(String(repeating: " ", count: number.utf8.count)) | \(indent)\(mark)
            """
    }
}

enum Suggestion {
    /// The candidate that is nearest to `name` by edits, if it is near.
    static func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
        let limit = max(1, name.utf8.count / 3)
        var best: (distance: Int, text: String)?
        for candidate in candidates where candidate != name {
            let distance = editDistance(Array(name.utf8), Array(candidate.utf8), limit: limit)
            // A name of one letter is one edit from every other: that is no suggestion unless only its case differs.
            guard distance <= limit, distance < name.utf8.count else { continue }
            if best == nil || (distance, candidate) < (best!.distance, best!.text) { best = (distance, candidate) }
        }
        return best?.text
    }

    /// Insertions, deletions, replacements and swaps of neighbours; anything above `limit` is `limit + 1`.
    private static func editDistance(_ a: [UInt8], _ b: [UInt8], limit: Int) -> Int {
        if abs(a.count - b.count) > limit { return limit + 1 }
        var before = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                let same = a[i] | 0x20 == b[j] | 0x20
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (same ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            before = last
            last = row
        }
        return last[b.count]
    }
}
