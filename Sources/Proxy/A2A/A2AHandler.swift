// A request to an A2A agent: its card comes back rewritten; a message is parsed, judged and sent on as it was judged. What
// is neither is refused. Replies, streams among them, are passed on as they come.

import Auth

enum A2AHandler {
    /// What one request was about, for the access log and metrics.
    struct Record {
        /// As rules see it; `card` for a card; empty when it could not be read.
        var method = ""
        var taskID = ""
        /// A method of an extension counts as `other`: the configuration names it, but clients' words are no labels.
        var isKnown = true
        var isRefused = false
    }

    static func serve(
        _ exchange: Exchange, _ agent: CompiledA2A, _ route: CompiledRoute, _ backend: CompiledBackend,
        _ match: RouteTable.Match, _ principal: Principal, _ context: RouteContext, _ record: inout RequestRecord
    ) async {
        record.a2a = Record()
        if let type = exchange.request.headers.first(.contentType), type.lowercasedStarts(with: "application/grpc") {
            record.reason = "grpc"
            record.a2a?.isRefused = true
            return await refuseGRPC(exchange, context)
        }
        let turn = A2ATurn(exchange, agent, route, backend, match, principal, context)
        var binding = A2AError.Binding.rpc(nil, turn.stated ?? .v10)
        do throws(A2AError) {
            try await turn.answer(&record, &binding)
        } catch {
            record.reason = error.decision.isEmpty ? "a2a_error" : "denied"
            if record.detail.isEmpty { record.detail = error.message }
            record.a2a?.isRefused = true
            var fields: [(String, String)] = []
            if let challenge = error.challenge { fields.append(("www-authenticate", challenge)) }
            if let allow = error.allow { fields.append(("allow", allow)) }
            await context.sendJSON(exchange, status: error.status, body: error.body(binding), headers: fields)
        }
        if let a2a = record.a2a { context.worker.metrics.recordA2A(route: record.route, a2a) }
    }

    /// The gRPC binding is not served: its messages would pass unread.
    private static func refuseGRPC(_ exchange: Exchange, _ context: RouteContext) async {
        let head = exchange.response
        head.reset()
        head.headers.append(.contentType, ByteView("application/grpc"))
        // UNIMPLEMENTED
        head.headers.append("grpc-status", "12")
        head.headers.append("grpc-message", "A2A over gRPC is not served here; use JSON-RPC or HTTP+JSON")
        context.decorate(head)
        do throws(ExchangeError) {
            try await exchange.reply(head, body: .empty)
        } catch {
            exchange.failure = .client(error)
            exchange.abort()
        }
    }
}

/// One request on its way to an agent. Confined to its loop.
private final class A2ATurn {
    let exchange: Exchange
    let agent: CompiledA2A
    let route: CompiledRoute
    let backend: CompiledBackend
    let match: RouteTable.Match
    let principal: Principal
    let context: RouteContext

    init(
        _ exchange: Exchange, _ agent: CompiledA2A, _ route: CompiledRoute, _ backend: CompiledBackend,
        _ match: RouteTable.Match, _ principal: Principal, _ context: RouteContext
    ) {
        self.exchange = exchange
        self.agent = agent
        self.route = route
        self.backend = backend
        self.match = match
        self.principal = principal
        self.context = context
    }

    /// What the client says it speaks.
    var stated: A2AVersion? {
        guard let value = exchange.request.headers.first(named: ByteView("a2a-version")) else { return nil }
        return value.starts(with: "1") ? .v10 : value.starts(with: "0") ? .v03 : nil
    }

    func answer(_ record: inout RequestRecord, _ binding: inout A2AError.Binding) async throws(A2AError) {
        let request = exchange.request
        var versions = 0
        request.headers.forEach(named: ByteView("a2a-version")) { _ in versions += 1 }
        guard versions <= 1 else { throw .invalidRequest("more than one A2A-Version") }
        let rewrite = route.route.policies.urlRewrite?.path
        let path = rewrite.map { $0.apply(to: request.path, prefixLength: match.prefixLength) } ?? request.path.bytes
        let stated = stated
        let place = try path.withUnsafeBufferPointer { bytes throws(A2AError) in
            try A2APlace.parse(ByteView(bytes), request.method, stated: stated)
        }
        switch place {
        case .card:
            record.a2a?.method = "card"
            guard try await body().count == 0 else { throw .invalidRequest("a card is asked for without a body") }
            await forward(
                nil, card: CardFilter(base: base(path, cut: 2), upstream: agent.origin, isResult: false), &record)
        case .rest(let operation):
            binding = .rest(operation.version)
            record.a2a?.method = operation.operation.rawValue
            let body = try await body()
            if body.count > 0 { try checkContent(allowsA2AJSON: true) }
            let (call, encoded) = try RESTBinding(place: operation).call(
                body: body.buffer, query: request.query, limit: agent.bodyLimit, push: agent.push)
            try judge(call, &record)
            let isCard = operation.operation == .getExtendedCard
            let card =
                isCard
                ? CardFilter(base: base(path, cut: path.hasV1 ? 2 : 1), upstream: agent.origin, isResult: false) : nil
            await forward(encoded, card: card, &record)
        case .rpc:
            try checkContent(allowsA2AJSON: false)
            let body = try await body()
            var id: RPCID?
            let message: A2AMessage
            do throws(A2AError) {
                message = try A2AMessage.parse(
                    body.buffer, limit: agent.bodyLimit, extensionMethods: agent.extensionMethods, push: agent.push,
                    id: &id)
            } catch {
                binding = .rpc(id, stated ?? .v10)
                throw error
            }
            binding = .rpc(message.id, message.call.version)
            try judge(message.call, &record)
            let isCard = message.call.operation == .getExtendedCard
            let card =
                isCard ? CardFilter(base: base(path, cut: 0), upstream: agent.origin, isResult: true) : nil
            await forward(message.encoded, card: card, &record)
        }
    }

