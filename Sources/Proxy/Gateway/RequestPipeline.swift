// The way of a request through the gateway, step by step: route, credentials, rules, policies, backend, record. One per
// loop and port.

import Auth
import CEL
import Glibc

final class RequestPipeline: RequestHandler, @unchecked Sendable {
    private let worker: LoopWorker
    private let port: UInt16
    private var canonicalPath: [UInt8] = []
    /// Set when a reload has taken the port away.
    private var last: ActiveSnapshot?

    init(worker: LoopWorker, port: UInt16) {
        self.worker = worker
        self.port = port
    }

    var isDraining: Bool { last != nil || worker.isDraining }

    /// The port is no more: requests that have arrived are answered as `snapshot`, the last that had it, says.
    func retire(on snapshot: ActiveSnapshot) { last = snapshot }

    var certificates: ListenerCertificates? { (last ?? worker.active).snapshot.binds[port]?.certificates }

    var limits: ServerLimits {
        let http = (last ?? worker.active).snapshot.configuration.limits
        var limits = ServerLimits()
        limits.head.headBytes = http.headerBytes
        limits.head.fields = http.headerCount
        limits.headerTimeout = Nanoseconds(http.headerTimeout)
        limits.idleTimeout = Nanoseconds(http.idleTimeout)
        limits.handshakeTimeout = http.handshakeTimeout
        limits.maximumAge = http.maximumConnectionAge
        limits.maximumRequests = http.requestsPerConnection
        limits.http2 = http.http2
        return limits
    }

    func limitHit(_ hit: LimitHit) { worker.metrics.limitHit(hit) }

    func refuse(_ error: ProtocolError, _ response: ResponseHead) -> [UInt8] {
        worker.metrics.messageRefused()
        if let hit = LimitHit(error) { worker.metrics.limitHit(hit) }
        response.reset()
        response.status = error.status
        response.headers.append(.contentType, ByteView("text/plain; charset=utf-8"))
        response.headers.append(.date, HTTPDate.now)
        return Array("\(error.reason)\n".utf8)
    }

    func handle(_ exchange: Exchange) async {
        var record = RequestRecord(startedAt: WallClock.nanoseconds)
        // To the end: a reload under way changes neither where this request goes nor how it is recorded.
        let active = last ?? worker.active
        let snapshot = active.snapshot
        let tracing = snapshot.tracing
        if let tracing {
            record.trace = .begin(exchange.request.headers, tracing.configuration, &worker.random)
        }
        await answer(exchange, active, &record)
        if !exchange.responseStarted, !exchange.isAborted {
            // Every way through `answer` ends in a reply; a client that waits must not wait for ever if one does not.
            await Reply.error(exchange, status: 500, message: "no reply was made", code: "internal_error")
        }
        if let limits = record.limits, let usage = record.usage {
            limits.charge((usage.input ?? 0) &+ (usage.output ?? 0), at: worker.loop.now)
        }
        if let usage = record.usage {
            worker.metrics.record(usage, route: record.route, provider: record.upstream, model: record.model)
        }
        (record.metrics ?? worker.metrics.unrouted).record(exchange, record)
        if exchange.sentStatus == 413, record.reason == "request_body" { worker.metrics.limitHit(.bufferedBody) }
        worker.writeAccessLine(exchange, record, snapshot.accessLog)
        if let tracing, let trace = record.trace, trace.isSampled {
            worker.traces.add(
                OTLPSpan.encode(trace, exchange, record, endedAt: WallClock.nanoseconds), to: tracing.upstream,
                path: tracing.configuration.path)
        }
    }

