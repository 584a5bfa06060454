// A rule's expression in its file: from a place in the expression to line and column, and from a change of the expression
// to a change of the file, in whatever notation of YAML it is written.

import Auth
import CEL

struct ExpressionSite: Sendable {
    let source: YAMLSource
    /// As the engine reads it, with variables expanded.
    let text: String
    /// `binds[0].listeners[0].routes[0].policies.authorization.rules[2].deny`
    let path: String
    private let scalar: YAMLScalar
    private let expanded: ExpandedText
    /// For each byte of the scalar its offset in the file, and one more for its end; nil: unknown.
    private let offsets: [Int]?
    private let start: Int
    /// Whether a part of the text was put there by an environment variable: it is not shown and not changed.
    let hasVariables: Bool

    init(_ site: RuleSite, in source: YAMLSource) {
        self.source = source
        text = site.scalar.text.text
        path = site.path
        scalar = site.scalar.scalar
        expanded = site.scalar.text
        offsets = ScalarOffsets.of(site.scalar.scalar, in: source)
        start = site.node.offset
        hasVariables = expanded.hasVariables(of: scalar.text)
    }

    /// The scalar in the file, quotes and block header included.
    var scalarRange: Range<Int> { scalar.source }

    /// Line and column of a byte of the expression; of its beginning when that is all that is known.
    func position(at offset: Int) -> FilePosition { source.position(at: fileOffset(offset) ?? start) }

    func start(of range: SourceRange) -> FilePosition { position(at: Int(range.start)) }

    /// Behind the last character of the range; nil when it cannot be known.
    func end(of range: SourceRange) -> FilePosition? {
        guard range.end > range.start, let last = fileOffset(Int(range.end) - 1) else { return nil }
        var end = last + 1
        while end < source.bytes.count, source.bytes[end] & 0xC0 == 0x80 { end += 1 }
        return source.position(at: end)
    }

    private func fileOffset(_ offset: Int) -> Int? {
        guard let offsets else { return nil }
        let origin = expanded.origin(of: offset)
        return offsets.indices.contains(origin) ? offsets[origin] : nil
    }

    /// Where in the file a byte of the text begins, or the text ends.
    private func edge(_ offset: Int) -> Int? {
        guard let offsets, offset <= text.utf8.count else { return nil }
        if offset == text.utf8.count { return offsets.last }
        return fileOffset(offset)
    }

    /// The part of the expression as text.
    func text(of range: SourceRange) -> String {
        String(decoding: Array(text.utf8)[Int(range.start)..<Int(range.end)], as: UTF8.self)
    }

    /// The change of the file that replaces a part of the expression. nil when the notation cannot take it as it is: a
    /// part that spans lines, comes from a variable, or that a plain scalar cannot hold.
    func edit(replacing range: SourceRange, with replacement: String) -> SourceEdit? {
        guard !hasVariables, let start = edge(Int(range.start)), let end = edge(Int(range.end)), start <= end,
            !replacement.utf8.contains(where: { $0 < 0x20 })
        else { return nil }
        let place = start..<end
        guard !source.bytes[place].contains(0x0A), !source.bytes[place].contains(0x0D) else { return nil }
        var written = Environment.escaped(replacement)
        switch scalar.style {
        case .singleQuoted: written = written.replacing("'", with: "''")
        case .doubleQuoted: written = written.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        case .plain:
            let breaksOut = written.contains(": ") || written.contains(" #") || written.hasSuffix(":")
            let opensFlow =
                range.start == 0 && written.utf8.first.map { "[]{}&*!|>'\"%@`#,?-".utf8.contains($0) } == true
            // In a flow collection, these end the scalar.
            let endsFlow = written.utf8.contains { ",[]{}".utf8.contains($0) }
            if breaksOut || opensFlow || endsFlow { return nil }
        case .literal, .folded: break
        }
        return SourceEdit(file: source.file, range: place, replacement: written)
    }
}
