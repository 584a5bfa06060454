// Asks the targets of a configuration what tools they offer, without a gateway around it: for `agentgw tools`.

import Auth
import JSON

package enum ToolInventory {
    /// What one target of one backend has said.
    package struct Answer: Sendable {
        package var target: String
        /// `mcpGuard.pin` of the backend.
        package var pin: String?
        /// A failure is a sentence for the operator.
        package var tools: Result<[ToolDefinition], Failure>
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// Starts or calls every target once, in the order of the file. Blocks.
    /// - Throws: for a configuration that could not run.
    package static func take(
        _ configuration: GatewayConfiguration, readFile: @escaping @Sendable (String) throws(AuthError) -> [UInt8],
        log: @escaping @Sendable (String) -> Void
    ) throws(SnapshotError) -> [Answer] {
        let snapshot = try Snapshot(configuration, upstreams: UpstreamRegistry(), readFile: readFile)
        var backends: [CompiledMCP] = []
        for bind in configuration.binds {
            for route in snapshot.binds[bind.port]?.listeners.flatMap(\.routes) ?? [] {
                for backend in route.backends {
                    if case .mcp(let mcp) = backend.kind { backends.append(mcp) }
                }
            }
        }
        let loop: EventLoop
        let runtime: MCPRuntime
        do {
            loop = try EventLoop(index: 0)
            let service = try MCPService(sessionKey: nil) { level, line in if level == .warning { log(line) } }
            runtime = service.runtime(LoopCore(loop: loop, resolver: Resolver()))
        } catch { throw SnapshotError("\(error)") }
        let answers = Answers()
        let all = backends
        loop.spawn {
            for backend in all { answers.all += await ask(backend, runtime) }
            runtime.stop()
            // Children are asked to end; the loop waits for them.
            while runtime.children > 0 { await loop.sleep(for: .milliseconds(20)) }
            loop.stop()
        }
        loop.run()
        return answers.all
    }

    /// Confined to the loop until it has ended.
    private final class Answers: @unchecked Sendable {
        var all: [Answer] = []
    }

    private static func ask(_ backend: CompiledMCP, _ runtime: MCPRuntime) async -> [Answer] {
        var answers: [Answer] = []
        for target in backend.targets {
            answers.append(
                Answer(target: target.name, pin: backend.pin, tools: await ask(target.name, backend, runtime)))
        }
        return answers
    }

    private static func ask(
        _ target: String, _ backend: CompiledMCP, _ runtime: MCPRuntime
    ) async -> Result<[ToolDefinition], Failure> {
        guard let index = backend.byName[target], let capabilities = try? JSONDocument(parsing: "{}").root else {
            return .failure(Failure(description: "unknown"))
        }
        let client = MCPClientInfo(name: "agentgw", version: "1")
        var token = LegacyInitialize.newToken(backend, .latestLegacy, capabilities, client)
        do throws(RPCError) {
            _ = try await LegacyInitialize.establish(
                &token, backend, runtime, greeting: LegacyInitialize.ownGreeting(client, capabilities),
                travelling: Travelling(), only: [index])
            let link = SessionLink(backend, runtime, token, travelling: Travelling(), client: nil)
            await link.sendToAll(RPCWriter.notification(ClientNotification.initialized.rawValue, params: nil))
            let tools = try await ListFetch(link: link, names: ExposedNames(backend: backend))
                .offered(index)
            await link.end()
            return .success(tools.compactMap { ToolDefinition($0) }.sorted { $0.name < $1.name })
        } catch { return .failure(Failure(description: error.message)) }
    }
}
