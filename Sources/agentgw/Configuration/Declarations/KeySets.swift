// Whose tokens are accepted: issuers, key sets, claims, and where credentials stand in a request.

import Auth
import CEL

extension Declarations {
    static func mode(_ summary: String) -> String { "\(summary) `strict`, `optional` or `permissive`." }

    static let authenticationMode = ValueDecoder<AuthenticationMode>.word()

    // MARK: Locations

    static let credentialLocation = ValueDecoder<CredentialLocation?>.object(
        "CredentialLocation", "A place in a request.", make: { _, _ in nil },
        fields: [
            .apply("header", headerLocation, "A header.") { owner, value, _, _ in
                owner = value
                return true
            },
            .apply("queryParameter", namedLocation("QueryParameter"), "A query parameter.") { owner, name, _, _ in
                owner = .queryParameter(name: name)
                return true
            },
            .apply("cookie", namedLocation("Cookie"), "A cookie.") { owner, name, _, _ in
                owner = .cookie(name: name)
                return true
            },
            .notYet("expression", "a credential found by CEL (what it read could not be taken out before forwarding)"),
        ], rules: [.exactlyOne(["header", "queryParameter", "cookie", "expression"])]
    ).then { location, _, _ in location }

    static let credentialLocations = ValueDecoder<Never>.oneOrMore(credentialLocation, of: "location")

    private static let headerLocation = ValueDecoder<(name: String, prefix: String)>.object(
        "HeaderLocation", "A header, and what stands before the credential.", make: { _, _ in ("", "") },
        fields: [
            .value("name", \.name, .headerName, required: true, "The header's name."),
            .value("prefix", \.prefix, .headerValue, default: "none", "Must stand there, and is removed: `Bearer `."),
        ]
    ).map { CredentialLocation.header(name: $0.name, prefix: $0.prefix) }

    private static func namedLocation(_ name: String) -> ValueDecoder<String> {
        .object(
            name, "A place by name.", make: { _, _ in "" },
            fields: [.value("name", \.self, .nonEmptyString(), required: true, "Its name.")])
    }

    // MARK: Key sets

    static let keySet = ValueDecoder<KeySetSource>.byNotation(
        scalar: ValueDecoder<Secret>.secret("a JSON Web Key Set").then { secret, node, context in
            // Told from a path or URL written here by mistake. What is inside is checked when the keys are read.
            let isObject =
                secret.withBytes { $0.first { $0 != 0x20 && !(0x09...0x0D).contains($0) } } == UInt8(ascii: "{")
            guard isObject else {
                return context.fail(
                    "expected the JSON of a key set; write {url: …} or {file: …} for another place", at: node)
            }
            return .inline(secret)
        },
        mapping: ValueDecoder<KeySetSource>(.object(keySetObject)) { node, context in
            if (node.entries ?? []).contains(where: { $0.key == "keys" }) {
                guard let value = freeValue(node, context) else { return nil }
                return .inline(Secret(FreeJSON.text(value)))
            }
            return keySetReference(node, context)
        },
        expected: "{url: …}, {file: …} or a key set")

    private static let keySetObject: ObjectShape = {
        guard case .object(var shape) = keySetReference.shape else { preconditionFailure("a key set is an object") }
        shape.fields.append(
            FieldShape(name: "keys", shape: .free("JSON Web Keys, written as YAML"), summary: "The keys themselves."))
        shape.rules = [.exactlyOne(["url", "file", "keys"])]
        return shape
    }()

    private struct KeySetDraft {
        var source: KeySetSource?
        var rules = KeySetFetchRules()
    }

