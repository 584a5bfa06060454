// What one event loop of the gateway owns: the snapshot in force, the auth layer's caches, upstream connections, client
// connections, logs. Confined to its loop.

import Auth
import Glibc
import Synchronization

/// Connections of clients of all loops together.
final class ClientCount: Sendable {
    let count = Atomic<Int>(0)
}

final class LoopWorker: @unchecked Sendable {
    let loop: EventLoop
    let core: LoopCore
    let accessLog: LogBuffer
    let decisionLog: LogBuffer
    let processLog: ProcessLog
    let metrics = LoopMetrics()
    var decisions = DecisionRing()
    let traces: TraceExporter
    let budgets = RetryBudgets()
    let health = BackendHealth()
    let mirrors: Mirrors
    let keySets: KeySetService
    let mcp: MCPRuntime
    let authorizationServers = AuthorizationServerCache()
    /// For requests that begin now.
    private(set) var active: ActiveSnapshot
    /// Made ready by a reload, not in force yet.
    private var next: ActiveSnapshot?
    let authorizer: Authorizer
    private(set) var isDraining = false
    private var connections: [ObjectIdentifier: any ServerConnection] = [:]
    /// What is closed when the gateway drains, with who answers there.
    private var listening: [(socket: ListeningSocket, handler: any RequestHandler)] = []
    /// TLS handshakes under way at once. Each holds some 40 KiB until it ends or its time is up; beyond it, new
    /// connections are closed, and established ones go on.
    private static let maximumHandshakes = 2048
    private var handshakes = 0
    let clients: ClientCount
    /// Connections of clients, for other threads to read.
    let connectionCount = Atomic<Int>(0)
    var random = SystemRandomNumberGenerator()

    init(
        loop: EventLoop, resolver: Resolver, snapshot: Snapshot, keySets: KeySetService, mcp: MCPService,
        clients: ClientCount, processLog: ProcessLog
    ) throws(AuthError) {
        self.loop = loop
        self.keySets = keySets
        self.clients = clients
        self.processLog = processLog
        core = LoopCore(loop: loop, resolver: resolver)
        self.mcp = mcp.runtime(core)
        traces = TraceExporter(core, processLog)
        mirrors = Mirrors(core)
        accessLog = LogBuffer(descriptor: STDERR_FILENO, loop: loop)
        decisionLog = LogBuffer(descriptor: STDERR_FILENO, loop: loop)
        active = try ActiveSnapshot(snapshot, metrics)
        accessLog.write(to: active.accessFile)
        decisionLog.write(to: active.decisionFile)
        authorizer = try Authorizer()
    }

    /// Milliseconds since the epoch, for token lifetimes.
    var unixTime: UnixTime { UnixTime(milliseconds: WallClock.nanoseconds / 1_000_000) }

    // MARK: Connections

    /// Accepts on `socket` until the gateway drains, or to the end.
    func serve(_ socket: ListeningSocket, _ handler: any RequestHandler, whileDraining: Bool = false) {
        loop.assertOnLoop()
        if !whileDraining { listening.append((socket, handler)) }
        loop.spawn { [self] in
            do throws(IOError) {
                try await socket.accept(on: loop) { [self] accepted, peer in
                    if handler is RequestPipeline {
                        guard clients.count.load(ordering: .relaxed) < active.snapshot.configuration.limits.connections
                        else {
                            metrics.limitHit(.connections)
                            return accepted.close()
                        }
                        metrics.connectionOpened(port: socket.address.port)
                    }
                    let local = SocketAddress.local(of: accepted.descriptor) ?? socket.address
                    if let certificates = handler.certificates {
                        guard handshakes < LoopWorker.maximumHandshakes else {
                            metrics.limitHit(.handshakes)
                            return accepted.close()
                        }
                        handshakes += 1
                        return run(
                            TLSServerConnection(
                                accepted, certificates.current, peer: peer, local: local, handler: handler,
                                afterHandshake: { [self] in handshakes -= 1 }))
                    }
                    let info = ClientInfo(loop: loop, peer: peer, local: local, isSecure: false)
                    run(HTTP1ServerConnection(transport: Transport(socket: accepted), info: info, handler: handler))
                }
            } catch {
                processLog.error("accepting connections on port \(socket.address.port) has ended: \(error)")
            }
        }
    }

