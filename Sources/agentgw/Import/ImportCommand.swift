// `agentgw import litellm FILE`: from another gateway's configuration to ours, with a report of what was left behind.

import ArgumentParser

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Turn another gateway's configuration into one of ours.",
        subcommands: [ImportLiteLLMCommand.self])
}

struct ImportLiteLLMCommand: ParsableCommand {
    enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    static let configuration = CommandConfiguration(
        commandName: "litellm", abstract: "Convert a LiteLLM proxy's config.yaml.",
        discussion: """
            The model names stay, so clients change their base URL and nothing else. Whatever could not be carried over, or
            only nearly, is listed on standard error with its place in the file; nothing is dropped in silence.

            Exit codes: 0 when a configuration was made (the report may still list what it lacks), 1 when FILE cannot be
            converted at all, 2 when it cannot be read.
            """)

    @Argument(
        help: ArgumentHelp("LiteLLM's configuration; - is standard input.", valueName: "FILE"), completion: .file())
    var file: String

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Where to write; standard output otherwise.", valueName: "FILE"),
        completion: .file())
    var output = "-"

    @Option(help: "The report on standard error: text or json.")
    var report = ReportFormat.text

    func run() throws {
        let bytes: [UInt8]
        switch FileReader.system.read(file == "-" ? "/dev/stdin" : file, YAMLComposer.maximumBytes) {
        case .success(let read): bytes = read
        case .failure(let failure):
            StandardError.write("\(file):1:1: error: cannot read: \(failure.message)\n")
            throw ExitCode(2)
        }
        let source = YAMLSource(file: file == "-" ? "<stdin>" : file, bytes: bytes)
        let (root, issues) = YAMLComposer.compose(source)
        guard issues.isEmpty, let root else {
            for issue in issues {
                StandardError.write("\(source.position(at: issue.offset)): error: \(issue.message)\n")
            }
            if issues.isEmpty { StandardError.write("\(source.file):1:1: error: the file is empty\n") }
            throw ExitCode(2)
        }
        let conversion = LiteLLMConversion(root, source)
        let findings = conversion.report.sorted
        switch report {
        case .text: for finding in findings { StandardError.write("\(finding)\n") }
        case .json: StandardError.write(ImportReport.json(findings, models: conversion.modelCount) + "\n")
        }
        guard conversion.modelCount > 0 else {
            if report == .text { StandardError.write("\(source.file): no model could be carried over\n") }
            throw ExitCode(1)
        }
        do throws(OutputError) {
            try OutputFile.write(conversion.text, to: output)
        } catch {
            StandardError.write("agentgw: \(error.message)\n")
            throw ExitCode(2)
        }
        if report == .text {
            let left = findings.count { $0.grade == .unsupported }
            StandardError.write(
                "\(conversion.modelCount) models carried over, \(left) settings not; "
                    + "check the result with: agentgw -f \(output == "-" ? "FILE" : output) --validate-only\n")
        }
    }
}
