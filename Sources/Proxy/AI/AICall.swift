// One AI request at one provider: said in the provider's format, at its path, with its key.

import Auth
import JSON

struct AICall {
    /// Why there is no answer yet.
    struct Failure {
        var status: Int
        var message: String
        var code: String
        /// For the log.
        var detail = ""
        var retryAfter: Duration?
        /// The provider has failed, and not the request.
        var isTheProviders = false
        /// Nobody else must be asked.
        var endsTheCall = false
    }

    enum Outcome {
        /// - status: of the provider's reply; nil: the provider was not asked.
        case answered(status: Int?, retryAfter: Duration?)
        case failed(Failure)
    }

    let exchange: Exchange
    let type: AIRouteType
    /// Of errors.
    let shape: ErrorShape
    /// nil: the body is not read.
    let asked: ModelMember.Request?
    let route: CompiledRoute
    let match: RouteTable.Match
    let context: RouteContext
    /// Target, authority and new body; views of it are taken when it no longer grows.
    let scratch: IOBuffer

    /// Statuses that say more of the provider than of the request: another may well answer.
    static func isFailure(_ status: Int) -> Bool { status == 429 || status >= 500 }

    func answer(_ failure: Failure, _ record: inout RequestRecord) async {
        record.reason = failure.code
        record.detail = failure.detail
        await context.error(
            exchange, status: failure.status, message: failure.message, code: failure.code, shape: shape)
    }

    /// - Parameters:
    ///   - isChosenHere: the provider's rules have not been asked.
    ///   - mayFail: somebody else can be asked: a reply that is a failure is not passed on.
    func attempt(
        _ backend: CompiledBackend, isChosenHere: Bool, mayFail: Bool, _ record: inout RequestRecord
    ) async -> Outcome {
        let provider = backend.provider!
        let configuration = provider.configuration
        record.upstream = provider.name
        guard let way = provider.way(type) else {
            return .failed(
                Failure(
                    status: 501, message: "the provider '\(provider.name)' does not speak \(type.rawValue)",
                    code: "not_supported"))
        }
        var model: ModelMember.Outcome?
        if let asked {
            guard
                let resolved = asked.resolve(
                    fallback: configuration.provider.model, aliases: configuration.modelAliases)
            else {
                return .failed(
                    Failure(status: 400, message: "'model' is required", code: "missing_model", endsTheCall: true))
            }
            model = resolved
            record.model = resolved.model
        }
        if let key = record.principal?.apiKey, !key.allows(type, model) {
            return .failed(
                Failure(
                    status: 403, message: "this API key may not use that model", code: "model_not_allowed",
                    endsTheCall: true))
        }
        if backend.readsModel || isChosenHere {
            let llm =
                backend.readsModel
                ? LLMAttributes(provider: configuration.provider.kind.name, request: model) : nil
            guard await context.authorize(exchange, backend, llm, &record) else {
                return .answered(status: nil, retryAfter: nil)
            }
        }

        var facts = AIReply.Facts(shape: shape)
        facts.countsTokens = type.countsTokens
        facts.isHead = exchange.request.method == .head
        let targetEnd: Int
        let authorityEnd: Int
        do throws(TranslationProblem) {
            (targetEnd, authorityEnd) = writeTarget(provider, backend, way, model)
            if let model { try writeBody(model, provider, way, &facts) }
        } catch {
            return .failed(
                Failure(status: 400, message: error.message, code: "not_translatable", detail: error.message))
        }
        prepare(exchange.request.headers, backend, provider, way, &facts)
        return await send(backend, provider, facts, targetEnd, authorityEnd, mayFail: mayFail, &record)
    }

    // MARK: What is sent

    /// - Returns: where the target and the authority end.
    private func writeTarget(
        _ provider: CompiledProvider, _ backend: CompiledBackend, _ way: ProviderWay, _ model: ModelMember.Outcome?
    ) -> (Int, Int) {
        let request = exchange.request
        scratch.clear()
        if let override = provider.configuration.pathOverride {
            scratch.append(override)
        } else {
            if let prefix = provider.configuration.pathPrefix { scratch.append(prefix) }
            if let path = way.path {
                path.append(model: model?.model ?? "", to: scratch)
            } else {
                scratch.append(unprefixed(request.path))
            }
        }
        // The query of a request in another format is none of the provider's.
        if way.translation == nil {
            if !backend.passesCredentials, let query = request.query,
                let stripped = CredentialStripping.providerQuery.strippedQuery(query.buffer)
            {
                request.replaceQuery(stripped)
            }
            if let query = request.query, query.count > 0 {
                scratch.append(scratch.view.contains(UInt8(ascii: "?")) ? UInt8(ascii: "&") : UInt8(ascii: "?"))
                scratch.append(query)
            }
        }
        let targetEnd = scratch.writer
        scratch.append(provider.upstream.authorityBytes)
        return (targetEnd, scratch.writer)
    }

    /// The path without the prefix that the route matched.
    private func unprefixed(_ path: ByteView) -> ByteView {
        guard let length = match.prefixLength, length > 0 else { return path }
        let rest = path.slice(length, path.count)
        return rest.count > 0 ? rest : ByteView("/")
    }

