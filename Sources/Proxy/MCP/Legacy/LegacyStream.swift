// GET: the stream on which a legacy client hears what belongs to no request of its own, from all targets.

struct LegacyStream {
    let request: MCPClientRequest
    let link: SessionLink

    func serve() async {
        let runtime = link.runtime
        let mailbox = Mailbox(loop: runtime.loop)
        let streams = RemoteStreams()
        if let home = link.home {
            let id = link.token.id
            let listening = await home.loop.perform { () -> Bool in
                guard let session = home.sessions[id] else { return false }
                session.listen(mailbox)
                return true
            }
            guard listening else { return await request.fail(nil, .unknownSession) }
        }
        for target in link.liveTargets where !link.backend.targets[target].isHomed {
            runtime.loop.spawn { [link] in await LegacyStream.pump(link, target, mailbox, streams) }
        }
        request.exchange.onDeparture { mailbox.close() }
        mailbox.postIdle(every: MCPLimits.keepAlive)
        runtime.opened(mailbox)
        if await request.reply.beginStream() {
            // A comment, so that clients and proxies see a first byte.
            _ = await request.reply.keepAlive()
            await relay(mailbox)
        }
        request.exchange.onDeparture(nil)
        runtime.closed(mailbox)
        mailbox.close()
        streams.cancel()
        if let home = link.home {
            let id = link.token.id
            home.run { home.sessions[id]?.stopListening(mailbox) }
        }
        if !request.exchange.isAborted { await request.reply.end() }
    }

    private func relay(_ mailbox: Mailbox) async {
        let messages = ServerMessages(link: link)
        while let event = await mailbox.next() {
            switch event {
            case .message(let message, let target):
                let (bytes, answer) = messages.forClient(message, from: target)
                if let answer { await link.send(answer, to: target) }
                if let bytes, !(await request.reply.interim(bytes)) { return }
            case .idle:
                guard await request.reply.keepAlive() else { return }
            case .failed, .encoded: continue
            }
        }
    }

    /// Every change of a list.
    static let everything =
        #"{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true}}"#

    /// Reads the stream of a target over HTTP. A server that offers none answers 405, and that is all.
    /// - Parameters:
    ///   - filter: the params of `subscriptions/listen`, for a modern server.
    ///   - ready: is told once when the server has answered, whatever it says.
    static func pump(
        _ link: SessionLink, _ target: Int, _ mailbox: Mailbox, _ streams: RemoteStreams, filter: String = everything,
        ready: Mailbox? = nil
    ) async {
        guard let http = link.httpLink(target) else {
            ready?.post(.idle)
            return
        }
        let state = link.token.state(of: link.backend.targets[target].name)
        var delay = Duration.seconds(1)
        while !mailbox.isClosed {
            do throws(TargetFailure) {
                var context = HTTPMessageContext(
                    session: state?.session, version: state?.version, travelling: link.travelling,
                    deadline: link.runtime.loop.now + .seconds(30))
                var message: [UInt8] = []
                if link.isModern(target) {
                    let request = TargetRequest(
                        id: link.runtime.newID(), method: MCPMethod.listen.rawValue, params: Array(filter.utf8))
                    let modern = link.modern(request, target)
                    message = modern.message(id: modern.id)
                    context.mirrored = modern.mirrored
                }
                let reply = try await http.open(message.isEmpty ? .get : .post, message, context)
                defer { reply.close() }
                ready?.post(.idle)
                guard reply.status == 200, reply.isStream, !mailbox.isClosed else { return }
                reply.waitForever()
                streams.add(reply)
                delay = .seconds(1)
                while let message = try await reply.next() { mailbox.post(.message(message, target: target)) }
            } catch {
                ready?.post(.idle)
                if case .sessionLost = error { return }
            }
            // Servers end streams as they like; the client's goes on, so theirs is opened again.
            if mailbox.isClosed { return }
            await link.runtime.loop.sleep(for: delay)
            delay = min(delay * 2, .seconds(30))
        }
    }
}

/// The open streams behind one client's stream. Confined to its loop.
final class RemoteStreams: @unchecked Sendable {
    private var replies: [HTTPReply] = []
    private var isCancelled = false

    func add(_ reply: HTTPReply) {
        replies.append(reply)
        if isCancelled { reply.cancel() }
    }

    func cancel() {
        isCancelled = true
        for reply in replies { reply.cancel() }
    }
}
