// `# lint:ignore RULE[,RULE] REASON`: findings that somebody has looked at and accepts. A comment on a line of its own is
// about what begins on the next line, with everything that is indented below it; one at the end of a line about that line.

import Auth

struct IgnoreComments {
    private struct Comment {
        var rule: String
        var position: FilePosition
        var reason: String
        /// Lines, counted from 1.
        var lines: ClosedRange<Int>
    }

    private static let marker = "lint:ignore"
    private let comments: [Comment]

    init(_ source: YAMLSource, _ root: YAMLNode?) {
        // Most files have none, and need not be walked.
        guard source.bytes.containsMarker else {
            comments = []
            return
        }
        comments = CommentLines(source, root).comments.flatMap { Self.read($0, source) }
    }

    private static func read(_ line: CommentLines.Comment, _ source: YAMLSource) -> [Comment] {
        let text = line.text.drop { $0 == "#" || $0 == " " || $0 == "\t" }
        guard text.hasPrefix(marker) else { return [] }
        let rest = text.dropFirst(marker.count)
        // `lint:ignored` is another word.
        guard rest.isEmpty || rest.first == " " || rest.first == "\t" || rest.first == ":" else { return [] }
        let words = rest.drop { $0 == " " || $0 == "\t" || $0 == ":" }
        let ids = words.prefix { $0 != " " && $0 != "\t" }
        let reason = words.dropFirst(ids.count).trimming {
            $0 == " " || $0 == "\t" || $0 == "-" || $0 == "—" || $0 == ":"
        }
        let position = source.position(at: line.offset)
        return ids.split(separator: ",", omittingEmptySubsequences: !ids.isEmpty).map { id in
            Comment(rule: String(id), position: position, reason: String(reason), lines: line.lines)
        }
    }

    /// The findings that remain, and those about the comments.
    func apply(to findings: [Finding]) -> [Finding] {
        guard !comments.isEmpty else { return findings }
        var used: Set<Int> = []
        let rest = findings.filter { finding in
            // What does not load stays what it is.
            guard finding.severity != .error || finding.rule != Finding.load else { return true }
            let matching = comments.indices.filter {
                comments[$0].rule == finding.rule && comments[$0].lines.contains(finding.position.line)
            }
            used.formUnion(matching)
            return matching.isEmpty
        }
        let known = Set(LintRule.all.map(\.id)).union([Finding.load])
        return rest
            + comments.enumerated().flatMap { index, comment -> [Finding] in
                func finding(_ rule: LintRule, _ message: String, _ hint: String) -> Finding {
                    Finding(
                        rule: rule.id, severity: rule.severity, position: comment.position, message: message, hint: hint
                    )
                }
                guard known.contains(comment.rule) else {
                    let name = Excerpt.of(comment.rule)
                    return [
                        finding(
                            .unknownIgnore,
                            comment.rule.isEmpty
                                ? "this names no rule"
                                : "there is no rule \"\(name)\""
                                    + Suggestion.hint(for: comment.rule, among: known.sorted()),
                            "write # lint:ignore RULE REASON; agentgw check-policy rules lists the rules")
                    ]
                }
                var result: [Finding] = []
                if !used.contains(index) {
                    result.append(
                        finding(.unusedIgnore, "nothing here has the finding \(comment.rule)", "take the comment out"))
                }
                if comment.reason.isEmpty {
                    result.append(
                        finding(
                            .ignoreWithoutReason, "this does not say why \(comment.rule) is ignored",
                            "write # lint:ignore \(comment.rule) REASON"))
                }
                return result
            }
    }
}

/// The comments of a YAML file, and which lines each is about. The parser drops them, so they are looked for between the
/// scalars of the tree.
struct CommentLines {
    struct Comment {
        /// With the `#`.
        var text: Substring
        /// Of the `#`, in bytes.
        var offset: Int
        var lines: ClosedRange<Int>
    }

    private let source: YAMLSource
    private(set) var comments: [Comment] = []

    init(_ source: YAMLSource, _ root: YAMLNode?) {
        self.source = source
        let scalars = root.map { Self.scalars($0, source) } ?? []
        let lines = Self.lines(source.bytes)
        for (index, line) in lines.enumerated() {
            guard let hash = Self.comment(in: line, source.bytes, scalars) else { continue }
            let isAlone = source.bytes[line.lowerBound..<hash].allSatisfy { $0 == 0x20 || $0 == 0x09 }
            let isHeader = Self.scalar(at: hash, scalars)?.header?.contains(hash) == true
            let first =
                isAlone ? (index + 1..<lines.count).first { !Self.isBlankOrComment(lines[$0], source.bytes) } : index
            guard let first else {
                comments.append(
                    Comment(text: text(hash..<line.upperBound), offset: hash, lines: (index + 1)...(index + 1)))
                continue
            }
            let last = isAlone || isHeader ? Self.block(from: first, lines, source.bytes) : first
            comments.append(
                Comment(text: text(hash..<line.upperBound), offset: hash, lines: (first + 1)...(last + 1)))
        }
    }

