// Policies that change the request or its answer.

import Auth
import Proxy

extension Declarations {
    static let cors = ValueDecoder<CORSPolicy>.object(
        "CORS", "Which web pages may read the answers.",
        make: { node, context in CORSPolicy(position: context.position(of: node)) },
        fields: [
            .value(
                "allowOrigins", \.allowOrigins, .list(originPattern),
                "Origins: `*`, `https://app.example.com`, or with a wildcard host, `https://*.example.com`."),
            .value("allowHeaders", \.allowHeaders, nameList(.headerName), "Request headers, or `*`."),
            .value("allowMethods", \.allowMethods, nameList(method), "Methods, or `*`."),
            .value("exposeHeaders", \.exposeHeaders, .list(exposedHeader), "Response headers that pages may read."),
            .value("allowCredentials", \.allowCredentials, .boolean, default: "false", "Whether cookies may be sent."),
            .optional("maxAge", \.maxAge, .duration(atLeast: .zero), "How long a preflight may be cached."),
        ]
    ).check { policy, node, context in
        if policy.allowCredentials, policy.allowOrigins.contains(where: { $0 == .any }) {
            // Any page could then act with the user's cookies; browsers refuse a literal "*" here for that reason.
            return context.fail(
                "allowCredentials with the origin \"*\" would let any web page act for the user; list the origins",
                at: node)
        }
        return policy
    }

    private static let exposedHeader = ValueDecoder<String>.nonEmptyString("a header name").then {
        name, node, context in
        if name == "*" { return name }
        guard HeaderSyntax.isName(name) else {
            return context.fail("\(NodeKind.written(node)) is not a header name", at: node)
        }
        return name
    }

    private static func nameList(_ name: ValueDecoder<String>) -> ValueDecoder<CORSPolicy.NameList> {
        let entry = ValueDecoder<String?>(name.shape) { node, context in
            if let scalar = node.scalar, scalar.text == "*" { return .some(nil) }
            return name(node, context).map { .some($0) }
        }
        return ValueDecoder<[String?]>.list(entry).map { names in
            names.contains { $0 == nil } ? .any : .names(names.compactMap { $0 })
        }
    }

    static let originPattern = ValueDecoder<OriginPattern>(.text("an origin")) { node, context in
        guard let scalar = Scalars.text("an origin", node, context) else { return nil }
        let text = scalar.text.text.asciiLowercased
        if text == "*" { return .any }
        let parts = text.split(separator: "*", omittingEmptySubsequences: false)
        let plain = parts.count == 2 ? "\(parts[0])x\(parts[1])" : text
        guard parts.count <= 2, let url = AbsoluteURL(plain), url.path.isEmpty, url.query == nil,
            parts.count == 1 || (parts[0].hasSuffix("://") && parts[1].hasPrefix("."))
        else {
            return context.fail(
                "\"\(scalar.written)\" is not an origin; write https://host, https://host:port, https://*.host or *",
                at: node)
        }
        return parts.count == 2 ? .wildcard(before: String(parts[0]), after: String(parts[1])) : .exact(text)
    }

    static let csrf = ValueDecoder<CSRFPolicy>.object(
        "CSRF", "Requests that change something must not come from another site's page.",
        make: { _, _ in CSRFPolicy() },
        fields: [
            .value(
                "additionalOrigins", \.additionalOrigins, .list(trustedOrigin),
                "Origins that are trusted beside the request's own: as in `cors`, but not `*`.")
        ])

    private static let trustedOrigin = originPattern.check { origin, node, context in
        origin == .any ? context.fail("\"*\" would admit every site; list the origins", at: node) : origin
    }

    static let headerModifier = ValueDecoder<HeaderModifier>.object(
        "HeaderModifier", "Changes to headers: remove, then set, then add.", make: { _, _ in HeaderModifier() },
        fields: [
            .value("add", \.add, headerFields, "Lines added beside what is there."),
            .value("set", \.set, headerFields, "Lines put in place of what is there."),
            .value("remove", \.remove, .list(changeableHeader), "Names removed."),
        ])

    static let headerFields = ValueDecoder<Never>.map(.headerValue, key: { HeaderSyntax.problem(inName: $0) })
        .then { (fields: [(key: String, value: String)], node, context) -> [HeaderModifier.Field]? in
            // They decide where a message ends and are the gateway's alone.
            for field in fields {
                if let problem = problem(inChanged: field.key) { return context.fail(problem, at: node) }
            }
            return fields.map { HeaderModifier.Field(name: $0.key.asciiLowercased, value: $0.value) }
        }

