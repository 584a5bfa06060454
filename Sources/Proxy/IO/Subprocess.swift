// A child process whose standard streams are pipes on an event loop. It has its own process group, inherits no
// descriptor but the three, dies with the gateway, and is always reaped.
// Invariant: confined to its loop; `pid` is signalled only until the process has been reaped.

import CLinux
import Glibc

package final class Subprocess: @unchecked Sendable {
    package struct Command: Sendable {
        /// A path, or a name to be looked for in the PATH of `environment`.
        package var executable: String
        package var arguments: [String]
        /// `NAME=value`, complete: nothing is added.
        package var environment: [String]

        package init(executable: String, arguments: [String], environment: [String]) {
            self.executable = executable
            self.arguments = arguments
            self.environment = environment
        }
    }

    package enum Exit: Equatable, Sendable, CustomStringConvertible {
        case status(Int32)
        case signal(Int32)

        package var description: String {
            switch self {
            case .status(let code): "exit status \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    package let pid: pid_t
    private let loop: EventLoop
    private let input: Socket
    private let output: Socket
    private let errors: Socket
    private let handle: Socket
    private var isWriting = false
    private var writeQueue: [UnsafeContinuation<Void, Never>] = []
    package private(set) var exit: Exit?
    private var exitWaiters: [UnsafeContinuation<Void, Never>] = []

    /// Starts `command` from its loop.
    /// - Throws: `.system` with the step that failed; `execve` when the program is not there or cannot be run.
    package init(_ command: Command, on loop: EventLoop) throws(IOError) {
        loop.assertOnLoop()
        self.loop = loop
        let path = try Subprocess.find(command.executable, environment: command.environment)
        let pipes = try Pipes()
        let pid = Subprocess.withCStrings([command.executable] + command.arguments) { arguments in
            Subprocess.withCStrings(command.environment) { environment in
                agentgw_spawn(path, arguments, environment, pipes.input.read, pipes.output.write, pipes.errors.write)
            }
        }
        guard pid > 0 else {
            pipes.close()
            throw .system(call: "execve \(command.executable)", errno: -pid)
        }
        pipes.closeChildEnds()
        self.pid = pid
        let descriptor = agentgw_pidfd_open(pid)
        do throws(IOError) {
            guard descriptor >= 0 else { throw .last("pidfd_open") }
            // Each of these owns its descriptor from here on, also when its registration fails.
            handle = try Socket(loop: loop, descriptor: descriptor)
            input = try Socket(loop: loop, descriptor: pipes.input.write)
            output = try Socket(loop: loop, descriptor: pipes.output.read)
            errors = try Socket(loop: loop, descriptor: pipes.errors.read)
        } catch {
            kill(-pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
            throw error
        }
        loop.spawn { await self.reap() }
    }

    // MARK: Streams

    /// Writes all of `bytes` to the child's standard input; callers take turns.
    package func write(_ bytes: [UInt8]) async throws(IOError) {
        // The turn is handed over, never put down while others wait: messages leave in the order they came.
        if isWriting { await withUnsafeContinuation { writeQueue.append($0) } } else { isWriting = true }
        defer {
            if writeQueue.isEmpty { isWriting = false } else { writeQueue.removeFirst().resume() }
        }
        var sent = 0
        while sent < bytes.count {
            guard input.isOpen else { throw .closed }
            let result = bytes.withUnsafeBytes {
                Glibc.write(input.descriptor, $0.baseAddress.unsafelyUnwrapped + sent, $0.count - sent)
            }
            if result > 0 {
                sent += result
                continue
            }
            if result < 0, errno == EINTR { continue }
            guard result < 0, errno == EAGAIN else { throw .last("write") }
            input.clearWritable()
            try await input.writable()
        }
    }

    /// Reads what has arrived on standard output into `buffer`; false at its end.
    package func readOutput(into buffer: IOBuffer) async throws(IOError) -> Bool {
        try await Subprocess.read(output, buffer)
    }

    package func readErrors(into buffer: IOBuffer) async throws(IOError) -> Bool {
        try await Subprocess.read(errors, buffer)
    }

    private static func read(_ socket: Socket, _ buffer: IOBuffer) async throws(IOError) -> Bool {
        let count = try await socket.read(into: buffer.writePointer, count: buffer.writableBytes)
        buffer.writer += count
        return count > 0
    }

    // MARK: End

    package var hasExited: Bool { exit != nil }

    package func waitForExit() async {
        while exit == nil { await withUnsafeContinuation { exitWaiters.append($0) } }
    }

    /// Asks the child to end, as the MCP specification wants it (2025-11-25, "Shutdown", stdio): its input is closed;
    /// after `grace` it gets SIGTERM, and after as much again SIGKILL. Returns when it has been reaped.
    package func terminate(grace: Duration = .seconds(2)) async {
        input.close()
        if exit == nil {
            loop.spawn { [self] in
                await loop.sleep(for: grace)
                guard exit == nil else { return }
                kill(-pid, SIGTERM)
                await loop.sleep(for: grace)
                guard exit == nil else { return }
                kill(-pid, SIGKILL)
            }
            await waitForExit()
        }
        output.close()
        errors.close()
    }

    private func reap() async {
        // An error here only means that the loop ends; the child then dies of PR_SET_PDEATHSIG.
        try? await handle.readable()
        guard handle.isOpen else { return }
        // What the child has left behind in its group goes with it, while the pid is still its own.
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        handle.close()
        input.close()
        exit = status & 0x7f == 0 ? .status(status >> 8 & 0xff) : .signal(status & 0x7f)
        let waiters = exitWaiters
        exitWaiters.removeAll()
        for waiter in waiters { waiter.resume() }
    }

    // MARK: Starting

    private static func find(_ executable: String, environment: [String]) throws(IOError) -> String {
        if executable.utf8.contains(UInt8(ascii: "/")) { return executable }
        let path = environment.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/local/bin:/usr/bin:/bin"
        for folder in path.split(separator: ":") {
            let candidate = "\(folder)/\(executable)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw .system(call: "execve \(executable)", errno: ENOENT)
    }

    private static func withCStrings<R>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
    }
}

/// The six ends of three pipes; ours are non-blocking, all are closed on exec.
private struct Pipes {
    typealias Pair = (read: Int32, write: Int32)
    let input: Pair
    let output: Pair
    let errors: Pair

    init() throws(IOError) {
        var opened: [Pair] = []
        for _ in 0..<3 {
            var ends: [Int32] = [0, 0]
            guard agentgw_pipe2(&ends, O_CLOEXEC) == 0 else {
                let error = IOError.last("pipe2")
                for pair in opened {
                    Glibc.close(pair.read)
                    Glibc.close(pair.write)
                }
                throw error
            }
            opened.append((ends[0], ends[1]))
        }
        (input, output, errors) = (opened[0], opened[1], opened[2])
        for descriptor in [input.write, output.read, errors.read] {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }
    }

    func closeChildEnds() {
        for descriptor in [input.read, output.write, errors.write] { Glibc.close(descriptor) }
    }

    func close() {
        closeChildEnds()
        for descriptor in [input.write, output.read, errors.read] { Glibc.close(descriptor) }
    }
}
