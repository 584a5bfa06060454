// A place that requests are sent to, and how connections to it are made. Interned: the same settings are the same object
// across configurations, so that idle connections survive a reload.

import Synchronization

package final class Upstream: Sendable {
    package struct Key: Hashable, Sendable {
        package var endpoint: Endpoint
        /// nil: plain text.
        package var tls: BackendTLS?
        package var connectTimeout: Duration
        package var idleTimeout: Nanoseconds
        package var maximumIdle: Int
        /// nil: HTTP/1.1, or what ALPN finds when `tls` offers more.
        package var httpVersion: UpstreamHTTPVersion?
        package var keepalive: TCPKeepalive

        package init(
            endpoint: Endpoint, tls: BackendTLS? = nil, connectTimeout: Duration = .seconds(5),
            idleTimeout: Nanoseconds = .seconds(90), maximumIdle: Int = 256,
            httpVersion: UpstreamHTTPVersion? = nil, keepalive: TCPKeepalive = TCPKeepalive()
        ) {
            self.endpoint = endpoint
            self.tls = tls
            self.connectTimeout = connectTimeout
            self.idleTimeout = idleTimeout
            self.maximumIdle = maximumIdle
            self.httpVersion = httpVersion
            self.keepalive = keepalive
        }
    }

    package let key: Key
    /// Index into every loop's pool.
    let slot: Int
    private let slots: SlotAllocator
    private let tls: TLSContext?
    /// Offers HTTP/2 as well; nil: it is not to be offered.
    private let http2TLS: TLSContext?
    /// Requests are sent over HTTP/2 where the upstream agrees.
    let offersHTTP2: Bool
    /// When it does not agree, they are sent over HTTP/1.1.
    let acceptsHTTP1: Bool
    /// What `Host` says by default.
    package let authority: String
    let authorityBytes: [UInt8]
    /// As logs show it.
    let name: String

    fileprivate init(_ key: Key, slots: SlotAllocator) throws(IOError) {
        self.key = key
        authority = UpstreamAddress(key.endpoint, tls: key.tls != nil).authority
        authorityBytes = Array(authority.utf8)
        name = key.endpoint.description
        if let settings = key.tls {
            var old = settings
            old.alpn.removeAll { $0 == "h2" }
            tls = try TLSContext.client(old)
            offersHTTP2 = key.httpVersion == .http2 || (key.httpVersion == nil && settings.alpn.contains("h2"))
            acceptsHTTP1 = key.httpVersion != .http2 && settings.alpn != ["h2"]
            var new = settings
            if key.httpVersion == .http2 { new.alpn = ["h2"] }
            http2TLS = offersHTTP2 ? try TLSContext.client(new) : nil
        } else {
            tls = nil
            http2TLS = nil
            offersHTTP2 = key.httpVersion == .http2
            acceptsHTTP1 = !offersHTTP2
        }
        // Last: a context that cannot be made must not cost a slot.
        self.slots = slots
        slot = slots.take()
    }

    deinit { slots.give(slot) }

    func connect(
        _ loop: EventLoop, resolver: Resolver, deadline: MonotonicTime, http2: Bool = false
    ) async throws(IOError) -> Transport {
        let transport = try await open(
            loop, resolver: resolver, deadline: deadline, tls: http2 ? http2TLS : tls)
        transport.socket.keepAlive(key.keepalive)
        return transport
    }

    private func open(
        _ loop: EventLoop, resolver: Resolver, deadline: MonotonicTime, tls: TLSContext?
    ) async throws(IOError) -> Transport {
        let deadline = min(deadline, .now + key.connectTimeout)
        switch key.endpoint {
        case .tcp(let host, let port):
            return try await Connector.connect(
                loop, resolver: resolver, host: host, port: port, tls: tls, serverName: key.tls?.hostname,
                deadline: deadline)
        case .unix(let path):
            return try await Connector.connect(
                loop, path: path, tls: tls, serverName: key.tls?.hostname ?? "localhost", deadline: deadline)
        }
    }
}

/// `http.version` of a backend.
package enum UpstreamHTTPVersion: String, Sendable, CaseIterable {
    case http11 = "1.1"
    case http2 = "2"
}