    /// nil: a policy may change the field.
    static func problem(inChanged name: String) -> String? {
        framingHeaders.contains(name.asciiLowercased)
            ? "\"\(name)\" belongs to the gateway and cannot be changed here" : nil
    }

    static let changeableHeader = ValueDecoder<String>.headerName.check { name, node, context in
        if let problem = problem(inChanged: name) { return context.fail(problem, at: node) }
        return name
    }

    private static let framingHeaders: Set<String> = [
        "connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    static let authorityRewrite = ValueDecoder<AuthorityRewrite>.byNotation(
        scalar: ValueDecoder<AuthorityRewrite>(.choice(["auto", "none"])) { node, context in
            guard let scalar = Scalars.text("auto or none", node, context) else { return nil }
            switch scalar.text.text {
            case "auto": return .auto
            case "none": return AuthorityRewrite.none
            default: return context.fail("\"\(scalar.written)\" is not one of auto, none", at: node)
            }
        },
        mapping: ValueDecoder<AuthorityRewrite>.object(
            "AuthorityRewrite", "What becomes of the authority.", make: { _, _ in .auto },
            fields: [
                .apply("full", authority, "Host and port.") { owner, value, _, _ in
                    owner = .full(value)
                    return true
                },
                .apply("host", authority, "The host; the port stays.") { owner, value, node, context in
                    guard HostPort(value)?.port == nil else {
                        context.report("has a port; use full", at: node)
                        return false
                    }
                    owner = .host(value)
                    return true
                },
                .apply("port", .port, "The port; the host stays.") { owner, value, _, _ in
                    owner = .port(UInt16(clamping: value))
                    return true
                },
            ], rules: [.exactlyOne(["full", "host", "port"])]),
        expected: "auto, none, {full: …}, {host: …} or {port: …}")

    private static let authority = ValueDecoder<String>.nonEmptyString("a host").then { text, node, context in
        HostPort(text) == nil ? context.fail("\(NodeKind.written(node)) is not a host", at: node) : text
    }

    static let pathRewrite = ValueDecoder<PathRewrite?>.object(
        "PathRewrite", "What becomes of the path.", make: { _, _ in nil },
        fields: [
            .apply("full", canonicalPath, "In place of the whole path.") { owner, value, _, _ in
                owner = .full(value)
                return true
            },
            .apply("prefix", canonicalPath, "In place of the prefix that the route matched.") { owner, value, _, _ in
                owner = .prefix(withoutTrailingSlash(value))
                return true
            },
        ], rules: [.exactlyOne(["full", "prefix"])]
    ).then { rewrite, _, _ in rewrite }

    static let urlRewrite = ValueDecoder<URLRewrite>.object(
        "URLRewrite", "Changes the request's URL before it is forwarded.", make: { _, _ in URLRewrite() },
        fields: [
            .optional("authority", \.authority, authorityRewrite, default: "auto", "The `Host` sent upstream."),
            .optional("path", \.path, pathRewrite, "The path sent upstream."),
        ])

    static let requestRedirect = ValueDecoder<RequestRedirect>.object(
        "RequestRedirect", "Answers with a redirect.", make: { _, _ in RequestRedirect() },
        fields: [
            .apply("scheme", .string("http or https"), "`http` or `https`.") { owner, scheme, node, context in
                guard scheme == "http" || scheme == "https" else {
                    context.report("must be http or https", at: node)
                    return false
                }
                owner.scheme = scheme
                return true
            },
            .optional("authority", \.authority, authorityRewrite, "The host and port redirected to."),
            .optional("path", \.path, pathRewrite, "The path redirected to."),
            .apply("status", .integer(300...399), default: "302", "301, 302, 303, 307 or 308.") {
                owner, status, node, context in
                guard [301, 302, 303, 307, 308].contains(status) else {
                    context.report("must be 301, 302, 303, 307 or 308", at: node)
                    return false
                }
                owner.status = status
                return true
            },
        ])

    static let directResponse = ValueDecoder<DirectResponse>.object(
        "DirectResponse", "Answers without a backend.",
        make: { node, context in DirectResponse(status: 500, position: context.position(of: node)) },
        fields: [
            .value("status", \.status, .integer(200...599), required: true, "The status."),
            .value("body", \.body, ValueDecoder<String>.string().map { Array($0.utf8) }, "The body, as it is."),
            .notYet("bodyExpression", "a body computed by CEL"),
            .value("headers", \.headers, headerFields, "Headers of the answer, as they are."),
            .notYet("conditional", "a condition on the answer"),
        ])
}
