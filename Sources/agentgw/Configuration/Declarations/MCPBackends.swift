// `mcp`: targets of a federated endpoint.

import Auth
import Proxy

extension Declarations {
    private struct StdioDraft {
        var command = StdioCommand(command: "")
    }

    private static let environment = ValueDecoder<Never>.map(
        ValueDecoder<Secret>.environmentValue,
        key: { name in
            let sound = !name.isEmpty && !name.utf8.contains(UInt8(ascii: "=")) && !name.utf8.contains(0)
            return sound ? nil : "\"\(Excerpt.of(name))\" is not the name of an environment variable"
        }
    ).map { variables in variables.map { EnvironmentVariable(name: $0.key, value: $0.value) } }

    private static let stdio = ValueDecoder<StdioDraft>.object(
        "StdioTarget", "A child process that speaks MCP over its standard input and output.",
        make: { _, _ in StdioDraft() },
        fields: [
            .value("cmd", \.command.command, .nonEmptyString("a command"), required: true, "The program."),
            .value("args", \.command.arguments, .list(argument), "Its arguments."),
            .value(
                "env", \.command.environment, environment,
                "Its environment, beside PATH, HOME, LANG and TMPDIR. Nothing else is inherited."),
            .value(
                "clear_env", aliases: ["clearEnv"], \.command.clearEnvironment, .boolean, default: "false",
                "Inherits nothing at all."),
        ]
    ).map(\.command)

    private static let argument = ValueDecoder<String>.string("an argument").then { text, node, context in
        text.utf8.contains(0) ? context.fail("must not contain a NUL character", at: node) : text
    }

    private struct RemoteDraft {
        var host: UpstreamText?
        var name: String?
        var port: Int?
        var path: String?
        var schema: DocumentSource?
    }

    private static func remoteFields(_ defaultPath: String) -> [Field<RemoteDraft>] {
        [
            .apply(
                "host", ValueDecoder<String>.nonEmptyString("host:port or a URL"), required: true,
                "A URL, `host:port`, or a host beside `port` and `path`."
            ) { owner, text, node, context in
                // Beside `port` a bare name is enough; which of the two it is shows only when all fields are read.
                if HostPort(text)?.port == nil, !text.contains("://"), HostPort(text) != nil {
                    owner.name = text
                    return true
                }
                owner.host = upstream(allowsPath: true)(node, context)
                return owner.host != nil
            },
            .optional("port", \.port, .port, "The port, when `host` has none."),
            .optional("path", \.path, canonicalPath, default: defaultPath, "The path, when `host` has none."),
            .notYet("backend", "a named backend as a target"),
        ]
    }

    private static func remoteAddress(
        _ draft: RemoteDraft, _ node: YAMLNode, _ context: DecodingContext
    ) -> (UpstreamAddress, path: String?)? {
        if let name = draft.name {
            guard let port = draft.port, let place = HostPort(name) else {
                return context.fail("a host that is not a URL needs a port", at: node)
            }
            return (UpstreamAddress(.tcp(host: place.host, port: UInt16(clamping: port))), draft.path)
        }
        guard let host = draft.host else { return context.fail("missing field \"host\"", at: node) }
        if draft.port != nil { return context.fail("the port is already in host", at: node) }
        if host.path != nil, draft.path != nil { return context.fail("the path is already in host", at: node) }
        return (host.address, host.path ?? draft.path)
    }

    private static func remote(
        _ name: String, _ summary: String, defaultPath: String,
        _ make: @escaping @Sendable (UpstreamAddress, String) -> MCPTarget.Transport
    ) -> ValueDecoder<MCPTarget.Transport> {
        ValueDecoder<RemoteDraft>.object(
            name, summary, make: { _, _ in RemoteDraft() }, fields: remoteFields(defaultPath)
        ).then { (draft, node, context) -> MCPTarget.Transport? in
            remoteAddress(draft, node, context).map { make($0.0, $0.path ?? defaultPath) }
        }
    }

    private static let openAPI = ValueDecoder<RemoteDraft>.object(
        "OpenAPITarget", "A REST service; each operation with an operationId is a tool.",
        make: { _, _ in RemoteDraft() },
        fields: remoteFields("/") + [.optional("schema", \.schema, document, "The OpenAPI document.")]
    ).then { (draft, node, context) -> MCPTarget.Transport? in
        guard let schema = draft.schema else { return context.fail("missing field \"schema\"", at: node) }
        return remoteAddress(draft, node, context).map {
            .openAPI($0.0, pathPrefix: withoutTrailingSlash($0.path ?? "/"), schema: schema)
        }
    }