/// The upstreams that one configuration names. The next configuration's registry takes those that it names as well from
/// here; the others end with the last request or idle connection that holds them.
package final class UpstreamRegistry: Sendable {
    private struct State {
        var upstreams: [Upstream.Key: Upstream] = [:]
        var predecessor: UpstreamRegistry?
    }
    private let state: Mutex<State>
    private let slots: SlotAllocator

    /// - Parameter predecessor: of the configuration that runs now.
    package init(succeeding predecessor: UpstreamRegistry? = nil) {
        slots = predecessor?.slots ?? SlotAllocator()
        state = Mutex(State(predecessor: predecessor))
    }

    package func upstream(_ key: Upstream.Key) throws(IOError) -> Upstream {
        try state.withLock { (state) throws(IOError) in
            if let upstream = state.upstreams[key] { return upstream }
            let upstream: Upstream
            if let known = state.predecessor?.find(key) {
                upstream = known
            } else {
                upstream = try Upstream(key, slots: slots)
            }
            state.upstreams[key] = upstream
            return upstream
        }
    }

    private func find(_ key: Upstream.Key) -> Upstream? { state.withLock { $0.upstreams[key] } }

    /// Everything has been looked up: what only the predecessor names may end.
    package func seal() { state.withLock { $0.predecessor = nil } }

    var all: [Upstream] { state.withLock { Array($0.upstreams.values) } }
}

/// Numbers for upstreams, small ones first: a number is given again only when nothing refers to its upstream any longer.
private final class SlotAllocator: Sendable {
    private let state = Mutex<(free: [Int], next: Int)>(([], 0))

    func take() -> Int {
        state.withLock { state in
            if let slot = state.free.popLast() { return slot }
            state.next += 1
            return state.next - 1
        }
    }

    func give(_ slot: Int) { state.withLock { $0.free.append(slot) } }
}

/// The idle connections of one loop. Confined to it.
final class UpstreamPool {
    private var idle: [[HTTP1ClientConnection]] = []
    /// Whose connections `idle` holds: as long as it holds some, the slot is not given to another upstream.
    private var owners: [Upstream?] = []
    private let loop: EventLoop
    private var sweeping = false
    /// Requests for which a connection was opened, found in the pool, or could not be had.
    var opened: UInt64 = 0
    private var reused: UInt64 = 0
    var failed: UInt64 = 0

    init(loop: EventLoop) { self.loop = loop }

    /// The connection used last, whose congestion window and caches are warmest; nil when none is fit for use.
    func take(_ upstream: Upstream) -> HTTP1ClientConnection? {
        guard upstream.slot < idle.count else { return nil }
        while let connection = idle[upstream.slot].popLast() {
            if connection.socket.isPristine {
                reused += 1
                return connection
            }
            connection.close()
        }
        return nil
    }

    func give(_ connection: HTTP1ClientConnection, to upstream: Upstream) {
        connection.input.finishMessage()
        while idle.count <= upstream.slot {
            idle.append([])
            owners.append(nil)
        }
        // Bytes that nobody asked for make the next reply ambiguous.
        guard connection.socket.isPristine, !connection.input.hasBufferedBytes,
            idle[upstream.slot].count < upstream.key.maximumIdle
        else { return connection.close() }
        connection.idleUntil = loop.now + upstream.key.idleTimeout
        idle[upstream.slot].append(connection)
        if owners[upstream.slot] == nil { owners[upstream.slot] = upstream }
        if !sweeping {
            sweeping = true
            loop.spawn { await self.sweep() }
        }
    }

    /// Closes connections that the upstream has closed or that nobody has used for long. Ends when none are left.
    private func sweep() async {
        while idle.contains(where: { !$0.isEmpty }) {
            await loop.sleep(for: .seconds(5))
            for slot in idle.indices {
                idle[slot].removeAll { connection in
                    let keep = connection.socket.isPristine && connection.idleUntil > loop.now
                    if !keep { connection.close() }
                    return !keep
                }
                if idle[slot].isEmpty { owners[slot] = nil }
            }
        }
        sweeping = false
    }

    /// Closes the idle connections to upstreams that are not among `upstreams`.
    func keepOnly(_ upstreams: Set<ObjectIdentifier>) {
        for slot in idle.indices {
            guard let owner = owners[slot], !upstreams.contains(ObjectIdentifier(owner)) else { continue }
            idle[slot].forEach { $0.close() }
            idle[slot].removeAll()
            owners[slot] = nil
        }
    }

    func report(into report: inout MetricsReport) {
        report.add(.upstreamOpened, [], Double(opened))
        report.add(.upstreamReused, [], Double(reused))
        report.add(.upstreamFailed, [], Double(failed))
        for (slot, owner) in owners.enumerated() {
            if let owner { report.add(.upstreamIdle, [("backend", owner.name)], Double(idle[slot].count)) }
        }
    }

    func closeAll() {
        for connections in idle { connections.forEach { $0.close() } }
        idle.removeAll()
        owners.removeAll()
    }
}

extension UpstreamPool: @unchecked Sendable {}
