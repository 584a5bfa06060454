// How a session with a target over HTTP begins: in the era that suits the client, else in the other.

import JSON

struct HTTPHandshake {
    /// For how long a target that did not know `server/discover` is not asked again.
    private static let memory = Duration.seconds(600)

    let link: SessionLink
    let http: HTTPServerLink
    /// The params of `initialize`.
    let greeting: [UInt8]

    /// The answer, in the form of one to `initialize`, and the target's session.
    func run(prefersModern: Bool) async throws(TargetFailure) -> (JSONValue, session: String?) {
        let key = "\(link.backend.signature.hexadecimal)/\(http.target.name)"
        let runtime = link.runtime
        if prefersModern, runtime.legacyTargets[key].map({ $0 < runtime.loop.now }) ?? true {
            if let discovered = try await discover(isForLegacy: false) { return (discovered, nil) }
            if runtime.legacyTargets.count > 1024 { runtime.legacyTargets.removeAll() }
            runtime.legacyTargets[key] = runtime.loop.now + HTTPHandshake.memory
        }
        do throws(TargetFailure) {
            return try await initialize()
        } catch {
            // A server that cannot be reached speaks no other era either.
            guard case .badAnswer = error, let discovered = try await discover(isForLegacy: !prefersModern) else {
                throw error
            }
            runtime.legacyTargets[key] = nil
            return (discovered, nil)
        }
    }

    private var context: HTTPMessageContext {
        HTTPMessageContext(
            travelling: link.travelling, deadline: link.runtime.loop.now + MCPLimits.handshakeTimeout,
            isRepeatable: true)
    }

    private func initialize() async throws(TargetFailure) -> (JSONValue, session: String?) {
        let request = TargetRequest(
            id: .integer(0), method: MCPMethod.initialize.rawValue, params: greeting, isRepeatable: true)
        let reply = try await http.open(.post, request.message(id: request.id), context)
        defer { reply.close() }
        if let failure = reply.failure(hasSession: false) { throw failure }
        guard let response = try await response(reply) else { throw .badAnswer("no answer to 'initialize'") }
        guard case .result(let result) = response.outcome else { throw .badAnswer("it refused 'initialize'") }
        return (result, reply.session)
    }

    /// nil: the server does not speak the modern era.
    private func discover(isForLegacy: Bool) async throws(TargetFailure) -> JSONValue? {
        let params = ModernEnvelope(greeting: greeting).params(nil)
        let request = TargetRequest(
            id: .integer(0), method: MCPMethod.discover.rawValue, params: params, isRepeatable: true)
        var context = context
        context.version = .latestModern
        context.mirrored = ModernEnvelope.headers(request.method, nil, schema: nil)
        let reply = try await http.open(.post, request.message(id: request.id), context)
        defer { reply.close() }
        switch reply.failure(hasSession: false) {
        case nil: break
        case .badAnswer?: return nil
        case let failure?: throw failure
        }
        guard case .result(let result)? = try await response(reply)?.outcome else { return nil }
        return ModernEnvelope.greeting(result, isForLegacy: isForLegacy)
    }

    private func response(_ reply: HTTPReply) async throws(TargetFailure) -> RPCResponse? {
        while let message = try await reply.next() {
            if case .response(let response) = message { return response }
        }
        return nil
    }
}