    private func writeBody(
        _ model: ModelMember.Outcome, _ provider: CompiledProvider, _ way: ProviderWay, _ facts: inout AIReply.Facts
    ) throws(TranslationProblem) {
        let losses = TranslationLosses(areAllowed: provider.configuration.allowsLosses)
        let outcome: ChatRequestTranslator.Outcome
        switch way.translation {
        case nil:
            // OpenAI counts the tokens of a stream only for who asks.
            facts.hidesUsage = type == .completions && model.streams && !model.includesUsage
            return model.encode(into: scratch, addingUsage: facts.hidesUsage)
        case .chatToMessages:
            outcome = try ChatRequestTranslator.translate(
                model.root, model: model.model, losses: losses,
                created: WallClock.nanoseconds / 1_000_000_000)
        case .messagesToChat:
            outcome = try MessagesRequestTranslator.translate(
                model.root, model: model.model, boundName: provider.traits.boundName, losses: losses)
        }
        scratch.append(outcome.body)
        facts.translated = outcome.call
        facts.losses = outcome.losses.fieldValue
    }

    private func prepare(
        _ headers: HeaderBlock, _ backend: CompiledBackend, _ provider: CompiledProvider, _ way: ProviderWay,
        _ facts: inout AIReply.Facts
    ) {
        // A compressed reply could not be read.
        if type != .passthrough, type != .models { headers.set(.acceptEncoding, ByteView("identity")) }
        if way.translation != nil {
            headers.set(.contentType, ByteView("application/json"))
            // What one API's clients say in fields is nothing to the other.
            for i in 0..<headers.count
            where headers.name(i).startsIgnoringCase("anthropic-") || headers.name(i).startsIgnoringCase("openai-") {
                headers.remove(at: i)
            }
        }
        facts.key = AICall.showCredentials(headers, provider, backend)
        context.changeHeader(headers, backend)
    }

    /// Takes away every key that the client may have sent, and shows the provider ours.
    /// - Returns: what is shown.
    private static func showCredentials(
        _ headers: HeaderBlock, _ provider: CompiledProvider, _ backend: CompiledBackend
    ) -> Secret? {
        if !backend.passesCredentials {
            for i in 0..<headers.count {
                switch headers.known(i) {
                case .authorization, .cookie, .xApiKey, .apiKey, .xGoogAPIKey: headers.remove(at: i)
                default: break
                }
            }
        }
        var shown: Secret?
        if case .key(let secret, let location)? = backend.policies.backendAuthentication {
            shown = secret
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
        return shown
    }

    // MARK: Sending

    private func send(
        _ backend: CompiledBackend, _ provider: CompiledProvider, _ facts: AIReply.Facts, _ targetEnd: Int,
        _ authorityEnd: Int, mayFail: Bool, _ record: inout RequestRecord
    ) async -> Outcome {
        let sent = scratch.view
        var outgoing = OutgoingRequest(
            upstream: provider.upstream, method: exchange.request.methodName, target: sent.slice(0, targetEnd),
            authority: sent.slice(targetEnd, authorityEnd),
            body: asked == nil ? nil : sent.slice(authorityEnd, sent.count))
        outgoing.connectRetries = route.route.policies.retry?.attempts ?? 1
        if let limit = route.route.policies.timeouts.request { outgoing.deadline = exchange.started + limit }
        let reply = AIReply(facts)
        let pause = RetryAfter()
        // A body that streams can be sent once.
        let canRepeat = asked != nil || exchange.request.framing == .none
        if mayFail, canRepeat {
            outgoing.rejects = { head in
                guard AICall.isFailure(head.status) else { return false }
                pause.read(head.headers)
                return true
            }
        }
        let edits = ResponseEdits(context: context, backend: backend)
        let forwarder = RetryingForwarder(
            context: context, timeouts: backend.timeouts(route), backend: backend, isReplayable: type.namesModel)
        defer {
            if type == .detect, let model = reply.model, record.model.isEmpty { record.model = model }
            let usage = reply.usage(requestBytes: sent.count - authorityEnd)
            if type != .detect || usage?.isEstimated == false { record.usage = usage }
        }
        do throws(UpstreamError) {
            try await forwarder.forward(exchange, outgoing, filter: reply) { head in
                pause.read(head.headers)
                edits.apply(head)
            }
            if exchange.isAborted, let failure = exchange.failure, !failure.isTheClients {
                return .answered(status: failure.status, retryAfter: nil)
            }
            return .answered(status: reply.status, retryAfter: pause.duration)
        } catch {
            let deadlineIsOver = outgoing.deadline <= MonotonicTime.now || !canRepeat
            return .failed(
                Failure(
                    status: error.status, message: error.clientMessage, code: "upstream_error",
                    detail: error.description, retryAfter: pause.duration, isTheProviders: !error.isTheClients,
                    endsTheCall: error.isTheClients || deadlineIsOver))
        }
    }
}

extension UpstreamError {
    fileprivate var isTheClients: Bool {
        if case .client = self { return true }
        return false
    }
}

extension ByteView {
    fileprivate func startsIgnoringCase(_ prefix: StaticString) -> Bool {
        let length = prefix.utf8CodeUnitCount
        return count >= length && slice(0, length).equalsIgnoringCase(prefix)
    }
}
