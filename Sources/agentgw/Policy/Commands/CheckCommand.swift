// `agentgw check-policy PATH…`: validate, lint and test what is found there.

import ArgumentParser
import Auth

struct CheckCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case pretty, json, junit, tap, github, sarif
    }

    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Validate, lint and test (the default).")

    @Argument(
        help: ArgumentHelp("A configuration, policy file, test table or folder.", valueName: "PATH"),
        completion: .file())
    var paths: [String] = []

    @Option(help: "How the report is written.")
    var format = Format.pretty

    @Option(help: "Colours: auto, always or never.")
    var color = TextStyle.Choice.auto

    @Flag(help: "Finding no tests is a failure.")
    var requireTests = false

    @Flag(help: "Validate and test, but do not lint.")
    var noLint = false

    @Flag(help: "Change files where findings say how they are mended.")
    var fix = false

    @Option(help: ArgumentHelp("Run only the cases whose name matches.", valueName: "REGEX"))
    var filter: String?

    @Flag(help: "Say what of the rules the tests have seen.")
    var coverage = false

    @Option(help: ArgumentHelp("Fail when less than this is covered, in percent.", valueName: "N"))
    var failUnder: Double?

    @Option(help: ArgumentHelp("Write coverage as an lcov tracefile.", valueName: "FILE"), completion: .file())
    var lcov: String?

    @Option(help: ArgumentHelp("Write coverage as a page.", valueName: "FILE"), completion: .file())
    var coverageHTML: String?

    @Option(help: "The least severity of a finding that fails: error, warning or note.")
    var failOn = Finding.Severity.warning

    @Flag(help: "Run again whenever a file changes, until interrupted.")
    var watch = false

    func run() throws {
        let options = try options()
        guard watch else {
            if try once(options) { throw PolicyExit.findings }
            return
        }
        guard lcov == nil, coverageHTML == nil, !fix else {
            throw PolicyExit.couldNotRun("--watch writes no files: leave out --lcov, --coverage-html and --fix")
        }
        let isTerminal = TextStyle.of(color).isColoured && format == .pretty
        try PolicyWatch.run(paths.isEmpty ? ["."] : paths, clearsScreen: isTerminal) { files in
            var options = options
            options.files = files
            // What cannot run has said so, and may run after the next change.
            _ = try? once(options)
        }
    }

    /// One run. True: there is something that fails.
    private func once(_ options: PolicyRun.Options) throws -> Bool {
        let started = ContinuousClock.now
        let run = PolicyRun(options)
        let discovery: PolicyDiscovery
        do throws(DiscoveryError) {
            discovery = try PolicyDiscovery.find(paths.isEmpty ? ["."] : paths)
        } catch { throw PolicyExit.couldNotRun(error.message) }
        run.load(discovery)
        run.test()
        var report = run.finish(elapsed: ContinuousClock.now - started)
        for finding in report.mended {
            StandardError.write(
                "agentgw: \(finding.position): fixed [\(finding.rule)]: \(finding.fix?.summary ?? "")\n")
        }
        if report.files.isEmpty, report.findings.isEmpty {
            throw PolicyExit.couldNotRun("there is no configuration, policy file or test table here")
        }
        if requireTests || filter != nil, report.cases.isEmpty {
            report.shortcomings.append("no tests were found\(filter.map { " that match \($0)" } ?? "")")
        }
        if let failUnder, let coverage = report.coverage, coverage.percent < failUnder {
            report.shortcomings.append("coverage \(coverage.percent) % is under \(failUnder) %")
        }
        print(reporter().render(report), terminator: "")
        try writeCoverage(report)
        if format != .pretty { for text in report.shortcomings { StandardError.write("agentgw: \(text)\n") } }
        return !report.shortcomings.isEmpty || report.failures > 0 || report.findings.contains { $0.severity >= failOn }
    }

    private func writeCoverage(_ report: PolicyReport) throws {
        guard let coverage = report.coverage else { return }
        for (path, text) in [(lcov, LCOVWriter.render), (coverageHTML, CoverageHTML.render)] {
            guard let path else { continue }
            do throws(OutputError) {
                try OutputFile.write(text(coverage), to: path)
            } catch { throw PolicyExit.couldNotRun(error.message) }
        }
    }

    private func options() throws -> PolicyRun.Options {
        var options = PolicyRun.Options()
        try PolicyExit.checkPercentage(failUnder, "--fail-under")
        options.lints = !noLint
        options.mends = fix
        if fix, noLint { throw PolicyExit.couldNotRun("--fix needs what --no-lint leaves out") }
        options.style = format == .pretty ? .of(color) : .plain
        options.measuresCoverage = coverage || failUnder != nil || lcov != nil || coverageHTML != nil
        if let filter {
            do {
                options.filter = try Regex(filter)
            } catch { throw PolicyExit.couldNotRun("--filter is not a regular expression: \(filter)") }
        }
        return options
    }

    private func reporter() -> any PolicyReporter {
        switch format {
        case .pretty: TextReporter(style: .of(color), lines: SourceLines.read)
        case .json: JSONReporter()
        case .junit: JUnitReporter()
        case .tap: TAPReporter()
        case .github: GitHubReporter()
        case .sarif: SARIFReporter()
        }
    }
}

extension Finding.Severity: ExpressibleByArgument {}

/// The lines of files that findings are about.
enum SourceLines {
    @Sendable static func read(_ path: String) -> [String] {
        guard case .success(let bytes) = FileReader.system.read(path, YAMLComposer.maximumBytes) else { return [] }
        return bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
        }
    }
}
