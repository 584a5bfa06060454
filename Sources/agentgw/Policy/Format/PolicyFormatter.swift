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
            // A space in the wrong notation of YAML could change what is read.
            func take(_ edits: [SourceEdit]) {
                guard !edits.isEmpty else { return }
                let changed = applied(edits, to: text)
                if let again = loader.load(file: file, bytes: changed).policy, isSame(policy, again) { text = changed }
            }
            take(edits(policy))
            // The last first, so that the places of the others stay.
            let sites = loader.load(file: file, bytes: text).policy.map(lineEnds) ?? [:]
            for site in sites.sorted(by: { $0.key > $1.key }) { take(site.value) }
        }
        guard let before = tree(file, text) else { return .unreadable }
        let trimmed = trimmingLines(text)
        if let after = tree(file, trimmed), before.saysTheSame(as: after) { text = trimmed }
        return text == bytes ? .unchanged : .changed(text)
    }

    /// Blanks at the ends of lines inside expressions: of a folded or quoted scalar they are read, and mean nothing to a
    /// rule, but in a text of several lines. By where the expression begins; aliases let several rules stand in one place.
    private static func lineEnds(of policy: LoadedPolicy) -> [Int: [SourceEdit]] {
        let bytes = policy.source.bytes
        var sites: [Int: [SourceEdit]] = [:]
        for rule in policy.rules where sites[rule.site.scalarRange.lowerBound] == nil {
            var blanks: Int?
            var edits: [SourceEdit] = []
            for offset in rule.site.scalarRange where offset < bytes.count {
                switch bytes[offset] {
                case 0x20, 0x09, 0x0D: blanks = blanks ?? offset
                case 0x0A:
                    if let start = blanks {
                        edits.append(SourceEdit(file: policy.file, range: start..<offset, replacement: ""))
                    }
                    blanks = nil
                default: blanks = nil
                }
            }
            if !edits.isEmpty { sites[rule.site.scalarRange.lowerBound] = edits }
        }
        return sites
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
