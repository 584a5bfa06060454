// What one event loop of the gateway owns: the snapshot in force, the auth layer's caches, upstream connections, client
// connections, logs. Confined to its loop.

import Auth
import Glibc
import Synchronization

final class LoopWorker: @unchecked Sendable {
    let loop: EventLoop
    let core: LoopCore
    let log: LogBuffer
    let processLog: ProcessLog
    let keySets: KeySetService
    let mcp: MCPRuntime
    private(set) var snapshot: Snapshot
    private(set) var auth: AuthLayer
    let authorizer: Authorizer
    /// By the number of the backend.
    private var minters: [Int: TokenMinter] = [:]
    private(set) var isDraining = false
    private var connections: [ObjectIdentifier: any ServerConnection] = [:]
    private var sockets: [ListeningSocket] = []
    /// TLS handshakes under way at once. Each holds some 40 KiB until it ends or its time is up; beyond it, new
    /// connections are closed, and established ones go on.
    private static let maximumHandshakes = 2048
    private var handshakes = 0
    /// Of `connections`, for other threads to read.
    let connectionCount = Atomic<Int>(0)
    var random = SystemRandomNumberGenerator()

    init(
        loop: EventLoop, resolver: Resolver, snapshot: Snapshot, keySets: KeySetService, mcp: MCPService,
        processLog: ProcessLog
    ) throws(AuthError) {
        self.loop = loop
        self.snapshot = snapshot
        self.keySets = keySets
        self.processLog = processLog
        core = LoopCore(loop: loop, resolver: resolver)
        self.mcp = mcp.runtime(core)
        log = LogBuffer(descriptor: STDERR_FILENO, loop: loop)
        auth = try AuthLayer(snapshot.authentication)
        authorizer = try Authorizer()
    }

    /// Milliseconds since the epoch, for token lifetimes.
    var unixTime: UnixTime { UnixTime(milliseconds: WallClock.nanoseconds / 1_000_000) }

    /// The maker of tokens for a backend that is shown ours.
    func minter(_ signing: JWTSigning, backend: Int) throws(AuthError) -> TokenMinter {
        if let minter = minters[backend] { return minter }
        let minter = try TokenMinter(signing)
        minters[backend] = minter
        return minter
    }

    // MARK: Connections

    /// Accepts on `socket` until the gateway drains, or to the end.
    func serve(_ socket: ListeningSocket, _ handler: any RequestHandler, whileDraining: Bool = false) {
        loop.assertOnLoop()
        if !whileDraining { sockets.append(socket) }
        loop.spawn { [self] in
            do throws(IOError) {
                try await socket.accept(on: loop) { [self] accepted, peer in
                    let local = SocketAddress.local(of: accepted.descriptor) ?? socket.address
                    if let certificates = handler.certificates {
                        guard handshakes < LoopWorker.maximumHandshakes else { return accepted.close() }
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
        connectionCount.store(connections.count, ordering: .releasing)
        loop.spawn { [self] in
            await connection.run()
            connections[id] = nil
            connectionCount.store(connections.count, ordering: .releasing)
        }
    }

    /// Takes no new connections, ends idle ones, and lets requests under way finish.
    func drain() {
        loop.assertOnLoop()
        isDraining = true
        for socket in sockets { socket.close() }
        sockets.removeAll()
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
                for bind in snapshot.binds.values { bind.certificates?.refresh(processLog) }
            }
        }
    }

    // MARK: Keys

    /// Takes a key set that was fetched, or the news that it has become too old.
    func install(_ keys: KeySet?, for id: KeySetID, of snapshot: Snapshot) {
        guard snapshot === self.snapshot else { return }
        auth.install(keys, for: id)
    }
}
