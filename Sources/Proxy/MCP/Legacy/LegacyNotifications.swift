// What a legacy client says without waiting for an answer: notifications, and the answers to servers' requests.

import JSON

struct LegacyNotifications {
    let request: MCPClientRequest
    let link: SessionLink

    func take(_ notification: RPCNotification) async throws(RPCError) {
        guard let kind = ClientNotification(rawValue: notification.method) else {
            throw RPCError(-32601, 400, "Unknown notification: \(notification.method)")
        }
        let params = try ClientParams(notification.params)
        try request.judge(
            MCPCall(method: notification.method, session: link.token.idText, client: link.token.client))
        let encoded = params.encoded()
        let message = RPCWriter.notification(
            notification.method, params: encoded.map { encoded in { $0.raw(encoded) } })
        switch kind {
        case .cancelled:
            guard let id = params.value?["requestId" as StaticString].flatMap({ RPCID($0) }) else {
                throw .invalidRequest("'requestId' must be a string or an integer")
            }
            link.cancel(id, reason: params.value?["reason" as StaticString]?.string ?? "")
        case .initialized, .progress, .rootsListChanged, .taskStatus:
            await link.sendToAll(message)
        }
    }

    /// The answer to a request that a server has made through us. Only an id that we have sealed for this session names
    /// one; anything else is refused.
    func take(_ response: RPCResponse) async throws(RPCError) {
        guard case .text(let sealed)? = response.id,
            let origin = RequestOrigin(sealed, link.runtime.service.seal, session: link.token.idText),
            let target = link.backend.byName[origin.target]
        else { throw .invalidRequest("a response to a request that was not made") }
        request.record.target = origin.target
        guard case .result(let result) = response.outcome, request.names.wrapsURIs,
            let meta = result["_meta" as StaticString], RelatedTask.id(in: meta) != nil
        else { return await link.send(RPCWriter.response(origin.id, response.outcome), to: target) }
        // The server knows its task under the id that it gave it.
        let names = request.names
        let message = RPCWriter.result(origin.id) { writer in
            writer.object { writer in
                writer.copyMembers(of: result, except: ["_meta"])
                writer.name("_meta")
                RelatedTask.write(meta, &writer) { id in
                    names.resolve(uri: id).map { $0.target == target ? $0.uri : id } ?? id
                }
            }
        }
        await link.send(message, to: target)
    }
}

/// Where a server's request came from, sealed into the id under which the client sees it: no table has to remember it.
struct RequestOrigin {
    let target: String
    let id: RPCID

    init(target: String, id: RPCID) {
        self.target = target
        self.id = id
    }

    func sealed(_ seal: Seal, session: String) -> String? {
        let text =
            switch id {
            case .integer(let number): "\(target)\ni\(number)"
            case .text(let text): "\(target)\nt\(text)"
            }
        return seal.seal(Array(text.utf8), .request, boundTo: session)
    }

    init?(_ sealed: String, _ seal: Seal, session: String) {
        guard let bytes = seal.open(sealed.utf8, .request, boundTo: session),
            let end = bytes.firstIndex(of: 0x0a), end + 1 < bytes.count
        else { return nil }
        target = String(decoding: bytes[..<end], as: UTF8.self)
        let rest = String(decoding: bytes[(end + 2)...], as: UTF8.self)
        if bytes[end + 1] == UInt8(ascii: "i") {
            guard let number = Int64(rest) else { return nil }
            id = .integer(number)
        } else {
            id = .text(rest)
        }
    }
}
