// `initialize`: every target is greeted at the same time, and their answers become one.

import JSON

struct LegacyInitialize {
    let request: MCPClientRequest

    private enum Outcome: Sendable {
        case greeted(JSONValue, SessionToken.TargetState)
        case failed(TargetFailure)
    }

    func serve(_ message: RPCRequest, _ params: ClientParams) async throws(RPCError) {
        let backend = request.backend
        let runtime = request.runtime
        guard request.eventSession?.token == nil else {
            throw .invalidRequest("the stream has a session already")
        }
        let version = MCPVersion.negotiated(try params.text("protocolVersion"))
        guard let capabilities = try params.object("capabilities"), let info = try params.object("clientInfo") else {
            throw RPCError(-32602, 400, "'capabilities' and 'clientInfo' are required")
        }
        let client = MCPClientInfo(
            name: String((info["name" as StaticString]?.string ?? "").prefix(256)),
            version: String((info["version" as StaticString]?.string ?? "").prefix(64)))
        var token = LegacyInitialize.newToken(backend, version, capabilities, client)
        try request.judge(MCPCall(method: message.method, session: token.idText, client: client))
        let greeting = params.encoded(replacing: "protocolVersion", with: version.rawValue)
        let merged = try await LegacyInitialize.establish(
            &token, backend, runtime, greeting: greeting, travelling: request.checks.travelling)
        if let events = request.eventSession {
            guard await events.stream.adopt(token) else {
                let link = SessionLink(backend, runtime, token, travelling: Travelling(), client: nil)
                await link.end()
                throw .invalidRequest("the stream has a session already")
            }
        } else {
            guard
                let sealed = runtime.service.seal.seal(token.encoded, .session, boundTo: request.binding)
            else { throw RPCError(-32603, 500, "Internal error") }
            request.reply.session = sealed
        }
        await request.reply.finish(RPCWriter.result(message.id) { merged.writeResult(version, &$0) })
    }

    static func newToken(
        _ backend: CompiledMCP, _ version: MCPVersion, _ capabilities: JSONValue, _ client: MCPClientInfo
    ) -> SessionToken {
        SessionToken(
            id: Seal.randomBytes(16), backend: backend.signature,
            expires: WallClock.nanoseconds / 1_000_000_000 + MCPLimits.sessionSeconds,
            home: nil, version: version,
            capabilities: ["sampling", "elicitation", "roots", "tasks"].filter { capabilities[$0] != nil },
            client: client,
            targets: [])
    }

    /// The params of an `initialize` of the gateway's own.
    static func ownGreeting(_ client: MCPClientInfo, _ capabilities: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("protocolVersion")
            writer.value(MCPVersion.latestLegacy.rawValue)
            writer.name("capabilities")
            writer.object { writer in
                // `extensions` belongs to the modern era.
                writer.copyMembers(of: capabilities, except: ["extensions"])
            }
            writer.name("clientInfo")
            writer.object { writer in
                writer.name("name")
                writer.value(client.name.isEmpty ? "agentgw" : client.name)
                writer.name("version")
                writer.value(client.version.isEmpty ? "0" : client.version)
            }
        }
        return writer.bytes
    }

    /// Begins a session with every target (or only some) and notes in `token` where it lives.
    static func establish(
        _ token: inout SessionToken, _ backend: CompiledMCP, _ runtime: MCPRuntime, greeting: [UInt8],
        travelling: Travelling, isPooled: Bool = false, only: [Int]? = nil
    ) async throws(RPCError) -> Greeting {
        var homed: HomedSession?
        if backend.targets.contains(where: { $0.isHomed }) {
            guard runtime.sessions.count < MCPLimits.sessions else { throw .tooMany("sessions") }
            let session = HomedSession(
                id: token.id, backend: backend, runtime: runtime, greeting: greeting, travelling: travelling,
                isPooled: isPooled)
            runtime.add(session)
            token.home = runtime.loop.index
            homed = session
        }
        let link = SessionLink(backend, runtime, token, travelling: travelling, client: nil)
        let session = homed
        let asked = only ?? Array(backend.targets.indices)
        let outcomes = await FanOut.run(runtime.loop, asked) { target in
            await LegacyInitialize.greet(target, link, session, greeting, prefersModern: isPooled)
        }

        var merged = Greeting(targets: backend.targets.count)
        var failure: RPCError?
        for (index, outcome) in zip(asked, outcomes) {
            let target = backend.targets[index]
            switch outcome {
            case .greeted(let result, let state):
                token.targets.append(state)
                merged.add(result, target: target.name)
            case .failed(let reason):
                runtime.log(.warning, "mcp target '\(target.name)' could not be initialized: \(reason.detail)")
                if !backend.failsOpen, failure == nil { failure = .target(target.name, reason) }
            }
        }
        if failure == nil, token.targets.isEmpty { failure = RPCError(-32001, 502, "No target is available") }
        if let failure {
            // What has begun must not be left behind.
            link.token = token
            await link.end()
            throw failure
        }
        return merged
    }

    /// Greets one target.
    private static func greet(
        _ target: Int, _ link: SessionLink, _ session: HomedSession?, _ greeting: [UInt8], prefersModern: Bool
    ) async -> Outcome {
        let name = link.backend.targets[target].name
        do throws(TargetFailure) {
            let result: JSONValue
            var upstreamSession: String?
            if case .builtin(let server) = link.backend.targets[target].kind {
                result = try server.greeting()
            } else if case .openAPI(let server, _, _) = link.backend.targets[target].kind {
                result = try server.greeting()
            } else if let http = link.httpLink(target) {
                (result, upstreamSession) = try await HTTPHandshake(link: link, http: http, greeting: greeting)
                    .run(prefersModern: prefersModern)
            } else if let session {
                result = try await session.start(target)
            } else {
                throw .unavailable("no session to start it in")
            }
            guard let text = result["protocolVersion" as StaticString]?.string,
                let version = MCPVersion(rawValue: text)
            else { throw .badAnswer("a protocol version that the gateway does not speak") }
            let offered = result["capabilities" as StaticString]
            let announces = ListKind.allCases.filter {
                offered?[$0.capability]?["listChanged" as StaticString]?.bool == true
            }
            return .greeted(
                result,
                SessionToken.TargetState(
                    name: name, version: version, session: upstreamSession, announces: Set(announces)))
        } catch { return .failed(error) }
    }
}
