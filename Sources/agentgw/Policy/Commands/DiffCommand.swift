// `agentgw check-policy diff OLD NEW --requests FILE`: which recorded decisions would change?

import ArgumentParser

struct DiffCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    enum FailOn: String, ExpressibleByArgument, CaseIterable {
        case newAllow = "new-allow"
        case newDeny = "new-deny"
        case any
        case never
    }

    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Replay recorded decisions on a changed policy.",
        discussion: """
            FILE has the gateway's log: its decision records are replayed, other lines are passed over; - is standard input.
            A decision that depends on what a record does not have is counted as not replayable and never guessed.
            Exit codes: 0 fine, 1 decisions change as --fail-on says, 2 it could not run.
            """)

    @Argument(help: ArgumentHelp("The policy that made the records.", valueName: "OLD"), completion: .file())
    var old: String

    @Argument(help: ArgumentHelp("The policy that might take its place.", valueName: "NEW"), completion: .file())
    var new: String

    @Option(help: ArgumentHelp("Decision records, as JSON lines.", valueName: "FILE"), completion: .file())
    var requests: String

    @Option(help: "Which changes fail: new-allow, new-deny, any or never.")
    var failOn = FailOn.never

    @Option(help: "How the result is written.")
    var format = Format.text

    @Option(help: "Colours: auto, always or never.")
    var color = TextStyle.Choice.auto

    func run() throws {
        let diff = PolicyDiff(try PolicyArgument.load(old), try PolicyArgument.load(new))
        do throws(LineReader.Failure) {
            try LineReader.read(requests) { diff.take($0, $1) }
        } catch { throw PolicyExit.couldNotRun(error.message) }
        let report = diff.report
        guard report.records > 0 else { throw PolicyExit.couldNotRun("\(requests) has no decision records") }
        switch format {
        case .text: print(DiffText.render(report, .of(color)), terminator: "")
        case .json: print(DiffText.json(report), terminator: "")
        }
        let allows = report.count(.newAllow) > 0
        let denies = report.count(.newDeny) > 0
        switch failOn {
        case .newAllow: if allows { throw PolicyExit.findings }
        case .newDeny: if denies { throw PolicyExit.findings }
        case .any: if allows || denies || report.count(.otherRule) > 0 { throw PolicyExit.findings }
        case .never: break
        }
    }
}

/// A policy that a command needs as a whole.
enum PolicyArgument {
    static func load(_ path: String) throws -> LoadedPolicy {
        let outcome = PolicyLoader().load(path: path)
        guard let policy = outcome.policy else {
            let reporter = TextReporter(style: .of(.auto, descriptor: 2), lines: SourceLines.read)
            StandardError.write(reporter.render(outcome.findings.filter { $0.severity == .error }))
            throw PolicyExit.couldNotRun("\(path) does not load")
        }
        return policy
    }
}