    static let document = ValueDecoder<DocumentSource>.byNotation(
        scalar: ValueDecoder<String>.nonEmptyString("a document").map { .inline($0) },
        mapping: ValueDecoder<DocumentSource?>.object(
            "Document", "A document elsewhere.", make: { _, _ in nil },
            fields: [
                .apply("file", .nonEmptyString("a path"), "A file.") { owner, path, _, _ in
                    owner = .file(path: path)
                    return true
                },
                .apply("url", .nonEmptyString("a URL"), "A URL.") { owner, url, node, context in
                    guard let parsed = AbsoluteURL(url), parsed.scheme == "https" || parsed.scheme == "http" else {
                        context.report("\(NodeKind.written(node)) is not a URL", at: node)
                        return false
                    }
                    owner = .url(url)
                    return true
                },
            ], rules: [.exactlyOne(["file", "url"])]
        ).then { source, _, _ in source },
        expected: "a document, {file: …} or {url: …}")

    // MARK: Targets

    private struct TargetDraft {
        var name = ""
        var transport: MCPTarget.Transport?
        var policies: BackendPolicies?
        /// `env` beside `stdio`.
        var environment: [EnvironmentVariable]?
    }

    private static let target = ValueDecoder<TargetDraft>.object(
        "MCPTarget", "An MCP server.", make: { _, _ in TargetDraft() },
        fields: [
            .value("name", \.name, targetName, required: true, "Lowercase letters, digits, `-` and `.`."),
            .apply("stdio", stdio, "A child process.") { owner, command, _, _ in
                owner.transport = .stdio(command)
                return true
            },
            .optional(
                "env", \.environment, environment, "The environment of `stdio`, when it is not written inside it."),
            .optional(
                "mcp", \.transport,
                remote("HTTPTarget", "An MCP server over streamable HTTP.", defaultPath: "/mcp") {
                    .streamableHTTP($0, path: $1)
                }, "A server over streamable HTTP."),
            .optional(
                "sse", \.transport,
                remote("SSETarget", "An MCP server over the older HTTP+SSE transport.", defaultPath: "/sse") {
                    .sse($0, path: $1)
                }, "A server over the older HTTP+SSE transport."
            ),
            .optional("openapi", \.transport, openAPI, "A REST service with an OpenAPI document."),
            .optional(
                "builtin", \.transport, ValueDecoder<BuiltinServer>.word().map { .builtin($0) },
                "A small server inside the gateway, for trying things out."),
            .optional("policies", \.policies, targetPolicies, "Policies of this target."),
        ], rules: [.exactlyOne(["stdio", "mcp", "sse", "openapi", "builtin"])]
    ).then { (draft, node, context) -> MCPTarget? in
        guard var transport = draft.transport else { return nil }
        if case .stdio(var command) = transport {
            if let policies = draft.policies, !policies.areRulesOnly {
                return context.fail("of the policies only mcpAuthorization applies to a stdio target", at: node)
            }
            for variable in draft.environment ?? [] {
                if command.environment.contains(where: { $0.name == variable.name }) {
                    return context.fail("\"\(variable.name)\" is set beside stdio and inside it", at: node)
                }
                command.environment.append(variable)
            }
            transport = .stdio(command)
        } else if draft.environment != nil {
            return context.fail("env belongs to a stdio target", at: node)
        }
        return MCPTarget(
            name: draft.name, transport: transport, policies: draft.policies ?? BackendPolicies(),
            position: context.position(of: node))
    }

