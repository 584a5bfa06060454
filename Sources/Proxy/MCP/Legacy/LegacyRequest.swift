// A request of a legacy session: found out whom it is for, judged, sent on, and its answer brought back under the names
// that clients know.

import JSON

struct LegacyRequest {
    let request: MCPClientRequest
    let link: SessionLink

    /// For a client that has ended its session to close what waits in it.
    private static let departureTime = Duration.seconds(2)

    private var token: SessionToken { link.token }

    func serve(_ message: RPCRequest, _ method: MCPMethod, _ params: ClientParams) async throws(RPCError) {
        switch method {
        case .ping:
            try request.judge(call(method))
            await request.reply.finish(RPCWriter.result(message.id) { $0.object { _ in } })
        case .toolsList, .promptsList, .resourcesList, .resourceTemplatesList:
            try await list(message, method, params)
        case .toolsCall, .promptsGet, .resourcesRead, .resourcesSubscribe, .resourcesUnsubscribe, .complete:
            let routed = try await SubjectRouter(request: request, link: link).route(method, params)
            // Subscriptions of the modern era are streams.
            if method == .resourcesSubscribe || method == .resourcesUnsubscribe, link.isModern(routed.target) {
                throw .unknownMethod(message.method)
            }
            try await relay(message, method, routed.target, routed.params, params)
        case .setLevel:
            try request.judge(call(method))
            try await broadcast(message, method, params)
        case .tasksGet, .tasksResult, .tasksCancel:
            let exposed = try params.text("taskId")
            guard let (target, id) = request.names.resolve(uri: exposed), !link.isModern(target) else {
                throw .invalidParams("Unknown task: \(exposed)")
            }
            try request.judge(
                MCPCall(
                    method: method.rawValue, target: link.backend.targets[target].name, session: token.idText,
                    client: token.client))
            try await relay(message, method, target, params.encoded(replacing: "taskId", with: id), params)
        case .tasksList: try await TaskList(request: request, link: link).serve(message, params)
        case .initialize, .discover, .listen:
            throw .unknownMethod(message.method)
        }
    }

    /// A method that only the operator knows: judged by its name, and only a granted one passes.
    func pass(_ message: RPCRequest, _ params: ClientParams) async throws(RPCError) {
        var call = MCPCall(
            method: message.method, target: link.backend.targets[0].name, session: token.idText, client: token.client)
        call.isOpaque = true
        try request.judge(call)
        try await relay(message, nil, 0, params.encoded(), params)
    }

    private func call(_ method: MCPMethod) -> MCPCall {
        MCPCall(method: method.rawValue, session: token.idText, client: token.client)
    }

    // MARK: One target

    private func relay(
        _ message: RPCRequest, _ method: MCPMethod?, _ target: Int, _ encoded: [UInt8]?, _ params: ClientParams
    ) async throws(RPCError) {
        let name = link.backend.targets[target].name
        request.record.target = name
        let outgoing = TargetRequest(
            id: link.requestID(message.id), method: message.method, params: encoded,
            progressToken: params.progressToken,
            isRepeatable: method?.isRepeatable == true)
        let messages = ServerMessages(link: link)
        let reply = request.reply
        let response: RPCResponse
        do throws(TargetFailure) {
            response = try await link.call(target, outgoing) { message in
                let (bytes, answer) = messages.forClient(message, from: target)
                if let answer { await link.send(answer, to: target) }
                if let bytes { _ = await reply.interim(bytes) }
            }
        } catch {
            request.record.detail = "\(name): \(error.detail)"
            switch error {
            case .sessionLost: throw .unknownSession
            case .sessionEnded:
                // Clients end a session with calls under way, and take an answer that comes meanwhile for a fault.
                if !link.runtime.isDraining {
                    _ = await request.presence.departure(within: LegacyRequest.departureTime, link.runtime.loop)
                }
                throw .unknownSession
            default: throw .target(name, error)
            }
        }
        switch response.outcome {
        case .error(let error):
            request.record.errorCode = Int(error["code" as StaticString]?.int64 ?? 0)
            await reply.finish(RPCWriter.response(message.id, response.outcome))
        case .result(let result):
            let rewriter = ResultRewriter(names: request.names, target: target)
            let plain = ResultRewriter.withoutType(result)
            await reply.finish(
                RPCWriter.result(message.id) { writer in
                    if let method { rewriter.result(plain, of: method, &writer) } else { writer.value(plain) }
                })
        }
    }

    // MARK: All targets

    private func list(_ message: RPCRequest, _ method: MCPMethod, _ params: ClientParams) async throws(RPCError) {
        guard let kind = method.list else { throw .unknownMethod(message.method) }
        try request.judge(call(method))
        let start = try ListCursor.start(params, kind.rawValue, request)
        let session = link.shownSession
        let items = try await ListFetch(link: link, names: request.names).all(kind)
            .filter { item in
                request.authorizer.shows(
                    MCPItem(
                        kind: kind, target: link.backend.targets[item.target].name, name: item.name,
                        definition: item.value, isPinned: item.isPinned, session: session, client: token.client))
            }
        let page = items.dropFirst(start).prefix(MCPLimits.pageSize)
        let next = start + page.count < items.count ? ListCursor.next(start + page.count, kind.rawValue, request) : nil
        let names = request.names
        await request.reply.finish(
            RPCWriter.result(message.id) { writer in
                writer.object { writer in
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
                }
            })
    }

    private func broadcast(_ message: RPCRequest, _ method: MCPMethod, _ params: ClientParams) async throws(RPCError) {
        let outgoing = TargetRequest(
            id: link.requestID(message.id), method: message.method, params: params.encoded(), isRepeatable: true)
        let link = link
        // In the modern era a level goes along with each request: there is no one there to remember it.
        let targets = link.liveTargets.filter { !link.isModern($0) }
        guard !targets.isEmpty else { throw .unknownMethod(message.method) }
        let results = await FanOut.run(link.runtime.loop, targets) { target -> TargetFailure? in
            do throws(TargetFailure) {
                // A target without the capability refuses, which harms nobody.
                _ = try await link.call(target, outgoing, watchesClient: false)
                return nil
            } catch { return error }
        }
        for (target, failure) in zip(targets, results) {
            guard let failure else { continue }
            if case .sessionLost = failure { throw .unknownSession }
            guard link.backend.failsOpen else { throw .target(link.backend.targets[target].name, failure) }
        }
        await request.reply.finish(RPCWriter.result(message.id) { $0.object { _ in } })
    }
}

/// Where a list goes on: sealed, so that it names only places that we have given out.
enum ListCursor {
    /// - Parameter list: what is listed.
    static func start(_ params: ClientParams, _ list: String, _ request: MCPClientRequest) throws(RPCError) -> Int {
        guard let cursor = params.value?["cursor" as StaticString] else { return 0 }
        guard let text = cursor.string,
            let bytes = request.runtime.service.seal.open(
                text.utf8, .cursor, boundTo: "\(request.binding)\u{0}\(list)"),
            let offset = Int(String(decoding: bytes, as: UTF8.self)), offset >= 0
        else { throw RPCError(-32602, 200, "Invalid cursor") }
        return offset
    }

    static func next(_ offset: Int, _ list: String, _ request: MCPClientRequest) -> String? {
        request.runtime.service.seal.seal(
            Array(String(offset).utf8), .cursor, boundTo: "\(request.binding)\u{0}\(list)")
    }
}
