// `agentgw token`: a signed token, for trying things out.

import ArgumentParser

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Sign a JSON Web Token.")

    func run() throws {
        StandardError.write("agentgw: token is not built yet\n")
        throw ExitCode(2)
    }
}
