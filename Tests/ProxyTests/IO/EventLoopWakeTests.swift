// Work that is handed to a loop from other threads runs, however the hand-overs meet.

import Glibc
import Synchronization
import Testing

@testable import Proxy

struct EventLoopWakeTests {
    /// Two threads hand over one piece of work after the other, each only when its last one has run: the loop sleeps in
    /// between, and a wake-up that is lost leaves both waiting for ever.
    @Test func noWakeUpIsLost() throws {
        let group = try EventLoopGroup(count: 1)
        group.start()
        let loop = group.loops[0]
        let rounds = 30_000
        let end = MonotonicTime.now + .seconds(60)
        let counters = Counters()
        for index in 0..<2 {
            _ = SystemThread.start(name: "producer-\(index)", joinable: false) {
                for round in 1...rounds {
                    loop.spawn { counters.ran(index) }
                    while counters.count(index) < round {
                        if MonotonicTime.now > end { return counters.finish() }
                        sched_yield()
                    }
                }
                counters.finish()
            }
        }
        while counters.finished < 2 { sched_yield() }
        #expect(counters.count(0) == rounds && counters.count(1) == rounds, "work was left lying")
        group.stop()
    }
}

private final class Counters: Sendable {
    private let first = Atomic<Int>(0)
    private let second = Atomic<Int>(0)
    private let ended = Atomic<Int>(0)

    var finished: Int { ended.load(ordering: .acquiring) }
    func finish() { ended.add(1, ordering: .acquiringAndReleasing) }
    func ran(_ index: Int) {
        if index == 0 {
            first.add(1, ordering: .acquiringAndReleasing)
        } else {
            second.add(1, ordering: .acquiringAndReleasing)
        }
    }
    func count(_ index: Int) -> Int {
        index == 0 ? first.load(ordering: .acquiring) : second.load(ordering: .acquiring)
    }
}
