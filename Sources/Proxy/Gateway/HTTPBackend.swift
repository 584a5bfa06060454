// The plain backend: the request goes to an HTTP upstream as it came, but for what policies change.

import Auth

enum HTTPBackend {
    static func serve(
        _ exchange: Exchange, _ upstream: Upstream, _ route: CompiledRoute, _ backend: CompiledBackend,
        _ match: RouteTable.Match, _ context: RouteContext, _ record: inout RequestRecord
    ) async {
        let request = exchange.request
        let policies = route.route.policies
        let target = IOBuffer(capacity: 256)
        if let rewrite = policies.urlRewrite?.path {
            target.append(rewrite.apply(to: request.path, prefixLength: match.prefixLength))
            if let query = request.query {
                target.append(UInt8(ascii: "?"))
                target.append(query)
            }
        } else {
            request.appendTarget(to: target)
        }
        let rewrite = policies.urlRewrite?.authority ?? .auto
        let authority = IOBuffer(capacity: 64)
        authority.append(rewrite.apply(client: request.authority.text, upstream: upstream.authority))
        policies.requestHeaders?.apply(to: request.headers)
        backend.policies.requestHeaders?.apply(to: request.headers)
        UpstreamCredentials.apply(backend.policies.backendAuthentication, to: request.headers)

        var outgoing = OutgoingRequest(
            upstream: upstream, method: request.methodName, target: target.view, authority: authority.view)
        outgoing.connectRetries = policies.retry?.attempts ?? 1
        if let limit = policies.timeouts.request ?? backend.policies.requestTimeout {
            outgoing.deadline = exchange.started + limit
        }
        record.upstream = upstream.key.endpoint.description
        let edits = ResponseEdits(context: context, route: policies.responseHeaders, backend: backend.policies.responseHeaders)
        do throws(UpstreamError) {
            try await Forwarder.forward(exchange, outgoing, core: context.worker.core, onHead: edits.apply)
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
    static func apply(_ authentication: BackendAuthentication?, to headers: HeaderBlock) {
        guard case .key(let secret, let location)? = authentication else { return }
        let value = IOBuffer(capacity: 256)
        switch location {
        case .header(let name, let prefix)?:
            value.append(prefix)
            secret.withBytes { value.append(ByteView($0.bindMemory(to: UInt8.self))) }
            headers.remove(named: name)
            var name = name
            name.withUTF8 { headers.append(ByteView($0), value.view) }
        default:
            value.append("Bearer ")
            secret.withBytes { value.append(ByteView($0.bindMemory(to: UInt8.self))) }
            headers.set(.authorization, value.view)
        }
    }
}
