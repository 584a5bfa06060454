// A request to an AI backend: its type by path, its model, the provider's own path and credentials. What the provider
// answers is passed on as it comes.

import Auth
import JSON

enum AIHandler {
    static func serve(
        _ exchange: Exchange, _ provider: CompiledProvider, _ route: CompiledRoute, _ backend: CompiledBackend,
        _ match: RouteTable.Match, _ context: RouteContext, _ record: inout RequestRecord
    ) async {
        let request = exchange.request
        let configuration = provider.configuration
        let traits = provider.traits
        record.upstream = provider.name
        let path = request.path
        guard let type = configuration.routes.type(of: path) else {
            record.reason = "no_ai_route"
            return await context.error(
                exchange, status: 404, message: "no AI route takes this path", code: "not_found", shape: traits.shape)
        }
        let shape = type.clientShape ?? traits.shape
        func fail(_ status: Int, _ message: String, _ code: String, _ record: inout RequestRecord) async {
            record.reason = code
            await context.error(exchange, status: status, message: message, code: code, shape: shape)
        }

        if type.namesModel, request.method != .post {
            // Another method on these paths would reach the provider unread, with our key.
            record.reason = "method"
            return await context.error(
                exchange, status: 405, message: "only POST is allowed here", code: "method_not_allowed", shape: shape,
                headers: [("allow", "POST")])
        }

        // Target, authority and new body share one pooled buffer; views of it are taken when it no longer grows.
        let scratch = exchange.loop.buffers.take()
        defer { exchange.loop.buffers.give(scratch) }
        if let override = configuration.pathOverride {
            scratch.append(override)
        } else {
            if let prefix = configuration.pathPrefix { scratch.append(prefix) }
            switch type {
            case .passthrough, .detect:
                scratch.append(unprefixed(path, match))
            default:
                guard let native = provider.nativePath(type) else {
                    return await fail(
                        501, "the provider '\(provider.name)' does not speak \(type.rawValue)", "not_supported", &record
                    )
                }
                scratch.append(native)
            }
        }
        if !backend.passesCredentials, let query = request.query,
            let stripped = CredentialStripping.providerQuery.strippedQuery(query.buffer)
        {
            request.replaceQuery(stripped)
        }
        if let query = request.query, query.count > 0 {
            scratch.append(scratch.view.contains(UInt8(ascii: "?")) ? UInt8(ascii: "&") : UInt8(ascii: "?"))
            scratch.append(query)
        }
        let targetEnd = scratch.writer
        scratch.append(provider.upstream.authorityBytes)
        let authorityEnd = scratch.writer

        // Only a body that names a model is read; everything else streams.
        var asked: ModelMember.Outcome?
        var reply: AIReply?
        if type.namesModel {
            let limit = context.snapshot.configuration.limits.bufferedBody
            if let encoding = request.headers.first(.contentEncoding), !encoding.equalsIgnoringCase("identity") {
                return await fail(415, "compressed request bodies are not supported here", "content_encoding", &record)
            }
            var body = ByteView.empty
            var collected: IOBuffer?
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
                let outcome = try withExtendedLifetime(collected) { () throws(ModelMember.Problem) in
                    try ModelMember.resolve(
                        body, fallback: configuration.provider.model, aliases: configuration.modelAliases)
                }
                record.model = outcome.model
                // OpenAI counts the tokens of a stream only for who asks.
                let addsUsage = type == .completions && outcome.streams && !outcome.includesUsage
                outcome.encode(into: scratch, addingUsage: addsUsage)
                if type.countsTokens { reply = AIReply(hidesUsage: addsUsage) }
                asked = outcome
            } catch {
                switch error {
                case .malformed(let reason):
                    return await fail(400, "the request body is not valid JSON: \(reason)", "invalid_json", &record)
                case .notAnObject:
                    return await fail(400, "the request body must be a JSON object", "invalid_request", &record)
                case .notAString:
                    return await fail(400, "'model' must be a string", "invalid_model", &record)
                case .missing:
                    return await fail(400, "'model' is required", "missing_model", &record)
                }
            }
        }

        if let key = record.principal?.apiKey, !key.allows(type, asked) {
            return await fail(403, "this API key may not use that model", "model_not_allowed", &record)
        }
        if backend.readsModel {
            let llm = LLMAttributes(provider: configuration.provider.kind.name, request: asked)
            guard await context.authorize(exchange, backend, llm, &record) else { return }
        }

        if type == .detect { reply = AIReply(hidesUsage: false) }
        let headers = request.headers
        if reply != nil {
            // A compressed reply could not be read.
            headers.set(.acceptEncoding, ByteView("identity"))
        }
        showCredentials(headers, provider, backend)
        context.changeHeader(headers, backend)

        let sent = scratch.view
        var outgoing = OutgoingRequest(
            upstream: provider.upstream, method: request.methodName, target: sent.slice(0, targetEnd),
            authority: sent.slice(targetEnd, authorityEnd),
            body: type.namesModel ? sent.slice(authorityEnd, sent.count) : nil)
        outgoing.connectRetries = route.route.policies.retry?.attempts ?? 1
        if let limit = route.route.policies.timeouts.request ?? backend.policies.requestTimeout {
            outgoing.deadline = exchange.started + limit
        }
        let edits = ResponseEdits(
            context: context, backend: backend)
        let forwarder = RetryingForwarder(
            context: context, timeouts: backend.timeouts(route), backend: backend, isReplayable: type.namesModel)
        defer {
            let usage = reply?.usage(requestBytes: sent.count - authorityEnd)
            if type != .detect || usage?.isEstimated == false { record.usage = usage }
        }
        do throws(UpstreamError) {
            try await forwarder.forward(exchange, outgoing, filter: reply, onHead: edits.apply)
        } catch {
            record.detail = error.description
            await fail(error.status, error.clientMessage, "upstream_error", &record)
        }
    }

    /// The path without the prefix that the route matched.
    private static func unprefixed(_ path: ByteView, _ match: RouteTable.Match) -> ByteView {
        guard let length = match.prefixLength, length > 0 else { return path }
        let rest = path.slice(length, path.count)
        return rest.count > 0 ? rest : ByteView("/")
    }

    /// Takes away every key that the client may have sent, and shows the provider ours.
    private static func showCredentials(
        _ headers: HeaderBlock, _ provider: CompiledProvider, _ backend: CompiledBackend
    ) {
        if !backend.passesCredentials {
            for i in 0..<headers.count {
                switch headers.known(i) {
                case .authorization, .cookie, .xApiKey, .apiKey, .xGoogAPIKey: headers.remove(at: i)
                default: break
                }
            }
        }
        if case .key(let secret, let location)? = backend.policies.backendAuthentication {
            if case .header(var name, var prefix)? = location {
                name.withUTF8 { name in prefix.withUTF8 { headers.set(ByteView(name), ByteView($0), secret) } }
            } else {
                var name = provider.traits.keyField
                name.withUTF8 { headers.set(ByteView($0), ByteView(provider.traits.keyPrefix), secret) }
            }
        }
        for (name, value) in provider.traits.defaultFields {
            var name = name
            let present = name.withUTF8 { headers.first(named: ByteView($0)) != nil }
            if !present { headers.append(name, value) }
        }
    }
}
