// One endpoint for many models: the `model` of a request says which of the route's backends takes it.

/// The models of an `llm:` route. Names are what clients write.
package struct ModelTable: Sendable {
    package struct Choice: Hashable, Sendable {
        /// Index among the route's backends.
        package var backend: Int
        /// Relative to the entry's other choices; at least 1.
        package var weight: Int

        package init(backend: Int, weight: Int = 1) {
            self.backend = backend
            self.weight = weight
        }
    }

    package struct Entry: Hashable, Sendable {
        /// Exact, or with one `*` at the start or the end.
        package var name: String
        /// Clients may ask for it; otherwise only other entries lead to its backend.
        package var isPublic: Bool
        /// Who has the model, as lists say it.
        package var owner: String
        /// Never empty.
        package var choices: [Choice]

        package init(name: String, isPublic: Bool = true, owner: String, choices: [Choice]) {
            self.name = name
            self.isPublic = isPublic
            self.owner = owner
            self.choices = choices
        }

        package var isPattern: Bool { name.hasPrefix("*") || name.hasSuffix("*") }

        /// Characters that are not the `*`: the more, the nearer the pattern.
        fileprivate var literalLength: Int { name.utf8.count - (isPattern ? 1 : 0) }

        fileprivate func matches(_ model: String) -> Bool {
            AIModelAlias(pattern: name, model: "").resolve(model) != nil
        }
    }

    private let exact: [String: Entry]
    /// The most specific first.
    private let patterns: [Entry]
    /// In the order of the file.
    package let entries: [Entry]

    /// - Parameter entries: names are distinct.
    package init(_ entries: [Entry]) {
        self.entries = entries
        exact = Dictionary(entries.lazy.filter { !$0.isPattern }.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
        patterns = entries.filter(\.isPattern).sorted { $0.literalLength > $1.literalLength }
    }

    /// Where clients that ask for `model` are served; nil: nowhere.
    package func entry(for model: String) -> Entry? {
        if let found = exact[model] { return found.isPublic ? found : nil }
        return patterns.first { $0.isPublic && $0.matches(model) }
    }
}
