// `agentgw check-policy matrix FILE`: who may call what, as a table to look at, or to hold against the last one.

import ArgumentParser
import Auth

struct MatrixCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, csv, html
    }

    static let configuration = CommandConfiguration(
        commandName: "matrix", abstract: "Show who may call what.",
        discussion: """
            FILE names a policy, personas, tools and calls (docs/check-policy.md). With --snapshot the matrix is compared with
            the file, as CSV, and differences are printed; --update writes it.
            Exit codes: 0 fine, 1 the matrix is not that of the snapshot, 2 it could not run.
            """)

    @Argument(help: ArgumentHelp("What to ask.", valueName: "FILE"), completion: .file())
    var path: String

    @Option(help: "How the matrix is written.")
    var format = Format.text

    @Option(help: ArgumentHelp("The matrix as it was, as CSV.", valueName: "FILE"), completion: .file())
    var snapshot: String?

    @Flag(help: "Write the snapshot instead of comparing with it.")
    var update = false

    @Option(help: "Colours: auto, always or never.")
    var color = TextStyle.Choice.auto

    func run() throws {
        guard snapshot != nil || !update else {
            throw PolicyExit.couldNotRun("--update writes a snapshot: say which file with --snapshot")
        }
        let matrix: AccessMatrix
        do throws(MatrixError) {
            let source = try MatrixReader.read(path)
            matrix = try MatrixRun(matrix: source, bench: try bench(source)).run()
        } catch { throw PolicyExit.couldNotRun(error.message) }
        guard let snapshot else {
            switch format {
            case .text: print(MatrixText.text(matrix, .of(color)), terminator: "")
            case .csv: print(MatrixText.csv(matrix), terminator: "")
            case .html: print(MatrixText.html(matrix, title: path), terminator: "")
            }
            return
        }
        let text = MatrixText.csv(matrix)
        if update {
            do throws(OutputError) {
                try OutputFile.write(text, to: snapshot)
            } catch { throw PolicyExit.couldNotRun(error.message) }
            return
        }
        guard case .success(let bytes) = FileReader.system.read(snapshot, YAMLComposer.maximumBytes) else {
            throw PolicyExit.couldNotRun("cannot read \(snapshot); --update writes it")
        }
        let before = String(decoding: bytes, as: UTF8.self)
        guard before != text else { return }
        let style = TextStyle.of(color)
        print("\(path) is not what \(snapshot) says:")
        for line in MatrixText.differences(before, text) {
            print(line.hasPrefix("-") ? style.red(line) : style.green(line))
        }
        throw PolicyExit.findings
    }

    private func bench(_ source: MatrixSource) throws(MatrixError) -> PolicyBench {
        var options = PolicyRun.Options()
        options.lints = false
        let run = PolicyRun(options)
        run.load(policy: source.table.policy, with: source.table)
        guard let bench = run.benches.first?.bench else {
            let reporter = TextReporter(style: .plain, lines: SourceLines.read)
            throw MatrixError(
                message: reporter.render(run.report.findings.filter { $0.severity == .error })
                    + "\(source.table.policy) does not load")
        }
        return bench
    }
}
