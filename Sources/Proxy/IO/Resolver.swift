// Names to addresses without stopping a loop: getaddrinfo on threads of its own, so that /etc/hosts, nsswitch and the
// system's resolver configuration count, with a cache in front of it that keeps an address as long as DNS says.

import CLinux
import Glibc
import Synchronization

package final class Resolver: Sendable {
    /// For names that are not from DNS: half a minute follows a change of /etc/hosts soon enough.
    package static let timeToLive = Duration.seconds(30)
    /// Shorter times, zero among them, would mean a lookup for nearly every connection.
    package static let minimumTimeToLive = Duration.seconds(1)
    /// Longer times are cut: an operator who moves a service waits for no more than this.
    package static let maximumTimeToLive = Duration.seconds(300)
    /// A name that does not resolve is asked for again after this time.
    package static let negativeTimeToLive = Duration.seconds(2)
    /// Addresses stay usable for this long when the resolver fails.
    package static let staleTime = Duration.seconds(600)
    /// Lookups under way at once; more wait.
    private static let threads = 4

    private struct Entry {
        var result: Result<[SocketAddress], IOError>
        var expires: MonotonicTime
        var staleUntil: MonotonicTime
    }

    private struct Waiter: Sendable {
        let continuation: UnsafeContinuation<Result<[SocketAddress], IOError>, Never>
    }

    private struct State {
        var cache: [String: Entry] = [:]
        var waiters: [String: [Waiter]] = [:]
        var queue: [String] = []
        var running = 0
    }

    /// Entries beyond this are dropped, oldest expiry first: names can come from configuration only, so it is ample.
    private static let maximumEntries = 1024

    private let state = Mutex(State())

    package init() {}

    /// The addresses of `host`, which may be numeric; ports are zero.
    package func resolve(_ host: String) async throws(IOError) -> [SocketAddress] {
        if let address = SocketAddress(ip: host, port: 0) { return [address] }
        let now = MonotonicTime.now
        let cached = state.withLock { $0.cache[host] }
        if let cached, cached.expires > now { return try cached.result.get() }
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<[SocketAddress], IOError>, Never>) in
            let startThread = state.withLock { state in
                if state.waiters[host] != nil {
                    state.waiters[host]?.append(Waiter(continuation: continuation))
                    return false
                }
                state.waiters[host] = [Waiter(continuation: continuation)]
                state.queue.append(host)
                guard state.running < Resolver.threads else { return false }
                state.running += 1
                return true
            }
            if startThread { SystemThread.start(name: "resolver") { self.work() } }
        }
        return try result.get()
    }

    private func work() {
        while true {
            let next: String? = state.withLock { state in
                guard !state.queue.isEmpty else {
                    state.running -= 1
                    return nil
                }
                return state.queue.removeFirst()
            }
            guard let host = next else { return }
            let result = Resolver.lookUp(host)
            finish(host, result)
            // Nobody waits for this: getaddrinfo keeps a record's TTL to itself, and asking again may take a second.
            if case .success(let addresses) = result, let lifetime = Resolver.timeToLive(of: host, addresses) {
                keep(host, for: lifetime)
            }
        }
    }

    /// How long DNS says that the first of `addresses` belongs to `host`; nil when it does not say so.
    private static func timeToLive(of host: String, _ addresses: [SocketAddress]) -> Duration? {
        // `localhost` and its kind are nobody else's to answer.
        guard let address = addresses.first, !address.isLoopback || host.contains(".") else { return nil }
        let bytes = address.addressBytes
        let seconds = agentgw_address_ttl(host, bytes, Int32(bytes.count))
        guard seconds >= 0 else { return nil }
        return min(max(.seconds(seconds), minimumTimeToLive), maximumTimeToLive)
    }

    private func keep(_ host: String, for lifetime: Duration) {
        let expires = MonotonicTime.now + lifetime
        state.withLock { state in
            state.cache[host]?.expires = expires
            state.cache[host]?.staleUntil = expires + Resolver.staleTime
        }
    }

    private func finish(_ host: String, _ fresh: Result<[SocketAddress], IOError>) {
        let now = MonotonicTime.now
        let (waiters, result) = state.withLock { state in
            var result = fresh
            switch fresh {
            case .success:
                state.cache[host] = Entry(
                    result: fresh, expires: now + Resolver.timeToLive,
                    staleUntil: now + Resolver.timeToLive + Resolver.staleTime)
            case .failure:
                if let old = state.cache[host], old.staleUntil > now, case .success = old.result {
                    result = old.result
                    state.cache[host]?.expires = now + Resolver.negativeTimeToLive
                } else {
                    state.cache[host] = Entry(
                        result: fresh, expires: now + Resolver.negativeTimeToLive, staleUntil: now)
                }
            }
            if state.cache.count > Resolver.maximumEntries,
                let oldest = state.cache.min(by: { $0.value.expires < $1.value.expires })
            {
                state.cache[oldest.key] = nil
            }
            return (state.waiters.removeValue(forKey: host) ?? [], result)
        }
        for waiter in waiters { waiter.continuation.resume(returning: result) }
    }

    private static func lookUp(_ host: String) -> Result<[SocketAddress], IOError> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        guard status == 0 else {
            return .failure(.resolve(host: host, reason: String(cString: gai_strerror(status))))
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let info = next {
            if let address = info.pointee.ai_addr {
                addresses.append(SocketAddress(address, info.pointee.ai_addrlen))
            }
            next = info.pointee.ai_next
        }
        return addresses.isEmpty ? .failure(.resolve(host: host, reason: "no addresses")) : .success(addresses)
    }
}

/// A plain POSIX thread.
package enum SystemThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// - Returns: the thread, to be joined; nil when it is detached.
    @discardableResult
    package static func start(
        name: String, joinable: Bool = false, _ body: @escaping @Sendable () -> Void
    ) -> pthread_t? {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        let status = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, argument)
        precondition(status == 0, "pthread_create: \(String(cString: strerror(status)))")
        pthread_setname_np(thread, String(name.prefix(15)))
        if joinable { return thread }
        pthread_detach(thread)
        return nil
    }
}
