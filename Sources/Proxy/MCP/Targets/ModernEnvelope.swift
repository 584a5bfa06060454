// Requests to servers of the modern era: what a session would know goes along with each (2026-07-28, "Per-Request
// Metadata"), and headers mirror what intermediaries decide by.

import JSON

struct ModernEnvelope {
    /// The client's capabilities, an encoded object.
    var capabilities: [UInt8]
    var client: MCPClientInfo?

    /// - Parameters:
    ///   - capabilities: of a legacy client; what a token remembers of them.
    init(capabilities: [String], client: MCPClientInfo?) {
        var writer = JSONWriter()
        writer.object { writer in
            // Tasks are an extension of the modern era, with other messages.
            for name in capabilities where name != "tasks" {
                writer.name(name)
                writer.object { _ in }
            }
        }
        self.capabilities = writer.bytes
        self.client = client
    }

    /// What the params of an `initialize` say.
    init(greeting: [UInt8]) {
        let params = try? JSONDocument(parsing: greeting).root
        var writer = JSONWriter()
        if let capabilities = params?["capabilities" as StaticString] {
            writer.value(capabilities)
        } else {
            writer.object { _ in }
        }
        capabilities = writer.bytes
        let info = params?["clientInfo" as StaticString]
        client = MCPClientInfo(
            name: info?["name" as StaticString]?.string ?? "", version: info?["version" as StaticString]?.string ?? "")
    }

    init(_ client: ModernClient) {
        var writer = JSONWriter()
        writer.value(client.capabilities)
        capabilities = writer.bytes
        self.client = client.summary
    }

    private static let own = [ModernRequest.Key.version, ModernRequest.Key.capabilities, ModernRequest.Key.client]
        .map { "\($0)" }

    /// The params with the envelope in `_meta`.
    func params(_ params: JSONValue?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            if let params { writer.copyMembers(of: params, except: ["_meta"]) }
            writer.name("_meta")
            writer.object { writer in
                if let meta = params?["_meta" as StaticString] {
                    writer.copyMembers(of: meta, except: ModernEnvelope.own)
                }
                writer.name("\(ModernRequest.Key.version)")
                writer.value(MCPVersion.latestModern.rawValue)
                writer.name("\(ModernRequest.Key.capabilities)")
                writer.raw(capabilities)
                if let client, !client.name.isEmpty {
                    writer.name("\(ModernRequest.Key.client)")
                    writer.object { writer in
                        writer.name("name")
                        writer.value(client.name)
                        writer.name("version")
                        writer.value(client.version.isEmpty ? "0" : client.version)
                    }
                }
            }
        }
        return writer.bytes
    }

    /// The headers that mirror a request.
    /// - Parameter schema: of the called tool.
    static func headers(
        _ method: String, _ params: JSONValue?, schema: JSONValue?
    ) -> [(name: String, value: String)] {
        var fields = [(name: "mcp-method", value: MirroredValue.encode(method))]
        if let member = MCPMethod(rawValue: method)?.nameMember, let name = params?[member]?.string {
            fields.append(("mcp-name", MirroredValue.encode(name)))
        }
        if let schema, let mirrored = MirroredArguments(schema: schema) {
            fields += mirrored.fields(params?["arguments" as StaticString])
        }
        return fields
    }

    /// The answer to `server/discover` in the form of one to `initialize`; nil for a server that does not speak the
    /// modern era.
    /// - Parameter isForLegacy: leaves out what cannot be passed on to a client of the other era.
    static func greeting(_ discovered: JSONValue, isForLegacy: Bool) -> JSONValue? {
        guard let versions = discovered["supportedVersions" as StaticString],
            versions.elements.contains(where: { $0.equals(MCPVersion.latestModern.rawValue) })
        else { return nil }
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("protocolVersion")
            writer.value(MCPVersion.latestModern.rawValue)
            writer.name("capabilities")
            writer.object { writer in
                for (name, value) in discovered["capabilities" as StaticString]?.members.map({ $0 }) ?? [] {
                    // Levels of logging go along with each request, and subscriptions with a stream: there is no
                    // session that could remember them.
                    if isForLegacy, name.equals("logging" as StaticString) { continue }
                    guard isForLegacy, name.equals("resources" as StaticString), value.kind == .object else {
                        writer.member(name, value)
                        continue
                    }
                    writer.name("resources")
                    writer.object { $0.copyMembers(of: value, except: ["subscribe"]) }
                }
            }
            let info = discovered["_meta" as StaticString]?["io.modelcontextprotocol/serverInfo" as StaticString]
            if let info {
                writer.name("serverInfo")
                writer.value(info)
            }
            if let text = discovered["instructions" as StaticString] {
                writer.name("instructions")
                writer.value(text)
            }
        }
        return try? JSONDocument(parsing: writer.bytes).root
    }
}

extension SessionLink {
    /// The target speaks the modern era in this session.
    func isModern(_ target: Int) -> Bool {
        token.state(of: backend.targets[target].name)?.version.isModern == true
    }

    /// A request as a server of the modern era wants it.
    func modern(_ request: TargetRequest, _ target: Int) -> TargetRequest {
        let params = request.params.flatMap { try? JSONDocument(parsing: $0).root }
        var modern = request
        modern.params = envelope.params(params)
        var schema: JSONValue?
        if request.method == MCPMethod.toolsCall.rawValue, let name = params?["name" as StaticString]?.string {
            let key = ListCache.Key(session: token.id, target: backend.targets[target].name, kind: .tools)
            schema = runtime.lists[key]?.item(name)?.value["inputSchema" as StaticString]
        }
        modern.mirrored = ModernEnvelope.headers(request.method, params, schema: schema)
        return modern
    }
}
