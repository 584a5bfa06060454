// Decoders of mappings with known fields, stated as tables: a row per field with its name, type, default and text.

/// One row: how a field is called, what it accepts, and where its value goes.
struct Field<Owner>: Sendable {
    let shape: FieldShape
    /// Decodes the value into the owner; false when it has reported an error.
    let decode: @Sendable (YAMLNode, inout Owner, DecodingContext) -> Bool

    /// A field whose value is put at `path`.
    static func value<Value>(
        _ name: String, aliases: [String] = [], _ path: any WritableKeyPath<Owner, Value> & Sendable,
        _ decoder: ValueDecoder<Value>, required: Bool = false, default defaultText: String? = nil, _ summary: String
    ) -> Field {
        .apply(name, aliases: aliases, decoder, required: required, default: defaultText, summary) {
            owner, value, _, _ in
            owner[keyPath: path] = value
            return true
        }
    }

    /// A field whose absence is nil.
    static func optional<Value>(
        _ name: String, aliases: [String] = [], _ path: any WritableKeyPath<Owner, Value?> & Sendable,
        _ decoder: ValueDecoder<Value>, default defaultText: String? = nil, _ summary: String
    ) -> Field {
        .apply(name, aliases: aliases, decoder, default: defaultText, summary) { owner, value, _, _ in
            owner[keyPath: path] = value
            return true
        }
    }

    /// A field that needs more than storing; `apply` returns false when it has reported an error.
    static func apply<Value>(
        _ name: String, aliases: [String] = [], _ decoder: ValueDecoder<Value>, required: Bool = false,
        default defaultText: String? = nil, _ summary: String,
        apply: @escaping @Sendable (inout Owner, Value, YAMLNode, DecodingContext) -> Bool
    ) -> Field {
        Field(
            shape: FieldShape(
                name: name, aliases: aliases, shape: decoder.shape, isRequired: required, defaultText: defaultText,
                summary: summary)
        ) { node, owner, context in
            guard let value = decoder(node, context) else { return false }
            return apply(&owner, value, node, context)
        }
    }

    /// A field of the format that the gateway does not have yet: refused, never ignored.
    static func notYet(_ name: String, aliases: [String] = [], _ summary: String) -> Field {
        Field(
            shape: FieldShape(
                name: name, aliases: aliases, shape: .free("Refused by this version."), summary: summary,
                support: .notYet)
        ) { _, _, _ in false }
    }

    /// The same field of an object that the owner holds at `path`: for forms that flatten one object into another.
    func inside<Outer>(_ path: any WritableKeyPath<Outer, Owner> & Sendable, required: Bool) -> Field<Outer> {
        var shape = shape
        shape.isRequired = required
        return Field<Outer>(shape: shape) { node, outer, context in
            decode(node, &outer[keyPath: path], context)
        }
    }

    /// The same field, refused until the gateway enforces what it says. The decoder stays in place.
    func pending() -> Field {
        var shape = shape
        shape.support = .notYet
        return Field(shape: shape, decode: decode)
    }
}

extension ValueDecoder {
    /// A mapping with known fields.
    /// - Parameter make: the owner before any field: defaults everywhere, and placeholders for required fields, which
    ///   nobody sees since a missing one is an error.
    static func object(
        _ name: String, _ summary: String, make: @escaping @Sendable (YAMLNode, DecodingContext) -> Value,
        fields: [Field<Value>], rules: [FieldRule] = []
    ) -> ValueDecoder<Value> {
        let shape = ObjectShape(name: name, summary: summary, fields: fields.map(\.shape), rules: rules)
        var rows: [String: Int] = [:]
        for (row, field) in fields.enumerated() {
            for name in field.shape.allNames { rows[name] = row }
        }
        let rowOfName = rows
        return ValueDecoder(.object(shape)) { node, context in
            guard let entries = node.entries else {
                let hint = NodeKind.isNull(node) ? "; write {} if it has nothing to say" : ""
                return context.fail("expected a mapping, found \(NodeKind.name(of: node))\(hint)", at: node)
            }
            let errorsBefore = context.errorCount
            var owner = make(node, context)
            var present: [Int: String] = [:]
            for entry in entries {
                guard let row = rowOfName[entry.key] else {
                    ObjectChecks.unknown(entry, shape, context)
                    continue
                }
                context.within(key: entry.key) {
                    if let other = present[row] {
                        context.report(
                            "is another name of \"\(other)\", which is set as well", atOffset: entry.keyOffset)
                        return
                    }
                    present[row] = entry.key
                    if fields[row].shape.support == .notYet {
                        context.report(
                            "not supported yet: \"\(entry.key)\" (\(fields[row].shape.summary))",
                            atOffset: entry.keyOffset)
                    } else if !fields[row].decode(entry.value, &owner, context) {
                        assert(context.errorCount > errorsBefore, "a decoder failed without saying why")
                    }
                }
            }
            ObjectChecks.missing(shape, Set(present.values), node, context)
            // An error anywhere below: what `check` would look at may be a placeholder.
            guard context.errorCount == errorsBefore else { return nil }
            return owner
        }
    }
}

/// The checks of an object that need its names only.
private enum ObjectChecks {
    static func unknown(_ entry: YAMLEntry, _ shape: ObjectShape, _ context: DecodingContext) {
        let names = shape.fields.flatMap(\.allNames)
        var message = "unknown field \"\(Excerpt.of(entry.key))\""
        let place = context.knowsFieldPlaces ? FieldIndex.shared.hint(for: entry.key) : ""
        let hint = Suggestion.hint(for: entry.key, among: names)
        if !place.isEmpty {
            message += place
        } else if !hint.isEmpty {
            message += hint
        } else if names.count <= 12 {
            message += "; known are \(names.joined(separator: ", "))"
        }
        context.report(message, atOffset: entry.keyOffset)
    }

    static func missing(_ shape: ObjectShape, _ present: Set<String>, _ node: YAMLNode, _ context: DecodingContext) {
        for field in shape.fields where field.isRequired && present.isDisjoint(with: field.allNames) {
            context.report("missing field \"\(field.name)\"", at: node)
        }
        for rule in shape.rules {
            switch rule {
            case .exactlyOne(let names):
                let found = names.filter { present.contains($0) }
                if found.isEmpty {
                    // A slip in the one name that counts is reported as unknown; "missing" on top would only confuse.
                    let known = Set(shape.fields.flatMap(\.allNames))
                    let slips = (node.entries ?? []).contains { !known.contains($0.key) }
                    if !slips { context.report("needs one of \(list(names, shape))", at: node) }
                } else if found.count > 1 {
                    context.report("only one of \(found.joined(separator: ", ")) can be set", at: node)
                }
            case .atMostOne(let names):
                let found = names.filter { present.contains($0) }
                if found.count > 1 {
                    context.report("only one of \(found.joined(separator: ", ")) can be set", at: node)
                }
            }
        }
    }

    private static func list(_ names: [String], _ shape: ObjectShape) -> String {
        let refused = Set(shape.fields.filter { $0.support == .notYet }.flatMap(\.allNames))
        return names.filter { !refused.contains($0) }.joined(separator: ", ")
    }
}
