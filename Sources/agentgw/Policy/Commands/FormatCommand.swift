// `agentgw check-policy fmt`: one way of writing, so that changes show what changed.

import ArgumentParser

struct FormatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fmt", abstract: "Format policies and test tables in place.",
        discussion: """
            Spaces in expressions, blanks at line ends, line ends. Comments, line breaks, quotes and parentheses stay.
            Exit codes: 0 fine, 1 --check found files to format or a file does not load, 2 it could not run.
            """)

    @Argument(
        help: ArgumentHelp("A configuration, policy file, test table or folder.", valueName: "PATH"),
        completion: .file())
    var paths: [String] = []

    @Flag(help: "Change nothing; name the files that would change.")
    var check = false

    func run() throws {
        let found: PolicyDiscovery
        do throws(DiscoveryError) {
            found = try PolicyDiscovery.find(paths.isEmpty ? ["."] : paths)
        } catch { throw PolicyExit.couldNotRun(error.message) }
        var fails = false
        for file in found.policies + found.tables {
            guard case .success(let bytes) = FileReader.system.read(file, YAMLComposer.maximumBytes) else {
                throw PolicyExit.couldNotRun("cannot read \(file)")
            }
            switch PolicyFormatter.format(file, bytes, PolicyLoader()) {
            case .unchanged: break
            case .unreadable:
                StandardError.write(
                    "agentgw: \(file) does not load and is left as it is; see agentgw check-policy \(file)\n")
                fails = true
            case .changed(let text):
                print(file)
                if check {
                    fails = true
                } else {
                    do throws(OutputError) {
                        try OutputFile.write(String(decoding: text, as: UTF8.self), to: file)
                    } catch { throw PolicyExit.couldNotRun(error.message) }
                }
            }
        }
        if fails { throw PolicyExit.findings }
    }
}
