// A request of the modern era (2026-07-28): it says its version and its client's capabilities itself, and its headers say
// the same as its body. Nothing of the client is kept between requests.

import Auth
import JSON

struct ModernRequest {
    enum Key {
        static let version: StaticString = "io.modelcontextprotocol/protocolVersion"
        static let capabilities: StaticString = "io.modelcontextprotocol/clientCapabilities"
        static let client: StaticString = "io.modelcontextprotocol/clientInfo"
        static let subscription = "io.modelcontextprotocol/subscriptionId"
    }

    let request: MCPClientRequest

    /// The header or the body speaks of a version that is not legacy.
    static func isModern(header: String?, _ params: ClientParams) -> Bool {
        if params.value?["_meta" as StaticString]?[Key.version] != nil { return true }
        guard let header else { return false }
        return MCPVersion(rawValue: header)?.isModern ?? true
    }

    func serve(_ message: RPCRequest, _ params: ClientParams, header: String?) async throws(RPCError) {
        let client = try declared(params, header)
        guard let method = MCPMethod(rawValue: message.method), !method.isLegacyOnly else {
            throw .unknownMethod(message.method, modern: true)
        }
        try mirrors(message.method, method, params)
        request.checksMirrored = true
        let servers = ModernServers(request: request, client: client)
        switch method {
        case .discover: try await discover(message, client, servers)
        case .toolsList, .promptsList, .resourcesList, .resourceTemplatesList:
            try await list(message, method, params, client, servers)
        case .toolsCall, .promptsGet, .resourcesRead, .complete:
            try await ModernCall(request: request, client: client, servers: servers).serve(message, method, params)
        case .listen:
            try await ModernSubscription(request: request, client: client, servers: servers).serve(message, params)
        default: throw .unknownMethod(message.method, modern: true)
        }
    }

    // MARK: Checks

    /// What the request says about its client.
    private func declared(_ params: ClientParams, _ header: String?) throws(RPCError) -> ModernClient {
        let meta = params.value?["_meta" as StaticString]
        guard let stated = meta?[Key.version]?.string else {
            // Only the header is modern: either a version we do not know, or a body that forgot to say it.
            if let header, MCPVersion(rawValue: header)?.isModern != true { throw .unsupportedVersion(header) }
            throw .header("'_meta' does not say the protocol version of the MCP-Protocol-Version header")
        }
        guard let header else { throw .header("MCP-Protocol-Version is missing") }
        guard header == stated else { throw .header("MCP-Protocol-Version is not the version in '_meta'") }
        guard MCPVersion(rawValue: stated)?.isModern == true else { throw .unsupportedVersion(stated) }
        guard let capabilities = meta?[Key.capabilities], capabilities.kind == .object else {
            throw RPCError(-32602, 400, "'_meta' must have the client's capabilities")
        }
        let info = meta?[Key.client]
        return ModernClient(
            capabilities: ModernTasks.removed(inside: capabilities), info: info,
            summary: MCPClientInfo(
                name: String((info?["name" as StaticString]?.string ?? "").prefix(256)),
                version: String((info?["version" as StaticString]?.string ?? "").prefix(64))))
    }

    /// That `Mcp-Method` and `Mcp-Name` say what the body says.
    private func mirrors(_ name: String, _ method: MCPMethod, _ params: ClientParams) throws(RPCError) {
        let mirrored = try field("mcp-method")
        // Bytes are compared, here and below: String would take canonically equivalent texts for the same.
        guard mirrored?.utf8.elementsEqual(name.utf8) == true else {
            throw .header(mirrored == nil ? "Mcp-Method is missing" : "Mcp-Method is not 'method'")
        }
        guard let member = method.nameMember else { return }
        let body = try params.text(member)
        guard let field = try field("mcp-name") else { throw .header("Mcp-Name is missing") }
        guard MirroredValue.decode(field)?.utf8.elementsEqual(body.utf8) == true else {
            throw .header("Mcp-Name is not '\(member)'")
        }
    }

    private func field(_ name: StaticString) throws(RPCError) -> String? {
        var values: [String] = []
        request.exchange.request.headers.forEach(named: ByteView(name)) { values.append($0.text) }
        guard values.count <= 1 else { throw .header("more than one \(name)") }
        return values.first
    }

    // MARK: Answers of the gateway

    private func discover(_ message: RPCRequest, _ client: ModernClient, _ servers: ModernServers)
        async throws(RPCError)
    {
        try request.judge(MCPCall(method: message.method, session: "", client: client.summary))
        let merged = try await servers.greeting()
        await request.reply.finish(
            RPCWriter.result(message.id) { writer in
                writer.object { writer in
                    writer.name("resultType")
                    writer.value("complete")
                    writer.name("supportedVersions")
                    writer.array { writer in for name in MCPVersion.allNames { writer.value(name) } }
                    writer.name("capabilities")
                    merged.writeCapabilities(&writer)
                    writer.name("_meta")
                    writer.object { writer in
                        writer.name("io.modelcontextprotocol/serverInfo")
                        merged.writeServerInfo(&writer)
                    }
                    if let text = merged.joinedInstructions {
                        writer.name("instructions")
                        writer.value(text)
                    }
                    ModernRequest.writeCaching(&writer)
                }
            })
    }