    private func answer(_ exchange: Exchange, _ active: ActiveSnapshot, _ record: inout RequestRecord) async {
        let snapshot = active.snapshot
        let request = exchange.request
        do throws(CanonicalPath.Problem) {
            if try CanonicalPath.canonicalise(request.path, into: &canonicalPath) { request.replacePath(canonicalPath) }
        } catch {
            record.reason = "path"
            return await Reply.error(exchange, status: 400, message: error.description, code: "invalid_path")
        }
        guard let listener = snapshot.binds[port]?.listener(for: request.host) else {
            record.reason = "no_listener"
            return await Reply.error(exchange, status: 404, message: "no listener takes this host", code: "not_found")
        }
        // A connection that was made for one listener says nothing about whom another would have let in.
        guard listener.identity == exchange.connection.identity else {
            record.reason = "misdirected"
            return await Reply.error(
                exchange, status: 421, message: "this connection was not made for that host", code: "misdirected")
        }
        let routable = RoutableRequest(
            method: request.methodName, host: request.host, path: request.path, query: request.query,
            headers: request.headers)
        if request.path.starts(with: "/.well-known/"), let endpoint = MetadataEndpoint(path: request.path.text),
            await MetadataHandler.serve(exchange, endpoint, listener, worker, &record)
        {
            return
        }
        let match = listener.table.match(routable)
        let route = match.map { listener.routes[$0.route] }
        record.route = route?.label ?? ""
        record.metrics = route.map { active.metrics[$0.number] }

        // A page's preflight carries no credentials by its nature; the policy that admits pages answers it.
        let cors = route?.route.policies.cors ?? listener.cors
        if let cors, CORSPolicy.isPreflight(request) {
            record.reason = "preflight"
            return await Reply.send(
                exchange, status: 204, contentType: "text/plain", body: [], headers: cors.preflight(request))
        }
        let origin = cors?.judge(request.headers.first(.origin))
        let context = RouteContext(
            worker: worker, active: active, listener: listener, route: route, cors: cors, origin: origin)
        defer {
            // Refused before its credentials were taken off: the log is not shown them either.
            if record.logged == nil, snapshot.accessLog?.evaluates == true {
                record.logged = RuleInputs(
                    JudgedRequest(exchange, without: context), principal: record.principal ?? .anonymous,
                    startTime: UnixTime(nanoseconds: record.startedAt))
            }
        }

        // What need not wait is a plain call: an asynchronous one costs a frame of its own, even when it returns at once.
        var principal = Principal.anonymous
        if let policy = listener.authentication {
            guard let known = await authenticate(exchange, policy, principal, context, &record) else { return }
            principal = known
        }
        if let service = listener.externalAuthorization {
            guard await context.ask(service, exchange, principal, &record) else { return }
        }
        guard let match, let route else {
            guard await context.authorize(exchange, listener.rules, .request, principal, &record) else { return }
            record.reason = "no_route"
            return await context.error(exchange, status: 404, message: "route not found", code: "not_found")
        }
        if let policy = route.authentication {
            guard let known = await authenticate(exchange, policy, principal, context, &record) else { return }
            principal = known
        }
        record.principal = principal
        if let service = route.traffic?.externalAuthorization {
            guard await context.ask(service, exchange, principal, &record) else { return }
        }
        if !route.rules.isEmpty {
            guard await context.authorize(exchange, route.rules, .request, principal, &record) else { return }
        }
        await serve(exchange, route, match, principal, context, &record)
    }

    // MARK: Who

    /// nil: a reply has been sent.
    private func authenticate(
        _ exchange: Exchange, _ policy: AuthPolicy, _ principal: Principal, _ context: RouteContext,
        _ record: inout RequestRecord
    ) async -> Principal? {
        let attributes = ExchangeAttributes(exchange: exchange)
        var isLastTry = false
        while true {
            let outcome = context.active.auth.authenticate(
                attributes, policy, principal: principal, now: worker.unixTime, isLastTry: isLastTry)
            switch outcome {
            case .accepted(let principal):
                return principal
            case .rejected(let rejection):
                record.reason = rejection.code
                record.detail = rejection.reason
                await context.reject(exchange, rejection)
                return nil
            case .awaitingKeys(let id):
                let keys = await worker.keySets.refresh(id, of: context.snapshot)
                if let keys { context.active.auth.install(keys, for: id) }
                isLastTry = true
            case .awaitingPassword(let check):
                guard let result = await BlockingWork.shared.run({ check.run() }) else {
                    record.reason = "overloaded"
                    await context.error(exchange, status: 503, message: "too many logins at once", code: "overloaded")
                    return nil
                }
                context.active.auth.note(result, now: worker.unixTime)
            }
        }
    }

    // MARK: Where to

