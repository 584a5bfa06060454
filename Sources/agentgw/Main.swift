// The command line: `agentgw -f FILE` runs the gateway; everything else is a subcommand.

import ArgumentParser
import Proxy

@main
struct AgentGW: ParsableCommand {
    static let versionText = "agentgw \(Gateway.version)"

    static let configuration = CommandConfiguration(
        commandName: "agentgw",
        abstract: "A gateway for AI providers, MCP servers and A2A agents that judges every request.",
        usage: """
            agentgw -f FILE [--validate-only]
            agentgw <subcommand>
            """,
        subcommands: [
            DemoCommand.self, CheckPolicyCommand.self, EvalCommand.self, TokenCommand.self, ToolsCommand.self,
            SchemaCommand.self, ImportCommand.self,
        ])

    @OptionGroup var options: RunOptions

    @Flag(name: [.customShort("V"), .customLong("version")], help: "Show the version.")
    var showVersion = false

    func run() throws {
        if showVersion {
            print(Self.versionText)
            return
        }
        guard let file = options.file else {
            throw CleanExit.helpRequest(self)
        }
        try RunCommand(file: file, validateOnly: options.validateOnly).run()
    }
}

struct RunOptions: ParsableArguments {
    @Option(
        name: [.customShort("f"), .customLong("file"), .customLong("config")],
        help: ArgumentHelp("The configuration; - is standard input.", valueName: "FILE"), completion: .file())
    var file: String?

    @Flag(name: .customLong("validate-only"), help: "Check the configuration, print what is wrong, and leave.")
    var validateOnly = false
}
