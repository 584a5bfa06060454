// A decoder: a function from node to value together with the shape it accepts. Decoders are built from one another; the
// declarations of the format are nothing but such values.

/// Decodes a `Value`. `decode` returns nil when it has reported at least one error.
struct ValueDecoder<Value>: Sendable {
    let shape: Shape
    let decode: @Sendable (YAMLNode, DecodingContext) -> Value?

    init(_ shape: Shape, _ decode: @escaping @Sendable (YAMLNode, DecodingContext) -> Value?) {
        self.shape = shape
        self.decode = decode
    }

    func callAsFunction(_ node: YAMLNode, _ context: DecodingContext) -> Value? { decode(node, context) }

    func map<Other>(_ transform: @escaping @Sendable (Value) -> Other) -> ValueDecoder<Other> {
        ValueDecoder<Other>(shape) { node, context in decode(node, context).map(transform) }
    }

    /// A check across fields, once all of them are decoded without error. Returns nil when it has reported one.
    func check(
        _ check: @escaping @Sendable (Value, YAMLNode, DecodingContext) -> Value?
    ) -> ValueDecoder<Value> {
        then(check)
    }

    /// `check` returns nil when it has reported an error.
    func then<Other>(
        _ check: @escaping @Sendable (Value, YAMLNode, DecodingContext) -> Other?
    ) -> ValueDecoder<Other> {
        ValueDecoder<Other>(shape) { node, context in
            decode(node, context).flatMap { check($0, node, context) }
        }
    }
}

/// What stands where a value was expected, for messages.
enum NodeKind {
    static func name(of node: YAMLNode) -> String {
        switch node.content {
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .scalar(let scalar):
            if scalar.isText { return "text" }
            switch YAMLCoreValue(plain: scalar.text) {
            case .null: return "nothing"
            case .bool: return "a boolean"
            case .int, .hugeInt, .float: return "a number"
            case .text: return "text"
            }
        }
    }

    /// The scalar as the file has it. What a variable put in its place may be a secret and is never shown.
    static func written(_ node: YAMLNode) -> String {
        "\"\(Excerpt.of(node.scalar?.text ?? ""))\""
    }

    static func isNull(_ node: YAMLNode) -> Bool {
        guard let scalar = node.scalar, !scalar.isText else { return false }
        return YAMLCoreValue(plain: scalar.text) == .null
    }
}

extension ValueDecoder {
    /// Elements that fail are reported and left out, so that all errors of a list are found.
    static func list<Element>(
        _ element: ValueDecoder<Element>, atLeast minimum: Int = 0, of what: String = "entry"
    ) -> ValueDecoder<[Element]> {
        ValueDecoder<[Element]>(.list(element.shape, atLeast: minimum)) { node, context in
            guard case .sequence(let nodes) = node.content else {
                let hint = NodeKind.isNull(node) ? "; write [] for an empty list" : "; write \"- \" before each \(what)"
                return context.fail("expected a list, found \(NodeKind.name(of: node))\(hint)", at: node)
            }
            if nodes.count < minimum { return context.fail("needs at least one \(what)", at: node) }
            var failed = false
            let elements = nodes.enumerated().compactMap { index, child in
                let value = context.within(index: index) { element(child, context) }
                if value == nil { failed = true }
                return value
            }
            return failed ? nil : elements
        }
    }

    /// A list, or one element in its place.
    static func oneOrMore<Element>(_ element: ValueDecoder<Element>, of what: String) -> ValueDecoder<[Element]> {
        let list = ValueDecoder<[Element]>.list(element, atLeast: 1, of: what)
        return ValueDecoder<[Element]>(.either([element.shape, list.shape])) { node, context in
            if case .sequence = node.content { return list(node, context) }
            return element(node, context).map { [$0] }
        }
    }

    /// A mapping with free keys, in the order of the file. Keys are never expanded.
    static func map<Element>(
        _ element: ValueDecoder<Element>, key check: @escaping @Sendable (String) -> String? = { _ in nil }
    ) -> ValueDecoder<[(key: String, value: Element)]> {
        ValueDecoder<[(key: String, value: Element)]>(.map(element.shape)) { node, context in
            guard let entries = node.entries else {
                return context.fail("expected a mapping, found \(NodeKind.name(of: node))", at: node)
            }
            var failed = false
            var result: [(key: String, value: Element)] = []
            for entry in entries {
                context.within(key: entry.key) {
                    if let problem = check(entry.key) {
                        context.report(problem, atOffset: entry.keyOffset)
                        failed = true
                    }
                    if let value = element(entry.value, context) {
                        result.append((entry.key, value))
                    } else {
                        failed = true
                    }
                }
            }
            return failed ? nil : result
        }
    }

    /// Chooses by notation: a scalar, a list or a mapping each have their own form, or none.
    static func byNotation(
        scalar: ValueDecoder<Value>? = nil, list: ValueDecoder<Value>? = nil, mapping: ValueDecoder<Value>? = nil,
        expected: String
    ) -> ValueDecoder<Value> {
        ValueDecoder(.either([scalar, list, mapping].compactMap { $0?.shape })) { node, context in
            let chosen =
                switch node.content {
                case .scalar: NodeKind.isNull(node) ? nil : scalar
                case .sequence: list
                case .mapping: mapping
                }
            guard let chosen else {
                return context.fail("expected \(expected), found \(NodeKind.name(of: node))", at: node)
            }
            return chosen(node, context)
        }
    }
}