    private func run(_ connection: any ServerConnection) {
        let id = ObjectIdentifier(connection)
        connections[id] = connection
        // The process's own ports are not waited for when it drains.
        let isClient = connection.handler is RequestPipeline
        if isClient {
            connectionCount.add(1, ordering: .releasing)
            clients.count.add(1, ordering: .relaxed)
        }
        loop.spawn { [self] in
            await connection.run()
            connections[id] = nil
            if isClient {
                connectionCount.subtract(1, ordering: .releasing)
                clients.count.subtract(1, ordering: .relaxed)
            }
        }
    }

    /// Takes no new connections, ends idle ones, and lets requests under way finish.
    func drain() {
        loop.assertOnLoop()
        isDraining = true
        for (socket, _) in listening { socket.close() }
        listening.removeAll()
        mcp.drain()
        for connection in connections.values { connection.closeIfIdle() }
    }

    func closeUpstreams() { core.pool.closeAll() }

    /// Keeps the certificates of the snapshot in force as their files are. On one loop; the others see what it reads.
    func watchCertificates() {
        loop.assertOnLoop()
        loop.spawn { [self] in
            while !isDraining {
                await loop.sleep(for: ListenerCertificates.interval)
                for bind in active.snapshot.binds.values { bind.certificates?.refresh(processLog) }
            }
        }
    }

    /// The loop's numbers.
    func report() -> MetricsReport {
        loop.assertOnLoop()
        var report = MetricsReport()
        metrics.report(into: &report)
        core.pool.report(into: &report)
        budgets.report(into: &report)
        health.report(into: &report, at: loop.now)
        mirrors.report(into: &report)
        report.add(.openConnections, [], Double(connectionCount.load(ordering: .relaxed)))
        report.add(.mcpSessions, [], Double(mcp.sessions.count + mcp.pooled.count))
        report.add(.mcpChildren, [], Double(mcp.children))
        report.add(.loops, [], 1)
        report.add(.spansExported, [], Double(traces.exported))
        report.add(.spansDropped, [], Double(traces.dropped))
        return report
    }

    // MARK: Reload

    /// Makes everything ready that `snapshot` needs on this loop; nothing changes yet.
    func prepare(_ snapshot: Snapshot) throws(AuthError) {
        loop.assertOnLoop()
        next = try ActiveSnapshot(snapshot, metrics, succeeding: active)
    }

    func discardPrepared() { next = nil }

    /// Puts the prepared snapshot in force for requests that begin from now on.
    /// - Parameters:
    ///   - opened: ports to accept on from now on.
    ///   - removed: sockets to close; what is under way on their connections ends on the snapshot before.
    func commit(opened: [(port: UInt16, socket: ListeningSocket)], removed: [ListeningSocket]) {
        loop.assertOnLoop()
        guard let next else { return }
        let previous = active
        active = next
        self.next = nil
        accessLog.write(to: active.accessFile)
        decisionLog.write(to: active.decisionFile)
        for (port, socket) in opened { serve(socket, RequestPipeline(worker: self, port: port)) }
        for socket in removed { retire(socket, previous) }
        let upstreams = Set(next.snapshot.upstreams.all.map { ObjectIdentifier($0) })
        core.pool.keepOnly(upstreams)
        budgets.keepOnly(upstreams)
        health.keepOnly(upstreams)
        metrics.keepRoutes(Set(next.snapshot.routeLabels))
        mcp.retire(except: next.snapshot.mcpSignatures)
    }

    private func retire(_ socket: ListeningSocket, _ previous: ActiveSnapshot) {
        guard let index = listening.firstIndex(where: { $0.socket === socket }) else { return }
        let handler = listening.remove(at: index).handler
        (handler as? RequestPipeline)?.retire(on: previous)
        socket.finish()
        for connection in connections.values where connection.handler === handler { connection.closeIfIdle() }
    }

    // MARK: Keys

    /// Takes a key set that was fetched, or the news that it has become too old.
    func install(_ keys: KeySet?, of keySet: RemoteKeySet) {
        for snapshot in [active, next] {
            guard let snapshot, let index = snapshot.snapshot.authentication.remoteKeySets.firstIndex(of: keySet)
            else { continue }
            snapshot.auth.install(keys, for: snapshot.snapshot.authentication.id(at: index))
        }
    }
}
