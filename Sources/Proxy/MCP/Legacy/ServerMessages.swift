// What servers say to a legacy client outside of their answers, on its way through: notifications with exposed names,
// requests under sealed ids.

import JSON

struct ServerMessages {
    let link: SessionLink

    /// The message as the client is to see it; nil when it is not for clients. `answer` is for the target.
    func forClient(_ message: RPCMessage, from target: Int) -> (bytes: [UInt8]?, answer: [UInt8]?) {
        let name = link.backend.targets[target].name
        switch message {
        case .response:
            return (nil, nil)
        case .notification(let notification):
            guard let kind = ServerNotification(rawValue: notification.method) else {
                link.runtime.log(.info, "mcp target '\(name)' sent an unknown notification")
                return (nil, nil)
            }
            link.heard(notification, from: target)
            // The id that it names is not the one the client knows; the request simply gets no answer.
            if kind == .cancelled { return (nil, nil) }
            let rewriter = ResultRewriter(names: ExposedNames(backend: link.backend), target: target)
            let params = notification.params
            return (
                RPCWriter.notification(
                    notification.method,
                    params: params.map { params in { rewriter.notificationParams(params, of: kind, &$0) } }), nil
            )
        case .request(let request):
            if request.method == ServerRequest.ping.rawValue {
                return (nil, RPCWriter.result(request.id) { $0.object { _ in } })
            }
            guard let kind = ServerRequest(rawValue: request.method) else {
                return (nil, RPCWriter.error(request.id, .unknownMethod(request.method)))
            }
            if let needed = kind.capability, !link.token.capabilities.contains(needed) {
                let error = RPCError(-32601, 200, "The client has no capability '\(needed)'")
                return (nil, RPCWriter.error(request.id, error))
            }
            if kind == .tasksList, link.backend.targets.count > 1 {
                // The client's tasks are for different servers, and which is whose it does not say.
                return (nil, RPCWriter.error(request.id, .unknownMethod(request.method)))
            }
            guard
                let sealed = RequestOrigin(target: name, id: request.id)
                    .sealed(link.runtime.service.seal, session: link.token.idText)
            else { return (nil, RPCWriter.error(request.id, RPCError(-32603, 200, "Internal error"))) }
            let rewriter = ResultRewriter(names: ExposedNames(backend: link.backend), target: target)
            let params = request.params
            return (
                RPCWriter.request(
                    .text(sealed), request.method,
                    params: params.map { params in { rewriter.requestParams(params, &$0) } }), nil
            )
        }
    }
}
