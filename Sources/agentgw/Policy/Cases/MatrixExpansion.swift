// From a case as it is written to the cases that it stands for: the defaults under it, one for each row of its matrix.

/// Works on the YAML tree, so that every message still points at the line that is meant.
enum CaseExpansion {
    /// Of one case. More are a generated table, and belong into a file that is generated.
    static let maximumRows = 10_000

    struct Problem: Error {
        var message: String
        var offset: Int
    }

    /// The case's own fields win; mappings are merged; lists and scalars are replaced.
    static func merge(_ base: YAMLNode, under node: YAMLNode) -> YAMLNode {
        guard let below = base.entries, let above = node.entries else { return node }
        var entries = below
        for entry in above {
            if let index = entries.firstIndex(where: { $0.key == entry.key }) {
                entries[index].keyOffset = entry.keyOffset
                entries[index].value = merge(entries[index].value, under: entry.value)
            } else {
                entries.append(entry)
            }
        }
        return YAMLNode(content: .mapping(entries), offset: node.offset, weight: base.weight + node.weight)
    }

    /// Takes away what was set to null, but for values that a request has: a claim that is null is a claim.
    static func withoutNulls(
        _ node: YAMLNode, except kept: Set<String> = ["jwt", "arguments", "annotations", "apiKey", "message", "params"]
    )
        -> YAMLNode
    {
        guard let entries = node.entries else { return node }
        var node = node
        node.content = .mapping(
            entries.compactMap { entry in
                if NodeKind.isNull(entry.value) { return nil }
                var entry = entry
                if !kept.contains(entry.key) { entry.value = withoutNulls(entry.value, except: kept) }
                return entry
            })
        return node
    }

    /// The cases of a case with `matrix`, each with its values put in and the defaults under it; the case itself without
    /// one.
    static func rows(of node: YAMLNode, over defaults: YAMLNode? = nil) throws(Problem) -> [YAMLNode] {
        var matrix = (node.entries ?? []).first { $0.key == "matrix" }
        if let shared = (defaults?.entries ?? []).first(where: { $0.key == "matrix" }) {
            if let own = matrix { matrix?.value = merge(shared.value, under: own.value) } else { matrix = shared }
        }
        let rest = withoutMatrix(node)
        var rows: [[String: YAMLNode]] = [[:]]
        if let matrix { rows = try values(of: matrix) }
        var result: [YAMLNode] = []
        for row in rows {
            let own = try substitute(row, in: rest)
            if let defaults {
                result.append(try merge(withoutMatrix(defaults), row, under: own))
            } else {
                result.append(own)
            }
        }
        return result
    }

    private static func withoutMatrix(_ node: YAMLNode) -> YAMLNode {
        guard let entries = node.entries else { return node }
        var node = node
        node.content = .mapping(entries.filter { $0.key != "matrix" })
        return node
    }

    /// As `merge`, with the row's values put into what is left of the base; in the case they are already, so that a value
    /// that is a mapping is merged as one that was written there.
    private static func merge(
        _ base: YAMLNode, _ row: [String: YAMLNode], under node: YAMLNode
    ) throws(Problem) -> YAMLNode {
        guard let below = base.entries, let above = node.entries else { return node }
        var entries: [YAMLEntry] = []
        for entry in below {
            var entry = entry
            if let index = above.firstIndex(where: { $0.key == entry.key }) {
                entry.keyOffset = above[index].keyOffset
                entry.value = try merge(entry.value, row, under: above[index].value)
            } else {
                entry.value = try substitute(row, in: entry.value)
            }
            entries.append(entry)
        }
        entries += above.filter { entry in !below.contains { $0.key == entry.key } }
        return YAMLNode(content: .mapping(entries), offset: node.offset, weight: base.weight + node.weight)
    }

