// A regular expression for other modules: JSON Schema's `pattern` is matched by the engine that rules use.

/// A compiled pattern in RE2's syntax. Immutable.
package struct TextPattern: Sendable {
    private let regex: Regex

    /// nil for a pattern that RE2 does not take (lookaround, back-references) or that is too large.
    package init?(_ pattern: String) {
        var pattern = pattern
        guard let regex = pattern.withUTF8({ try? Regex($0) }) else { return nil }
        self.regex = regex
    }

    /// Whether the pattern occurs anywhere in `text`, UTF-8.
    package func occurs(in text: UnsafeBufferPointer<UInt8>) -> Bool { regex.matches(text) }
}
