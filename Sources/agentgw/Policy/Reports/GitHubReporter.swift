// The report as workflow commands of GitHub Actions: annotations at the lines of a change.

import Auth

struct GitHubReporter: PolicyReporter {
    func render(_ report: PolicyReport) -> String {
        var out = ""
        for finding in report.findings {
            let command =
                switch finding.severity {
                case .error: "error"
                case .warning: "warning"
                case .note: "notice"
                }
            out += Self.annotation(
                command, finding.position, end: finding.end, title: "agentgw \(finding.rule)",
                finding.message + (finding.hint.map { "\n\($0)" } ?? ""))
        }
        for result in report.cases {
            switch result.outcome {
            case .passed: break
            case .broken(let message): out += Self.annotation("error", result.position, title: result.name, message)
            case .failed(let mismatches):
                let text = mismatches.map { "\($0.what): \($0.sentence)" }
                out += Self.annotation(
                    "error", mismatches[0].position, title: result.name,
                    (text + [result.explanation ?? ""]).joined(separator: "\n"))
            }
        }
        // Lines that are no commands are the log, for who reads it.
        return out + TextReporter(style: .plain, lines: { _ in [] }).summary(report)
    }

    private static func annotation(
        _ command: String, _ position: FilePosition, end: FilePosition? = nil, title: String, _ message: String
    ) -> String {
        var properties = "file=\(property(position.file)),line=\(position.line),col=\(position.column)"
        if let end {
            properties += ",endLine=\(end.line)"
            if end.line == position.line { properties += ",endColumn=\(end.column)" }
        }
        return "::\(command) \(properties),title=\(property(title))::\(escaped(message))\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
    }

    private static func property(_ text: String) -> String {
        escaped(text).replacing(":", with: "%3A").replacing(",", with: "%2C")
    }
}
