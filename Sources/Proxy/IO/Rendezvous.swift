// A thread waits for something that happens elsewhere, on an event loop for example. Not for event loops themselves: they
// must never wait.

import Glibc
import Synchronization

package final class Rendezvous: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    package init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    package func signal() { sem_post(semaphore) }

    package func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }
}

extension EventLoop {
    /// Runs `body` on the loop, which must be running, and waits for its result. From a thread that is no loop's.
    package func runAndWait<R: Sendable>(_ body: @escaping @Sendable () -> R) -> R {
        assert(!isOnLoop, "a loop that waits for itself")
        let done = Rendezvous()
        let box = ResultBox<R>()
        spawn {
            let value = body()
            box.store(value)
            done.signal()
        }
        done.wait()
        guard let value = box.take() else { preconditionFailure("signalled without a result") }
        return value
    }
}

private final class ResultBox<R: Sendable>: Sendable {
    private let value = Mutex<R?>(nil)

    func store(_ new: R) { value.withLock { $0 = new } }
    func take() -> R? { value.withLock { $0 } }
}
