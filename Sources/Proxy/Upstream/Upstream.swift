// A place that requests are sent to, and how connections to it are made. Interned: the same settings are the same object
// across configurations, so that idle connections survive a reload.

import Synchronization

package final class Upstream: Sendable {
    package struct Key: Hashable, Sendable {
        package var endpoint: Endpoint
        /// nil: plain text.
        package var tls: BackendTLS?
        package var connectTimeout: Duration
        package var idleTimeout: Duration
        package var maximumIdle: Int

        package init(
            endpoint: Endpoint, tls: BackendTLS? = nil, connectTimeout: Duration = .seconds(5),
            idleTimeout: Duration = .seconds(90), maximumIdle: Int = 256
        ) {
            self.endpoint = endpoint
            self.tls = tls
            self.connectTimeout = connectTimeout
            self.idleTimeout = idleTimeout
            self.maximumIdle = maximumIdle
        }
    }

    package let key: Key
    /// Index into every loop's pool.
    let slot: Int
    let tls: TLSContext?
    /// What `Host` says by default.
    package let authority: String
    let authorityBytes: [UInt8]
    /// As logs show it.
    let name: String

    fileprivate init(_ key: Key, slot: Int) throws(IOError) {
        self.key = key
        self.slot = slot
        authority = UpstreamAddress(key.endpoint, tls: key.tls != nil).authority
        authorityBytes = Array(authority.utf8)
        name = key.endpoint.description
        if let settings = key.tls {
            tls = try TLSContext.client(settings)
        } else {
            tls = nil
        }
    }

    func connect(_ loop: EventLoop, resolver: Resolver, deadline: MonotonicTime) async throws(IOError) -> Transport {
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

/// All upstreams that any configuration of this process has named.
package final class UpstreamRegistry: Sendable {
    private let upstreams = Mutex<[Upstream.Key: Upstream]>([:])

    package init() {}

    package func upstream(_ key: Upstream.Key) throws(IOError) -> Upstream {
        try upstreams.withLock { (known) throws(IOError) in
            if let upstream = known[key] { return upstream }
            let upstream = try Upstream(key, slot: known.count)
            known[key] = upstream
            return upstream
        }
    }
}

/// The idle connections of one loop. Confined to it.
final class UpstreamPool {
    private var idle: [[HTTP1ClientConnection]] = []
    private let loop: EventLoop
    private var sweeping = false

    init(loop: EventLoop) { self.loop = loop }

    /// The connection used last, whose congestion window and caches are warmest; nil when none is fit for use.
    func take(_ upstream: Upstream) -> HTTP1ClientConnection? {
        guard upstream.slot < idle.count else { return nil }
        while let connection = idle[upstream.slot].popLast() {
            if connection.socket.isPristine { return connection }
            connection.close()
        }
        return nil
    }

    func give(_ connection: HTTP1ClientConnection, to upstream: Upstream) {
        connection.input.finishMessage()
        while idle.count <= upstream.slot { idle.append([]) }
        // Bytes that nobody asked for make the next reply ambiguous.
        guard connection.socket.isPristine, !connection.input.hasBufferedBytes,
            idle[upstream.slot].count < upstream.key.maximumIdle
        else { return connection.close() }
        connection.idleUntil = loop.now + upstream.key.idleTimeout
        idle[upstream.slot].append(connection)
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
            }
        }
        sweeping = false
    }

    func closeAll() {
        for connections in idle { connections.forEach { $0.close() } }
        idle.removeAll()
    }
}

extension UpstreamPool: @unchecked Sendable {}
