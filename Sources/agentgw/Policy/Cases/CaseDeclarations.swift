// What a case may say: the table from which it is decoded, with the loader's own machinery and so with its messages.

import Auth
import JSON
import Proxy

enum CaseDeclarations {
    static let testCase = ValueDecoder<TestCase>.object(
        "TestCase", "One request and what is expected of it.",
        make: { node, context in TestCase(name: "", position: context.position(of: node)) },
        fields: [
            .value("name", \.name, anyText("a name"), required: true, "Shown in reports."),
            .value("request", \.request, request, "The request."),
            .optional("jwt", \.claims, Declarations.freeObject, "The claims of a token whose signature is good."),
            .optional("token", \.token, fileSecret("a signed token"), "A file with a signed token."),
            .optional("apiKey", \.apiKey, apiKey, "The key as sent; in a policy file, a key's metadata."),
            .optional("basicAuth", \.basic, basic, "User and password; in a policy file, the user."),
            .value("source", \.source, source, "Where the request comes from."),
            .optional("mcp", \.mcp, message, "What an MCP client asks for."),
            .optional("a2a", \.a2a, agentMessage, "What an A2A client asks for."),
            .optional("llm", \.llm, modelRequest, "What an AI client asks for."),
            .optional("backend", \.backend, .integer(0...10_000, "an index"), "The backend that is picked."),
            .optional("now", \.now, time, "The time of the request."),
            .optional("tools", \.tools, PolicyTools.list, "The tools of a list."),
            .optional("expect", \.expect, expectation, "What must come out."),
        ], rules: [.atMostOne(["jwt", "token"]), .atMostOne(["mcp", "a2a"])])

    static let time = ValueDecoder<String>.string("a time").then { (text, node, context) -> UnixTime? in
        guard let seconds = TimestampText.seconds(text) else {
            return context.fail("\(NodeKind.written(node)) is not a time; write 2026-01-31T12:00:00Z", at: node)
        }
        return UnixTime(seconds: seconds)
    }

    /// Any scalar, as it is written.
    static func anyText(_ what: String) -> ValueDecoder<String> {
        ValueDecoder(.text(what)) { node, context in
            guard let scalar = node.scalar, !NodeKind.isNull(node) else {
                return context.fail("expected \(what), found \(NodeKind.name(of: node))", at: node)
            }
            return scalar.text
        }
    }

    /// The text of a file, named relative to the table.
    static func fileSecret(_ what: String) -> ValueDecoder<Secret> {
        ValueDecoder<String>.nonEmptyString("the path of \(what)").then { path, node, context in
            bytes(path, node, context).map { Secret(bytes: $0.trimmingASCIIWhitespace) }
        }
    }

    private static func bytes(_ path: String, _ node: YAMLNode, _ context: DecodingContext) -> [UInt8]? {
        let path = RelativePath.resolve(path, besides: context.source.file)
        switch context.files.read(path, ConfigurationFiles.maximumBytes) {
        case .success(let bytes): return bytes
        case .failure(let failure): return context.fail("cannot read \(path): \(failure.message)", at: node)
        }
    }

    // MARK: Request

    private static let request = ValueDecoder<CaseRequest>.byNotation(
        scalar: ValueDecoder<String>.nonEmptyString("the path of a raw request").then { path, node, context in
            bytes(path, node, context).map { .raw(lineEnds($0)) }
        },
        mapping: ValueDecoder<RequestFields>.object(
            "Request", "An HTTP request.", make: { _, _ in RequestFields() },
            fields: [
                .optional(
                    "method", \.method, .nonEmptyString("a method"), default: "GET, or POST with mcp", "As sent."),
                .optional("path", \.path, anyText("a path"), default: "/", "With its query."),
                .optional("host", \.host, anyText("a host"), "Host and port as sent."),
                .apply(
                    "headers", ValueDecoder<[String]>.map(headerValues, key: { HeaderSyntax.problem(inName: $0) }),
                    "Header fields."
                ) {
                    owner, headers, _, _ in
                    owner.headers = headers.flatMap { header in header.value.map { (header.key, $0) } }
                    return true
                },
                .optional("port", \.port, .port, "The port that it comes to."),
                .optional("tls", \.tls, .boolean, "Whether the connection is encrypted."),
            ]
        ).map { .fields($0) }, expected: "a request, or a file with one")

