// The event loops of the process, each on a thread of its own.

import Glibc

package final class EventLoopGroup: Sendable {
    package let loops: [EventLoop]
    private let threads: [pthread_t]

    /// Creates and starts `count` loops.
    package init(count: Int) throws(IOError) {
        var loops: [EventLoop] = []
        for index in 0..<max(1, count) { loops.append(try EventLoop(index: index)) }
        self.loops = loops
        var threads: [pthread_t] = []
        for loop in loops {
            if let thread = SystemThread.start(name: "loop-\(loop.index)", joinable: true, { loop.run() }) {
                threads.append(thread)
            }
        }
        self.threads = threads
    }

    /// Ends all loops and waits for their threads. Not from a loop.
    package func stop() {
        for loop in loops { loop.stop() }
        for thread in threads { pthread_join(thread, nil) }
    }
}
