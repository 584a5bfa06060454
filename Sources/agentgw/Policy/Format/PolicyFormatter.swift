// `fmt`: spaces in expressions, blanks at line ends, line ends. Nothing is moved, so comments stay where they are; and nothing
// is changed that would change what the file says, which is checked.

import CEL

enum PolicyFormatter {
    enum Outcome: Equatable {
        case unchanged
        case changed([UInt8])
        /// Not YAML, or it does not load: the message is the loader's to give.
        case unreadable
    }

    static func format(_ file: String, _ bytes: [UInt8], _ loader: PolicyLoader) -> Outcome {
        var text = bytes
        if !PolicyDiscovery.isTable(file) {
            guard let policy = loader.load(file: file, bytes: bytes).policy else { return .unreadable }
            let spaced = applied(edits(policy), to: bytes)
            // A space in the wrong notation of YAML could change what is read.
            if let again = loader.load(file: file, bytes: spaced).policy, isSame(policy, again) { text = spaced }
        }
        guard let before = tree(file, text) else { return .unreadable }
        let trimmed = trimmingLines(text)
        if let after = tree(file, trimmed), before.saysTheSame(as: after) { text = trimmed }
        return text == bytes ? .unchanged : .changed(text)
    }

    private static func tree(_ file: String, _ bytes: [UInt8]) -> YAMLNode? {
        let (root, issues) = YAMLComposer.compose(YAMLSource(file: file, bytes: bytes))
        return issues.isEmpty ? root : nil
    }

    /// Aliases let several rules stand in one place.
    private static func edits(_ policy: LoadedPolicy) -> [SourceEdit] {
        var edits: Set<SourceEdit> = []
        for rule in policy.rules {
            for gap in Spacing.corrections(rule.site.text) {
                if let edit = rule.site.edit(replacing: gap.range, with: gap.text) { edits.insert(edit) }
            }
        }
        return edits.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    static func applied(_ edits: [SourceEdit], to bytes: [UInt8]) -> [UInt8] {
        // Offsets do not count a byte order mark.
        let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
        var text = hasMark ? Array(bytes.dropFirst(3)) : bytes
        for edit in edits.reversed() { text.replaceSubrange(edit.range, with: Array(edit.replacement.utf8)) }
        return hasMark ? [0xEF, 0xBB, 0xBF] + text : text
    }

    private static func isSame(_ a: LoadedPolicy, _ b: LoadedPolicy) -> Bool {
        let (first, second) = (a.rules, b.rules)
        return first.count == second.count
            && zip(first, second).allSatisfy { $0.program.checked.ast.isEquivalent(to: $1.program.checked.ast) }
    }

    /// LF ends lines, nothing stands before it, and the last line has one.
    private static func trimmingLines(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            var line = line
            while let last = line.last, last == 0x20 || last == 0x09 || last == 0x0D { line.removeLast() }
            out += line
            out.append(0x0A)
        }
        while out.count > 1, out[out.count - 1] == 0x0A, out[out.count - 2] == 0x0A { out.removeLast() }
        return out
    }
}

extension YAMLNode {
    /// Whether two trees have the same texts in the same places.
    fileprivate func saysTheSame(as other: YAMLNode) -> Bool {
        switch (content, other.content) {
        case (.scalar(let a), .scalar(let b)):
            a.text.utf8.elementsEqual(b.text.utf8) && a.style == b.style && a.isTaggedString == b.isTaggedString
        case (.sequence(let a), .sequence(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.saysTheSame(as: $1) }
        case (.mapping(let a), .mapping(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value.saysTheSame(as: $1.value) }
        default: false
        }
    }
}
