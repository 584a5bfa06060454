// The running gateway: loops, listening sockets, the snapshot in force, readiness, draining.

import Auth
import Glibc
import Synchronization

package final class Gateway: @unchecked Sendable {
    private let group: EventLoopGroup
    private let workers: [LoopWorker]
    private let keySets: KeySetService
    private let log: ProcessLog
    private let state = Atomic<Int>(0)
    private let process: ProcessConfiguration

    /// What `/healthz/ready` answers.
    package enum Readiness: Int { case starting = 0, ready = 1, draining = 2 }

    package var readiness: Readiness { Readiness(rawValue: state.load(ordering: .acquiring)) ?? .starting }

    /// What works less well than configured. On the first loop only, where the readiness port is served.
    func problems() -> [String] { keySets.problems() }

    /// Compiles, binds and serves. Returns when every port accepts connections.
    /// - Parameter extra: further servers, on the first loop, that answer to the end.
    /// - Throws: `SnapshotError` for a configuration that cannot run, or a port that cannot be had.
    package init(
        _ configuration: GatewayConfiguration, extra: [(ListeningSocket, any RequestHandler)] = [],
        readFile: @escaping @Sendable (String) throws(AuthError) -> [UInt8]
    ) throws(SnapshotError) {
        process = configuration.process
        log = ProcessLog(configuration.process.logging)
        let upstreams = UpstreamRegistry()
        let snapshot = try Snapshot(configuration, upstreams: upstreams, readFile: readFile)
        for warning in snapshot.warnings { log.warn(warning) }
        let standard = ProcessConfiguration()
        for (name, address, usual) in [
            ("adminAddr", process.adminAddress, standard.adminAddress),
            ("statsAddr", process.statsAddress, standard.statsAddress),
        ] where address != .off && address != usual {
            log.warn("config.\(name): nothing is served on \(address) yet")
        }
        let count = configuration.process.workerThreads.resolved(cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)))

        // All sockets first: a port that is taken must be known before the first request is.
        var sockets: [(port: UInt16, loop: Int, socket: ListeningSocket)] = []
        for bind in configuration.binds {
            for address in try Gateway.addresses(bind) {
                for loop in 0..<count {
                    sockets.append((bind.port, loop, try Gateway.listen(address, exclusive: loop == 0, bind.position)))
                }
            }
        }
        var readinessSocket: ListeningSocket?
        if case .tcp(let host, let port) = configuration.process.readinessAddress,
            let address = SocketAddress(ip: host == "localhost" ? "127.0.0.1" : host, port: port)
        {
            readinessSocket = try Gateway.listen(address, exclusive: true, .none)
        }

        let resolver = Resolver()
        do {
            group = try EventLoopGroup(count: count)
            keySets = KeySetService(loop: group.loops[0], resolver: resolver, log: log)
            let log = log
            let mcp = try MCPService(sessionKey: configuration.process.sessionKey) { level, line in
                switch level {
                case .info: log.info(line)
                case .warning: log.warn(line)
                }
            }
            var workers: [LoopWorker] = []
            for loop in group.loops {
                workers.append(
                    try LoopWorker(
                        loop: loop, resolver: resolver, snapshot: snapshot, keySets: keySets, mcp: mcp,
                        processLog: log))
            }
            self.workers = workers
        } catch { throw SnapshotError("\(error)") }
        group.start()

        let keySets = keySets
        let allWorkers = workers
        let log = log
        for worker in workers {
            let mine = sockets.filter { $0.loop == worker.loop.index }.map { (port: $0.port, socket: $0.socket) }
            worker.loop.spawn {
                for (port, socket) in mine { worker.serve(socket, RequestPipeline(worker: worker, port: port)) }
            }
        }
        let first = workers[0]
        let probes = readinessSocket
        first.loop.spawn { [self] in
            do throws(AuthError) {
                try keySets.adopt(snapshot, workers: allWorkers)
            } catch {
                log.error("\(error)")
            }
            first.watchCertificates()
            for (socket, handler) in extra { first.serve(socket, handler, whileDraining: true) }
            if let probes { first.serve(probes, ReadinessHandler(gateway: self), whileDraining: true) }
        }
        for bind in configuration.binds { log.info("listening on port \(bind.port)") }
        state.store(Readiness.ready.rawValue, ordering: .releasing)
    }

    // MARK: Addresses

    private static func addresses(_ bind: Bind) throws(SnapshotError) -> [SocketAddress] {
        if bind.addresses.isEmpty {
            // [::] takes IPv4 as well; a kernel without IPv6 has 0.0.0.0 only.
            let probe = Glibc.socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
            if probe >= 0 { Glibc.close(probe) }
            return [SocketAddress(ip: probe >= 0 ? "::" : "0.0.0.0", port: bind.port)!]
        }
        var addresses: [SocketAddress] = []
        for text in bind.addresses {
            guard let address = SocketAddress(ip: text, port: bind.port) else {
                throw SnapshotError("'\(text)' is not an IP address", bind.position)
            }
            addresses.append(address)
        }
        return addresses
    }

    /// - Parameter exclusive: makes sure first that no other process listens there; with SO_REUSEPORT the kernel would
    ///   let two gateways of one user share a port and split their requests.
    private static func listen(
        _ address: SocketAddress, exclusive: Bool, _ position: FilePosition
    ) throws(SnapshotError) -> ListeningSocket {
        do throws(IOError) {
            if exclusive { try ListeningSocket.checkFree(address) }
            return try ListeningSocket(address)
        } catch {
            let host = address.ip.contains(":") ? "[\(address.ip)]" : address.ip
            throw SnapshotError("cannot listen on \(host):\(address.port): \(error)", position)
        }
    }

    // MARK: The end

    /// Client connections that are open now, readiness probes not counted.
    private var openConnections: Int { workers.reduce(0) { $0 + $1.connectionCount.load(ordering: .acquiring) } }

    /// Stops accepting, lets requests under way finish until the configured deadline, then ends the loops. Blocks; not
    /// from a loop.
    package func drainAndStop() {
        state.store(Readiness.draining.rawValue, ordering: .releasing)
        log.info("draining")
        let deadline = MonotonicTime.now + process.drainDeadline
        if process.minimumDrain > .zero {
            usleep(useconds_t(clamping: process.minimumDrain.components.seconds * 1_000_000))
        }
        for worker in workers { worker.loop.spawn { worker.drain() } }
        while MonotonicTime.now < deadline, openConnections > 0 { usleep(20_000) }
        for worker in workers { worker.loop.spawn { worker.mcp.stop() } }
        group.stop()
        log.info("stopped")
    }
}