    private static let keySetReference = ValueDecoder<KeySetDraft>.object(
        "KeySet", "Where a JSON Web Key Set comes from.", make: { _, _ in KeySetDraft() },
        fields: [
            .apply("url", .nonEmptyString("a URL"), "Fetched and refreshed. https, or http on loopback.") {
                owner, url, _, _ in
                owner.source = .url(url)
                return true
            },
            .apply("file", .nonEmptyString("a path"), "Read and watched.") { owner, path, _, _ in
                owner.source = .file(path: path)
                return true
            },
            .value(
                "allowInsecure", \.rules.allowInsecure, .boolean, default: "false",
                "Allows plain http to a host that is not loopback."),
            .value(
                "allowPrivateAddresses", \.rules.allowPrivateAddresses, .boolean, default: "false",
                "Allows private and link-local addresses."),
        ], rules: [.exactlyOne(["url", "file"])]
    ).then { (draft, node, context) -> KeySetSource? in
        guard case .url(let text, _) = draft.source else { return draft.source }
        return checkedURL(text, draft.rules, node, context).map { .url($0, draft.rules) }
    }

    /// https, or http where it is allowed.
    static func checkedURL(
        _ text: String, _ rules: KeySetFetchRules, _ node: YAMLNode, _ context: DecodingContext
    ) -> String? {
        guard let url = AbsoluteURL(text), url.scheme == "https" || url.scheme == "http" else {
            return context.fail("expected an https URL without user and fragment", at: node)
        }
        guard url.scheme == "https" || url.isLoopback || rules.allowInsecure else {
            return context.fail(
                "keys fetched over plain http can be forged on the way; use https, or set allowInsecure: true", at: node
            )
        }
        return text
    }

    // MARK: Claims

    static let claims = ValueDecoder<Never>.map(celType).map { types in
        var schema = ClaimsSchema(types: [:])
        for (name, type) in types {
            if name == "*" { schema.allowOthers = true } else { schema.types[name] = type }
        }
        return schema
    }

    /// `string`, `int`, `list(string)`, `map(string, dyn)`, …
    static let celType = ValueDecoder<CELType>(.text("a CEL type such as string or list(string)")) { node, context in
        guard let scalar = Scalars.text("a CEL type", node, context) else { return nil }
        var parser = CELTypeText(scalar.text.text)
        guard let type = parser.parse() else {
            return context.fail(
                "\"\(scalar.written)\" is not a type; write string, int, uint, double, bool, bytes, timestamp, duration, "
                    + "dyn, list(T) or map(string, T)", at: node)
        }
        return type
    }

    static let requiredClaims = ValueDecoder<[String]>.object(
        "JWTValidationOptions", "What a token must have.", make: { _, _ in [] },
        fields: [
            .value(
                "requiredClaims", \.self, .list(.nonEmptyString("a claim's name")), default: "[exp]",
                "Claims that must be there. `exp` always must.")
        ])

    static let algorithms = ValueDecoder<Never>.list(ValueDecoder<JWSAlgorithm>.word(), atLeast: 1, of: "algorithm")
        .map { Set($0) }

    static let issuer = ValueDecoder<String>.nonEmptyString("an issuer")
}

/// A CEL type as its documentation spells it.
private struct CELTypeText {
    /// Of nesting; claims are flat.
    private static let maximumDepth = 8
    private var rest: Substring

    init(_ text: String) {
        rest = Substring(text.filter { $0 != " " })
    }

    mutating func parse() -> CELType? {
        guard let type = type(depth: 0), rest.isEmpty else { return nil }
        return type
    }

    private mutating func type(depth: Int) -> CELType? {
        guard depth < Self.maximumDepth else { return nil }
        let name = rest.prefix { $0.isLetter || $0 == "_" }
        rest = rest.dropFirst(name.count)
        switch name {
        case "dyn": return .dyn
        case "bool": return .bool
        case "int": return .int
        case "uint": return .uint
        case "double": return .double
        case "string": return .string
        case "bytes": return .bytes
        case "timestamp": return .timestamp
        case "duration": return .duration
        case "list":
            guard take("("), let element = type(depth: depth + 1), take(")") else { return nil }
            return .list(element)
        case "map":
            guard take("("), let key = type(depth: depth + 1), take(","), let value = type(depth: depth + 1), take(")")
            else { return nil }
            return .map(key: key, value: value)
        default: return nil
        }
    }

    private mutating func take(_ character: Character) -> Bool {
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }
}
