// `agentgw check-policy explain`: one request, every rule that was asked, what every part of it came to.

import ArgumentParser
import Auth

struct ExplainCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json, html
    }

    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say why a request is decided as it is.",
        discussion: """
            PATH is a test table with --case, or a policy with --request or --record. Examples:
              agentgw check-policy explain payments.test.yaml --case 'large transfers are refused'
              agentgw check-policy explain payments.yaml --request transfer.yaml --format html >why.html
              agentgw check-policy explain gateway.yaml --record gateway.log --decision 9f2c6e0a17b45d38
            Exit codes: 0 explained, 2 it could not be.
            """)

    @Argument(help: ArgumentHelp("A test table, or a policy.", valueName: "PATH"), completion: .file())
    var path: String

    @Option(name: .customLong("case"), help: ArgumentHelp("The name of a case of the table.", valueName: "NAME"))
    var caseName: String?

    @Option(
        help: ArgumentHelp(
            "A file with the fields of a case (YAML or JSON), or a raw HTTP/1.1 request (*.http).", valueName: "FILE"),
        completion: .file())
    var request: String?

    @Option(
        help: ArgumentHelp("The gateway's log; - is standard input.", valueName: "FILE"), completion: .file())
    var record: String?

    @Option(help: ArgumentHelp("The id of a decision in the log; without one, the last.", valueName: "ID"))
    var decision: String?

    @Option(help: "How the explanation is written.")
    var format = Format.text

    @Option(help: "Colours: auto, always or never.")
    var color = TextStyle.Choice.auto

    func run() throws {
        if let record { return try explain(record) }
        guard decision == nil else {
            throw PolicyExit.couldNotRun("--decision names a decision of a log: give the log with --record")
        }
        let (run, testCase) = try selected()
        guard let bench = run.benches.first else {
            let findings = run.report.findings.filter { $0.severity == .error }
            print(TextReporter(style: .of(color), lines: SourceLines.read).render(findings), terminator: "")
            throw PolicyExit.couldNotRun("\(path) does not load")
        }
        do throws(BrokenCase) {
            let judged = try CaseRunner(bench.table, bench.bench).judged(testCase)
            write(
                DecisionExplanation(judged.outcome, items: judged.items, bench.bench), title: testCase.name)
        } catch { throw PolicyExit.couldNotRun("\(testCase.name): \(error.message)") }
    }

    private func explain(_ log: String) throws {
        guard caseName == nil, request == nil else {
            throw PolicyExit.couldNotRun("--record stands alone, without --case and --request")
        }
        let policy = try PolicyArgument.load(path)
        do throws(RecordExplanationError) {
            let found = try RecordExplanation.find(decision, in: log)
            write(try RecordExplanation.make(found, policy), title: "decision \(found.id)")
        } catch { throw PolicyExit.couldNotRun(error.message) }
    }

    private func write(_ explanation: DecisionExplanation, title: String) {
        switch format {
        case .text: print(ExplanationText.render(explanation, .of(color)), terminator: "")
        case .json: print(ExplanationJSON.render(explanation), terminator: "")
        case .html: print(ExplanationHTML.render(explanation, title: title), terminator: "")
        }
    }

    /// What `--case` may name.
    private static func offer(_ names: [String]) -> String {
        let shown = names.prefix(mostOffered).map { "\n  \($0.printable)" }.joined()
        return names.count > mostOffered ? shown + "\n  … and \(names.count - mostOffered) more" : shown
    }

    private static let mostOffered = 20

    private func selected() throws -> (PolicyRun, TestCase) {
        var options = PolicyRun.Options()
        options.lints = false
        let run = PolicyRun(options)
        var discovery = PolicyDiscovery()
        discovery.add(path)
        switch (PolicyDiscovery.isTable(path), caseName, request) {
        case (true, let name?, nil):
            run.load(discovery)
            let cases = run.benches.flatMap(\.cases)
            guard let testCase = cases.first(where: { $0.name == name }) else {
                if run.benches.isEmpty { return (run, TestCase(name: name, position: .none)) }
                throw PolicyExit.couldNotRun(
                    "\(path) has no case \"\(name)\"" + Suggestion.hint(for: name, among: cases.map(\.name)))
            }
            return (run, testCase)
        case (false, nil, let request?):
            var testCase: TestCase
            do throws(LooseCaseError) {
                testCase = try LooseCase.read(request)
            } catch { throw PolicyExit.couldNotRun(error.message) }
            testCase.name = request
            run.load(policy: path, with: LooseCase.table(testCase, policy: path))
            return (run, testCase)
        case (true, nil, nil):
            run.load(discovery)
            let cases = run.benches.flatMap(\.cases)
            throw PolicyExit.couldNotRun("say which case of \(path) with --case:" + Self.offer(cases.map(\.name)))
        case (true, _, _?):
            throw PolicyExit.couldNotRun("\(path) is a test table; give --request with the policy it is about")
        case (false, _?, _):
            throw PolicyExit.couldNotRun("\(path) is a policy; give --case with a test table")
        default:
            throw PolicyExit.couldNotRun("give a test table with --case, or a policy with --request or --record")
        }
    }
}
