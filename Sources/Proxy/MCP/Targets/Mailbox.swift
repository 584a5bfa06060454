// Where messages wait for the one task that reads them: a request's replies, or what a session's stream has to say.
// Messages may be posted from any loop; they are read on the mailbox's own.

final class Mailbox: @unchecked Sendable {
    enum Event: Sendable {
        case message(RPCMessage, target: Int)
        case failed(TargetFailure)
        /// A message as the client is to have it.
        case encoded([UInt8])
        /// Nothing has happened for a while.
        case idle
    }

    /// Beyond this, notifications are dropped (responses and requests never are): a target that talks faster than its
    /// client reads must not grow our memory.
    private static let capacity = 1024

    let loop: EventLoop
    private var queue: [Event] = []
    private var waiter: UnsafeContinuation<Event?, Never>?
    private(set) var isClosed = false
    private(set) var dropped = 0

    init(loop: EventLoop) { self.loop = loop }

    func post(_ event: Event) {
        if loop.isOnLoop { deliver(event) } else { loop.spawn { self.deliver(event) } }
    }

    private func deliver(_ event: Event) {
        guard !isClosed else { return }
        if let waiter {
            self.waiter = nil
            return waiter.resume(returning: event)
        }
        if queue.count >= Mailbox.capacity {
            switch event {
            case .message(.notification, _), .idle:
                dropped += 1
                return
            default: break
            }
        }
        queue.append(event)
    }

    /// The next event; nil once closed.
    func next() async -> Event? {
        loop.assertOnLoop()
        if !queue.isEmpty { return queue.removeFirst() }
        if isClosed { return nil }
        return await withUnsafeContinuation { waiter = $0 }
    }

    /// Ends the reader's wait. May be called from any thread.
    func close() {
        guard loop.isOnLoop else {
            loop.spawn { self.close() }
            return
        }
        isClosed = true
        queue.removeAll()
        if let waiter {
            self.waiter = nil
            waiter.resume(returning: nil)
        }
    }

    /// Posts `idle` every `interval` until closed.
    func postIdle(every interval: Duration) {
        loop.spawn {
            while !self.isClosed {
                await self.loop.sleep(for: interval)
                self.deliver(.idle)
            }
        }
    }
}