    /// The rows of a matrix.
    private static func values(of matrix: YAMLEntry) throws(Problem) -> [[String: YAMLNode]] {
        var rows: [[String: YAMLNode]] = []
        switch matrix.value.content {
        case .sequence(let nodes):
            for row in nodes {
                guard let entries = row.entries else {
                    throw Problem(message: "a row of a matrix is a mapping of names to values", offset: row.offset)
                }
                rows.append(Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }))
            }
        case .mapping(let columns):
            rows = [[:]]
            for column in columns {
                guard case .sequence(let values) = column.value.content, !values.isEmpty else {
                    throw Problem(
                        message:
                            "matrix.\(column.key) is a list of values; write rows (- {name: value}) for single ones",
                        offset: column.value.offset)
                }
                guard rows.count * values.count <= maximumRows else {
                    throw Problem(message: "more than \(maximumRows) combinations", offset: matrix.keyOffset)
                }
                rows = rows.flatMap { row in values.map { row.merging([column.key: $0]) { $1 } } }
            }
        case .scalar:
            throw Problem(
                message: "a matrix is a list of rows or a mapping of names to lists", offset: matrix.value.offset)
        }
        guard !rows.isEmpty else {
            throw Problem(message: "a matrix without rows tests nothing", offset: matrix.keyOffset)
        }
        guard rows.count <= maximumRows else {
            throw Problem(message: "more than \(maximumRows) rows", offset: matrix.keyOffset)
        }
        return rows
    }

    // MARK: ${name}

    private static func substitute(_ row: [String: YAMLNode], in node: YAMLNode) throws(Problem) -> YAMLNode {
        var result = node
        switch node.content {
        case .scalar(let scalar):
            guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return node }
            return try substitute(row, in: scalar, of: node)
        case .sequence(let nodes):
            var elements: [YAMLNode] = []
            for node in nodes { elements.append(try substitute(row, in: node)) }
            result.content = .sequence(elements)
        case .mapping(let entries):
            var changed: [YAMLEntry] = []
            for entry in entries {
                var entry = entry
                entry.value = try substitute(row, in: entry.value)
                if entry.key.utf8.contains(UInt8(ascii: "$")) {
                    entry.key = try text(entry.key, row, offset: entry.keyOffset)
                }
                changed.append(entry)
            }
            result.content = .mapping(changed)
        }
        return result
    }

    private static func substitute(
        _ row: [String: YAMLNode], in scalar: YAMLScalar, of node: YAMLNode
    ) throws(Problem) -> YAMLNode {
        // All of the scalar: the value as it is, with its type.
        if scalar.text.hasPrefix("${"), scalar.text.utf8.count(where: { $0 == UInt8(ascii: "$") }) == 1,
            scalar.text.firstIndex(of: "}") == scalar.text.indices.last
        {
            let name = String(scalar.text.dropFirst(2).dropLast())
            guard let value = row[name] else { throw unknown(name, row, offset: node.offset) }
            var result = value
            result.offset = node.offset
            return result
        }
        var scalar = scalar
        scalar.text = try text(scalar.text, row, offset: node.offset)
        var result = node
        result.content = .scalar(scalar)
        return result
    }

    private static func text(_ text: String, _ row: [String: YAMLNode], offset: Int) throws(Problem) -> String {
        var out = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            out += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.hasPrefix("$") {
                out += "$"
                rest = rest.dropFirst()
            } else if rest.hasPrefix("{") {
                guard let close = rest.firstIndex(of: "}") else {
                    throw Problem(message: "\"${\" without \"}\"; write $$ for a dollar", offset: offset)
                }
                let name = String(rest[..<close].dropFirst())
                guard let value = row[name] else { throw unknown(name, row, offset: offset) }
                guard let scalar = value.scalar else {
                    throw Problem(
                        message: "${\(name)} is \(NodeKind.name(of: value)) and cannot stand inside a text",
                        offset: offset)
                }
                out += scalar.text
                rest = rest[rest.index(after: close)...]
            } else {
                out += "$"
            }
        }
        return out + rest
    }

    private static func unknown(_ name: String, _ row: [String: YAMLNode], offset: Int) -> Problem {
        let names = row.keys.sorted()
        let hint =
            names.isEmpty
            ? "; the case has no matrix (write $$ for a dollar)"
            : Suggestion.hint(for: name, among: names).isEmpty
                ? "; it has \(names.joined(separator: ", "))" : Suggestion.hint(for: name, among: names)
        return Problem(message: "the matrix has no \"\(Excerpt.of(name))\"\(hint)", offset: offset)
    }
}
