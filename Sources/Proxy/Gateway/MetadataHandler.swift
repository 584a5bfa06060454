// The OAuth metadata of protected routes (RFC 9728), and for providers with quirks the authorization server's, rewritten.
// Served without credentials: these endpoints are how a client learns to get some.

import Auth

enum MetadataHandler {
    /// A token request is a short form.
    private static let maximumForm = 64 * 1024

    /// False: no protected route is meant, and the request takes its ordinary way.
    static func serve(
        _ exchange: Exchange, _ endpoint: MetadataEndpoint, _ listener: CompiledListener, _ worker: LoopWorker,
        _ record: inout RequestRecord
    ) async -> Bool {
        let attributes = ExchangeAttributes(exchange: exchange)
        guard let (route, resource) = protectedRoute(exchange.request, endpoint, listener) else { return false }
        record.route = route.label
        record.reason = "metadata"
        if let reply = resource.reply(to: endpoint, attributes, base: nil) {
            await send(exchange, reply)
            return true
        }
        let path = endpoint.resourcePath == "/" ? "" : endpoint.resourcePath
        do throws(AuthError) {
            let fetch = HTTPFetch(loop: worker.loop, resolver: worker.core.resolver)
            let proxy = try await worker.authorizationServers.proxy(for: resource, fetch)
            switch endpoint.kind {
            case .protectedResource: return false
            case .authorizationServer:
                await send(exchange, proxy.document(for: attributes, path: path, base: nil))
            case .authorize:
                await send(exchange, try proxy.authorize(query: (exchange.request.query ?? .empty).buffer))
            case .token:
                guard let form = await collect(exchange) else { return true }
                if let refusal = proxy.refusal(ofForm: form.view.buffer) {
                    await send(exchange, refusal)
                    return true
                }
                let (url, body) = try proxy.token(form: form.view.buffer)
                let bytes = body.withBytes { Array($0) }
                let credentials = resource.addsClientSecret ? nil : basicCredentials(exchange)
                await pass(
                    exchange, KeySetRequest(url: url, rules: resource.fetchRules), "application/x-www-form-urlencoded",
                    bytes, authorization: credentials, worker, &record)
            case .clientRegistration:
                guard let form = await collect(exchange) else { return true }
                switch try proxy.register(body: form.view.buffer) {
                case .reply(let reply): await send(exchange, reply)
                case .forward(let url, let body):
                    await pass(
                        exchange, KeySetRequest(url: url, rules: resource.fetchRules), "application/json", body, worker,
                        &record)
                }
            }
        } catch {
            record.detail = error.description
            await Reply.error(
                exchange, status: 502, message: "the authorization server's metadata is not available",
                code: "authorization_server")
        }
        return true
    }

    /// The route that takes the resource's path, when it is one of MCP Authorization.
    static func protectedRoute(
        _ head: RequestHead, _ endpoint: MetadataEndpoint, _ listener: CompiledListener
    ) -> (CompiledRoute, ProtectedResource)? {
        let path = IOBuffer(capacity: 64)
        path.append(endpoint.resourcePath)
        let request = RoutableRequest(
            method: ByteView("POST"), host: head.host, path: path.view, query: nil,
            headers: head.headers)
        if let match = listener.table.match(request),
            let resource = listener.routes[match.route].authentication?.protectedResource
        {
            return (listener.routes[match.route], resource)
        }
        // The root form names no path: with a single protected route there is no doubt which is meant.
        guard endpoint.resourcePath == "/" else { return nil }
        let candidates = listener.routes.filter { $0.authentication?.protectedResource != nil }
        guard candidates.count == 1, let resource = candidates[0].authentication?.protectedResource else { return nil }
        return (candidates[0], resource)
    }

    private static func collect(_ exchange: Exchange) async -> IOBuffer? {
        let form = IOBuffer(capacity: 1024)
        do throws(ExchangeError) {
            try await exchange.collectBody(limit: maximumForm, into: form)
            return form
        } catch {
            let failure = UpstreamError.client(error)
            await Reply.error(
                exchange, status: failure.status, message: failure.clientMessage, code: "request_body")
            return nil
        }
    }

    /// Sends a request of the client's on to the authorization server and its answer back.
    private static func pass(
        _ exchange: Exchange, _ request: KeySetRequest, _ contentType: StaticString, _ body: [UInt8],
        authorization: [UInt8]? = nil, _ worker: LoopWorker, _ record: inout RequestRecord
    ) async {
        let fetch = HTTPFetch(loop: worker.loop, resolver: worker.core.resolver)
        switch await fetch.post(request, contentType: contentType, body: body, authorization: authorization) {
        case .failure(let reason):
            record.detail = reason.description
            await Reply.error(
                exchange, status: 502, message: "the authorization server could not be reached",
                code: "authorization_server")
        case .success(let response):
            await Reply.send(
                exchange, status: response.status, contentType: "application/json", body: response.body,
                headers: [("access-control-allow-origin", "*"), ("cache-control", "no-store")])
        }
    }

    /// A registered client may say who it is in the header (RFC 6749 §2.3.1). Any other scheme is not for this server.
    private static func basicCredentials(_ exchange: Exchange) -> [UInt8]? {
        guard let value = exchange.request.headers.first(.authorization) else { return nil }
        let bytes = value.bytes
        let scheme = Array("basic ".utf8)
        guard bytes.count > scheme.count, zip(bytes, scheme).allSatisfy({ $0 == $1 || $0 | 0x20 == $1 }) else {
            return nil
        }
        return bytes
    }

    private static func send(_ exchange: Exchange, _ reply: MetadataReply) async {
        var headers = reply.headers.map { ($0.name, $0.value) }
        headers.removeAll { $0.0 == "content-type" }
        await Reply.send(
            exchange, status: reply.status, contentType: "application/json", body: reply.body, headers: headers)
    }
}
