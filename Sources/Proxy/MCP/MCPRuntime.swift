// What MCP keeps: for the process, the seal and the way to every loop; for one loop, the sessions that live on it.

import Auth
import JSON
import Synchronization

/// How loud a log line is.
package enum MCPLogLevel: Sendable { case info, warning }

/// One for the process.
package final class MCPService: Sendable {
    let seal: Seal
    fileprivate let write: @Sendable (MCPLogLevel, String) -> Void
    private let runtimes = Mutex<[Int: MCPRuntime]>([:])

    /// - Parameter sessionKey: at least 32 bytes; nil: random, sessions end with the process.
    package init(
        sessionKey: Secret?, log: @escaping @Sendable (MCPLogLevel, String) -> Void
    ) throws(AuthError) {
        seal = try Seal(key: sessionKey)
        write = log
    }

    /// The part of one loop; made once, before the loop serves requests.
    package func runtime(_ core: LoopCore) -> MCPRuntime {
        let runtime = MCPRuntime(core, self)
        runtimes.withLock { $0[core.loop.index] = runtime }
        return runtime
    }

    func runtime(ofLoop index: Int) -> MCPRuntime? { runtimes.withLock { $0[index] } }

    fileprivate func otherRuntimes(than runtime: MCPRuntime) -> [MCPRuntime] {
        runtimes.withLock { $0.values.filter { $0 !== runtime } }
    }
}

