// `agentgw demo`: the gateway on an embedded configuration, with a provider and an issuer of its own, and commands to try.

import ArgumentParser
import Auth
import Glibc
import Proxy

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run the gateway on an embedded configuration; needs no keys and no network.",
        discussion: """
            Starts a provider that answers in OpenAI's and in Anthropic's format, an issuer of tokens, and the gateway in
            front of them, and prints commands to try. The configuration is shown with --print-configuration.
            """)

    @Flag(help: "Print the embedded configuration and leave.")
    var printConfiguration = false

    @Option(help: "The port of the AI endpoint.")
    var port: UInt16 = 3000

    @Option(help: "The port of the MCP endpoint.")
    var mcpPort: UInt16 = 3002

    func run() throws {
        if printConfiguration {
            print(DemoConfiguration.text, terminator: "")
            return
        }
        let provider: ListeningSocket
        let key: SigningKey
        let keySet: String
        do {
            guard let loopback = SocketAddress(ip: "127.0.0.1", port: 0) else { throw ExitCode(1) }
            provider = try ListeningSocket(loopback)
            key = try SigningKey.generate(.es256)
            keySet = try key.publicKeySet(keyID: try key.thumbprint(), algorithm: .es256)
        } catch {
            StandardError.write("agentgw: \(error)\n")
            throw ExitCode(1)
        }
        let variables = [
            "DEMO_PORT": "\(port)", "DEMO_MCP_PORT": "\(mcpPort)",
            "DEMO_PROVIDER": "127.0.0.1:\(provider.address.port)", "DEMO_JWKS": keySet,
        ]
        let configuration: GatewayConfiguration
        do throws(ConfigurationError) {
            configuration = try ConfigurationLoader(environment: Environment(variables))
                .load(file: "demo.yaml", bytes: Array(DemoConfiguration.text.utf8))
        } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(1)
        }
        try GatewayProcess.run(
            configuration, file: AdminFile(text: DemoConfiguration.text, environment: Environment(variables)),
            extra: [(provider, DemoProvider())],
            ready: {
                do {
                    print(try DemoConfiguration.introduction(port: port, mcpPort: mcpPort, signer: key))
                    fflush(nil)
                } catch {
                    StandardError.write("agentgw: \(error)\n")
                }
            })
    }
}
