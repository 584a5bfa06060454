// `agentgw eval EXPR`: one CEL expression with the gateway's own engine.

import ArgumentParser

struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Evaluate a CEL expression.")

    @Argument(help: "The expression.")
    var expression: String

    func run() throws {
        StandardError.write("agentgw: eval is not built yet\n")
        throw ExitCode(2)
    }
}
