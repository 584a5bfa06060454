// From events to one tree, within limits: depth, size, what aliases multiply; duplicate keys are errors.

/// A finding in a file, at a byte offset of its source.
struct YAMLIssue: Hashable {
    var message: String
    var offset: Int
}

struct YAMLComposer {
    /// Of a file. The largest configurations in use are some 10,000 lines; libyaml holds a file several times over.
    static let maximumBytes = 8 << 20
    /// Of nesting. The deepest field of the schema lies at 20; the decoder recurses once per level.
    static let maximumDepth = 64
    /// Of nodes once aliases are expanded: stops an alias bomb, and leaves room for 10,000 routes.
    static let maximumNodes = 1_000_000
    /// Of findings: a file that is not a configuration at all should not print a million lines.
    static let maximumIssues = 100

    private let source: YAMLSource
    private var issues: [YAMLIssue] = []
    private var anchors: [String: YAMLNode] = [:]
    private var openAnchors: Set<String> = []
    private var nodes = 0

    private struct Stop: Error {}

    private init(_ source: YAMLSource) {
        self.source = source
    }

    /// The document's root, nil when there is none or its syntax is broken, and what is wrong with it.
    static func compose(_ source: YAMLSource) -> (root: YAMLNode?, issues: [YAMLIssue]) {
        guard source.bytes.count <= maximumBytes else {
            return (nil, [YAMLIssue(message: "the file is larger than \(maximumBytes >> 20) MiB", offset: 0)])
        }
        guard var events = YAMLEvents(source) else {
            return (nil, [YAMLIssue(message: "not enough memory to read the file", offset: 0)])
        }
        var composer = YAMLComposer(source)
        do {
            return (try composer.document(&events), composer.issues)
        } catch {
            return (nil, composer.issues)
        }
    }

    private mutating func document(_ events: inout YAMLEvents) throws(Stop) -> YAMLNode? {
        let start = try next(&events)
        guard case .documentStart = start.kind else {
            try fail("the file is empty", at: 0)
        }
        let root = try node(try next(&events), &events, depth: 0)
        _ = try next(&events)
        let end = try next(&events)
        guard case .streamEnd = end.kind else {
            try fail("a second document begins here; a configuration is one document", at: end.range.lowerBound)
        }
        return root
    }

    private mutating func node(_ event: YAMLEvent, _ events: inout YAMLEvents, depth: Int) throws(Stop) -> YAMLNode {
        let offset = event.range.lowerBound
        if depth > Self.maximumDepth {
            try fail("nested more than \(Self.maximumDepth) levels deep", at: offset)
        }
        try count(1, at: offset)
        let content: YAMLNode.Content
        var start = offset
        var weight = 1
        if let anchor = event.anchor { openAnchors.insert(anchor) }
        switch event.kind {
        case .alias(let name):
            if openAnchors.contains(name) { try fail("alias *\(name) stands inside what it refers to", at: offset) }
            guard let target = anchors[name] else { try fail("alias *\(name) refers to no anchor", at: offset) }
            try count(target.weight - 1, at: offset)
            return target
        case .scalar(let text, let style):
            let scalar = YAMLScalar(
                text: text, style: style, isTaggedString: try isTaggedString(event), source: event.range)
            start = ScalarOffsets.firstContent(of: scalar, in: source)
            content = .scalar(scalar)
        case .sequenceStart:
            try checkTag(event, "tag:yaml.org,2002:seq")
            var elements: [YAMLNode] = []
            while true {
                let inner = try next(&events)
                if case .sequenceEnd = inner.kind { break }
                let element = try node(inner, &events, depth: depth + 1)
                weight += element.weight
                elements.append(element)
            }
            content = .sequence(elements)
        case .mappingStart:
            try checkTag(event, "tag:yaml.org,2002:map")
            let entries = try self.entries(&events, depth: depth)
            for entry in entries { weight += entry.value.weight + 1 }
            content = .mapping(entries)
        default:
            try fail("unexpected end of the document", at: offset)
        }
        let node = YAMLNode(content: content, offset: start, weight: weight)
        if let anchor = event.anchor {
            openAnchors.remove(anchor)
            anchors[anchor] = node
        }
        return node
    }

    private mutating func entries(_ events: inout YAMLEvents, depth: Int) throws(Stop) -> [YAMLEntry] {
        var entries: [YAMLEntry] = []
        var places: [String: Int] = [:]
        while true {
            let event = try next(&events)
            if case .mappingEnd = event.kind { return entries }
            let key = try node(event, &events, depth: depth + 1)
            let value = try node(try next(&events), &events, depth: depth + 1)
            guard let scalar = key.scalar else {
                report("a key must be text, not a list or a mapping", at: event.range.lowerBound)
                continue
            }
            if scalar.text == "<<", !scalar.isText {
                report(
                    "merge keys (<<) are not part of YAML 1.2; repeat the fields, or use an alias for a whole value",
                    at: key.offset)
                continue
            }
            if let first = places[scalar.text] {
                let line = source.position(at: first).line
                report(
                    "duplicate key \"\(Excerpt.of(scalar.text))\"; it is already set in line \(line)", at: key.offset)
                continue
            }
            places[scalar.text] = key.offset
            entries.append(YAMLEntry(key: scalar.text, keyOffset: key.offset, value: value))
        }
    }

    private mutating func isTaggedString(_ event: YAMLEvent) throws(Stop) -> Bool {
        switch event.tag {
        case nil: return false
        case "!", "tag:yaml.org,2002:str": return true
        case .some(let tag):
            report("the tag \"\(Excerpt.of(tag))\" is not supported", at: event.range.lowerBound)
            return false
        }
    }

    private mutating func checkTag(_ event: YAMLEvent, _ allowed: String) throws(Stop) {
        guard let tag = event.tag, tag != allowed else { return }
        report("the tag \"\(Excerpt.of(tag))\" is not supported", at: event.range.lowerBound)
    }

    private mutating func count(_ more: Int, at offset: Int) throws(Stop) {
        nodes += more
        if nodes > Self.maximumNodes {
            try fail("more than \(Self.maximumNodes) values once aliases are expanded", at: offset)
        }
    }

    private mutating func next(_ events: inout YAMLEvents) throws(Stop) -> YAMLEvent {
        do {
            return try events.next()
        } catch {
            try fail(error.message, at: error.offset)
        }
    }

    private mutating func report(_ message: String, at offset: Int) {
        if issues.count < Self.maximumIssues { issues.append(YAMLIssue(message: message, offset: offset)) }
    }

    private mutating func fail(_ message: String, at offset: Int) throws(Stop) -> Never {
        report(message, at: offset)
        throw Stop()
    }
}

/// Text of the file in an error message: on one line, not too long, with control characters shown.
enum Excerpt {
    static let maximumLength = 80

    static func of(_ text: String) -> String {
        var result = ""
        for (count, scalar) in text.unicodeScalars.enumerated() {
            if count == maximumLength { return result + "…" }
            switch scalar {
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
                result += "\\x" + String(scalar.value, radix: 16)
            // Direction overrides and invisible characters would make the message lie.
            case "\u{200B}"..."\u{200F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{FEFF}":
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
