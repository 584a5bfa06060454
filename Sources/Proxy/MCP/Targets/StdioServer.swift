// An MCP server that runs as our child: one message a line in both directions, requests told apart by ids of our own.
// Confined to its loop.

import Auth
import Glibc
import JSON

final class StdioServer: @unchecked Sendable {
    /// Lines of standard error that are logged each second; a child that floods it is heard, not obeyed.
    private static let errorLinesPerSecond = 20
    private static let errorLineBytes = 2048

    private struct Pending {
        let mailbox: Mailbox
        let progressToken: RPCID?
    }

    let target: CompiledTarget
    let index: Int
    /// Requests of several callers are under way at the same time.
    private let isShared: Bool
    private let runtime: MCPRuntime
    private let process: Subprocess
    /// What belongs to no request of ours.
    private let unrelated: (RPCMessage) -> Void
    private var pending: [Int64: Pending] = [:]
    private var nextID: Int64 = 1
    private(set) var isAlive = true
    var isModern = false

    /// Starts the child.
    init(
        _ runtime: MCPRuntime, _ target: CompiledTarget, index: Int, command: StdioCommand, isShared: Bool,
        unrelated: @escaping (RPCMessage) -> Void
    ) throws(TargetFailure) {
        self.runtime = runtime
        self.target = target
        self.index = index
        self.isShared = isShared
        self.unrelated = unrelated
        guard runtime.children < MCPLimits.children else {
            throw .unavailable("\(MCPLimits.children) children run on this loop already")
        }
        do throws(IOError) {
            process = try Subprocess(
                Subprocess.Command(
                    executable: command.command, arguments: command.arguments,
                    environment: StdioServer.environment(command)), on: runtime.loop)
        } catch { throw .unavailable("\(error)") }
        runtime.children += 1
        runtime.loop.spawn { await self.readOutput() }
        runtime.loop.spawn { await self.readErrors() }
    }

    /// PATH, HOME, LANG and TMPDIR of ours, and what the target names. Never the rest: it holds providers' keys.
    private static func environment(_ command: StdioCommand) -> [String] {
        var values: [(String, String)] = []
        if !command.clearEnvironment {
            for name in ["PATH", "HOME", "LANG", "TMPDIR"] {
                if let value = getenv(name) { values.append((name, String(cString: value))) }
            }
        }
        for variable in command.environment {
            values.removeAll { $0.0 == variable.name }
            values.append((variable.name, variable.value.withBytes { String(decoding: $0, as: UTF8.self) }))
        }
        return values.map { "\($0.0)=\($0.1)" }
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
        guard pending.removeValue(forKey: id) != nil else { return }
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
            do throws(IOError) {
                try await process.write(message + [0x0a])
            } catch {
                fail("writing to it: \(error)")
            }
        }
    }

    // MARK: Standard output

    private func readOutput() async {
        let buffer = IOBuffer(capacity: 64 * 1024)
        var line: [UInt8] = []
        var reason = "its output has ended"
        reading: while true {
            buffer.clear()
            do throws(IOError) {
                guard try await process.readOutput(into: buffer) else { break }
            } catch {
                reason = "\(error)"
                break
            }
            let view = buffer.view
            var start = 0
            for i in 0..<view.count where view[i] == 0x0a {
                line.append(contentsOf: view.slice(start, i).buffer)
                start = i + 1
                take(line)
                line.removeAll(keepingCapacity: line.count < 64 * 1024)
            }
            line.append(contentsOf: view.slice(start, view.count).buffer)
            guard line.count <= MCPLimits.targetMessage else {
                reason = "a message longer than \(MCPLimits.targetMessage) bytes"
                break reading
            }
        }
        fail(reason)
        await process.terminate()
        runtime.children -= 1
    }

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
            waiting.mailbox.post(.message(message, target: index))
        case .notification(let notification):
            if notification.method == ServerNotification.progress.rawValue {
                guard let params = notification.params, let id = params["progressToken" as StaticString]?.int64,
                    let waiting = pending[id], let token = waiting.progressToken,
                    let renamed = StdioServer.progress(params, token)
                else { return }
                let progress = RPCNotification(method: notification.method, params: renamed)
                waiting.mailbox.post(.message(.notification(progress), target: index))
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

    // MARK: Standard error

    private func readErrors() async {
        let buffer = IOBuffer(capacity: StdioServer.errorLineBytes)
        var second = MonotonicTime.now
        var lines = 0
        while true {
            buffer.compact()
            if buffer.writableBytes == 0 { buffer.clear() }
            guard let more = try? await process.readErrors(into: buffer), more else { return }
            while let end = buffer.view.firstIndex(of: 0x0a) {
                let line = buffer.view.slice(0, end).text
                buffer.reader += end + 1
                if second + .seconds(1) < .now {
                    second = .now
                    lines = 0
                }
                lines += 1
                if lines <= StdioServer.errorLinesPerSecond {
                    runtime.log(.info, "mcp target '\(target.name)': \(line)")
                }
            }
        }
    }

    // MARK: End

    private func fail(_ reason: String) {
        guard isAlive else { return }
        isAlive = false
        runtime.log(.info, "mcp target '\(target.name)' (pid \(process.pid)) has ended: \(reason)")
        for waiting in pending.values { waiting.mailbox.post(.failed(.unavailable(reason))) }
        pending.removeAll()
    }

    /// Ends the child, politely first.
    func stop() {
        fail("stopped")
        runtime.loop.spawn { await self.process.terminate() }
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