    private static let targetName = ValueDecoder<String>(
        .text("a target's name", pattern: "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    ) { node, context in
        guard let scalar = Scalars.text("a target's name", node, context) else { return nil }
        let text = scalar.text.text
        func isLetterOrDigit(_ byte: UInt8?) -> Bool {
            guard let byte else { return false }
            return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (0x30...0x39).contains(byte)
        }
        guard isLetterOrDigit(text.utf8.first), isLetterOrDigit(text.utf8.last), text.utf8.count <= 253,
            text.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") })
        else {
            return context.fail(
                "\"\(scalar.written)\" is not a target's name: lowercase letters, digits, - and . (_ and + separate "
                    + "targets from tools)", at: node)
        }
        return text
    }

    static let mcpBackend = ValueDecoder<MCPBackend>.object(
        "MCPBackend", "One endpoint in front of one or more MCP servers.",
        make: { node, context in MCPBackend(targets: [], position: context.position(of: node)) },
        fields: mcpFields
    ).check { backend, node, context in checkTargets(backend, node, context) }

    static let mcpFields: [Field<MCPBackend>] = [
        .value("targets", \.targets, .list(target, atLeast: 1, of: "target"), required: true, "The servers."),
        .value(
            "statefulMode", \.statefulMode, ValueDecoder<MCPBackend.StatefulMode>.word(),
            default: "stateful",
            "`stateless`: clients of the session era get no session; what needs one (subscriptions, levels of logging, "
                + "requests by servers) is refused."),
        .value(
            "prefixMode", \.prefixMode, ValueDecoder<MCPBackend.PrefixMode>.word(), default: "conditional",
            "When tools are shown as `target_tool`: with more than one target, `always` or `never`."),
        .value(
            "failureMode", \.failureMode, ValueDecoder<MCPBackend.FailureMode>.word(), default: "failClosed",
            "What a failing target does to lists."),
        .optional(
            "dnsRebindingProtection", \.dnsRebindingProtection, .boolean, default: "on loopback binds",
            "Whether `Host` and `Origin` must be the gateway's own."),
        .value(
            "hideDenied", \.hideDenied, .boolean, default: "false",
            "A tool, prompt or resource that no call may reach is answered as if there were none, instead of with 403."),
        .value(
            "validateArguments", \.validateArguments, .boolean, default: "false",
            "Calls are checked against the tool's input schema before the rules; a schema that cannot be checked refuses."
        ),
        .optional(
            "mcpGuard", \.toolGuard, toolGuard,
            "Holds tools against a lock file: what has changed since its review is hidden or reported."),
        .value(
            "passthroughMethods", \.passthroughMethods, .list(methodName, of: "method"),
            "Methods beyond the specification that are sent on to the only target, when the rules allow `mcp.method`."),
    ]

    private struct GuardDraft {
        var toolGuard = MCPGuard(pin: "")
    }

    private static let toolGuard = ValueDecoder<GuardDraft>.object(
        "MCPGuard", "Tools as they were reviewed.", make: { _, _ in GuardDraft() },
        fields: [
            .value(
                "pin", \.toolGuard.pin, .nonEmptyString("a path"), required: true,
                "The lock file, written by `agentgw tools lock`."),
            .value(
                "onChange", \.toolGuard.onChange, ValueDecoder<ToolChangeAction>.word(), default: "hide",
                "What is done about a change that `changes` does not name: `hide`, `alert` (shown and logged) or `allow`."
            ),
            .value("changes", \.toolGuard.changes, toolChanges, "The same, for classes of change."),
        ]
    ).map(\.toolGuard)

    private struct ChangesDraft {
        var actions: [ToolChange: ToolChangeAction] = [:]
    }

    private static let toolChanges = ValueDecoder<ChangesDraft>.object(
        "ToolChanges", "What is done about each class of change.", make: { _, _ in ChangesDraft() },
        fields: ToolChange.allCases.map { change in
            .apply(change.rawValue, ValueDecoder<ToolChangeAction>.word(), changeSummary(change)) {
                owner, action, _, _ in
                owner.actions[change] = action
                return true
            }
        }
    ).map(\.actions)

    private static func changeSummary(_ change: ToolChange) -> String {
        switch change {
        case .new: "A tool that is not locked."
        case .renamed: "A locked tool under another name."
        case .removed: "A locked tool that is gone; there is nothing to hide."
        case .textChanged: "Another title or description, of the tool or inside a schema, or another output schema."
        case .schemaWidened: "The input schema may accept more, or has a parameter that was not there."
        case .schemaNarrowed: "The input schema accepts less."
        case .annotationsChanged: "Other annotations."
        }
    }

    private static let methodName = ValueDecoder<String>.nonEmptyString("a method").then {
        (text, node, context) -> String? in
        if MCPNames.isKnownMethod(text) { return context.fail("\(text) is a method of the specification", at: node) }
        if text.hasPrefix("notifications/") { return context.fail("notifications cannot be passed through", at: node) }
        return text
    }

    @Sendable static func checkTargets(
        _ backend: MCPBackend, _ node: YAMLNode, _ context: DecodingContext
    ) -> MCPBackend? {
        var lines: [String: Int] = [:]
        var sound = true
        for target in backend.targets {
            if let line = lines[target.name] {
                context.report("target \"\(target.name)\" is already in line \(line)", at: target.position)
                sound = false
            }
            lines[target.name] = lines[target.name] ?? target.position.line
        }
        return sound ? backend : nil
    }
}

extension ValueDecoder where Value == Secret {
    /// May be empty; must not end early in the child.
    fileprivate static var environmentValue: ValueDecoder<Secret> {
        ValueDecoder<String>.string("a value").then { text, node, context in
            text.utf8.contains(0) ? context.fail("must not contain a NUL character", at: node) : Secret(text)
        }
    }
}
