// `agentgw check-policy`: what a policy does, known before it is deployed. With the gateway's loader, engine and auth layer,
// and without a gateway.

import ArgumentParser

struct CheckPolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-policy", abstract: "Check, test and explain policies offline.",
        usage: """
            agentgw check-policy [check] [PATH]... [OPTIONS]
            agentgw check-policy <subcommand>
            """,
        discussion: """
            PATH is a gateway's configuration, a policy file (rules: at the top), a test table (*.test.yaml), or a folder
            that has some; without one, the current folder. docs/check-policy.md has the format of test tables,
            `agentgw check-policy check --help` the options.
            Exit codes: 0 fine, 1 there are findings or failed tests, 2 it could not run.
            """,
        subcommands: [
            CheckCommand.self, ExplainCommand.self, DiffCommand.self, MatrixCommand.self, MutateCommand.self,
            FormatCommand.self, RulesCommand.self,
        ],
        defaultSubcommand: CheckCommand.self)
}

/// The exit codes of every subcommand.
enum PolicyExit {
    static let findings = ExitCode(1)
    /// The question could not be answered: a path that is not there, options that contradict each other.
    static let couldNotRun = ExitCode(2)

    /// - Throws: when it is none.
    static func checkPercentage(_ number: Double?, _ option: String) throws {
        guard let number, !(0...100).contains(number) else { return }
        throw couldNotRun("\(option) is a percentage, from 0 to 100")
    }

    static func couldNotRun(_ message: String) -> ExitCode {
        StandardError.write("agentgw: \(message)\n")
        return couldNotRun
    }
}

extension TextStyle.Choice: ExpressibleByArgument {}