    private static let headerValue = anyText("a header value").then { (value, node, context) -> String? in
        if let problem = HeaderSyntax.problem(inValue: value) { return context.fail(problem, at: node) }
        return value
    }

    private static let headerValues = ValueDecoder<[String]>.oneOrMore(headerValue, of: "value")

    /// Editors end lines with LF alone; HTTP does not. A file that has a CR is taken as it is.
    private static func lineEnds(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.contains(0x0D) else { return bytes }
        // A file that ends with its head seldom has the empty line.
        var text = bytes
        if text.last != 0x0A { text.append(0x0A) }
        if !text.hasEmptyLine { text.append(0x0A) }
        return text.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }
    }

    // MARK: Who

    private static let apiKey = ValueDecoder<CaseKey>.byNotation(
        scalar: ValueDecoder<Secret>.secret("an API key").map { .key($0) },
        mapping: Declarations.freeObject.map { .metadata($0) },
        expected: "a key, or the metadata of one")

    private static let basic = ValueDecoder<CaseUser>.byNotation(
        scalar: anyText("a user").map { CaseUser(user: $0) },
        mapping: .object(
            "BasicUser", "A user with a password.", make: { _, _ in CaseUser(user: "") },
            fields: [
                .value("user", \.user, anyText("a user"), required: true, "The name."),
                .optional("password", \.password, .secret("a password"), "As the client sends it."),
            ]), expected: "a user, or {user: …, password: …}")

    private static let source = ValueDecoder<CaseSource>.byNotation(
        scalar: address.map { CaseSource(address: $0) },
        mapping: .object(
            "Source", "The client's end of the connection.", make: { _, _ in CaseSource() },
            fields: [
                .value("address", \.address, address, "An address literal."),
                .value("port", \.port, .port, "Its port."),
                .optional(
                    "certificate", \.certificate, certificate, "A verified client certificate; the connection has TLS."),
            ]), expected: "an address, or {address: …, port: …, certificate: …}")

    private static let address = anyText("an address").then { (text, node, context) -> String? in
        guard !text.isEmpty, text.utf8.allSatisfy({ "0123456789abcdefABCDEF.:".utf8.contains($0) }) else {
            return context.fail("\(NodeKind.written(node)) is not an address literal", at: node)
        }
        return text
    }

    private static let certificate = ValueDecoder<ClientCertificate>.object(
        "Certificate", "The names in a client certificate.", make: { _, _ in ClientCertificate() },
        fields: [
            .optional("commonName", \.commonName, anyText("a name"), "Its common name."),
            .value("dnsNames", \.dnsNames, .list(anyText("a DNS name")), "Its DNS names."),
            .value("uris", \.uris, .list(anyText("a URI")), "Its URIs."),
        ])

    // MARK: MCP

    private static let message = ValueDecoder<CaseMessage>.object(
        "MCPMessage", "An MCP message.", make: { node, context in CaseMessage(position: context.position(of: node)) },
        fields: [
            .optional("method", \.method, .nonEmptyString("a method"), "The JSON-RPC method."),
            .optional("tool", \.tool, anyText("a tool"), "As clients call it; with target, as its server does."),
            .optional("prompt", \.prompt, anyText("a prompt"), "Likewise."),
            .optional("resource", \.resource, anyText("a URI"), "Likewise."),
            .optional("target", \.target, anyText("a target"), "The server that has it."),
            .optional("arguments", \.arguments, Declarations.free, "The arguments."),
            .optional("annotations", \.annotations, Declarations.free, "The server's hints about the tool."),
            .optional("client", \.client, client, "What the client calls itself."),
            .optional("session", \.session, anyText("a session"), "The client's session."),
        ], rules: [.atMostOne(["tool", "prompt", "resource"])])

    private static let client = ValueDecoder<MCPClientInfo>.object(
        "Client", "clientInfo", make: { _, _ in MCPClientInfo(name: "", version: "") },
        fields: [
            .value("name", \.name, anyText("a name"), required: true, "clientInfo.name"),
            .value("version", \.version, anyText("a version"), "clientInfo.version"),
        ])

    // MARK: A2A

    private static let agentMessage = ValueDecoder<CaseAgentMessage>.object(
        "A2AMessage", "A request to an A2A agent.", make: { _, _ in CaseAgentMessage() },
        fields: [
            .value(
                "method", \.method, .nonEmptyString("a method"), default: "message/send",
                "The JSON-RPC method, of either version."),
            .optional("skill", \.skill, anyText("a skill"), "That the message's metadata names."),
            .optional("message", \.message, Declarations.free, "The message, or its text."),
            .optional("taskId", \.taskID, anyText("an id"), "The task that it is about."),
            .optional("contextId", \.contextID, anyText("an id"), "The context that it is about."),
            .optional(
                "params", \.params, Declarations.freeObject.map { .object($0) }, "All parameters as they are sent."),
        ],
        rules: ["skill", "message", "taskId", "contextId"].map { .atMostOne(["params", $0]) })

    // MARK: AI

    private struct ModelDraft {
        var request = TrialModelRequest()
        var params: [MetadataMember] = []
    }

    private static let modelRequest = ValueDecoder<ModelDraft>.object(
        "ModelRequest", "The body of an AI request.", make: { _, _ in ModelDraft() },
        fields: [
            .optional("model", \.request.model, anyText("a model"), "As the client names it."),
            .value("stream", \.request.isStreaming, .boolean, default: "false", "Whether it asks for a stream."),
            .value("params", \.params, Declarations.freeObject, "Other members of the body: `{temperature: 0.2}`."),
        ]
    ).then { (draft, node, context) -> TrialModelRequest? in
        var request = draft.request
        // Rules see the whole body, the model in it.
        var params = draft.params
        if let model = request.model { params.append(MetadataMember("model", .string(model))) }
        if request.isStreaming { params.append(MetadataMember("stream", .bool(true))) }
        var writer = JSONWriter()
        writer.value(MetadataValue.object(params))
        do throws(JSONError) {
            request.params = try JSONDocument(parsing: writer.bytes).root
        } catch { return context.fail("params: \(error)", at: node) }
        return request
    }

    // MARK: Expectation

    private static func item<Value>(
        _ name: String, _ path: any WritableKeyPath<Expectation, Expectation.Item<Value>?> & Sendable,
        _ decoder: ValueDecoder<Value>, _ summary: String
    ) -> Field<Expectation> {
        .apply(name, decoder, summary) { owner, value, node, context in
            owner[keyPath: path] = Expectation.Item(value: value, position: context.position(of: node))
            return true
        }
    }

    private static let names = ValueDecoder<Never>.list(anyText("a name"), of: "name")

    static let expectation = ValueDecoder<Expectation>.byNotation(
        scalar: ValueDecoder<TrialVerdict>.word().then { verdict, node, context in
            let position = context.position(of: node)
            var expectation = Expectation(position: position)
            expectation.verdict = Expectation.Item(value: verdict, position: position)
            return expectation
        },
        mapping: ValueDecoder<Expectation>.object(
            "Expectation", "What must come out; every field that is there must hold.",
            make: { node, context in Expectation(position: context.position(of: node)) },
            fields: [
                item("verdict", \.verdict, ValueDecoder<TrialVerdict>.word(), "allow, deny, …"),
                item("rule", \.rule, anyText("the id of a rule"), "The rule that decided, or none."),
                item("reason", \.reason, anyText("a reason"), "Why."),
                item("error", \.error, anyText("an error class"), "The class of the error."),
                item("status", \.status, .integer(100...599, "a status"), "Of the reply."),
                item("scopes", \.scopes, names, "That the challenge names."),
                item("visible", \.visible, names, "The items of a list that are shown, all of them."),
                item("hidden", \.hidden, names, "Items of a list that are not."),
            ]
        ).check { expectation, node, context in
            expectation.isEmpty ? context.fail("expects nothing; write allow or deny", at: node) : expectation
        }, expected: "allow, deny, or a mapping")
}

extension Array where Element == UInt8 {
    /// Whether an LF follows another.
    fileprivate var hasEmptyLine: Bool {
        indices.dropFirst().contains { self[$0] == 0x0A && self[$0 - 1] == 0x0A }
    }
}
