// `agentgw tools`: what the MCP targets of a configuration offer, written down and compared.

import ArgumentParser
import Glibc
import Proxy

struct ToolsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tools", abstract: "Lock the tools of MCP targets, and show what has changed since.",
        discussion: """
            A tool that changes after it was reviewed can make a model do what nobody has agreed to. `tools lock` writes
            every definition down; with `mcpGuard: {pin: tools.lock.yaml}` in the mcp backend the gateway hides, or
            reports, what is no longer the same; `tools diff` says what is different.
            """,
        subcommands: [ToolsLockCommand.self, ToolsDiffCommand.self])
}

struct ToolsOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The configuration; - is standard input.", valueName: "FILE"), completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The lock file of backends without mcpGuard.", valueName: "FILE"), completion: .file())
    var lock = "tools.lock.yaml"

    /// Asks every target, and sorts the answers by the lock file that they belong to.
    func inventory() throws -> (tools: [String: ToolLock], failures: [String]) {
        var configuration: GatewayConfiguration
        do throws(ConfigurationError) {
            configuration = try ConfigurationLoader().load(path: file, readsToolLocks: false)
        } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(2)
        }
        // The inventory is of everything, locked or not.
        configuration.updateMCPBackends { backend in
            backend.toolGuard = backend.toolGuard.map { MCPGuard(pin: $0.pin, onChange: .allow, lock: ToolLock()) }
        }
        signal(SIGPIPE, SIG_IGN)
        let answers: [ToolInventory.Answer]
        do throws(SnapshotError) {
            answers = try ToolInventory.take(configuration, readFile: ConfigurationFiles.read) {
                StandardError.write("agentgw: \($0)\n")
            }
        } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(2)
        }
        guard !answers.isEmpty else {
            StandardError.write("agentgw: \(file) has no MCP targets\n")
            throw ExitCode(2)
        }
        var tools: [String: ToolLock] = [:]
        var failures: [String] = []
        for answer in answers {
            let path = answer.pin ?? lock
            switch answer.tools {
            case .failure(let failure): failures.append("target \(answer.target): \(failure)")
            case .success(let definitions):
                let known = tools[path]?.targets[answer.target]
                guard known == nil || known?.map(\.digest) == definitions.map(\.digest) else {
                    failures.append("two targets named \(answer.target) offer different tools: give them other names")
                    continue
                }
                tools[path, default: ToolLock()].targets[answer.target] = definitions
            }
        }
        return (tools, failures)
    }
}

struct ToolsLockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Write the definitions of all tools into the lock file.",
        discussion: "Nothing is written unless every target has answered.")

    @OptionGroup var options: ToolsOptions

    func run() throws {
        let (tools, failures) = try options.inventory()
        for failure in failures { StandardError.write("agentgw: \(failure)\n") }
        guard failures.isEmpty else { throw ExitCode(2) }
        for path in tools.keys.sorted() {
            guard let lock = tools[path] else { continue }
            do {
                let text = try ToolLockFile.text(lock)
                // What was written must read back as the same: a reviewer trusts it.
                let again = try ToolLockFile.parse(Array(text.utf8), path)
                guard again.targets.mapValues({ $0.map(\.digest) }) == lock.targets.mapValues({ $0.map(\.digest) })
                else { throw ToolLockFile.Problem(description: "\(path): a definition cannot be written down") }
                try AtomicFile.write(text, to: path)
            } catch {
                StandardError.write("agentgw: \(error)\n")
                throw ExitCode(2)
            }
            let count = lock.targets.values.reduce(0) { $0 + $1.count }
            print("\(path): \(count) \(count == 1 ? "tool" : "tools") of \(lock.targets.count) targets")
        }
    }
}

struct ToolsDiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare the tools that are offered with the lock file.",
        discussion:
            "Ends with 0 when all is as locked, with 1 when something has changed, with 2 when that cannot be told."
    )

    @OptionGroup var options: ToolsOptions

    func run() throws {
        let (tools, failures) = try options.inventory()
        var count = 0
        for path in tools.keys.sorted() {
            let lock: ToolLock
            do throws(ToolLockFile.Problem) {
                lock = try ToolLockFile.read(path, .system)
            } catch {
                StandardError.write("agentgw: \(error)\n")
                throw ExitCode(2)
            }
            for (target, offered) in (tools[path]?.targets ?? [:]).sorted(by: { $0.key < $1.key }) {
                for difference in lock.differences(from: offered, of: target) {
                    count += 1
                    let former = difference.formerName.map { " (was \(ToolLockFile.scalar($0)))" } ?? ""
                    let changes = difference.changes.map(\.rawValue).joined(separator: ", ")
                    print("\(target) \(ToolLockFile.scalar(difference.tool)): \(changes)\(former)")
                }
            }
        }
        for failure in failures { StandardError.write("agentgw: \(failure)\n") }
        if !failures.isEmpty { throw ExitCode(2) }
        if count > 0 { throw ExitCode(1) }
        print("all tools are as locked")
    }
}

/// A file that is replaced as a whole or not at all.
enum AtomicFile {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    static func write(_ text: String, to path: String) throws(Failure) {
        let draft = "\(path).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("write", draft) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure("write", draft)
                close(descriptor)
                unlink(draft)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        let synced = fsync(descriptor)
        guard close(descriptor) == 0, synced == 0, rename(draft, path) == 0 else {
            let error = failure("write", path)
            unlink(draft)
            throw error
        }
    }

    private static func failure(_ verb: String, _ path: String) -> Failure {
        Failure(description: "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
