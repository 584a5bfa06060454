// The running gateway: loops, listening sockets, the snapshot in force, readiness, draining.

import Auth
import Glibc
import Synchronization

package final class Gateway: @unchecked Sendable {
    private let group: EventLoopGroup
    let workers: [LoopWorker]
    let keySets: KeySetService
    package let log: ProcessLog
    private let state = Atomic<Int>(0)
    let process: ProcessConfiguration
    private let readFile: @Sendable (String) throws(AuthError) -> [UInt8]

    /// What a reload changes; held for the length of one, so that they come one after the other.
    private struct Current {
        var snapshot: Snapshot
        var listeners: ListenerTable
    }
    private let current: Mutex<Current>
    private let configurationStatus: Mutex<ConfigurationStatus>
    let startedAt = WallClock.nanoseconds
    package static let version = "0.1.0"

    /// What `/healthz/ready` answers.
    package enum Readiness: Int { case starting = 0, ready = 1, draining = 2 }

    package var readiness: Readiness { Readiness(rawValue: state.load(ordering: .acquiring)) ?? .starting }

    /// What became of the configurations so far.
    package var status: ConfigurationStatus { configurationStatus.withLock { $0 } }

    /// What works less well than configured, without anything that a stranger must not read. On the first loop only,
    /// where the readiness port is served.
    func problems() -> [String] {
        var problems = keySets.problems()
        if let failure = status.failure {
            // Only where: what is wrong there may quote the file, and this port is open to many.
            let place = failure.position == .none ? "" : " (\(failure.position))"
            problems.insert(
                "configuration: the latest was not taken\(place), see the log; the one before is in force", at: 0)
        }
        return problems
    }

    /// Compiles, binds and serves. Returns when every port accepts connections.
    /// - Parameters:
    ///   - digest: of the file, for `status`.
    ///   - extra: further servers, on the first loop, that answer to the end.
    /// - Throws: `SnapshotError` for a configuration that cannot run, or a port that cannot be had.
    package init(
        _ configuration: GatewayConfiguration, digest: String = "",
        extra: [(ListeningSocket, any RequestHandler)] = [],
        readFile: @escaping @Sendable (String) throws(AuthError) -> [UInt8]
    ) throws(SnapshotError) {
        process = configuration.process
        self.readFile = readFile
        log = ProcessLog(configuration.process.logging)
        let snapshot = try Snapshot(configuration, upstreams: UpstreamRegistry(), readFile: readFile)
        for warning in snapshot.warnings { log.warn(warning) }
        let count = configuration.process.workerThreads.resolved(cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)))

        // All sockets first: a port that is taken must be known before the first request is.
        var listeners = ListenerTable(loopCount: count)
        let change = try listeners.change(to: configuration.binds)
        let probes = try Gateway.listen(process.readinessAddress, "readinessAddr", isOptional: false, log)
        let standard = ProcessConfiguration()
        let stats = try Gateway.listen(
            process.statsAddress, "statsAddr", isOptional: process.statsAddress == standard.statsAddress, log)
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
            let clients = ClientCount()
            var workers: [LoopWorker] = []
            for loop in group.loops {
                workers.append(
                    try LoopWorker(
                        loop: loop, resolver: resolver, snapshot: snapshot, keySets: keySets, mcp: mcp,
                        clients: clients, processLog: log))
            }
            self.workers = workers
        } catch { throw SnapshotError("\(error)") }
        for worker in workers {
            let mine = listeners.sockets(change, ofLoop: worker.loop.index).opened
            worker.loop.spawn {
                for (port, socket) in mine { worker.serve(socket, RequestPipeline(worker: worker, port: port)) }
            }
        }
        listeners.apply(change)
        current = Mutex(Current(snapshot: snapshot, listeners: listeners))
        configurationStatus = Mutex(ConfigurationStatus(loadedAt: WallClock.nanoseconds, digest: digest))
        group.start()

        let keySets = keySets
        let allWorkers = workers
        let log = log
        let first = workers[0]
        first.loop.spawn { [self] in
            keySets.begin(allWorkers)
            do throws(AuthError) {
                try keySets.adopt(snapshot)
            } catch {
                log.error("\(error)")
            }
            first.watchCertificates()
            for (socket, handler) in extra { first.serve(socket, handler, whileDraining: true) }
            if let probes { first.serve(probes, ReadinessHandler(gateway: self), whileDraining: true) }
            if let stats { first.serve(stats, StatsHandler(gateway: self), whileDraining: true) }
            StartupMemory.release()
        }
        for bind in configuration.binds { log.info("listening on port \(bind.port)") }
        state.store(Readiness.ready.rawValue, ordering: .releasing)
    }

    /// A socket for one of the process's own ports.
    /// - Parameter isOptional: nobody asked for it: another process that has it already is no reason not to start.
    static func listen(
        _ address: ListenAddress, _ name: String, isOptional: Bool, _ log: ProcessLog
    ) throws(SnapshotError) -> ListeningSocket? {
        switch address {
        case .off: return nil
        case .unix: throw SnapshotError("config.\(name): not supported yet: a unix socket")
        case .tcp(let host, let port):
            guard let address = SocketAddress(ip: host == "localhost" ? "127.0.0.1" : host, port: port) else {
                throw SnapshotError("config.\(name): '\(host)' is not an IP address")
            }
            do throws(SnapshotError) {
                return try ListenerTable.listen(address, exclusive: true, .none)
            } catch {
                guard isOptional else { throw error }
                log.warn("config.\(name): \(error.message); nothing is served there")
                return nil
            }
        }
    }

    /// The numbers of all loops. On the first loop.
    func metrics() async -> MetricsReport {
        var report = MetricsReport()
        for worker in workers { report.add(await worker.loop.perform { worker.report() }) }
        keySets.report(into: &report)
        report.addProcess()
        report.add(.startTime, [], Double(startedAt) / 1e9)
        report.add(.build, [("version", Gateway.version)], 1)
        let status = status
        report.add(.configSynchronized, [], status.isSynchronized ? 1 : 0)
        report.add(.configReloads, [("result", "success")], Double(status.reloads))
        report.add(.configReloads, [("result", "failure")], Double(status.failedReloads))
        report.add(.configLoadedAt, [], Double(status.loadedAt) / 1e9)
        return report
    }

    // MARK: Reload

    /// Puts another configuration in the place of the one in force, or leaves that as it is. Requests under way end as
    /// they began; ports that stay keep their sockets and connections. Blocks; not from a loop.
    /// - Parameter digest: of the file, for `status`.
    /// - Throws: for a configuration that cannot run; `status` and the log say so as well.
    package func reload(_ configuration: GatewayConfiguration, digest: String = "") throws(SnapshotError) {
        do throws(SnapshotError) {
            try current.withLock { (current) throws(SnapshotError) in
                guard readiness == .ready else { throw SnapshotError("the gateway is draining") }
                try replace(&current, configuration)
            }
        } catch {
            noteFailedReload(error.description, at: error.position)
            throw error
        }
        configurationStatus.withLock { status in
            status.loadedAt = WallClock.nanoseconds
            status.digest = digest
            status.reloads += 1
            status.failure = nil
        }
    }

    /// A configuration that could not even be read.
    /// - Parameter text: every error with its place, one a line.
    package func noteFailedReload(_ text: String, at position: FilePosition) {
        configurationStatus.withLock { status in
            status.failedReloads += 1
            status.failure = ConfigurationStatus.Failure(
                at: WallClock.nanoseconds, position: position, text: text)
        }
        for line in text.split(separator: "\n") { log.error("configuration not taken: \(line)") }
    }

    private func replace(_ current: inout Current, _ configuration: GatewayConfiguration) throws(SnapshotError) {
        let snapshot = try Snapshot(
            configuration, upstreams: UpstreamRegistry(succeeding: current.snapshot.upstreams),
            succeeding: current.snapshot, readFile: readFile)
        let change = try current.listeners.change(to: configuration.binds)
        let first = workers[0]
        let keySets = keySets
        do throws(AuthError) {
            // Before the swap: a request of the new configuration may ask for its keys at once.
            try first.loop.runAndWait { () -> Result<Void, AuthError> in
                do throws(AuthError) { return .success(try keySets.adopt(snapshot)) } catch { return .failure(error) }
            }.get()
            for worker in workers {
                try worker.loop.runAndWait { () -> Result<Void, AuthError> in
                    do throws(AuthError) { return .success(try worker.prepare(snapshot)) } catch {
                        return .failure(error)
                    }
                }.get()
            }
        } catch {
            change.cancel()
            let running = current.snapshot
            for worker in workers { worker.loop.runAndWait { worker.discardPrepared() } }
            first.loop.runAndWait { keySets.release(allBut: running) }
            throw SnapshotError(error.description)
        }
        // From here on nothing can fail.
        for worker in workers {
            let sockets = current.listeners.sockets(change, ofLoop: worker.loop.index)
            worker.loop.runAndWait { worker.commit(opened: sockets.opened, removed: sockets.removed) }
        }
        first.loop.runAndWait { keySets.release(allBut: snapshot) }
        current.listeners.apply(change)
        current.snapshot = snapshot
        for warning in snapshot.warnings { log.warn(warning) }
        for port in change.openedPorts.sorted() { log.info("listening on port \(port)") }
        for name in process.differences(from: configuration.process) {
            log.warn("config.\(name) has changed: that takes effect with the next start")
        }
    }

    // MARK: The end

    /// Client connections that are open now, readiness probes not counted.
    private var openConnections: Int { workers.reduce(0) { $0 + $1.connectionCount.load(ordering: .acquiring) } }

    /// Stops accepting, lets requests under way finish until the configured deadline, then ends the loops. Blocks; not
    /// from a loop.
    package func drainAndStop() {
        // A reload under way comes to its end first; no other begins.
        current.withLock { _ in state.store(Readiness.draining.rawValue, ordering: .releasing) }
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
