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

    @Option(help: ArgumentHelp("Run only the cases whose name matches.", valueName: "REGEX"))
    var filter: String?

    func run() throws {
        let started = ContinuousClock.now
        let run = PolicyRun(try options())
        let discovery: PolicyDiscovery
        do throws(DiscoveryError) {
            discovery = try PolicyDiscovery.find(paths.isEmpty ? ["."] : paths)
        } catch { throw PolicyExit.couldNotRun(error.message) }
        run.load(discovery)
        run.test()
        let report = run.finish(elapsed: ContinuousClock.now - started)
        print(reporter().render(report), terminator: "")
        if report.files.isEmpty, report.findings.isEmpty {
            throw PolicyExit.couldNotRun("there is no configuration, policy file or test table here")
        }
        if requireTests || filter != nil, report.cases.isEmpty {
            StandardError.write("agentgw: no tests were found\(filter.map { " that match \($0)" } ?? "")\n")
            throw PolicyExit.findings
        }
        if !report.isClean { throw PolicyExit.findings }
    }

    private func options() throws -> PolicyRun.Options {
        var options = PolicyRun.Options()
        options.lints = !noLint
        options.style = .of(color)
        if let filter {
            do {
                options.filter = try Regex(filter)
            } catch { throw PolicyExit.couldNotRun("--filter is not a regular expression: \(filter)") }
        }
        return options
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
