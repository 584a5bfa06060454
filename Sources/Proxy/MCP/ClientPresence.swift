// Whether a client still waits for what it has asked, over either version of HTTP: what works for it ends when it leaves.

/// Of one request; confined to its loop.
final class ClientPresence {
    /// What servers are told.
    static let reason = "the client has gone"

    private let exchange: Exchange
    private var actions: [Int: () -> Void] = [:]
    private var lastKey = 0
    private(set) var hasLeft = false

    init(_ exchange: Exchange) { self.exchange = exchange }

    /// Has `action` run once, on the loop, if the client leaves; at once when it has left.
    /// - Returns: what ends that.
    func onLeave(_ action: @escaping () -> Void) -> Int {
        lastKey += 1
        if hasLeft {
            action()
            return lastKey
        }
        actions[lastKey] = action
        if actions.count == 1 { exchange.onHangup { [self] in leave() } }
        return lastKey
    }

    /// Ends what `onLeave` has begun.
    func forget(_ key: Int?) {
        guard let key, actions.removeValue(forKey: key) != nil, actions.isEmpty else { return }
        exchange.onHangup(nil)
    }

    /// Waits for the client to leave, but not longer than `limit`. True when it has.
    func departure(within limit: Duration, _ loop: EventLoop) async -> Bool {
        if hasLeft { return true }
        let mailbox = Mailbox(loop: loop)
        let leaving = onLeave { mailbox.close() }
        loop.spawn {
            await loop.sleep(for: limit)
            mailbox.close()
        }
        _ = await mailbox.next()
        forget(leaving)
        return hasLeft
    }

    private func leave() {
        hasLeft = true
        let waiting = actions.values
        actions.removeAll()
        for action in waiting { action() }
    }
}