/// Confined to its loop.
package final class MCPRuntime: @unchecked Sendable {
    let core: LoopCore
    let service: MCPService
    var loop: EventLoop { core.loop }
    var sessions: [[UInt8]: HomedSession] = [:]
    var children = 0
    /// Sessions that the gateway keeps with legacy servers for modern clients, by caller.
    var pooled: [String: PooledSession] = [:]
    let lists = ListCache()
    /// Open streams of clients of the older transport.
    var events: [[UInt8]: EventSession] = [:]
    /// What legacy clients are asked on behalf of modern servers, by the id of the question.
    var inputs: [String: Mailbox] = [:]
    /// Requests to targets over HTTP that are under way.
    var remoteCalls: [CallKey: CallCancellation] = [:]
    /// Targets over HTTP that are known not to speak the modern era, and until when that is believed.
    var legacyTargets: [String: MonotonicTime] = [:]
    /// Calls that wait for their client's input.
    var suspended: [[UInt8]: SuspendedCall] = [:]
    /// What open streams of clients wait for.
    private var streams: [ObjectIdentifier: Mailbox] = [:]
    private(set) var isDraining = false
    private var lastID: Int64 = 0

    /// An id for a request of the gateway's own.
    func newID() -> RPCID {
        lastID += 1
        return .integer(lastID)
    }

    private var isSweeping = false

    fileprivate init(_ core: LoopCore, _ service: MCPService) {
        self.core = core
        self.service = service
    }

    func log(_ level: MCPLogLevel, _ line: String) { service.write(level, line) }

    func add(_ session: HomedSession) {
        loop.assertOnLoop()
        sessions[session.id] = session
        guard !isSweeping else { return }
        isSweeping = true
        loop.spawn { await self.sweep() }
    }

    func end(_ id: [UInt8]) {
        loop.assertOnLoop()
        sessions.removeValue(forKey: id)?.stop()
        lists.forget(session: id)
    }

    /// A target has told of changes: no loop may show what was listed before.
    func listsChanged(_ session: [UInt8], _ target: String, _ kind: ListKind) {
        let key = ListCache.Key(session: session, target: target, kind: kind)
        lists.forget(key)
        othersForget(key)
    }

    /// Gives a call up, whichever loop it waits on.
    func cancelRemoteCall(_ key: CallKey, _ reason: String) {
        remoteCalls[key]?.cancel(reason)
        for runtime in service.otherRuntimes(than: self) {
            runtime.loop.spawn { runtime.remoteCalls[key]?.cancel(reason) }
        }
    }

    /// Sessions that were ended through this process and have not expired: the ids of those over HTTP targets would open
    /// for a day. The oldest is forgotten first; its servers still know that it has ended.
    private var ended: Set<[UInt8]> = []
    private var endedOrder: [[UInt8]] = []
    private static let maximumEnded = 16_384

    func hasEnded(_ session: [UInt8]) -> Bool { ended.contains(session) }

    /// No loop takes anything for the session any longer.
    func noteEnded(_ session: [UInt8]) async {
        @Sendable func note(_ runtime: MCPRuntime) {
            guard runtime.ended.insert(session).inserted else { return }
            runtime.endedOrder.append(session)
            guard runtime.endedOrder.count > MCPRuntime.maximumEnded else { return }
            let oldest = runtime.endedOrder.prefix(MCPRuntime.maximumEnded / 2)
            for id in oldest { runtime.ended.remove(id) }
            runtime.endedOrder.removeFirst(oldest.count)
        }
        note(self)
        for runtime in service.otherRuntimes(than: self) { await runtime.loop.perform { note(runtime) } }
    }

    /// Gives up what is under way for a session that ends.
    func cancelRemoteCalls(ofSession id: [UInt8]) {
        @Sendable func cancel(_ runtime: MCPRuntime) {
            for (key, call) in runtime.remoteCalls where key.session == id {
                call.cancel("the session has ended", endsSession: true)
            }
        }
        cancel(self)
        for runtime in service.otherRuntimes(than: self) { runtime.loop.spawn { cancel(runtime) } }
    }

    func othersForget(_ key: ListCache.Key) {
        for runtime in service.otherRuntimes(than: self) { runtime.loop.spawn { runtime.lists.forget(key) } }
    }

    /// Runs `body` on this loop, now when this is it.
    func run(_ body: @escaping @Sendable () -> Void) {
        if loop.isOnLoop { body() } else { loop.spawn { body() } }
    }

    // MARK: Tools that are not what was reviewed

    /// What has been said already: once for each change, not for each list.
    private var reported: Set<String> = []
    private static let maximumReported = 10_000

    func report(
        _ tools: [JSONValue], _ verdicts: [ToolVerdict], missing: [String], of target: String, in label: String
    ) {
        func say(_ key: String, _ line: String) {
            if reported.count >= MCPRuntime.maximumReported { reported.removeAll() }
            if reported.insert("\(label)\u{0}\(key)").inserted { log(.warning, line) }
        }
        for (tool, verdict) in zip(tools, verdicts) where verdict.action != .allow {
            guard let definition = ToolDefinition(tool) else { continue }
            let changes = ToolChange.allCases.filter(verdict.changes.contains).map(\.rawValue).joined(separator: ", ")
            say(
                "\(target)\u{0}\(definition.digest)\u{0}\(verdict.action)",
                "mcp target '\(target)': tool '\(definition.name.prefix(128))' is not as locked (\(changes)): "
                    + (verdict.action == .hide ? "hidden" : "shown"))
        }
        for name in missing {
            say("\(target)\u{0}\(name)", "mcp target '\(target)': the locked tool '\(name)' is no longer offered")
        }
    }

    // MARK: Deadlines

    private var watched: [ObjectIdentifier: (mailbox: Mailbox, deadline: MonotonicTime)] = [:]
    private var isWatching = false

    /// Posts `timedOut` when nothing has ended the wait until `deadline`, to the second: calls are many and their
    /// deadlines far, so they are looked at together instead of having a timer each.
    func watch(_ mailbox: Mailbox, until deadline: MonotonicTime) {
        watched[ObjectIdentifier(mailbox)] = (mailbox, deadline)
        guard !isWatching else { return }
        isWatching = true
        loop.spawn {
            while !self.watched.isEmpty {
                await self.loop.sleep(for: .seconds(1))
                for (id, entry) in self.watched where entry.deadline <= self.loop.now {
                    self.watched[id] = nil
                    entry.mailbox.post(.failed(.timedOut))
                }
            }
            self.isWatching = false
        }
    }

    func unwatch(_ mailbox: Mailbox) { watched[ObjectIdentifier(mailbox)] = nil }

    /// Ends sessions that nobody uses.
    private func sweep() async {
        while !sessions.isEmpty {
            await loop.sleep(for: .seconds(5))
            for session in sessions.values where session.isIdle(at: loop.now) { end(session.id) }
        }
        isSweeping = false
    }

    /// A reload: sessions of backends that are no more, or reach other servers now, end when no call of theirs is under
    /// way. The others go on.
    /// - Parameter signatures: `CompiledMCP.signature` of every backend that there is.
    func retire(except signatures: Set<[UInt8]>) {
        loop.assertOnLoop()
        lists.forgetAll()
        for (key, kept) in pooled {
            guard let token = kept.established?.token, !signatures.contains(token.backend) else { continue }
            kept.stream?.close()
            pooled[key] = nil
        }
        for session in sessions.values where !signatures.contains(session.backend.signature) {
            session.isRetired = true
            if session.isIdle(at: loop.now) { end(session.id) }
        }
    }

    func opened(_ stream: Mailbox) {
        streams[ObjectIdentifier(stream)] = stream
        if isDraining { stream.close() }
    }

    func closed(_ stream: Mailbox) { streams[ObjectIdentifier(stream)] = nil }

    /// Ends the streams that would never end by themselves; calls go on.
    package func drain() {
        isDraining = true
        for stream in streams.values { stream.close() }
    }

    /// Ends every session of the loop: the gateway stops.
    package func stop() {
        for id in Array(sessions.keys) { end(id) }
        for session in pooled.values { session.stream?.close() }
        pooled.removeAll()
    }
}

extension EventLoop {
    /// Runs `body` on this loop and comes back with its result.
    func perform<R: Sendable>(_ body: @escaping @Sendable () async -> R) async -> R {
        if isOnLoop { return await body() }
        return await Task(executorPreference: self) { await body() }.value
    }
}
