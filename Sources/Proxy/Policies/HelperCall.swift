// One request of the gateway's own to a service that helps it: a copy for a mirror, a question to an authorizer. Its reply
// is read whole, within a bound.

struct HelperCall {
    struct Reply {
        let head: ResponseHead
        /// Cut at the bound.
        let body: [UInt8]
    }

    let upstream: Upstream
    let method: [UInt8]
    let target: [UInt8]
    /// Sent as they are; framing is added.
    let headers: HeaderBlock
    let body: [UInt8]
    let deadline: MonotonicTime
    /// Bytes of the reply's body that are kept; a longer one costs the connection.
    let replyLimit: Int
    /// Whether it may be sent a second time when a kept connection breaks under it.
    let isRepeatable: Bool

    func run(_ core: LoopCore) async throws(UpstreamError) -> Reply {
        var fresh = false
        while true {
            let call = try await UpstreamCall(core, upstream, fresh: fresh, deadline: deadline)
            do throws(UpstreamError) {
                return try await exchange(call)
            } catch {
                call.abandon()
                guard case .broken = error, call.isReused, isRepeatable, !fresh else { throw error }
                fresh = true
            }
        }
    }

    private func exchange(_ call: UpstreamCall) async throws(UpstreamError) -> Reply {
        let sent = IOBuffer(capacity: method.count + target.count + body.count + 1)
        sent.append(method)
        sent.append(target)
        sent.append(body)
        let targetEnd = method.count + target.count
        let view = sent.view
        let name = view.slice(0, method.count)
        let kind = HTTPMethod(name)
        let announces = kind == .post || kind == .put || kind == .patch
        let authority = IOBuffer(capacity: upstream.authorityBytes.count + 1)
        authority.append(upstream.authorityBytes)
        call.writeHead(
            method: name, target: view.slice(method.count, targetEnd), authority: authority.view, headers: headers,
            framing: body.isEmpty && !announces ? .none : .length(body.count))
        try await call.send(view.slice(targetEnd, view.count))
        let head = ResponseHead()
        try await call.readHead(into: head, toHead: kind == .head) { _ in }
        let collected = IOBuffer(capacity: 1024)
        do throws(ExchangeError) {
            while let piece = try await call.connection.input.nextBody() {
                let room = replyLimit - collected.readableBytes
                collected.append(piece.slice(0, min(room, piece.count)))
                guard piece.count <= room else {
                    call.abandon()
                    return Reply(head: owned(head), body: collected.view.bytes)
                }
            }
        } catch { throw call.classify(error) }
        let reply = Reply(head: owned(head), body: collected.view.bytes)
        call.finish(head)
        return reply
    }

    /// The head's fields lie in the connection's buffer, which serves others next.
    private func owned(_ head: ResponseHead) -> ResponseHead {
        let copy = ResponseHead()
        copy.status = head.status
        head.headers.forEach { copy.headers.append($0, $1) }
        return copy
    }
}
