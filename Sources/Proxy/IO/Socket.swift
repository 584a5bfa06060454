// A non-blocking descriptor (socket or pipe) and the tasks that wait for it. Readiness is edge-triggered and remembered:
// a call goes to the kernel at once when the last event allows it, and suspends only when there is nothing to do.
// Invariant: confined to its loop; at most one task waits to read and one to write; after `close` nothing touches the
// descriptor again.

import CLinux
import Glibc

/// Is told that the peer of a socket will send nothing more.
protocol SocketObserver: AnyObject {
    func peerFinished()
}

package final class Socket: @unchecked Sendable {
    enum Wake: UInt8 {
        case ready, timedOut, cancelled
    }

    package let loop: EventLoop
    package let descriptor: Int32
    package private(set) var isOpen = true
    private var readable = false
    private var writable = false
    /// The peer has sent its FIN: a short read no longer means that the kernel's buffer is empty.
    package private(set) var peerClosedWriting = false
    /// Both directions are gone (RST, or FIN both ways).
    package private(set) var hungUp = false
    private var readWaiter: UnsafeContinuation<Wake, Never>?
    private var writeWaiter: UnsafeContinuation<Wake, Never>?
    /// When this socket hangs up, the waits of `dependent` are cancelled: the upstream of a client that left.
    private unowned(unsafe) var dependent: Socket?
    private unowned(unsafe) var observer: (any SocketObserver)?
    /// For waits that are for no socket: run once when the peer has closed or reset the connection.
    private var departureAction: (() -> Void)?
    /// For waits that are for one of many streams of a socket: run once when both directions are gone.
    private var hangupAction: (() -> Void)?

    /// Applies to the wait that is under way and to later ones; `.never` by default.
    package var readDeadline = MonotonicTime.never
    package var writeDeadline = MonotonicTime.never

    /// Takes ownership of `descriptor`, which must be non-blocking.
    package init(loop: EventLoop, descriptor: Int32) throws(IOError) {
        self.loop = loop
        self.descriptor = descriptor
        do {
            try loop.register(self)
        } catch {
            isOpen = false
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit {
        // Every owner closes explicitly; this catches the paths that forget, before the descriptor leaks.
        if isOpen { Glibc.close(descriptor) }
    }

    package func close() {
        guard isOpen else { return }
        isOpen = false
        loop.unregister(self)
        Glibc.close(descriptor)
        cancelWaits()
    }

    /// Closes with RST instead of FIN: the only way to say "cut off" where the end of the stream is the end of the body.
    package func closeWithReset() {
        guard isOpen else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Wakes whoever waits for this socket with `cancelled`; the socket stays open.
    package func cancelWaits() {
        wakeReader(.cancelled)
        wakeWriter(.cancelled)
    }

    private func wakeReader(_ wake: Wake) {
        guard let waiter = readWaiter else { return }
        readWaiter = nil
        waiter.resume(returning: wake)
    }

    private func wakeWriter(_ wake: Wake) {
        guard let waiter = writeWaiter else { return }
        writeWaiter = nil
        waiter.resume(returning: wake)
    }

    // MARK: Events

    func handle(_ events: UInt32) {
        if events & EPOLLRDHUP.rawValue != 0, !peerClosedWriting {
            peerClosedWriting = true
            observer?.peerFinished()
        }
        if events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
            hungUp = true
            peerClosedWriting = true
            dependent?.cancelWaits()
            if let action = hangupAction {
                hangupAction = nil
                action()
            }
        }
        let any = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
        if events & any != 0, let action = departureAction {
            departureAction = nil
            action()
        }
        if events & (EPOLLIN.rawValue | any) != 0 {
            readable = true
            wakeReader(.ready)
        }
        if events & (EPOLLOUT.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
            writable = true
            wakeWriter(.ready)
        }
    }

    /// Ends waits that are overdue; returns the earliest deadline that remains.
    func expire(_ now: MonotonicTime) -> MonotonicTime {
        var next = MonotonicTime.never
        if readWaiter != nil {
            if readDeadline <= now { wakeReader(.timedOut) } else { next = readDeadline }
        }
        if writeWaiter != nil {
            if writeDeadline <= now { wakeWriter(.timedOut) } else { next = min(next, writeDeadline) }
        }
        return next
    }

    /// Cancels the waits of `socket` when this one hangs up, and tells `observer` when the peer sends its FIN; nil ends
    /// both.
    func cancelOnHangup(_ socket: Socket?, observer: (any SocketObserver)? = nil) {
        dependent = socket
        self.observer = observer
        if hungUp { socket?.cancelWaits() } else if peerClosedWriting { observer?.peerFinished() }
    }

    /// Sends what the kernel takes at once.
    func sendNow(_ view: ByteView) {
        guard isOpen, let base = view.base else { return }
        _ = Glibc.send(descriptor, base, view.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }

    /// Runs `action` once, on the loop, when the peer closes its side or the connection breaks; nil ends that. Only for
    /// replies that have no end of their own: a peer that closes its side may still be reading an ordinary one.
    package func onDeparture(_ action: (() -> Void)?) {
        departureAction = action
        if peerClosedWriting || !isOpen, let action {
            departureAction = nil
            action()
        }
    }

    /// Runs `action` once, on the loop, when the connection is gone; nil ends that.
    func onHangup(_ action: (() -> Void)?) {
        hangupAction = action
        if hungUp || !isOpen, let action {
            hangupAction = nil
            action()
        }
    }

    /// A task waits to read, or to write.
    var hasReader: Bool { readWaiter != nil }
    var hasWriter: Bool { writeWaiter != nil }

    // MARK: Waiting

    private func waitReadable() async throws(IOError) {
        guard isOpen else { throw .cancelled }
        precondition(readWaiter == nil, "two tasks read from one socket")
        loop.note(readDeadline)
        let wake = await withUnsafeContinuation { readWaiter = $0 }
        switch wake {
        case .ready: return
        case .timedOut: throw .timedOut
        case .cancelled: throw .cancelled
        }
    }

    private func waitWritable() async throws(IOError) {
        guard isOpen else { throw .cancelled }
        precondition(writeWaiter == nil, "two tasks write to one socket")
        loop.note(writeDeadline)
        let wake = await withUnsafeContinuation { writeWaiter = $0 }
        switch wake {
        case .ready: return
        case .timedOut: throw .timedOut
        case .cancelled: throw .cancelled
        }
    }

    /// The last event says that a read would not block.
    var isReadable: Bool { readable }

    /// Waits until a read would not block; for code that must not hold a buffer meanwhile, and for TLS.
    package func readable() async throws(IOError) {
        if !readable { try await waitReadable() }
    }

    /// TLS found the descriptor empty (or full): the next wait is for a new event.
    func clearReadable() { if !peerClosedWriting { readable = false } }
    func clearWritable() { writable = false }
    func writable() async throws(IOError) {
        if !writable { try await waitWritable() }
    }

    // MARK: Bytes

    /// Reads at least one byte; zero means that the peer has finished sending.
    package func read(into pointer: UnsafeMutablePointer<UInt8>, count: Int) async throws(IOError) -> Int {
        while true {
            if let result = try readNow(into: pointer, count: count) { return result }
            try await waitReadable()
        }
    }

    /// `read` without waiting: nil when nothing has arrived.
    func readNow(into pointer: UnsafeMutablePointer<UInt8>, count: Int) throws(IOError) -> Int? {
        // A descriptor that was closed may already be another connection's.
        guard isOpen else { throw .cancelled }
        while readable {
            let result = Glibc.read(descriptor, pointer, count)
            if result > 0 {
                if result < count, !peerClosedWriting { readable = false }
                return result
            }
            if result == 0 { return 0 }
            if errno == EINTR { continue }
            guard errno == EAGAIN else { throw .last("read") }
            readable = false
        }
        return nil
    }

    /// Writes all bytes.
    package func write(_ view: ByteView) async throws(IOError) {
        var sent = 0
        while true {
            sent += try writeNow(view.slice(sent, view.count))
            if sent == view.count { return }
            try await waitWritable()
            guard isOpen else { throw .cancelled }
        }
    }

    /// Writes what the kernel takes at once, and returns how many bytes that were. The first write of a connection goes
    /// out without waiting for its first event.
    func writeNow(_ view: ByteView) throws(IOError) -> Int {
        guard isOpen else { throw .cancelled }
        var sent = 0
        while sent < view.count {
            let result = Glibc.send(descriptor, view.base! + sent, view.count - sent, Int32(MSG_NOSIGNAL))
            if result > 0 {
                sent += result
                continue
            }
            if result < 0, errno == EINTR { continue }
            guard result < 0, errno == EAGAIN else { throw .last("send") }
            writable = false
            break
        }
        return sent
    }

    /// Writes two runs of bytes with one system call where the kernel takes both.
    package func write(_ first: ByteView, _ second: ByteView) async throws(IOError) {
        if second.count == 0 { return try await write(first) }
        guard isOpen else { throw .cancelled }
        var sent = 0
        let total = first.count + second.count
        var vectors = (iovec(), iovec())
        while sent < first.count {
            vectors.0 = iovec(iov_base: UnsafeMutablePointer(mutating: first.base! + sent), iov_len: first.count - sent)
            vectors.1 = iovec(iov_base: UnsafeMutablePointer(mutating: second.base!), iov_len: second.count)
            let result = withUnsafeMutablePointer(to: &vectors) {
                $0.withMemoryRebound(to: iovec.self, capacity: 2) { writev(descriptor, $0, 2) }
            }
            if result > 0 {
                sent += result
                continue
            }
            if result < 0, errno == EINTR { continue }
            guard result < 0, errno == EAGAIN else { throw .last("writev") }
            writable = false
            try await waitWritable()
            guard isOpen else { throw .cancelled }
        }
        if sent < total { try await write(second.slice(sent - first.count, second.count)) }
    }

    /// Has the kernel find out about a peer that is gone without a word.
    func keepAlive(_ settings: TCPKeepalive) {
        guard settings.enabled else { return }
        func set(_ level: Int32, _ option: Int32, _ value: Int) {
            var value = Int32(clamping: value)
            setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, Int(settings.time.components.seconds))
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, Int(settings.interval.components.seconds))
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, settings.retries)
    }

    /// Sends FIN; reading goes on.
    package func shutdownWriting() {
        if isOpen { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// The kernel holds bytes of the peer's, whether or not the loop has heard of them.
    var hasUnreadBytes: Bool {
        guard isOpen else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// A socket that waits in a pool can be used again only if nothing at all has happened to it.
    package var isPristine: Bool { isOpen && !readable && !peerClosedWriting && !hungUp }
}
