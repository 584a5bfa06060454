// `agentgw check-policy PATH…`: validate, lint and test what is found there.

import ArgumentParser
import Auth

struct CheckCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case pretty
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

    func run() throws {
        let started = ContinuousClock.now
        let discovery: PolicyDiscovery
        do throws(DiscoveryError) {
            discovery = try PolicyDiscovery.find(paths.isEmpty ? ["."] : paths)
        } catch { throw PolicyExit.couldNotRun(error.message) }
        var report = PolicyReport()
        let loader = PolicyLoader()
        let linter = PolicyLinter()
        for file in discovery.policies {
            let outcome = loader.load(path: file)
            report.findings += outcome.findings
            guard let policy = outcome.policy else { continue }
            report.files.append(
                PolicyReport.CheckedFile(file: file, ruleSets: policy.ruleSets.count, rules: policy.rules.count))
            if !noLint { report.findings += linter.lint(policy) }
        }
        report.elapsed = ContinuousClock.now - started
        print(reporter().render(report), terminator: "")
        if requireTests, report.cases.isEmpty { throw PolicyExit.findings }
        if !report.isClean { throw PolicyExit.findings }
    }

    private func reporter() -> any PolicyReporter {
        TextReporter(style: .of(color), lines: SourceLines.read)
    }
}

/// The lines of files that findings are about.
enum SourceLines {
    @Sendable static func read(_ path: String) -> [String] {
        guard case .success(let bytes) = FileReader.system.read(path, YAMLComposer.maximumBytes) else { return [] }
        return bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
        }
    }
}
