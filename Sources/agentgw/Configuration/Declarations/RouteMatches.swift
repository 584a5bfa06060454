// Which requests a route takes: `matches`, and the short `match`.

import Proxy

extension Declarations {
    static let valueMatch = ValueDecoder<ValueMatch?>.object(
        "ValueMatch", "What a header or query parameter must be.", make: { _, _ in nil },
        fields: [
            .apply("exact", .string(), "The value, letter case included.") { owner, value, _, _ in
                owner = .exact(value)
                return true
            },
            .apply("regex", regex, "An RE2 expression that covers the whole value.") { owner, value, _, _ in
                owner = .regex(value)
                return true
            },
        ], rules: [.exactlyOne(["exact", "regex"])]
    ).then { match, _, _ in match }

    /// The longer form, or text for `exact`.
    static let shortValueMatch = ValueDecoder<ValueMatch>.byNotation(
        scalar: ValueDecoder<String>.string().map { ValueMatch.exact($0) }, mapping: valueMatch,
        expected: "text, {exact: …} or {regex: …}")

    static let pathPattern = ValueDecoder<PathMatch?>.object(
        "PathMatch", "What the path must be.", make: { _, _ in nil },
        fields: [
            .apply("exact", canonicalPath, "The whole path.") { owner, path, _, _ in
                owner = .exact(path)
                return true
            },
            .apply(
                "pathPrefix", aliases: ["prefix"], canonicalPath,
                "The path or its beginning, on a segment border: `/foo` takes `/foo/x`, not `/foobar`."
            ) { owner, path, _, _ in
                owner = .prefix(withoutTrailingSlash(path))
                return true
            },
            .apply("regex", regex, "An RE2 expression that covers the whole path.") { owner, value, _, _ in
                owner = .regex(value)
                return true
            },
        ], rules: [.exactlyOne(["exact", "pathPrefix", "prefix", "regex"])]
    ).then { match, _, _ in match }

    static let pathMatch = ValueDecoder<PathMatch>.byNotation(
        scalar: canonicalPath.map { PathMatch.prefix(withoutTrailingSlash($0)) }, mapping: pathPattern,
        expected: "a path (taken as a prefix), {exact: …}, {pathPrefix: …} or {regex: …}")

    static func withoutTrailingSlash(_ path: String) -> String {
        path.utf8.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    static let headerMatch = ValueDecoder<HeaderMatch>.object(
        "HeaderMatch", "A condition on a header.",
        make: { _, _ in HeaderMatch(name: "", value: .exact("")) },
        fields: [
            .apply("name", .nonEmptyString("a header name"), required: true, "The header's name, in any letter case.") {
                owner, name, node, context in
                if name.hasPrefix(":") {
                    context.report("not supported yet: pseudo headers; use path, method or hostnames", at: node)
                    return false
                }
                guard HeaderSyntax.isName(name) else {
                    context.report("\(NodeKind.written(node)) is not a header name", at: node)
                    return false
                }
                owner.name = name.asciiLowercased
                return true
            },
            .value(
                "value", \.value, shortValueMatch, required: true,
                "Compared with the header's lines joined by `, `. Text is taken as `exact`."),
        ])

    static let queryMatch = ValueDecoder<QueryMatch>.object(
        "QueryMatch", "A condition on a query parameter.",
        make: { _, _ in QueryMatch(name: "", value: .exact("")) },
        fields: [
            .value("name", \.name, .nonEmptyString(), required: true, "The parameter's name, decoded."),
            .value(
                "value", \.value, shortValueMatch, required: true,
                "Every occurrence of the parameter must match, and there must be one. Text is taken as `exact`."),
        ])

    static let routeMatch = ValueDecoder<RouteMatch>.object(
        "RouteMatch", "Conditions that must all hold.",
        make: { node, context in RouteMatch(position: context.position(of: node)) },
        fields: [
            .value("path", \.path, pathMatch, default: "/", "The path. Text is taken as a prefix."),
            .optional("method", \.method, method, "The method, in capitals."),
            .value("headers", \.headers, .list(headerMatch), "Conditions on headers; all must hold."),
            .value("query", \.query, .list(queryMatch), "Conditions on query parameters; all must hold."),
        ])

    static let method = ValueDecoder<String>(.text("a method", pattern: "^[A-Z][A-Z0-9-]*$")) { node, context in
        guard let scalar = Scalars.text("a method such as GET", node, context) else { return nil }
        let text = scalar.text.text
        guard !text.isEmpty, text.utf8.allSatisfy(HeaderSyntax.isTokenByte) else {
            return context.fail("\"\(scalar.written)\" is not a method", at: node)
        }
        // Methods are case-sensitive (RFC 9110 §9.1): "get" would match nothing that anybody sends.
        guard !text.utf8.contains(where: { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }) else {
            return context.fail("methods are written in capitals", at: node)
        }
        return text
    }
}