    // MARK: What came

    /// Kept for the exchange: views of a body that had not arrived with its head point into it.
    private let collected = IOBuffer(capacity: 4096)

    private func body() async throws(A2AError) -> ByteView {
        if let body = exchange.takeBufferedBody() {
            guard body.count <= agent.bodyLimit else { throw .tooLarge }
            return body
        }
        do throws(ExchangeError) {
            try await exchange.collectBody(limit: agent.bodyLimit, into: collected)
        } catch {
            if error == .message(.bodyTooLarge) { throw .tooLarge }
            let failure = UpstreamError.client(error)
            throw .invalidRequest(failure.clientMessage, status: failure.status)
        }
        return collected.view
    }

    /// That the body is JSON in UTF-8, as it stands: an agent that reads it otherwise reads something else.
    private func checkContent(allowsA2AJSON: Bool) throws(A2AError) {
        let headers = exchange.request.headers
        let wanted = "Content-Type must be application/json" + (allowsA2AJSON ? " or application/a2a+json" : "")
        guard headers.occurrences(.contentType) == 1, let value = headers.first(.contentType) else {
            throw .invalidRequest(wanted, status: 415)
        }
        let end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
        let type = value.slice(0, end).trimmed
        guard
            type.equalsIgnoringCase("application/json")
                || (allowsA2AJSON && type.equalsIgnoringCase("application/a2a+json"))
        else { throw .invalidRequest(wanted, status: 415) }
        let parameters = value.slice(end, value.count)
        if parameters.count > 0 {
            let text = parameters.text.lowercased().filter { $0 != " " && $0 != "\t" && $0 != "\"" }
            guard text == ";" || text == ";charset=utf-8" else {
                throw .invalidRequest("Content-Type: only charset=utf-8 is accepted", status: 415)
            }
        }
        if let coding = headers.first(.contentEncoding), !coding.equalsIgnoringCase("identity") {
            throw .invalidRequest("Content-Encoding is not accepted", status: 415)
        }
    }

    // MARK: Rules

    /// - Throws: the denial, unless the rules let the message pass.
    private func judge(_ call: A2ACall, _ record: inout RequestRecord) throws(A2AError) {
        record.a2a?.method = call.method
        record.a2a?.taskID = call.taskID ?? ""
        record.a2a?.isKnown = call.operation != nil
        if agent.rules.isEmpty { return }
        let attributes = ExchangeAttributes(exchange: exchange)
        let worker = context.worker
        let inputs = RuleInputs(attributes, principal: principal, startTime: UnixTime(nanoseconds: record.startedAt))
        inputs.backend = backend.attributes
        inputs.a2a = call.attributes
        let began = MonotonicTime.now
        var decision = worker.authorizer.authorize(agent.rules, inputs, phase: .a2a)
        decision.duration = MonotonicTime.now.since(began)
        worker.writeDecisionLine(
            decision, inputs, agent.rules, label: record.route, startedAt: record.startedAt)
        if decision.isAllowed { return }
        record.decision = decision.id
        let resource = context.route?.authentication?.protectedResource
        let scopes = resource == nil ? [] : worker.authorizer.challengedScopes(agent.rules, inputs, phase: .a2a)
        let challenge =
            scopes.isEmpty
            ? nil
            : resource.map {
                Challenge.insufficientScope(scopes, metadataURL: $0.metadataURL(for: attributes, base: nil))
            }
        throw .denied("\(decision.id)", challenge: challenge)
    }

    // MARK: On

    private func forward(_ encoded: [UInt8]?, card: CardFilter?, _ record: inout RequestRecord) async {
        let sent = IOBuffer(capacity: max(1, encoded?.count ?? 0))
        if let encoded { sent.append(encoded) }
        if card != nil {
            // The card has to come whole and readable.
            for name in [
                "accept-encoding", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since", "if-range",
                "range",
            ] {
                exchange.request.headers.remove(named: name)
            }
        }
        await HTTPBackend.serve(
            exchange, agent.upstream, route, backend, match, context, &record, body: sent.view, filter: card)
        if let note = card?.note, record.detail.isEmpty {
            record.detail = note
            if note.contains("signatures") { context.worker.processLog.debug("\(record.route): \(note)") }
        }
    }

    /// - Parameter cut: segments at the end of the paths that are not of the agent's root.
    private func base(_ path: [UInt8], cut: Int) -> CardBase {
        let request = exchange.request
        let scheme = exchange.connection.isSecure ? "https" : "http"
        return CardBase(
            origin: agent.publicOrigin ?? "\(scheme)://\(request.authority.text)", client: request.path.text,
            agent: String(decoding: path, as: UTF8.self), cut: cut,
            routePrefix: match.prefixLength.map { request.path.slice(0, $0).text } ?? "")
    }
}

extension [UInt8] {
    /// The last segment but one is `v1` or `agent`.
    fileprivate var hasV1: Bool {
        let segments = split(separator: UInt8(ascii: "/"))
        guard segments.count >= 2 else { return false }
        let before = segments[segments.count - 2]
        return before.elementsEqual("v1".utf8) || before.elementsEqual("agent".utf8)
    }
}

extension ByteView {
    fileprivate func lowercasedStarts(with prefix: StaticString) -> Bool {
        count >= prefix.utf8CodeUnitCount && slice(0, prefix.utf8CodeUnitCount).equalsIgnoringCase(prefix)
    }
}
