// One thread, one epoll instance, one queue of runnable tasks. Everything a connection does happens here, in ordinary
// async code: the loop is the task executor of its connections, and enqueueing from its own thread takes no lock.
// Invariant: all state but `inbox` is touched only by the loop's own thread once `run` has begun.

import CLinux
import Glibc
import Synchronization

package final class EventLoop: TaskExecutor, @unchecked Sendable {
    /// Events taken from the kernel at once; more only lengthens the time until the tasks they woke can run.
    private static let eventBatch = 256
    /// Deadlines of sockets are looked at no more often than this, so a timeout can be late by as much.
    private static let scanInterval = Duration.milliseconds(50)

    package let index: Int
    private let epoll: Int32
    private let wakeup: Int32
    /// The thread that runs the loop, 0 before; read from any thread.
    private let thread = Atomic<pthread_t>(0)
    private var stopping = false

    private var ready: [UnownedJob] = []
    private var running: [UnownedJob] = []
    private let inbox = Mutex<[UnownedJob]>([])
    private let wakePending = Atomic<Bool>(false)

    private var sockets: [Socket?] = []
    private var generations: [UInt32] = []
    private var timers = TimerHeap()
    private var nextScan = MonotonicTime.never
    private var lastScan = MonotonicTime(nanoseconds: 0)

    /// The time at which the current turn of the loop began.
    package private(set) var now = MonotonicTime.now
    /// Work to do once at the end of a turn (flushing logs), in the order of registration.
    private var turnEndHooks: [() -> Void] = []

    /// 16 KiB hold the head and a small body of nearly every request in one read.
    let buffers = BufferPool(size: 16 * 1024, keep: 256)
    /// Exchanges between two requests: their heads and buffers are allocated once, not for every request.
    var exchanges: [HTTP1Exchange] = []
    static let maximumExchanges = 128

    /// For streaming bodies: fewer system calls per megabyte.
    let largeBuffers = BufferPool(size: 128 * 1024, keep: 16)

    package init(index: Int) throws(IOError) {
        self.index = index
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw .last("epoll_create1") }
        wakeup = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard wakeup >= 0 else { throw .last("eventfd") }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue
        event.data.u64 = .max
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) == 0 else { throw .last("epoll_ctl") }
    }

    deinit {
        Glibc.close(epoll)
        Glibc.close(wakeup)
    }

    // MARK: Executor

    package var isOnLoop: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    /// Debug builds stop where loop-confined state is touched from outside.
    @inline(__always)
    func assertOnLoop() { assert(isOnLoop, "state of an event loop touched from outside of it") }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoop {
            ready.append(job)
        } else {
            inbox.withLock { $0.append(job) }
            wake()
        }
    }

    private func wake() {
        // One write serves all that is enqueued until the loop reads the inbox.
        guard !wakePending.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        _ = Glibc.write(wakeup, &one, 8)
    }

    /// Starts a task that runs on this loop from beginning to end. May be called from any thread.
    @discardableResult
    package func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self) { await body() }
    }

    /// Before `run` or on the loop.
    package func onTurnEnd(_ hook: @escaping () -> Void) {
        assert(isOnLoop || thread.load(ordering: .relaxed) == 0, "hooks of a running loop touched from outside of it")
        turnEndHooks.append(hook)
    }

    // MARK: The loop

    /// Runs on the calling thread until `stop`.
    package func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        var events = [epoll_event](repeating: epoll_event(), count: EventLoop.eventBatch)
        while true {
            takeInbox()
            runReady()
            for hook in turnEndHooks { hook() }
            if stopping { break }
            let count = epoll_wait(epoll, &events, Int32(EventLoop.eventBatch), timeout())
            now = .now
            var index = 0
            while index < Int(max(0, count)) {
                deliver(events[index])
                index += 1
            }
            fireTimers()
            if nextScan <= now { scanDeadlines() }
        }
        for socket in sockets { socket?.close() }
        takeInbox()
        runReady()
    }

    /// Ends `run` after the current turn. May be called from any thread.
    package func stop() { spawn { self.stopping = true } }

    private func takeInbox() {
        guard wakePending.load(ordering: .acquiring) else { return }
        // In this order: were the flag cleared first, a write that comes between would be read away here with the flag
        // set again, and whoever enqueues next would believe that the loop is about to wake.
        var value: UInt64 = 0
        _ = Glibc.read(wakeup, &value, 8)
        wakePending.store(false, ordering: .releasing)
        inbox.withLock { jobs in
            ready.append(contentsOf: jobs)
            jobs.removeAll(keepingCapacity: true)
        }
    }

    /// Runs what is runnable now and what becomes runnable by it, up to a bound, so that sockets are never starved.
    private func runReady() {
        var rounds = 0
        while !ready.isEmpty, rounds < 16 {
            swap(&ready, &running)
            for job in running { job.runSynchronously(on: asUnownedTaskExecutor()) }
            running.removeAll(keepingCapacity: true)
            rounds += 1
        }
    }

    private func timeout() -> Int32 {
        if !ready.isEmpty { return 0 }
        let next = min(nextScan, timers.earliest)
        if next == .never { return -1 }
        let current = MonotonicTime.now
        if next <= current { return 0 }
        let milliseconds = (next.nanoseconds - current.nanoseconds + 999_999) / 1_000_000
        return Int32(min(milliseconds, 3_600_000))
    }

    @inline(__always)
    private func deliver(_ event: epoll_event) {
        let token = event.data.u64
        if token == .max { return }  // the inbox is taken at the top of every turn
        let slot = Int(token & 0xffff_ffff)
        guard slot < sockets.count, generations[slot] == UInt32(token >> 32), let socket = sockets[slot] else { return }
        socket.handle(event.events)
    }

    // MARK: Sockets

    func register(_ socket: Socket) throws(IOError) {
        assertOnLoop()
        let slot = Int(socket.descriptor)
        while sockets.count <= slot {
            sockets.append(nil)
            generations.append(0)
        }
        generations[slot] &+= 1
        if generations[slot] == .max { generations[slot] = 0 }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        event.data.u64 = UInt64(generations[slot]) << 32 | UInt64(slot)
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, socket.descriptor, &event) == 0 else { throw .last("epoll_ctl") }
        sockets[slot] = socket
    }

    func unregister(_ socket: Socket) {
        assertOnLoop()
        let slot = Int(socket.descriptor)
        if slot < sockets.count, sockets[slot] === socket { sockets[slot] = nil }
    }

    // MARK: Time

    @inline(__always)
    func note(_ deadline: MonotonicTime) {
        if deadline < nextScan { nextScan = max(deadline, lastScan + EventLoop.scanInterval) }
    }

    private func scanDeadlines() {
        lastScan = now
        var earliest = MonotonicTime.never
        for socket in sockets {
            guard let socket else { continue }
            let next = socket.expire(now)
            if next < earliest { earliest = next }
        }
        nextScan = earliest == .never ? .never : max(earliest, now + EventLoop.scanInterval)
    }

    private func fireTimers() {
        while let continuation = timers.popExpired(now) { continuation.resume() }
    }

    /// Suspends the calling task, which must run on this loop, until `deadline`.
    package func sleep(until deadline: MonotonicTime) async {
        assertOnLoop()
        await withUnsafeContinuation { timers.insert(deadline, $0) }
    }

    package func sleep(for duration: Duration) async { await sleep(until: .now + duration) }
}

/// A binary heap of sleeping tasks. Only sleeps use it; the deadlines of sockets are scanned instead, because they are
/// moved at every request and hardly ever reached.
private struct TimerHeap {
    private var entries: [(deadline: MonotonicTime, sequence: UInt64, continuation: UnsafeContinuation<Void, Never>)] =
        []
    private var sequence: UInt64 = 0

    var earliest: MonotonicTime { entries.first?.deadline ?? .never }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        (entries[a].deadline.nanoseconds, entries[a].sequence) < (entries[b].deadline.nanoseconds, entries[b].sequence)
    }

    mutating func insert(_ deadline: MonotonicTime, _ continuation: UnsafeContinuation<Void, Never>) {
        sequence += 1
        entries.append((deadline, sequence, continuation))
        var child = entries.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popExpired(_ now: MonotonicTime) -> UnsafeContinuation<Void, Never>? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && precedes(child, least) {
                least = child
            }
            if least == parent { break }
            entries.swapAt(parent, least)
            parent = least
        }
        return first.continuation
    }
}