    private func text(_ range: Range<Int>) -> Substring { String(decoding: source.bytes[range], as: UTF8.self)[...] }

    private struct Scalar {
        var range: Range<Int>
        /// Of a block scalar the line with its `|` or `>`, which may end in a comment.
        var header: Range<Int>?
    }

    /// Of values and of quoted keys; a plain key has no comment in it.
    private static func scalars(_ root: YAMLNode, _ source: YAMLSource) -> [Scalar] {
        var result: [Scalar] = []
        var pending = [root]
        while let node = pending.popLast() {
            switch node.content {
            case .scalar(let scalar):
                var header: Range<Int>?
                if scalar.style == .literal || scalar.style == .folded {
                    let end =
                        source.bytes[scalar.source].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? scalar.source.upperBound
                    header = scalar.source.lowerBound..<end
                }
                result.append(Scalar(range: scalar.source, header: header))
            case .sequence(let elements): pending += elements
            case .mapping(let entries):
                for entry in entries {
                    pending.append(entry.value)
                    guard entry.keyOffset > 0 else { continue }
                    let quote = source.bytes[entry.keyOffset - 1]
                    if quote == 0x22 || quote == 0x27,
                        let end = source.bytes[entry.keyOffset...].firstIndex(of: quote)
                    {
                        result.append(Scalar(range: entry.keyOffset..<end, header: nil))
                    }
                }
            }
        }
        return result.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    private static func lines(_ bytes: [UInt8]) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = 0
        for index in bytes.indices where bytes[index] == 0x0A {
            result.append(start..<(index > start && bytes[index - 1] == 0x0D ? index - 1 : index))
            start = index + 1
        }
        if start < bytes.count { result.append(start..<bytes.count) }
        return result
    }

    /// The `#` that begins a comment in a line: at its begin or behind a blank, in no scalar.
    private static func comment(in line: Range<Int>, _ bytes: [UInt8], _ scalars: [Scalar]) -> Int? {
        for index in line where bytes[index] == 0x23 {
            guard index == line.lowerBound || bytes[index - 1] == 0x20 || bytes[index - 1] == 0x09 else { continue }
            guard let scalar = scalar(at: index, scalars), scalar.header?.contains(index) != true else { return index }
        }
        return nil
    }

    /// The scalar that a byte is in; they are in the order of the file.
    private static func scalar(at offset: Int, _ scalars: [Scalar]) -> Scalar? {
        var low = 0
        var high = scalars.count
        while low < high {
            let middle = (low + high) / 2
            if scalars[middle].range.lowerBound <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0, scalars[low - 1].range.contains(offset) else { return nil }
        return scalars[low - 1]
    }

    private static func isBlankOrComment(_ line: Range<Int>, _ bytes: [UInt8]) -> Bool {
        let first = bytes[line].first { $0 != 0x20 && $0 != 0x09 }
        return first == nil || first == 0x23
    }

    /// The last line of what begins in a line: of everything that is indented more, and of a list under its key.
    private static func block(from first: Int, _ lines: [Range<Int>], _ bytes: [UInt8]) -> Int {
        func indentation(_ line: Range<Int>) -> Int { bytes[line].prefix { $0 == 0x20 }.count }
        func isItem(_ line: Range<Int>) -> Bool {
            let rest = bytes[line].drop { $0 == 0x20 }
            return rest.first == 0x2D && (rest.count == 1 || rest.dropFirst().first == 0x20)
        }
        let own = indentation(lines[first])
        var last = first
        for index in (first + 1)..<max(first + 1, lines.count) {
            if isBlankOrComment(lines[index], bytes) { continue }
            let here = indentation(lines[index])
            guard here > own || (here == own && isItem(lines[index]) && !isItem(lines[first])) else { break }
            last = index
        }
        return last
    }
}

extension [UInt8] {
    fileprivate var containsMarker: Bool {
        let marker = Array("lint:ignore".utf8)
        return indices.contains { self[$0] == marker[0] && self[$0...].starts(with: marker) }
    }
}

extension Substring {
    fileprivate func trimming(_ predicate: (Character) -> Bool) -> Substring {
        var result = drop(while: predicate)
        while let last = result.last, predicate(last) { result.removeLast() }
        return result
    }
}
