// The declarations as a JSON Schema (draft 2020-12).

import Auth

enum JSONSchemaWriter {
    /// - Parameter root: the shape of the whole file; an object.
    static func schema(of root: Shape) -> String {
        var definitions = Definitions()
        let reference = value(root, &definitions)
        var members: [MetadataMember] = [
            MetadataMember("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            MetadataMember("title", .string("agentgw configuration")),
        ]
        if case .object(let top) = reference { members += top }
        members.append(
            MetadataMember(
                "$defs",
                .object(definitions.order.map { MetadataMember($0, definitions.bodies[$0] ?? .object([])) })))
        return FreeJSON.indented(.object(members))
    }

    /// Objects by name, so that each is written once. Two objects of one name with other fields get a number.
    private struct Definitions {
        var order: [String] = []
        var bodies: [String: MetadataValue] = [:]
        var fields: [String: [String]] = [:]

        func name(for object: ObjectShape) -> (name: String, isNew: Bool) {
            var name = object.name
            var number = 1
            let signature = Self.signature(object)
            while let known = fields[name] {
                if known == signature { return (name, false) }
                number += 1
                name = "\(object.name)\(number)"
            }
            return (name, true)
        }

        static func signature(_ object: ObjectShape) -> [String] {
            object.fields.map { "\($0.allNames) \($0.isRequired) \($0.support) \($0.shape.signature)" }
        }
    }

    private static func value(_ shape: Shape, _ definitions: inout Definitions) -> MetadataValue {
        switch shape {
        case .text(let what, let pattern):
            var members = [MetadataMember("type", .string("string")), MetadataMember("description", .string(what))]
            // A variable stands for anything until it is expanded.
            if let pattern { members.append(MetadataMember("pattern", .string("\(pattern)|\\$"))) }
            return .object(members)
        case .integer(let range):
            var members = [
                MetadataMember("type", .string("integer")), MetadataMember("minimum", .int(Int64(range.lowerBound))),
            ]
            if range.upperBound < .max { members.append(MetadataMember("maximum", .int(Int64(range.upperBound)))) }
            return orVariable(.object(members))
        case .number(let range):
            return orVariable(
                .object([
                    MetadataMember("type", .string("number")), MetadataMember("minimum", .double(range.lowerBound)),
                    MetadataMember("maximum", .double(range.upperBound)),
                ]))
        case .boolean: return orVariable(.object([MetadataMember("type", .string("boolean"))]))
        case .choice(let words):
            return orVariable(.object([MetadataMember("enum", .list(words.map { .string($0) }))]))
        case .list(let element, let minimum):
            var members = [
                MetadataMember("type", .string("array")), MetadataMember("items", value(element, &definitions)),
            ]
            if minimum > 0 { members.append(MetadataMember("minItems", .int(Int64(minimum)))) }
            return .object(members)
        case .map(let element):
            return .object([
                MetadataMember("type", .string("object")),
                MetadataMember("additionalProperties", value(element, &definitions)),
            ])
        case .either(let shapes):
            return .object([MetadataMember("anyOf", .list(shapes.map { value($0, &definitions) }))])
        case .free: return .object([])
        case .object(let object):
            let (name, isNew) = definitions.name(for: object)
            if isNew {
                definitions.fields[name] = Definitions.signature(object)
                definitions.order.append(name)
                definitions.bodies[name] = body(object, &definitions)
            }
            return .object([MetadataMember("$ref", .string("#/$defs/\(name)"))])
        }
    }

    private static func orVariable(_ schema: MetadataValue) -> MetadataValue {
        .object([
            MetadataMember(
                "anyOf",
                .list([
                    schema,
                    .object([
                        MetadataMember("type", .string("string")), MetadataMember("pattern", .string("\\$")),
                        MetadataMember("description", .string("an environment variable")),
                    ]),
                ]))
        ])
    }

    private static func body(_ object: ObjectShape, _ definitions: inout Definitions) -> MetadataValue {
        var properties: [MetadataMember] = []
        var required: [MetadataValue] = []
        var conditions: [MetadataValue] = []
        for field in object.fields where field.support == .yes {
            guard case .object(var members) = value(field.shape, &definitions) else { continue }
            var text = field.summary
            if let defaultText = field.defaultText { text += " Default: \(defaultText)." }
            // What a member says of its own (the kind of text) gives way to what the field says.
            members.removeAll { $0.name == "description" }
            members.insert(MetadataMember("description", .string(text)), at: 0)
            for name in field.allNames { properties.append(MetadataMember(name, .object(members))) }
            guard field.isRequired else { continue }
            if field.aliases.isEmpty {
                required.append(.string(field.name))
            } else {
                conditions.append(.object([MetadataMember("anyOf", .list(field.allNames.map(requiring)))]))
            }
        }
        let known = Set(object.fields.filter { $0.support == .yes }.flatMap(\.allNames))
        for rule in object.rules {
            switch rule {
            case .exactlyOne(let names):
                let names = names.filter { known.contains($0) }
                conditions.append(.object([MetadataMember("oneOf", .list(names.map(requiring)))]))
            case .atMostOne(let names):
                let names = names.filter { known.contains($0) }
                for (index, first) in names.enumerated() {
                    for second in names[(index + 1)...] {
                        conditions.append(
                            .object([
                                MetadataMember(
                                    "not",
                                    .object([MetadataMember("required", .list([.string(first), .string(second)]))]))
                            ]))
                    }
                }
            }
        }
        var members = [
            MetadataMember("type", .string("object")), MetadataMember("description", .string(object.summary)),
            MetadataMember("properties", .object(properties)), MetadataMember("additionalProperties", .bool(false)),
        ]
        if !required.isEmpty { members.append(MetadataMember("required", .list(required))) }
        if !conditions.isEmpty { members.append(MetadataMember("allOf", .list(conditions))) }
        return .object(members)
    }

    private static func requiring(_ name: String) -> MetadataValue {
        .object([MetadataMember("required", .list([.string(name)]))])
    }
}

extension Shape {
    /// Tells shapes apart that one name must not stand for.
    fileprivate var signature: String {
        switch self {
        case .text(let what, let pattern): "text(\(what),\(pattern ?? ""))"
        case .integer(let range): "integer(\(range))"
        case .number(let range): "number(\(range))"
        case .boolean: "boolean"
        case .choice(let words): "choice(\(words))"
        case .list(let element, let minimum): "list(\(element.signature),\(minimum))"
        case .map(let element): "map(\(element.signature))"
        case .object(let object): object.name
        case .either(let shapes): "either(\(shapes.map(\.signature)))"
        case .free: "free"
        }
    }
}
