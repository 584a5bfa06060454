// The plain backend: the request goes to an HTTP upstream as it came, but for what policies change.

import Auth

enum HTTPBackend {
    /// - Parameter body: a body in place of the client's, which has been read.
    static func serve(
        _ exchange: Exchange, _ upstream: Upstream, _ route: CompiledRoute, _ backend: CompiledBackend,
        _ match: RouteTable.Match, _ context: RouteContext, _ record: inout RequestRecord, body: ByteView? = nil,
        filter: (any ResponseFilter)? = nil
    ) async {
        let request = exchange.request
        let policies = route.route.policies
        let target = exchange.loop.buffers.take()
        defer { exchange.loop.buffers.give(target) }
        if let rewrite = policies.urlRewrite?.path {
            target.append(rewrite.apply(to: request.path, prefixLength: match.prefixLength))
            if let query = request.query {
                target.append(UInt8(ascii: "?"))
                target.append(query)
            }
        } else {
            request.appendTarget(to: target)
        }
        let targetEnd = target.writer
        switch policies.urlRewrite?.authority {
        case nil, .auto?: target.append(upstream.authorityBytes)
        case let rewrite?: target.append(rewrite.apply(client: request.authority.text, upstream: upstream.authority))
        }
        if let mirror = route.traffic?.mirror, request.upgrade == .none {
            let failure = await copy(exchange, body, to: mirror, target.view.slice(0, targetEnd), context)
            if let failure {
                record.reason = "request_body"
                record.detail = failure.description
                return await context.error(
                    exchange, status: failure.status, message: failure.clientMessage, code: "request_body")
            }
        }
        context.changeHeader(request.headers, backend)
        do throws(AuthError) {
            try UpstreamCredentials.apply(backend, to: request.headers, context)
        } catch {
            record.reason = "backend_auth"
            record.detail = error.description
            return await context.error(
                exchange, status: 500, message: "no credentials for the upstream could be made", code: "backend_auth")
        }

        var outgoing = OutgoingRequest(
            upstream: upstream, method: request.methodName, target: target.view.slice(0, targetEnd),
            authority: target.view.slice(targetEnd, target.writer), body: body)
        if let limit = policies.timeouts.request { outgoing.deadline = exchange.started + limit }
        record.upstream = upstream.name
        let edits = ResponseEdits(context: context, backend: backend)
        var forwarder = RetryingForwarder(context: context, timeouts: backend.timeouts(route), backend: backend)
        let authorities = IOBuffer(capacity: 64)
        if route.traffic?.retry != nil, route.hasInterchangeableBackends {
            var tried = [backend]
            forwarder.another = {
                let inputs = context.inputs(exchange)
                guard let next = route.pick(context, after: tried, inputs), let upstream = next.hostUpstream else {
                    return nil
                }
                tried.append(next)
                authorities.clear()
                authorities.append(upstream.authorityBytes)
                return (next, upstream, authorities.view)
            }
        }
        let counts = route.traffic?.choice?.balancing == .leastRequest
        if counts { context.worker.health.begin(upstream) }
        defer { if counts { context.worker.health.end(upstream) } }
        do throws(UpstreamError) {
            try await forwarder.forward(exchange, outgoing, filter: filter, onHead: edits.apply)
        } catch {
            record.reason = "upstream"
            record.detail = error.description
            await context.error(exchange, status: error.status, message: error.clientMessage, code: "upstream_error")
        }
    }
}

extension HTTPBackend {
    /// Sends a share of the requests to the mirror as well. Not nil: the client's body was not to be had.
    private static func copy(
        _ exchange: Exchange, _ body: ByteView?, to mirror: (upstream: Upstream, share: Double), _ target: ByteView,
        _ context: RouteContext
    ) async -> UpstreamError? {
        let worker = context.worker
        guard mirror.share >= 1 || Double.random(in: 0..<1, using: &worker.random) < mirror.share else { return nil }
        if let body {
            if body.count > Mirrors.bodyLimit {
                worker.mirrors.drop()
            } else {
                worker.mirrors.send(exchange, context, to: mirror.upstream, target: target, body: body)
            }
            return nil
        }
        switch exchange.request.framing {
        case .length(let count) where count > Mirrors.bodyLimit: worker.mirrors.drop()
        // To wait for the end of a stream would keep its request waiting.
        case .chunked, .untilClose: worker.mirrors.drop()
        case .none, .length:
            do throws(ExchangeError) {
                if try await exchange.hold(atMost: Mirrors.bodyLimit), let body = exchange.held {
                    worker.mirrors.send(exchange, context, to: mirror.upstream, target: target, body: body)
                }
            } catch { return .client(error) }
        }
        return nil
    }
}

extension CompiledBackend {
    /// The route's, and of one attempt the backend's own where the route sets none.
    func timeouts(_ route: CompiledRoute) -> Timeouts {
        var timeouts = route.route.policies.timeouts
        timeouts.backendRequest = timeouts.backendRequest ?? policies.requestTimeout
        return timeouts
    }
}

/// What is changed in the head of an upstream's reply: the backend's fixed fields, the route's, then computed ones.
struct ResponseEdits {
    let context: RouteContext
    let backend: CompiledBackend

    func apply(_ head: ResponseHead) {
        backend.policies.responseHeaders?.apply(to: head.headers)
        context.route?.route.policies.responseHeaders?.apply(to: head.headers)
        if let judged = context.judged {
            judged.response = HeadAttributes(head: head)
            let authorizer = context.worker.authorizer
            context.route?.traffic?.response?.apply(to: head.headers, judged, authorizer)
            backend.traffic?.response?.apply(to: head.headers, judged, authorizer)
            judged.response = nil
        }
        context.decorate(head)
    }
}

/// What the gateway shows an upstream that is no AI provider.
enum UpstreamCredentials {
    static func apply(
        _ backend: CompiledBackend, to headers: HeaderBlock, _ context: RouteContext
    ) throws(AuthError) {
        switch backend.policies.backendAuthentication {
        case nil, .passthrough?: return
        case .key(let secret, let location)?:
            set(secret, at: location ?? .bearer, headers)
        case .signedToken(let signing)?:
            let minter = try context.active.minter(signing, backend: backend.index)
            set(try minter.token(now: context.worker.unixTime), at: minter.location, headers)
        }
    }

    /// For an MCP target: a key of its own, or the client's credential; tokens of ours need a loop's minter.
    /// - Parameter credential: the client's `Authorization` field.
    static func apply(
        _ authentication: BackendAuthentication?, passing credential: Secret?, to headers: HeaderBlock
    ) {
        switch authentication {
        case .key(let secret, let location)?: set(secret, at: location ?? .bearer, headers)
        case .passthrough(let location)?:
            guard let credential else { return }
            guard let location else { return set(credential, at: .header(name: "authorization", prefix: ""), headers) }
            // Elsewhere the scheme is the location's to say.
            let bare = credential.withBytes { bytes -> Secret in
                let start = bytes.firstIndex(of: 0x20).map { $0 + 1 } ?? 0
                return Secret(bytes: Array(bytes[start...]))
            }
            set(bare, at: location, headers)
        case nil, .signedToken?: return
        }
    }

    private static func set(_ secret: Secret, at location: CredentialLocation, _ headers: HeaderBlock) {
        // The loader admits only fields for what is shown to an upstream.
        guard case .header(var name, var prefix) = location else { return }
        name.withUTF8 { name in prefix.withUTF8 { headers.set(ByteView(name), ByteView($0), secret) } }
    }
}
