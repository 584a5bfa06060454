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
        policies.requestHeaders?.apply(to: request.headers)
        backend.policies.requestHeaders?.apply(to: request.headers)
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
        outgoing.connectRetries = policies.retry?.attempts ?? 1
        if let limit = policies.timeouts.request ?? backend.policies.requestTimeout {
            outgoing.deadline = exchange.started + limit
        }
        record.upstream = upstream.name
        let edits = ResponseEdits(
            context: context, route: policies.responseHeaders, backend: backend.policies.responseHeaders)
        do throws(UpstreamError) {
            try await Forwarder.forward(
                exchange, outgoing, core: context.worker.core, filter: filter, onHead: edits.apply)
        } catch {
            record.reason = "upstream"
            record.detail = error.description
            await context.error(exchange, status: error.status, message: error.clientMessage, code: "upstream_error")
        }
    }
}

/// What is changed in the head of an upstream's reply.
struct ResponseEdits {
    let context: RouteContext
    let route: HeaderModifier?
    let backend: HeaderModifier?

    func apply(_ head: ResponseHead) {
        backend?.apply(to: head.headers)
        route?.apply(to: head.headers)
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