    private func serve(
        _ exchange: Exchange, _ route: CompiledRoute, _ match: RouteTable.Match, _ principal: Principal,
        _ context: RouteContext, _ record: inout RequestRecord
    ) async {
        let policies = route.route.policies
        let request = exchange.request
        if let limits = route.traffic?.rateLimits, !limits.isEmpty {
            guard await context.admit(exchange, limits, principal, &record) else { return }
        }
        if let limit = policies.bufferedRequest {
            guard await context.buffer(exchange, atMost: limit, &record) else { return }
        }
        if let csrf = policies.csrf, !csrf.admits(request) {
            record.reason = "csrf"
            return await context.error(
                exchange, status: 403, message: "CSRF validation failed", code: "csrf",
                shape: route.errorShape(request.path) ?? .plain)
        }
        if let redirect = policies.requestRedirect {
            record.reason = "redirect"
            let location = redirect.location(
                request, isSecure: exchange.connection.isSecure, prefixLength: match.prefixLength)
            return await context.send(exchange, status: redirect.status, headers: [("location", location)])
        }
        if let direct = policies.directResponse {
            record.reason = "direct_response"
            return await context.send(
                exchange, status: direct.status, body: direct.body, headers: direct.headers.map { ($0.name, $0.value) })
        }
        let backend: CompiledBackend
        if let table = route.route.models {
            switch await ModelChoice.choose(exchange, table, route, context, &record) {
            case .backend(let chosen): backend = chosen
            case .answered: return
            }
        } else if let picked = route.pick(
            context,
            RuleInputs(
                ExchangeAttributes(exchange: exchange), principal: principal,
                startTime: UnixTime(nanoseconds: record.startedAt)))
        {
            backend = picked
        } else {
            record.reason = "no_backend"
            return await context.error(exchange, status: 500, message: "no valid backend", code: "no_backend")
        }
        // Rules about the model are asked by the AI layer, which reads it.
        if !backend.readsModel, !backend.rules.isEmpty {
            guard await context.authorize(exchange, backend, nil, &record) else { return }
        }
        if request.upgrade == .webSocket {
            guard case .host(let upstream) = backend.kind, upstream.acceptsHTTP1 else {
                record.reason = "upgrade"
                return await context.error(
                    exchange, status: 501, message: "this service does not speak WebSocket", code: "not_supported")
            }
            if let (status, message) = UpgradeRequest.problem(request) {
                record.reason = "upgrade"
                return await context.error(
                    exchange, status: status, message: message, code: "invalid_upgrade",
                    headers: status == 426 ? [("sec-websocket-version", "13")] : [])
            }
        }
        strip(exchange, route, backend, context)
        let isLogged = context.snapshot.accessLog?.evaluates == true
        if route.traffic?.looksBack == true || backend.traffic != nil || isLogged {
            let judged = RuleInputs(
                JudgedRequest(exchange, without: context), principal: principal,
                startTime: UnixTime(nanoseconds: record.startedAt))
            context.judged = judged
            if isLogged { record.logged = judged }
        }
        switch backend.kind {
        case .host(let upstream):
            await HTTPBackend.serve(exchange, upstream, route, backend, match, context, &record)
        case .ai, .providers:
            await AIHandler.serve(exchange, backend, route, match, context, &record)
        case .a2a(let agent):
            await A2AHandler.serve(exchange, agent, route, backend, match, principal, context, &record)
        case .mcp(let mcp):
            await MCPHandler.serve(exchange, mcp, backend, principal, context, &record)
        case .unsupported(let name):
            record.reason = "unsupported"
            await context.error(
                exchange, status: 501, message: "\(name) backends are not supported yet", code: "not_supported")
        }
    }

    /// Removes the credentials that were meant for the gateway.
    private func strip(
        _ exchange: Exchange, _ route: CompiledRoute, _ backend: CompiledBackend, _ context: RouteContext
    ) {
        if backend.passesCredentials { return }
        // Targets that are shown the client's credential take it from the request; no other target gets any field of it.
        if case .mcp(let mcp) = backend.kind, mcp.passesCredentials { return }
        exchange.request.headers.remove(.authorization)
        strip(context.listener.authentication?.stripping, exchange)
        strip(route.authentication?.stripping, exchange)
    }

