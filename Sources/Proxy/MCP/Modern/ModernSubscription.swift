// `subscriptions/listen`: a modern client's stream of changes, fed from the servers' own streams.

import JSON

struct ModernSubscription {
    let request: MCPClientRequest
    let client: ModernClient
    let servers: ModernServers

    /// What the client wants to hear.
    private struct Filter {
        var methods: Set<String> = []
        var uris: [String] = []
        /// As their targets know them.
        var byTarget: [Int: [String]] = [:]
        var flags: [String] = []
    }

    private static let flags: [(name: String, method: ServerNotification)] = [
        ("toolsListChanged", .toolListChanged), ("promptsListChanged", .promptListChanged),
        ("resourcesListChanged", .resourceListChanged),
    ]

    func serve(_ message: RPCRequest, _ params: ClientParams) async throws(RPCError) {
        try request.judge(MCPCall(method: message.method, session: "", client: client.summary))
        guard let wanted = try params.object("notifications") else {
            throw RPCError(-32602, 400, "'notifications' must be an object")
        }
        let link = try await servers.link()
        var filter = Filter()
        for (name, method) in ModernSubscription.flags where wanted[name]?.bool == true {
            filter.methods.insert(method.rawValue)
            filter.flags.append(name)
        }
        for value in wanted["resourceSubscriptions" as StaticString]?.elements.prefix(256).map({ $0 }) ?? [] {
            guard let exposed = value.string else { throw RPCError(-32602, 400, "a resource is named by a string") }
            guard let (target, uri) = try await subscribe(exposed, link) else { continue }
            filter.uris.append(exposed)
            filter.byTarget[target, default: []].append(uri)
        }
        await stream(message.id, filter, link)
    }

    /// The target that will tell of changes; nil when it will not.
    private func subscribe(
        _ exposed: String, _ link: SessionLink
    ) async throws(RPCError) -> (target: Int, uri: String)? {
        guard let (target, uri) = request.names.resolve(uri: exposed) else { throw .unknownResource(exposed) }
        try request.judge(
            MCPCall(
                method: MCPMethod.resourcesSubscribe.rawValue, target: request.backend.targets[target].name,
                subject: .resource(uri: uri), session: "", client: client.summary),
            unknown: .unknownResource(exposed))
        // A modern server gets all that it is to tell with the stream.
        if link.isModern(target) { return (target, uri) }
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("uri")
            writer.value(uri)
        }
        do throws(TargetFailure) {
            let response = try await link.call(
                target,
                TargetRequest(
                    id: request.runtime.newID(), method: MCPMethod.resourcesSubscribe.rawValue, params: writer.bytes,
                    isRepeatable: true), watchesClient: false)
            if case .result = response.outcome { return (target, uri) }
            return nil
        } catch { throw .target(request.backend.targets[target].name, error) }
    }

    private func stream(_ id: RPCID, _ filter: Filter, _ link: SessionLink) async {
        let runtime = request.runtime
        let mailbox = Mailbox(loop: runtime.loop)
        let streams = RemoteStreams()
        let homed = link.token.home == nil ? nil : runtime.sessions[link.token.id]
        homed?.subscribe(mailbox)
        link.pooledStream?.subscribe(mailbox)
        await link.pooledStream?.open()
        for target in link.liveTargets where link.isModern(target) && !link.backend.targets[target].isHomed {
            let wanted = ModernSubscription.params(filter, target)
            runtime.loop.spawn { await LegacyStream.pump(link, target, mailbox, streams, filter: wanted) }
        }
        request.exchange.onDeparture { mailbox.close() }
        mailbox.postIdle(every: MCPLimits.keepAlive)
        runtime.opened(mailbox)
        if await request.reply.interim(acknowledgement(id, filter)) {
            relaying: while let event = await mailbox.next() {
                switch event {
                case .message(.notification(let notification), let target):
                    link.heard(notification, from: target)
                    guard let bytes = forClient(notification, target, id, filter) else { continue }
                    guard await request.reply.interim(bytes) else { break relaying }
                case .idle: guard await request.reply.keepAlive() else { break relaying }
                default: continue
                }
            }
        }
        request.exchange.onDeparture(nil)
        runtime.closed(mailbox)
        mailbox.close()
        streams.cancel()
        homed?.unsubscribe(mailbox)
        link.pooledStream?.unsubscribe(mailbox)
        if !request.exchange.isAborted { await request.reply.end() }
    }

    /// The params of `subscriptions/listen` for one modern server.
    private static func params(_ filter: Filter, _ target: Int) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("notifications")
            writer.object { writer in
                for flag in filter.flags {
                    writer.name(flag)
                    writer.value(true)
                }
                guard let uris = filter.byTarget[target] else { return }
                writer.name("resourceSubscriptions")
                writer.array { writer in for uri in uris { writer.value(uri) } }
            }
        }
        return writer.text
    }

    private func acknowledgement(_ id: RPCID, _ filter: Filter) -> [UInt8] {
        RPCWriter.notification("notifications/subscriptions/acknowledged") { writer in
            writer.object { writer in
                writer.name("_meta")
                writer.object { writer in
                    writer.name(ModernRequest.Key.subscription)
                    id.write(&writer)
                }
                writer.name("notifications")
                writer.object { writer in
                    for flag in filter.flags {
                        writer.name(flag)
                        writer.value(true)
                    }
                    if !filter.uris.isEmpty {
                        writer.name("resourceSubscriptions")
                        writer.array { writer in for uri in filter.uris { writer.value(uri) } }
                    }
                }
            }
        }
    }

    private func forClient(
        _ notification: RPCNotification, _ target: Int, _ id: RPCID, _ filter: Filter
    ) -> [UInt8]? {
        var exposed: String?
        if notification.method == ServerNotification.resourceUpdated.rawValue {
            guard let uri = notification.params?["uri" as StaticString]?.string else { return nil }
            let name = request.names.uri(uri, of: target)
            guard filter.uris.contains(name) else { return nil }
            exposed = name
        } else if !filter.methods.contains(notification.method) {
            return nil
        }
        return RPCWriter.notification(notification.method) { writer in
            writer.object { writer in
                writer.name("_meta")
                writer.object { writer in
                    writer.name(ModernRequest.Key.subscription)
                    id.write(&writer)
                }
                if let exposed {
                    writer.name("uri")
                    writer.value(exposed)
                }
            }
        }
    }
}
