// Work that would stop an event loop (password hashing, large files): done on a thread of its own, its result awaited on
// the loop.

import Glibc
import Synchronization

package final class BlockingWork: Sendable {
    package static let shared = BlockingWork()

    /// Waiting work beyond this is refused: a flood of logins must not become a queue of minutes.
    private static let maximumQueue = 256
    /// Threads at once. Password hashing is meant to be expensive; it must not take every core.
    private static let maximumThreads = 2

    private struct State {
        var queue: [@Sendable () -> Void] = []
        var threads = 0
    }
    private let state = Mutex(State())

    /// Runs `body` elsewhere. Nil when too much is waiting.
    package func run<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R? {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<R?, Never>) in
            let admitted: (queued: Bool, start: Bool) = state.withLock { state in
                guard state.queue.count < BlockingWork.maximumQueue else { return (false, false) }
                state.queue.append { continuation.resume(returning: body()) }
                guard state.threads < BlockingWork.maximumThreads else { return (true, false) }
                state.threads += 1
                return (true, true)
            }
            if !admitted.queued { continuation.resume(returning: nil) }
            if admitted.start { SystemThread.start(name: "blocking") { self.work() } }
        }
    }

    private func work() {
        while true {
            let next: (@Sendable () -> Void)? = state.withLock { state in
                if state.queue.isEmpty {
                    state.threads -= 1
                    return nil
                }
                return state.queue.removeFirst()
            }
            guard let next else { return }
            next()
        }
    }
}