    private func strip(_ stripping: CredentialStripping?, _ exchange: Exchange) {
        guard let stripping else { return }
        let headers = exchange.request.headers
        for key in stripping.headers { headers.remove(named: key.name) }
        if stripping.touchesQuery, let query = exchange.request.query,
            let stripped = stripping.strippedQuery(query.buffer)
        {
            exchange.request.replaceQuery(stripped)
        }
        if stripping.touchesCookies {
            for i in 0..<headers.count where headers.known(i) == .cookie && headers.isPresent(i) {
                guard let rest = stripping.strippedCookies(headers.value(i).buffer) else { continue }
                headers.remove(at: i)
                if !rest.isEmpty { headers.append(.cookie, String(decoding: rest, as: UTF8.self)) }
            }
        }
    }
}

/// What the steps after routing share. A class: it goes through many hands, and each would retain all it holds.
final class RouteContext {
    let worker: LoopWorker
    let active: ActiveSnapshot
    var snapshot: Snapshot { active.snapshot }
    let listener: CompiledListener
    let route: CompiledRoute?
    let cors: CORSPolicy?
    let origin: CORSPolicy.Judgement?
    /// What the route's limits have said of this request.
    var limits: RateLimitOutcome?
    /// The request as it was judged, for what is evaluated later; nil: nothing is.
    var judged: RuleInputs?

    init(
        worker: LoopWorker, active: ActiveSnapshot, listener: CompiledListener, route: CompiledRoute?,
        cors: CORSPolicy?,
        origin: CORSPolicy.Judgement?
    ) {
        self.worker = worker
        self.active = active
        self.listener = listener
        self.route = route
        self.cors = cors
        self.origin = origin
    }

    /// The CORS policy takes the request's `Origin`.
    var admitsOrigin: Bool { origin != nil }

    /// The request's host was named by the operator: it was not merely pointed here.
    var isNamedHost: Bool {
        if listener.hostname != .any { return true }
        guard let names = route?.route.hostnames, !names.isEmpty else { return false }
        return !names.contains(.any)
    }

    /// Lets the page that asked read the reply, an error as well.
    func decorate(_ head: ResponseHead) {
        if let cors, let origin { cors.apply(origin, to: head) }
        if let limits {
            for (name, value) in limits.fields { head.headers.set(name, value) }
        }
    }

    var corsFields: [(String, String)] {
        let head = ResponseHead()
        decorate(head)
        var fields: [(String, String)] = []
        head.headers.forEach { fields.append(($0.text, $1.text)) }
        return fields
    }

    func error(
        _ exchange: Exchange, status: Int, message: String, code: String, shape: ErrorShape = .plain,
        headers: [(String, String)] = []
    ) async {
        await Reply.error(
            exchange, status: status, message: message, code: code, shape: shape, headers: headers + corsFields)
    }

    func sendJSON(_ exchange: Exchange, status: Int, body: [UInt8], headers: [(String, String)]) async {
        await Reply.send(
            exchange, status: status, contentType: "application/json", body: body, headers: headers + corsFields)
    }

    func send(_ exchange: Exchange, status: Int, body: [UInt8] = [], headers: [(String, String)]) async {
        await Reply.send(
            exchange, status: status, contentType: "text/plain; charset=utf-8", body: body,
            headers: headers + corsFields)
    }

    func reject(_ exchange: Exchange, _ rejection: Rejection) async {
        // A provider's SDK wants its API's errors also from what stands in front of it.
        if let shape = route?.errorShape(exchange.request.path), !rejection.isJSON {
            return await Reply.error(
                exchange, status: rejection.status, message: rejection.text, code: rejection.code, shape: shape,
                headers: rejection.headers.filter { $0.name != "content-type" }.map { ($0.name, $0.value) } + corsFields
            )
        }
        var headers = rejection.headers.map { ($0.name, $0.value) }
        var contentType: StaticString = "text/plain; charset=utf-8"
        headers.removeAll { name, value in
            guard name.lowercased() == "content-type" else { return false }
            if value.hasPrefix("application/json") { contentType = "application/json" }
            return true
        }
        await Reply.send(
            exchange, status: rejection.status, contentType: contentType, body: rejection.body,
            headers: headers + corsFields)
    }
}

extension Rejection {
    fileprivate var isJSON: Bool {
        headers.contains { $0.name == "content-type" && $0.value.hasPrefix("application/json") }
    }

    fileprivate var text: String { String(decoding: body, as: UTF8.self) }
}
