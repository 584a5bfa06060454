// The servers' own streams of a session that the gateway keeps for modern clients: servers of the session era ask there
// what they want to know for a call, and tell of changes. One for each session; a server takes no second one.

import JSON

/// Confined to its loop.
final class PooledStream: @unchecked Sendable {
    /// For a server to answer the request for its stream.
    private static let openingTime = Duration.seconds(5)

    private let link: SessionLink
    private let mailbox: Mailbox
    private let streams = RemoteStreams()
    private var subscribers: [Mailbox] = []
    /// Under way.
    private var calls: [SuspendedCall] = []
    private var isOpen = false

    init(_ link: SessionLink) {
        self.link = link
        mailbox = Mailbox(loop: link.runtime.loop)
    }

    deinit { streams.cancel() }

    /// Opens the streams, once, and comes back when the servers have answered.
    func open() async {
        guard !isOpen else { return }
        isOpen = true
        let runtime = link.runtime
        let targets = link.liveTargets.filter { !link.backend.targets[$0].isHomed && !link.isModern($0) }
        guard !targets.isEmpty else { return }
        let ready = Mailbox(loop: runtime.loop)
        runtime.watch(ready, until: runtime.loop.now + PooledStream.openingTime)
        defer {
            runtime.unwatch(ready)
            ready.close()
        }
        for target in targets {
            runtime.loop.spawn { [link, mailbox, streams] in
                await LegacyStream.pump(link, target, mailbox, streams, ready: ready)
            }
        }
        runtime.loop.spawn { [weak self, mailbox] in
            while let event = await mailbox.next() { self?.take(event) }
        }
        for _ in targets { if case .failed? = await ready.next() { return } }
    }

    func close() {
        mailbox.close()
        streams.cancel()
        for subscriber in subscribers { subscriber.close() }
    }

    func subscribe(_ mailbox: Mailbox) { subscribers.append(mailbox) }
    func unsubscribe(_ mailbox: Mailbox) { subscribers.removeAll { $0 === mailbox } }
    func begin(_ call: SuspendedCall) { calls.append(call) }
    func end(_ call: SuspendedCall) { calls.removeAll { $0 === call } }

    private func take(_ event: Mailbox.Event) {
        guard case .message(let message, let target) = event else { return }
        switch message {
        case .notification(let notification):
            link.heard(notification, from: target)
            for subscriber in subscribers { subscriber.post(event) }
        case .request(let request):
            let candidates = calls.filter { $0.target == target }
            // With several calls under way it cannot be told whose the question is, and a caller must not get another's.
            if candidates.count == 1 { return candidates[0].hear(message) }
            let refusal =
                request.method == ServerRequest.ping.rawValue
                ? RPCWriter.result(request.id) { $0.object { _ in } }
                : RPCWriter.error(
                    request.id, RPCError(-32603, 200, "No request is under way that this could belong to"))
            let link = link
            link.runtime.loop.spawn { await link.send(refusal, to: target) }
        case .response: return
        }
    }
}
