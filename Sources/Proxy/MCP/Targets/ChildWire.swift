// The wire to a child process: one message a line on its standard streams; its standard error goes to our log, bounded.

import Auth
import Glibc

/// What a server that lives with its session is reached by. Confined to its loop.
protocol ServerWire: AnyObject, Sendable {
    /// For logs.
    var description: String { get }
    func write(_ message: [UInt8]) async throws(TargetFailure)
    /// Reads messages until the end. Returns why it has come.
    func read(_ take: ([UInt8]) -> Void) async -> String
    /// Ends the server, or the connection to it; returns when nothing of it is left.
    func close() async
}

final class ChildWire: ServerWire, @unchecked Sendable {
    /// Lines of standard error that are logged each second; a child that floods it is heard, not obeyed.
    private static let errorLinesPerSecond = 20
    private static let errorLineBytes = 2048

    private let process: Subprocess
    private let runtime: MCPRuntime
    private let target: String

    /// Starts the child.
    init(_ runtime: MCPRuntime, target: String, command: StdioCommand) throws(TargetFailure) {
        self.runtime = runtime
        self.target = target
        guard runtime.children < MCPLimits.children else {
            throw .unavailable("\(MCPLimits.children) children run on this loop already")
        }
        do throws(IOError) {
            process = try Subprocess(
                Subprocess.Command(
                    executable: command.command, arguments: command.arguments,
                    environment: ChildWire.environment(command)), on: runtime.loop)
        } catch { throw .unavailable("\(error)") }
        runtime.children += 1
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

    var description: String { "pid \(process.pid)" }

    func write(_ message: [UInt8]) async throws(TargetFailure) {
        do throws(IOError) {
            try await process.write(message + [0x0a])
        } catch { throw .unavailable("writing to it: \(error)") }
    }

    func read(_ take: ([UInt8]) -> Void) async -> String {
        let buffer = IOBuffer(capacity: 64 * 1024)
        var line: [UInt8] = []
        while true {
            buffer.clear()
            do throws(IOError) {
                guard try await process.readOutput(into: buffer) else { return "its output has ended" }
            } catch { return "\(error)" }
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
                return "a message longer than \(MCPLimits.targetMessage) bytes"
            }
        }
    }

    private var isClosing = false

    func close() async {
        await process.terminate()
        guard !isClosing else { return }
        isClosing = true
        runtime.children -= 1
    }

    private func readErrors() async {
        let buffer = IOBuffer(capacity: ChildWire.errorLineBytes)
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
                if lines <= ChildWire.errorLinesPerSecond {
                    runtime.log(.info, "mcp target '\(target)': \(line)")
                }
            }
        }
    }
}
