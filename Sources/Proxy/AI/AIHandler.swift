// A request to an AI backend: its type by path and its model are read once; then one provider after the other is asked,
// until one has answered. Once anything of an answer has reached the client, nobody else is asked.

import Auth
import JSON

enum AIHandler {
    /// - Parameter backend: one provider, or groups of them.
    static func serve(
        _ exchange: Exchange, _ backend: CompiledBackend, _ route: CompiledRoute, _ match: RouteTable.Match,
        _ context: RouteContext, _ record: inout RequestRecord
    ) async {
        let members = backend.providers
        let path = exchange.request.path
        guard let first = members.first?.provider, let type = members.typeOfPath(path) else {
            record.reason = "no_ai_route"
            return await context.error(
                exchange, status: 404, message: "no AI route takes this path", code: "not_found",
                shape: members.first?.provider?.traits.shape ?? .plain)
        }
        record.upstream = first.name
        let shape = type.clientShape ?? first.traits.shape
        func fail(_ status: Int, _ message: String, _ code: String, _ record: inout RequestRecord) async {
            record.reason = code
            await context.error(exchange, status: status, message: message, code: code, shape: shape)
        }

        if type.namesModel, exchange.request.method != .post {
            // Another method on these paths would reach the provider unread, with our key.
            record.reason = "method"
            return await context.error(
                exchange, status: 405, message: "only POST is allowed here", code: "method_not_allowed", shape: shape,
                headers: [("allow", "POST")])
        }

        // Only a body that names a model is read; everything else streams.
        var asked: ModelMember.Request?
        var collected: IOBuffer?
        if type.namesModel {
            let limit = context.snapshot.configuration.limits.bufferedBody
            if let encoding = exchange.request.headers.first(.contentEncoding), !encoding.equalsIgnoringCase("identity")
            {
                return await fail(415, "compressed request bodies are not supported here", "content_encoding", &record)
            }
            var body = ByteView.empty
            do throws(ExchangeError) {
                if let whole = exchange.takeBufferedBody(), whole.count <= limit {
                    body = whole
                } else {
                    let buffer = IOBuffer(capacity: 64 * 1024)
                    try await exchange.collectBody(limit: limit, into: buffer)
                    collected = buffer
                    body = buffer.view
                }
            } catch {
                let failure = UpstreamError.client(error)
                return await fail(failure.status, failure.clientMessage, "request_body", &record)
            }
            do throws(ModelMember.Problem) {
                asked = try ModelMember.read(body)
            } catch {
                switch error {
                case .malformed(let reason):
                    return await fail(400, "the request body is not valid JSON: \(reason)", "invalid_json", &record)
                case .notAnObject:
                    return await fail(400, "the request body must be a JSON object", "invalid_request", &record)
                case .notAString:
                    return await fail(400, "'model' must be a string", "invalid_model", &record)
                }
            }
        }

        let scratch = exchange.loop.buffers.take()
        defer { exchange.loop.buffers.give(scratch) }
        let call = AICall(
            exchange: exchange, type: type, shape: shape, asked: asked, route: route, match: match, context: context,
            scratch: scratch)
        if members.count == 1 {
            if case .failed(let failure) = await call.attempt(members[0], isChosenHere: false, mayFail: false, &record)
            {
                await call.answer(failure, &record)
            }
        } else {
            await failOver(call, backend, &record)
        }
        withExtendedLifetime(collected) {}
    }

    /// Asks the providers in the order of their groups, leaving alone for a while those that have failed.
    private static func failOver(
        _ call: AICall, _ backend: CompiledBackend, _ record: inout RequestRecord
    ) async {
        let members = backend.providers
        let worker = call.context.worker
        let state = call.context.active.selector(of: backend)
        let headers = call.exchange.request.headers
        let before = headers.savepoint
        // Those that could not take the request at all are passed over.
        var tried = Set(
            members.indices.filter { !members[$0].provider!.speaks(call.type, on: call.exchange.request.path) })
        if tried.count == members.count { tried = Set(1..<members.count) }
        var last: AICall.Failure?
        while let index = state.selector.select(
            at: worker.loop.now, random: worker.random.next(), excluding: tried)
        {
            tried.insert(index)
            headers.restore(before)
            let outcome = await call.attempt(
                members[index], isChosenHere: true, mayFail: tried.count < members.count, &record)
            switch outcome {
            case .answered(let status, let retryAfter):
                if status.map(AICall.isFailure) ?? false {
                    state.selector.failed(index, at: worker.loop.now, retryAfter: retryAfter)
                } else if status != nil {
                    state.selector.succeeded(index)
                }
                return
            case .failed(let failure):
                last = failure
                if failure.isTheProviders {
                    state.selector.failed(index, at: worker.loop.now, retryAfter: failure.retryAfter)
                }
                if failure.endsTheCall { return await call.answer(failure, &record) }
            }
        }
        await call.answer(last ?? AICall.Failure(status: 503, message: "no provider", code: "no_provider"), &record)
    }
}

/// The providers of one AI backend, as a loop has come to know them.
final class ProviderState {
    var selector: ProviderSelector

    init(_ selector: ProviderSelector) { self.selector = selector }
}

extension CompiledBackend {
    /// In the order of their groups; empty for what is no AI backend.
    var providers: [CompiledBackend] {
        switch kind {
        case .ai: [self]
        case .providers(let groups): groups.flatMap { $0 }
        default: []
        }
    }

    var provider: CompiledProvider? {
        if case .ai(let provider) = kind { return provider }
        return nil
    }
}

extension [CompiledBackend] {
    /// What a path means to the first provider that knows it.
    func typeOfPath(_ path: ByteView) -> AIRouteType? {
        for member in self {
            if let type = member.provider?.configuration.routes.type(of: path) { return type }
        }
        return nil
    }
}
