// How rules read a request: each attribute is fetched from `RuleInputs` when an expression asks for it, as a view where
// the bytes can be lent, else as a copy in the evaluation's arena. No map is built, no field is read unasked.
// Invariant: a record's object is the `RuleInputs` that the evaluation was begun with, alive until it ends.

import CEL
import JSON

enum GatewayRecords {
    /// By the name of the record type in `GatewayAttributes`.
    static let layouts: [String: RecordLayout] = [
        "request": request, "source": source, "destination": destination, "basicAuth": basicAuth, "mcp": mcp,
        "mcp.tool": tool, "mcp.prompt": prompt, "mcp.resource": resource, "mcp.client": client, "a2a": a2a, "llm": llm,
        "backend": backend, "response": response,
    ]

    private typealias Reader = @Sendable (RuleInputs, EvaluationScope) -> Value

    /// A record whose fields are read by `fields[position].read`.
    private static func layout(
        _ name: String, nested: [String: RecordLayout] = [:], _ fields: [(name: String, read: Reader)]
    ) -> RecordLayout {
        let readers = fields.map(\.read)
        return RecordLayout(name, fields: fields.map(\.name), nested: nested) { position, object, scope in
            readers[position](inputs(object), scope)
        }
    }

    private static func inputs(_ object: UnsafeRawPointer) -> RuleInputs {
        Unmanaged<RuleInputs>.fromOpaque(object).takeUnretainedValue()
    }

    private static func object(_ inputs: RuleInputs) -> UnsafeRawPointer {
        UnsafeRawPointer(Unmanaged.passUnretained(inputs).toOpaque())
    }

    // MARK: request

    static let request = layout(
        "request", nested: ["headers": headers],
        [
            ("method", { inputs, scope in text(inputs.request.method, scope) }),
            ("scheme", { inputs, scope in text(inputs.request.scheme, scope) }),
            ("host", { inputs, scope in text(inputs.request.authority, scope) }),
            ("path", { inputs, scope in text(inputs.request.path, scope) }),
            ("query", { inputs, scope in inputs.request.query.map { text($0, scope) } ?? scope.arena.string("") }),
            ("pathAndQuery", { inputs, scope in scope.arena.string(pathAndQuery(inputs.request)) }),
            ("uri", { inputs, scope in scope.arena.string(uri(inputs.request)) }),
            ("version", { inputs, scope in text(inputs.request.protocolVersion, scope) }),
            ("headers", { inputs, scope in scope.record(headers, object(inputs)) }),
            ("startTime", { inputs, _ in timestamp(inputs.startTime) }),
        ])

    private static func pathAndQuery(_ request: any RequestAttributes) -> String {
        let path = String(decoding: request.path, as: UTF8.self)
        return request.query.map { path + "?" + String(decoding: $0, as: UTF8.self) } ?? path
    }

    private static func uri(_ request: any RequestAttributes) -> String {
        String(decoding: request.scheme, as: UTF8.self) + "://" + String(decoding: request.authority, as: UTF8.self)
            + pathAndQuery(request)
    }

    private static func timestamp(_ time: UnixTime) -> Value {
        let seconds = time.seconds
        return .timestamp(seconds: seconds, nanoseconds: UInt32(time.milliseconds - seconds * 1000) * 1_000_000)
    }

    /// The header block: a field by its name in any letter case; a string, or a list when it occurs several times.
    static let headers = RecordLayout(
        open: "headers", token: { _ in nil }, read: { _, _, _ in .absent },
        find: { key, object, scope in field(key, inputs(object).request, scope) },
        materialize: { object, scope in allFields(inputs(object).request, scope) })

    private static func field(_ key: ByteRun, _ message: some HeaderAttributes, _ scope: EvaluationScope) -> Value {
        var first: Value?
        var several: [Value] = []
        let count = message.headerCount
        var index = 0
        while index < count {
            if let field = message.header(at: index), isSameName(field.name, key) {
                let value = text(field.value, scope)
                if let first {
                    if several.isEmpty { several.append(first) }
                    several.append(value)
                } else {
                    first = value
                }
            }
            index += 1
        }
        guard let first else { return .absent }
        return several.isEmpty ? first : scope.arena.list(several)
    }

