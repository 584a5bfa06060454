// The event loops of the process, each on a thread of its own.

import Glibc
import Synchronization

package final class EventLoopGroup: Sendable {
    package let loops: [EventLoop]
    private let threads = Mutex<[pthread_t]>([])

    /// Creates `count` loops; until `start` they may be prepared from the calling thread.
    package init(count: Int) throws(IOError) {
        var loops: [EventLoop] = []
        for index in 0..<max(1, count) { loops.append(try EventLoop(index: index)) }
        self.loops = loops
    }

    /// Begins to run the loops. From here on their state belongs to their threads. Once.
    package func start() {
        threads.withLock { threads in
            precondition(threads.isEmpty, "started twice")
            for loop in loops {
                if let thread = SystemThread.start(name: "loop-\(loop.index)", joinable: true, { loop.run() }) {
                    threads.append(thread)
                }
            }
        }
    }

    /// Ends all loops and waits for their threads. Not from a loop.
    package func stop() {
        for loop in loops { loop.stop() }
        for thread in threads.withLock({ $0 }) { pthread_join(thread, nil) }
    }
}
