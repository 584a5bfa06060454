// An MCP server that lives with its session, a child process or the far end of an event stream: requests told apart by ids
// of our own. Confined to its loop.

import JSON

final class HomedServer: @unchecked Sendable {
    private struct Pending {
        let mailbox: Mailbox
        let progressToken: RPCID?
    }

    let target: CompiledTarget
    let index: Int
    /// Requests of several callers are under way at the same time.
    private let isShared: Bool
    private let runtime: MCPRuntime
    private let wire: any ServerWire
    /// What belongs to no request of ours.
    private let unrelated: (RPCMessage) -> Void
    private var pending: [Int64: Pending] = [:]
    /// Clients' progress tokens of calls that have become tasks: their progress goes on (2025-11-25, "Tasks").
    private var taskTokens: [Int64: RPCID] = [:]
    /// Tasks whose progress is passed on; beyond it the oldest's is not.
    private static let maximumTaskTokens = 256
    private var nextID: Int64 = 1
    private(set) var isAlive = true
    var isModern = false

    init(
        _ runtime: MCPRuntime, _ target: CompiledTarget, index: Int, wire: any ServerWire, isShared: Bool,
        unrelated: @escaping (RPCMessage) -> Void
    ) {
        self.runtime = runtime
        self.target = target
        self.index = index
        self.isShared = isShared
        self.unrelated = unrelated
        self.wire = wire
        runtime.loop.spawn { [self] in
            let reason = await wire.read { take($0) }
            fail(reason)
            await wire.close()
        }
    }

    // MARK: Requests

    /// Sends a request; its answer, and what belongs to it, is posted to `mailbox`.
    /// - Returns: the id under which the child knows it; nil when it is dead (`mailbox` is told).
    @discardableResult
    func submit(_ request: TargetRequest, to mailbox: Mailbox) -> Int64? {
        guard isAlive else {
            mailbox.post(.failed(.unavailable("the process has ended")))
            return nil
        }
        let id = nextID
        nextID += 1
        pending[id] = Pending(mailbox: mailbox, progressToken: request.progressToken)
        // Callers choose their progress tokens, and may choose the same ones: the child gets our id for it.
        send(request.message(id: .integer(id), progressToken: .integer(id)))
        return id
    }

    /// No answer is waited for any longer.
    func abandon(_ id: Int64, reason: String) {
        guard let waiting = pending.removeValue(forKey: id) else { return }
        // Whoever still waits need wait no longer; a mailbox that is closed takes nothing.
        waiting.mailbox.post(.failed(.cancelled))
        send(
            RPCWriter.notification(ServerNotification.cancelled.rawValue) { writer in
                writer.object { writer in
                    writer.name("requestId")
                    writer.value(id)
                    writer.name("reason")
                    writer.value(reason)
                }
            })
    }

    func send(_ message: [UInt8]) {
        guard isAlive else { return }
        runtime.loop.spawn { [self] in
            do throws(TargetFailure) {
                try await wire.write(message)
            } catch {
                fail(error.detail)
            }
        }
    }

    // MARK: What it says

    private func take(_ line: [UInt8]) {
        guard line.contains(where: { $0 > 0x20 }) else { return }
        let message: RPCMessage
        do throws(RPCError) {
            message = try RPCMessage.parse(line, limit: MCPLimits.targetMessage)
        } catch {
            // Servers that print a greeting are common; what they print goes nowhere but here.
            runtime.log(.warning, "mcp target '\(target.name)' wrote a line that is no message: \(error.message)")
            return
        }
        switch message {
        case .response(let response):
            guard case .integer(let id)? = response.id, let waiting = pending.removeValue(forKey: id) else { return }
            if let token = waiting.progressToken, case .result(let result) = response.outcome,
                result["task" as StaticString] != nil, !isShared
            {
                taskTokens[id] = token
                if taskTokens.count > HomedServer.maximumTaskTokens, let oldest = taskTokens.keys.min() {
                    taskTokens[oldest] = nil
                }
            }
            waiting.mailbox.post(.message(message, target: index))
        case .notification(let notification):
            if notification.method == ServerNotification.progress.rawValue {
                guard let params = notification.params, let id = params["progressToken" as StaticString]?.int64,
                    let token = pending[id]?.progressToken ?? taskTokens[id],
                    let renamed = HomedServer.progress(params, token)
                else { return }
                let progress = RPCMessage.notification(RPCNotification(method: notification.method, params: renamed))
                guard let waiting = pending[id] else { return unrelated(progress) }
                waiting.mailbox.post(.message(progress, target: index))
                return
            }
            unrelated(message)
        case .request(let request):
            if request.method == ServerRequest.ping.rawValue {
                return send(RPCWriter.result(request.id) { $0.object { _ in } })
            }
            guard ServerRequest(rawValue: request.method) != nil else {
                return send(RPCWriter.error(request.id, .unknownMethod(request.method)))
            }
            // A request belongs to the call that it interrupts; with one call under way there is no doubt which, and
            // with several of one session it reaches the same client. Callers that share a child must not get what
            // belongs to another.
            if isShared, pending.count > 1 {
                let refusal = RPCError(-32603, 200, "Several requests are under way: whose this is cannot be told")
                return send(RPCWriter.error(request.id, refusal))
            }
            if let oldest = pending.min(by: { $0.key < $1.key }) {
                oldest.value.mailbox.post(.message(message, target: index))
            } else {
                unrelated(message)
            }
        }
    }

    private static func progress(_ params: JSONValue, _ token: RPCID) -> JSONValue? {
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in params.members {
                guard name.equals("progressToken" as StaticString) else {
                    writer.member(name, value)
                    continue
                }
                writer.name("progressToken")
                token.write(&writer)
            }
        }
        return try? JSONDocument(parsing: writer.bytes).root
    }

    // MARK: End

    private func fail(_ reason: String) { fail(reason, .unavailable(reason)) }

    private func fail(_ reason: String, _ failure: TargetFailure) {
        guard isAlive else { return }
        isAlive = false
        runtime.log(.info, "mcp target '\(target.name)' (\(wire.description)) has ended: \(reason)")
        for waiting in pending.values { waiting.mailbox.post(.failed(failure)) }
        pending.removeAll()
    }

    /// Ends it, politely first.
    func stop() {
        fail("stopped", .sessionEnded)
        runtime.loop.spawn { await self.wire.close() }
    }
}

extension RPCID {
    /// nil unless `value` is a string or an integer.
    init?(_ value: JSONValue) {
        if let number = value.int64 {
            self = .integer(number)
        } else if let text = value.string {
            self = .text(text)
        } else {
            return nil
        }
    }
}
