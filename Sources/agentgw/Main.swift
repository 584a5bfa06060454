import ArgumentParser

@main
struct AgentGW: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "agentgw", version: "0.1.0")
}
