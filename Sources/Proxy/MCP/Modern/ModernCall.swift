// tools/call, prompts/get, resources/read and completions of a modern client. What a server asks for meanwhile becomes an
// `input_required` result (2026-07-28, "Multi Round-Trip Requests"); the client's answer comes with its next request.

import JSON

struct ModernCall {
    let request: MCPClientRequest
    let client: ModernClient
    let servers: ModernServers

    /// Key of the only input that is asked for at a time.
    private static let question = "input"

    func serve(_ message: RPCRequest, _ method: MCPMethod, _ params: ClientParams) async throws(RPCError) {
        if let state = params.value?["requestState" as StaticString] {
            if let text = state.string,
                let upstream = request.runtime.service.seal.open(
                    text.utf8, .upstreamState, boundTo: binding(method))
            {
                return try await again(message, method, params, upstream)
            }
            return try await resume(message, method, params, state)
        }
        guard params.value?["inputResponses" as StaticString] == nil else {
            throw RPCError(-32602, 400, "'inputResponses' without 'requestState'")
        }
        let link = try await servers.link()
        let routed = try await SubjectRouter(request: request, link: link).route(
            method, params)
        try await run(message, method, start(link, method, params, routed), link.token)
    }

    // MARK: Modern servers

    /// The client comes back with what a modern server has asked for: the server gets its own state again, and the
    /// answers, with the call judged anew.
    private func again(
        _ message: RPCRequest, _ method: MCPMethod, _ params: ClientParams, _ upstream: [UInt8]
    ) async throws(RPCError) {
        let refused = RPCError(-32602, 400, "'requestState' is not valid here")
        guard let end = upstream.firstIndex(of: 0x0a) else { throw refused }
        let link = try await servers.link()
        let routed = try await SubjectRouter(request: request, link: link).route(
            method, params)
        guard Array(link.backend.targets[routed.target].name.utf8) == Array(upstream[..<end]),
            let document = try? JSONDocument(parsing: ModernCall.legacyParams(routed.params))
        else { throw refused }
        let answers = try params.object("inputResponses")
        var writer = JSONWriter()
        writer.object { writer in
            writer.copyMembers(of: document.root)
            if end + 1 < upstream.count {
                writer.name("requestState")
                writer.value(String(decoding: upstream[(end + 1)...], as: UTF8.self))
            }
            if let answers {
                writer.name("inputResponses")
                writer.value(answers)
            }
        }
        var repeated = routed
        repeated.params = writer.bytes
        try await run(message, method, start(link, method, params, repeated, isAgain: true), link.token)
    }

    /// What a modern server asks for, its state sealed: it goes back to that server only, for this caller and method.
    private func pass(_ result: JSONValue, _ method: MCPMethod, _ target: Int, _ writer: inout JSONWriter) {
        let state = result["requestState" as StaticString]?.string ?? ""
        let plain = Array("\(request.backend.targets[target].name)\n\(state)".utf8)
        writer.object { writer in
            writer.copyMembers(of: result, except: ["requestState"])
            if let sealed = request.runtime.service.seal.seal(plain, .upstreamState, boundTo: binding(method)) {
                writer.name("requestState")
                writer.value(sealed)
            }
        }
    }

    private func start(
        _ link: SessionLink, _ method: MCPMethod, _ params: ClientParams, _ routed: SubjectRouter.Routed,
        isAgain: Bool = false
    ) -> SuspendedCall {
        SuspendedCall(
            request.runtime, link, routed.target,
            TargetRequest(
                id: request.runtime.newID(), method: method.rawValue,
                params: isAgain ? routed.params : ModernCall.legacyParams(routed.params),
                progressToken: params.progressToken, isRepeatable: method != .toolsCall))
    }

