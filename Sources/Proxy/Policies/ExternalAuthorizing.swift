// `extAuthz` on the way of a request: after credentials, before rules. The service says yes with a 2xx; everything else it
// says goes to the client. When it says nothing, the request is refused, unless the configuration says otherwise.

import Auth
import CEL

final class CompiledExternalAuthorization: Sendable {
    /// Of a refusal that is passed on to the client.
    fileprivate static let replyLimit = 64 * 1024
    /// Fields of a refusal that a client needs; what else a service says of itself stays inside.
    fileprivate static let passedOn = ["www-authenticate", "location", "set-cookie", "retry-after", "cache-control"]

    let policy: ExternalAuthorization
    fileprivate let upstream: Upstream
    fileprivate let path: PolicyExpression?
    fileprivate let redirect: PolicyExpression?
    fileprivate let addRequestHeaders: [(name: String, value: PolicyExpression)]

    init(_ policy: ExternalAuthorization, upstream: Upstream) throws(SnapshotError) {
        self.policy = policy
        self.upstream = upstream
        path = try policy.path.map { (source) throws(SnapshotError) in try .compiled(source) }
        redirect = try policy.redirect.map { (source) throws(SnapshotError) in try .compiled(source) }
        var fields: [(name: String, value: PolicyExpression)] = []
        for field in policy.addRequestHeaders { fields.append((field.name, try .compiled(field.value))) }
        addRequestHeaders = fields
    }
}

/// What came of asking.
enum ExternalVerdict {
    case allowed
    /// - Parameter headers: names are lowercase.
    case refused(status: Int, contentType: String?, body: [UInt8], headers: [(String, String)])
    /// The service said nothing of use, or the question could not be put.
    case failed(status: Int, reason: String)
    /// The client's body was not to be had.
    case client(UpstreamError)
}

extension CompiledExternalAuthorization {
    /// Asks the service. The request's fields that only the service may set are set or gone afterwards, whatever it said.
    func judge(_ exchange: Exchange, _ inputs: RuleInputs, _ worker: LoopWorker) async -> ExternalVerdict {
        let request = exchange.request
        let headers = HeaderBlock()
        for name in policy.includeRequestHeaders {
            copy(name, from: request.headers, to: headers)
        }
        for (name, expression) in addRequestHeaders {
            headers.remove(named: name)
            if let value = HeaderText.of(worker.authorizer.value(expression, inputs)) { headers.append(name, value) }
        }
        headers.append(.xForwardedFor, exchange.connection.peerIPView)
        headers.append(.xForwardedProto, ByteView(exchange.connection.isSecure ? "https" : "http"))
        if request.authority.count > 0 { headers.append(.xForwardedHost, request.authority) }
        // Whatever the service will say, no client may say in its place.
        for name in policy.includeResponseHeaders { request.headers.remove(named: name) }

        guard let target = target(request, inputs, worker.authorizer) else {
            return .failed(status: 403, reason: "the path for the service could not be computed")
        }
        if let limit = policy.bodyLimit {
            do throws(ExchangeError) {
                guard try await exchange.hold(atMost: limit) else {
                    return .failed(status: 413, reason: "the body is too large to be judged")
                }
            } catch { return .client(.client(error)) }
            headers.append("x-envoy-auth-partial-body", "false")
        }
        let body = policy.bodyLimit == nil ? [] : exchange.held?.bytes ?? []
        let call = HelperCall(
            upstream: upstream, method: request.methodName.bytes, target: target, headers: headers, body: body,
            deadline: .now + policy.timeout, replyLimit: Self.replyLimit, isRepeatable: true)
        let reply: HelperCall.Reply
        do throws(UpstreamError) {
            reply = try await call.run(worker.core)
        } catch { return unavailable(error.description) }
        switch reply.head.status {
        case 200..<300:
            for name in policy.includeResponseHeaders { copy(name, from: reply.head.headers, to: request.headers) }
            return .allowed
        case 500...: return unavailable("the service answered \(reply.head.status)")
        case 401, 403:
            guard let redirect else { return refusal(reply) }
            guard case .string(let place)? = worker.authorizer.value(redirect, inputs), !place.isEmpty,
                HeaderText.of(.string(place)) != nil
            else { return .failed(status: 403, reason: "the redirect could not be computed") }
            return .refused(status: 302, contentType: nil, body: [], headers: [("location", place)])
        default: return refusal(reply)
        }
    }

    private func unavailable(_ reason: String) -> ExternalVerdict {
        switch policy.failureMode {
        case .allow: .allowed
        case .deny(let status): .failed(status: status, reason: reason)
        }
    }

    private func refusal(_ reply: HelperCall.Reply) -> ExternalVerdict {
        var headers: [(String, String)] = []
        for name in Self.passedOn {
            var text = name
            text.withUTF8 { bytes in
                reply.head.headers.forEach(named: ByteView(bytes)) { headers.append((name, $0.text)) }
            }
        }
        let type = reply.head.headers.first(.contentType)?.text
        return .refused(
            status: max(300, reply.head.status), contentType: type, body: reply.body, headers: headers)
    }

    private func copy(_ name: String, from source: HeaderBlock, to destination: HeaderBlock) {
        var text = name
        text.withUTF8 { name in
            source.forEach(named: ByteView(name)) { destination.append(ByteView(name), $0) }
        }
    }

    /// The request's own path and query, or what the expression says. nil: it says no path.
    private func target(_ request: RequestHead, _ inputs: RuleInputs, _ authorizer: Authorizer) -> [UInt8]? {
        guard let path else {
            let buffer = IOBuffer(capacity: 256)
            request.appendTarget(to: buffer)
            return buffer.view.bytes
        }
        guard case .string(let text)? = authorizer.value(path, inputs), text.hasPrefix("/"),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "#") })
        else { return nil }
        return Array(text.utf8)
    }
}
