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
    private var connections: [ObjectIdentifier: HTTP1ServerConnection] = [:]
    private var sockets: [ListeningSocket] = []
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
                    let info = ClientInfo(loop: loop, peer: peer, local: local, isSecure: false)
                    run(HTTP1ServerConnection(transport: Transport(socket: accepted), info: info, handler: handler))
                }
            } catch {
                processLog.error("accepting connections on port \(socket.address.port) has ended: \(error)")
            }
        }
    }

    private func run(_ connection: HTTP1ServerConnection) {
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

    // MARK: Keys

    /// Takes a key set that was fetched, or the news that it has become too old.
    func install(_ keys: KeySet?, for id: KeySetID, of snapshot: Snapshot) {
        guard snapshot === self.snapshot else { return }
        auth.install(keys, for: id)
    }
}