    /// Without what only the modern era knows.
    private static func legacyParams(_ params: [UInt8]) -> [UInt8] {
        guard let document = try? JSONDocument(parsing: params) else { return params }
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in document.root.members {
                if name.equals("requestState" as StaticString) || name.equals("inputResponses" as StaticString) {
                    continue
                }
                guard name.equals("_meta" as StaticString) else {
                    writer.member(name, value)
                    continue
                }
                writer.name("_meta")
                writer.object { writer in
                    writer.copyMembers(
                        of: value,
                        except: [ModernRequest.Key.version, ModernRequest.Key.capabilities, ModernRequest.Key.client]
                            .map { "\($0)" })
                }
            }
        }
        return writer.bytes
    }

    /// What a call is, without what goes along with each request (a new progress token).
    private static func judged(_ params: [UInt8]?) -> [UInt8]? {
        guard let params, let document = try? JSONDocument(parsing: params) else { return nil }
        var writer = JSONWriter()
        writer.object { $0.copyMembers(of: document.root, except: ["_meta"]) }
        return writer.bytes
    }

    // MARK: Running

    private func run(
        _ message: RPCRequest, _ method: MCPMethod, _ call: SuspendedCall, _ token: SessionToken
    ) async throws(RPCError) {
        let name = request.backend.targets[call.target].name
        let leaving = request.presence.onLeave { request.runtime.loop.spawn { await call.giveUp() } }
        defer { request.presence.forget(leaving) }
        while let event = await call.next() {
            switch event {
            case .message(.response(let response), _):
                return await finish(message, method, call.target, response)
            case .message(.request(let question), let target):
                if try await ask(message, method, call, question, target) { return }
            case .message(let notification, let target):
                guard let bytes = ServerMessages(link: call.link).forClient(notification, from: target).bytes else {
                    continue
                }
                guard await request.reply.interim(bytes) else { return await call.giveUp() }
            case .failed(let failure):
                request.record.detail = "\(name): \(failure.detail)"
                if case .sessionLost = failure {
                    // Nothing has been done: the server does not know the session. The next request begins a new one.
                    servers.forget(token)
                    throw .target(name, .unavailable("its session has ended"))
                }
                throw .target(name, failure)
            case .idle, .encoded: continue
            }
        }
        throw .target(name, .cancelled)
    }

    private func finish(_ message: RPCRequest, _ method: MCPMethod, _ target: Int, _ response: RPCResponse) async {
        guard case .result(let result) = response.outcome else {
            return await request.reply.finish(RPCWriter.response(message.id, response.outcome))
        }
        var writer = JSONWriter()
        if InputRounds.isInputRequired(response) {
            pass(result, method, target, &writer)
            return await request.reply.finish(RPCWriter.result(message.id) { $0.raw(writer.bytes) })
        }
        ResultRewriter(names: request.names, target: target).result(result, of: method, &writer)
        let bytes = ModernCall.completed(writer.bytes, result, caches: method == .resourcesRead)
        await request.reply.finish(RPCWriter.result(message.id) { $0.raw(bytes) })
    }

    /// The members that every result of the modern era has, before those of the legacy one.
    private static func completed(_ encoded: [UInt8], _ result: JSONValue, caches: Bool) -> [UInt8] {
        var head = "{"
        if result["resultType" as StaticString] == nil { head += "\"resultType\":\"complete\"," }
        if caches, result["ttlMs" as StaticString] == nil, result["cacheScope" as StaticString] == nil {
            head += "\"ttlMs\":0,\"cacheScope\":\"private\","
        }
        if result.count == 0, head.hasSuffix(",") { head.removeLast() }
        return Array(head.utf8) + encoded.dropFirst()
    }

    // MARK: Input

    private func binding(_ method: MCPMethod) -> String { "\(request.binding)\u{0}\(method.rawValue)" }

    /// Asks the client for what the server wants. False when the server was answered at once.
    private func ask(
        _ message: RPCRequest, _ method: MCPMethod, _ call: SuspendedCall, _ question: RPCRequest, _ target: Int
    ) async throws(RPCError) -> Bool {
        guard let kind = ServerRequest(rawValue: question.method), kind.isInput, let capability = kind.capability,
            client.has(capability), method != .complete
        else {
            let answer =
                question.method == ServerRequest.ping.rawValue
                ? RPCWriter.result(question.id) { $0.object { _ in } }
                : RPCWriter.error(question.id, RPCError(-32601, 200, "The client cannot be asked for this"))
            await call.send(answer)
            return false
        }
        call.question = question
        let state = [
            UInt8(truncatingIfNeeded: call.runtime.loop.index >> 8), UInt8(truncatingIfNeeded: call.runtime.loop.index),
        ]
        guard let sealed = request.runtime.service.seal.seal(state + call.id, .inputState, boundTo: binding(method))
        else {
            throw RPCError(-32603, 500, "Internal error")
        }
        await call.suspend()
        await request.reply.finish(
            RPCWriter.result(message.id) { writer in
                writer.object { writer in
                    writer.name("resultType")
                    writer.value("input_required")
                    writer.name("inputRequests")
                    writer.object { writer in
                        writer.name(ModernCall.question)
                        writer.object { writer in
                            writer.name("method")
                            writer.value(question.method)
                            if let params = question.params {
                                writer.name("params")
                                writer.value(params)
                            }
                        }
                    }
                    writer.name("requestState")
                    writer.value(sealed)
                }
            })
        return true
    }

    /// The client comes back. It is judged again: rules may have changed, and so may what it calls.
    private func resume(
        _ message: RPCRequest, _ method: MCPMethod, _ params: ClientParams, _ state: JSONValue
    ) async throws(RPCError) {
        let refused = RPCError(-32602, 400, "'requestState' is not valid here")
        guard let text = state.string,
            let bytes = request.runtime.service.seal.open(text.utf8, .inputState, boundTo: binding(method)),
            bytes.count == 18,
            let home = request.runtime.service.runtime(ofLoop: Int(bytes[0]) << 8 | Int(bytes[1]))
        else { throw refused }
        let link = try await servers.link()
        let routed = try await SubjectRouter(request: request, link: link).route(
            method, params)
        guard let call = await SuspendedCall.resume(Array(bytes[2...]), home), let question = call.question else {
            throw refused
        }
        // The call may have begun before a reload.
        guard call.link.backend.signature == request.backend.signature, call.target == routed.target,
            ModernCall.judged(call.request.params) == ModernCall.judged(ModernCall.legacyParams(routed.params))
        else {
            await call.giveUp()
            throw refused
        }
        guard let answer = try params.object("inputResponses")?[ModernCall.question], answer.kind == .object else {
            // Asked again, as the specification wants it.
            _ = try await ask(message, method, call, question, call.target)
            return
        }
        call.question = nil
        await call.send(RPCWriter.result(question.id) { $0.value(answer) })
        try await run(message, method, call, call.link.token)
    }
}