    /// Lists are filtered for one caller: no cache may show them to another.
    static func writeCaching(_ writer: inout JSONWriter) {
        writer.name("ttlMs")
        writer.value(0)
        writer.name("cacheScope")
        writer.value("private")
    }

    private func list(
        _ message: RPCRequest, _ method: MCPMethod, _ params: ClientParams, _ client: ModernClient,
        _ servers: ModernServers
    ) async throws(RPCError) {
        guard let kind = method.list else { throw .unknownMethod(message.method, modern: true) }
        try request.judge(MCPCall(method: message.method, session: "", client: client.summary))
        let start = try ListCursor.start(params, kind.rawValue, request)
        let items = try await servers.list(kind).filter { item in
            request.authorizer.shows(
                MCPItem(
                    kind: kind, target: request.backend.targets[item.target].name, name: item.name,
                    definition: item.value, isPinned: item.isPinned, session: "", client: client.summary))
        }
        let page = items.dropFirst(start).prefix(MCPLimits.pageSize)
        let next = start + page.count < items.count ? ListCursor.next(start + page.count, kind.rawValue, request) : nil
        let names = request.names
        await request.reply.finish(
            RPCWriter.result(message.id) { writer in
                writer.object { writer in
                    writer.name("resultType")
                    writer.value("complete")
                    writer.name(kind.member)
                    writer.array { writer in
                        for item in page {
                            ResultRewriter(names: names, target: item.target)
                                .item(item.value, kind, exposed: item.exposed, &writer)
                        }
                    }
                    if let next {
                        writer.name("nextCursor")
                        writer.value(next)
                    }
                    ModernRequest.writeCaching(&writer)
                }
            })
    }
}

/// The extension for tasks of the modern era: its messages are not known here, so neither side is told that the other has
/// it. A server then answers calls with their results.
enum ModernTasks {
    private static let name = "io.modelcontextprotocol/tasks"

    /// Of a capability `extensions`.
    static func removed(from extensions: JSONValue) -> JSONValue {
        guard extensions[name] != nil else { return extensions }
        var writer = JSONWriter()
        writer.object { $0.copyMembers(of: extensions, except: [name]) }
        return (try? JSONDocument(parsing: writer.bytes).root) ?? extensions
    }

    static func removed(inside capabilities: JSONValue) -> JSONValue {
        guard let extensions = capabilities["extensions" as StaticString], extensions[name] != nil else {
            return capabilities
        }
        var writer = JSONWriter()
        writer.object { writer in
            writer.copyMembers(of: capabilities, except: ["extensions"])
            writer.name("extensions")
            writer.value(removed(from: extensions))
        }
        return (try? JSONDocument(parsing: writer.bytes).root) ?? capabilities
    }
}

/// What a modern request says about its client.
struct ModernClient: Sendable {
    let capabilities: JSONValue
    let info: JSONValue?
    let summary: MCPClientInfo

    func has(_ capability: String) -> Bool { capabilities[capability] != nil }
}

/// A value of the body, mirrored into a header (2026-07-28, "Value Encoding").
enum MirroredValue {
    private static let prefix = "=?base64?"
    private static let suffix = "?="

    /// nil for a sentinel whose content is not base64 of UTF-8.
    static func decode(_ field: String) -> String? {
        guard field.hasPrefix(prefix), field.hasSuffix(suffix),
            field.utf8.count >= prefix.utf8.count + suffix.utf8.count
        else { return field }
        let inner = field.dropFirst(prefix.count).dropLast(suffix.count)
        // Standard base64 with padding, in its one spelling.
        guard inner.utf8.count % 4 == 0, !inner.contains("-"), !inner.contains("_") else { return nil }
        var text = String(inner).replacing("+", with: "-").replacing("/", with: "_")
        var padding = 0
        while text.hasSuffix("="), padding < 2 {
            text.removeLast()
            padding += 1
        }
        guard let bytes = Base64URL.decode(text) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    static func encode(_ value: String) -> String {
        let isPlain =
            value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f || $0 == 0x09 }
            && value.first != " " && value.last != " " && value.first != "\t" && value.last != "\t"
            && !(value.hasPrefix(prefix) && value.hasSuffix(suffix))
        if isPlain { return value }
        let text = Base64URL.encode(Array(value.utf8)).replacing("-", with: "+").replacing("_", with: "/")
        return prefix + text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4) + suffix
    }
}