    private static func isSameName(_ a: ByteRun, _ b: ByteRun) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count {
            let (x, y) = (a[index], b[index])
            guard (x &- 0x41 < 26 ? x | 0x20 : x) == (y &- 0x41 < 26 ? y | 0x20 : y) else { return false }
        }
        return true
    }

    private static func allFields(_ message: some HeaderAttributes, _ scope: EvaluationScope) -> Value {
        var names: [String] = []
        for index in 0..<message.headerCount {
            guard let field = message.header(at: index) else { continue }
            let name = HeaderKey(String(decoding: field.name, as: UTF8.self)).name
            if !names.contains(name) { names.append(name) }
        }
        let entries = names.map { name -> (key: Value, value: Value) in
            let key = scope.arena.string(name)
            return (key, field(key.run, message, scope))
        }
        return scope.arena.map(entries)
    }

    // MARK: response

    static let response = layout(
        "response", nested: ["headers": responseHeaders],
        [
            ("code", { inputs, _ in inputs.response.map { .int($0.code) } ?? .absent }),
            ("headers", { inputs, scope in scope.record(responseHeaders, object(inputs)) }),
        ])

    private static let responseHeaders = RecordLayout(
        open: "headers", token: { _ in nil }, read: { _, _, _ in .absent },
        find: { key, object, scope in
            guard let response = inputs(object).response else { return .absent }
            return field(key, response, scope)
        },
        materialize: { object, scope in
            guard let response = inputs(object).response else { return scope.arena.map([]) }
            return allFields(response, scope)
        })

    // MARK: source, destination, who

    static let source = layout(
        "source",
        [
            ("address", { inputs, scope in text(inputs.request.sourceAddress, scope) }),
            ("port", { inputs, _ in .int(inputs.request.sourcePort) }),
            ("tls", { inputs, _ in .bool(inputs.request.tls != nil) }),
            ("commonName", { inputs, scope in text(certificate(inputs)?.commonName, scope) }),
            ("dnsNames", { inputs, scope in list(certificate(inputs)?.dnsNames, scope) }),
            ("uris", { inputs, scope in list(certificate(inputs)?.uris, scope) }),
            ("spiffeID", { inputs, scope in text(certificate(inputs)?.spiffeID, scope) }),
        ])

    private static func certificate(_ inputs: RuleInputs) -> ClientCertificate? {
        inputs.request.tls?.clientCertificate
    }

    static let destination = layout(
        "destination",
        [
            ("address", { inputs, scope in text(inputs.request.destinationAddress, scope) }),
            ("port", { inputs, _ in .int(inputs.request.destinationPort) }),
        ])

    static let basicAuth = layout(
        "basicAuth", [("username", { inputs, scope in text(inputs.principal.user, scope) })])

    // MARK: mcp

    static let mcp = layout(
        "mcp", nested: ["tool": tool, "prompt": prompt, "resource": resource, "client": client],
        [
            ("method", { inputs, _ in inputs.mcpTexts.method }),
            ("methodName", { inputs, _ in inputs.mcpTexts.method }),
            ("target", { inputs, _ in inputs.mcpTexts.target }),
            ("sessionId", { inputs, scope in text(inputs.mcp?.sessionID, scope) }),
            ("tool", { inputs, scope in record(tool, inputs, scope, inputs.mcpTexts.toolName.tag != .absent) }),
            ("prompt", { inputs, scope in record(prompt, inputs, scope, inputs.mcp?.prompt != nil) }),
            ("resource", { inputs, scope in record(resource, inputs, scope, inputs.mcp?.resource != nil) }),
            ("client", { inputs, scope in record(client, inputs, scope, inputs.mcp?.client != nil) }),
        ])

    static let tool = layout(
        "mcp.tool",
        [
            ("name", { inputs, _ in inputs.mcpTexts.toolName }),
            ("target", { inputs, _ in inputs.mcpTexts.toolTarget }),
            ("arguments", { inputs, scope in value(inputs.mcp?.tool?.arguments, scope) }),
            ("annotations", { inputs, scope in value(inputs.mcp?.tool?.annotations, scope) }),
            ("pinned", { inputs, _ in inputs.mcp?.tool?.pinned.map { .bool($0) } ?? .absent }),
        ])

    static let prompt = layout(
        "mcp.prompt",
        [
            ("name", { inputs, scope in text(inputs.mcp?.prompt?.name, scope) }),
            ("target", { inputs, scope in text(inputs.mcp?.prompt?.target, scope) }),
            ("arguments", { inputs, scope in value(inputs.mcp?.prompt?.arguments, scope) }),
        ])

    static let resource = layout(
        "mcp.resource",
        [
            ("name", { inputs, scope in text(inputs.mcp?.resource?.uri, scope) }),
            ("uri", { inputs, scope in text(inputs.mcp?.resource?.uri, scope) }),
            ("target", { inputs, scope in text(inputs.mcp?.resource?.target, scope) }),
        ])

    static let client = layout(
        "mcp.client",
        [
            ("name", { inputs, scope in text(inputs.mcp?.client?.name, scope) }),
            ("version", { inputs, scope in text(inputs.mcp?.client?.version, scope) }),
        ])

    // MARK: a2a, llm, backend

    static let a2a = layout(
        "a2a",
        [
            ("method", { inputs, scope in text(inputs.a2a?.method, scope) }),
            ("skill", { inputs, scope in text(inputs.a2a?.skill, scope) }),
            ("taskId", { inputs, scope in text(inputs.a2a?.taskID, scope) }),
            ("contextId", { inputs, scope in text(inputs.a2a?.contextID, scope) }),
            ("message", { inputs, scope in value(inputs.a2a?.message, scope) }),
            ("params", { inputs, scope in value(inputs.a2a?.params, scope) }),
        ])

    static let llm = layout(
        "llm",
        [
            ("provider", { inputs, scope in text(inputs.llm?.provider, scope) }),
            ("requestModel", { inputs, scope in text(inputs.llm?.requestModel, scope) }),
            ("model", { inputs, scope in text(inputs.llm?.model, scope) }),
            ("streaming", { inputs, _ in inputs.llm.map { .bool($0.streaming) } ?? .absent }),
            ("params", { inputs, scope in value(inputs.llm?.params, scope) }),
        ])

    static let backend = layout(
        "backend",
        [
            ("name", { inputs, scope in text(inputs.backend?.name, scope) }),
            ("type", { inputs, scope in text(inputs.backend?.type, scope) }),
        ])

    // MARK: Values

    /// ASCII and other well-formed UTF-8 is lent; anything else is repaired, as logs show it.
    private static func text(_ run: ByteRun, _ scope: EvaluationScope) -> Value {
        var high: UInt8 = 0
        for byte in run { high |= byte }
        if high < 0x80 { return .string(run) }
        return scope.arena.string(String(decoding: run, as: UTF8.self))
    }

    private static func text(_ text: String?, _ scope: EvaluationScope) -> Value {
        text.map { scope.arena.string($0) } ?? .absent
    }

    private static func list(_ texts: [String]?, _ scope: EvaluationScope) -> Value {
        texts.map { scope.arena.list($0.map { scope.arena.string($0) }) } ?? .absent
    }

    private static func value(_ value: RuleValue?, _ scope: EvaluationScope) -> Value {
        switch value {
        case nil, .absent?: .absent
        case .unknown?: .unknown
        case .json(let json)?: ValueTree.value(json, in: scope.arena)
        }
    }

    private static func value(_ json: JSONValue?, _ scope: EvaluationScope) -> Value {
        json.map { ValueTree.value($0, in: scope.arena) } ?? .absent
    }

    private static func record(
        _ layout: RecordLayout, _ inputs: RuleInputs, _ scope: EvaluationScope, _ isPresent: Bool
    ) -> Value {
        isPresent ? scope.record(layout, object(inputs)) : .absent
    }
}
