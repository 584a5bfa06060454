// Spans in OTLP's protobuf encoding (opentelemetry-proto 1.x, trace/v1): only what the gateway says is written here.

struct OTLPWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func tag(_ field: Int, _ type: UInt64) { varint(UInt64(field) << 3 | type) }

    mutating func bytes(_ field: Int, _ value: [UInt8]) {
        guard !value.isEmpty else { return }
        message(field, value)
    }

    /// A message, an empty one as well.
    mutating func message(_ field: Int, _ value: [UInt8]) {
        tag(field, 2)
        varint(UInt64(value.count))
        bytes += value
    }

    mutating func string(_ field: Int, _ value: String) { bytes(field, Array(value.utf8)) }

    mutating func number(_ field: Int, _ value: UInt64) {
        guard value != 0 else { return }
        tag(field, 0)
        varint(value)
    }

    mutating func fixed64(_ field: Int, _ value: UInt64) {
        tag(field, 1)
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// `KeyValue`
    mutating func attribute(_ field: Int, _ name: String, _ value: String) {
        guard !value.isEmpty else { return }
        attribute(field, name) { $0.message(1, Array(value.utf8)) }
    }

    mutating func attribute(_ field: Int, _ name: String, _ value: Int) {
        attribute(field, name) { writer in
            writer.tag(3, 0)
            writer.varint(UInt64(bitPattern: Int64(value)))
        }
    }

    private mutating func attribute(_ field: Int, _ name: String, _ write: (inout OTLPWriter) -> Void) {
        var any = OTLPWriter()
        write(&any)
        var pair = OTLPWriter()
        pair.string(1, name)
        pair.message(2, any.bytes)
        message(field, pair.bytes)
    }
}

enum OTLPSpan {
    /// One finished request as a `Span`. Names are those of OpenTelemetry's semantic conventions.
    static func encode(_ context: TraceContext, _ exchange: Exchange, _ record: RequestRecord, endedAt: Int64)
        -> [UInt8]
    {
        let request = exchange.request
        let method = request.method == .other ? "_OTHER" : request.methodName.text
        var span = OTLPWriter()
        span.bytes(1, context.traceID)
        span.bytes(2, context.spanID)
        if let state = request.headers.first(.tracestate)?.text { span.string(3, state) }
        span.bytes(4, context.parentID)
        span.string(5, name(method, record))
        span.number(6, 2)  // SPAN_KIND_SERVER
        span.fixed64(7, UInt64(max(0, record.startedAt)))
        span.fixed64(8, UInt64(max(0, endedAt)))
        span.attribute(9, "http.request.method", method)
        // Without the query: it may hold credentials.
        span.attribute(9, "url.path", request.path.text)
        span.attribute(9, "url.scheme", exchange.connection.isSecure ? "https" : "http")
        span.attribute(9, "server.address", request.authority.text)
        span.attribute(9, "client.address", exchange.connection.peerIP)
        if exchange.sentStatus > 0 { span.attribute(9, "http.response.status_code", exchange.sentStatus) }
        span.attribute(9, "http.response.body.size", exchange.sentBodyBytes)
        span.attribute(9, "agentgateway.route", record.route)
        span.attribute(9, "agentgateway.upstream", record.upstream)
        span.attribute(9, "gen_ai.request.model", record.model)
        if let usage = record.usage {
            if let input = usage.input { span.attribute(9, "gen_ai.usage.input_tokens", Int(clamping: input)) }
            if let output = usage.output { span.attribute(9, "gen_ai.usage.output_tokens", Int(clamping: output)) }
        }
        if let mcp = record.mcp { describe(mcp, in: &span) }
        span.attribute(9, "agentgateway.reason", record.reason)
        if let decision = record.decision { span.attribute(9, "agentgateway.decision", decision.description) }
        if exchange.isAborted || exchange.sentStatus >= 500 {
            span.attribute(9, "error.type", exchange.isAborted ? "aborted" : "\(exchange.sentStatus)")
            var status = OTLPWriter()
            status.number(3, 2)  // STATUS_CODE_ERROR
            span.message(15, status.bytes)
        }
        return span.bytes
    }

    /// MCP's conventions name a span by the message; all others by the request.
    private static func name(_ method: String, _ record: RequestRecord) -> String {
        if let mcp = record.mcp, MCPMethod(rawValue: mcp.method) != nil {
            return mcp.subject.isEmpty || mcp.method == "resources/read" ? mcp.method : "\(mcp.method) \(mcp.subject)"
        }
        return record.route.isEmpty ? method : "\(method) \(record.route)"
    }

    /// OpenTelemetry's conventions for MCP.
    private static func describe(_ mcp: MCPRecord, in span: inout OTLPWriter) {
        span.attribute(9, "mcp.method.name", mcp.method)
        switch mcp.method {
        case "tools/call":
            span.attribute(9, "gen_ai.operation.name", "execute_tool")
            span.attribute(9, "gen_ai.tool.name", mcp.subject)
        case "prompts/get": span.attribute(9, "gen_ai.prompt.name", mcp.subject)
        case "resources/read": span.attribute(9, "mcp.resource.uri", mcp.subject)
        default: break
        }
        if mcp.errorCode != 0 { span.attribute(9, "rpc.response.status_code", "\(mcp.errorCode)") }
    }

    /// An `ExportTraceServiceRequest`.
    static func request(_ spans: [[UInt8]]) -> [UInt8] {
        var resource = OTLPWriter()
        resource.attribute(1, "service.name", "agentgw")
        resource.attribute(1, "service.version", Gateway.version)
        var scope = OTLPWriter()
        scope.string(1, "agentgw")
        var scoped = OTLPWriter()
        scoped.message(1, scope.bytes)
        for span in spans { scoped.message(2, span) }
        var resourceSpans = OTLPWriter()
        resourceSpans.message(1, resource.bytes)
        resourceSpans.message(2, scoped.bytes)
        var request = OTLPWriter()
        request.message(1, resourceSpans.bytes)
        return request.bytes
    }
}
