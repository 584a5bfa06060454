// `agentgw check-policy mutate`: which change of the policy would no test notice?

import ArgumentParser

struct MutateCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    static let configuration = CommandConfiguration(
        commandName: "mutate", abstract: "Change the rules in small ways and see whether a test notices.",
        discussion: """
            Exit codes: 0 fine, 1 the score is under --fail-under or a test fails as it is, 2 it could not run.
            """)

    @Argument(
        help: ArgumentHelp("A configuration, policy file, test table or folder.", valueName: "PATH"),
        completion: .file())
    var paths: [String] = []

    @Option(help: ArgumentHelp("The least score of every policy, in percent.", valueName: "N"))
    var failUnder: Double?

    @Flag(help: "Do not look for requests that would tell survivors apart.")
    var noSearch = false

    @Option(help: "How the result is written.")
    var format = Format.text

    @Option(help: "Colours: auto, always or never.")
    var color = TextStyle.Choice.auto

    func run() throws {
        try PolicyExit.checkPercentage(failUnder, "--fail-under")
        let style = TextStyle.of(color)
        var options = PolicyRun.Options()
        options.lints = false
        options.style = style
        let run = PolicyRun(options)
        do throws(DiscoveryError) {
            run.load(try PolicyDiscovery.find(paths.isEmpty ? ["."] : paths))
        } catch { throw PolicyExit.couldNotRun(error.message) }
        run.test()
        guard run.report.errors == 0, run.report.failures == 0 else {
            let reporter = TextReporter(style: style, lines: SourceLines.read)
            StandardError.write(reporter.render(run.report))
            StandardError.write("agentgw: mutants are judged by tests that pass; make them pass first\n")
            throw PolicyExit.findings
        }
        guard !run.report.cases.isEmpty else { throw PolicyExit.couldNotRun("there are no tests to judge mutants by") }
        var reports: [(file: String, report: MutationReport)] = []
        for policy in run.loadedPolicies {
            let benches = run.benches.filter { $0.bench.policy === policy }
            guard !benches.isEmpty else { continue }
            let started = ContinuousClock.now
            var report = MutationRun(policy, benches).run(searches: !noSearch)
            report.elapsed = ContinuousClock.now - started
            reports.append((policy.file, report))
        }
        switch format {
        case .text:
            for (file, report) in reports { print(MutationText.render(file, report, style), terminator: "") }
        case .json: print(MutationText.json(reports), terminator: "")
        }
        if let failUnder, reports.contains(where: { $0.report.score < failUnder }) { throw PolicyExit.findings }
    }
}
