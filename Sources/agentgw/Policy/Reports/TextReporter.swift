// The report for people: findings with their lines, failed cases with what was expected and why it came out otherwise, and
// a summary that can be read from across the room.

import Auth

struct TextReporter: PolicyReporter {
    var style: TextStyle
    /// The text of a file's lines, for showing them.
    var lines: @Sendable (String) -> [String]

    func render(_ report: PolicyReport) -> String {
        var out = ""
        for finding in report.findings { out += text(finding) }
        for result in report.cases {
            switch result.outcome {
            case .passed: break
            case .failed(let mismatches): out += text(result, mismatches)
            case .broken(let message):
                out += "\(style.bold("\(result.position)")): \(style.red("ERROR")) \(result.name.printable)\n"
                out += "    \(message.printable)\n\n"
            }
        }
        if let coverage = report.coverage { out += CoverageText.render(coverage, style) + "\n" }
        return out + summary(report)
    }

    func render(_ findings: [Finding]) -> String { findings.map(text).joined() }

    private func text(_ finding: Finding) -> String {
        let mark =
            switch finding.severity {
            case .error: style.red("error")
            case .warning: style.yellow("warning")
            case .note: style.blue("note")
            }
        let id = finding.rule == Finding.load ? "" : style.dim("[\(finding.rule)]") + " "
        var out = "\(style.bold("\(finding.position)")): \(mark): \(id)\(finding.message.printable)\n"
        out += excerpt(finding.position, finding.end)
        if let hint = finding.hint { out += "    \(style.dim("help:")) \(hint.printable)\n" }
        if let fix = finding.fix { out += "    \(style.dim("fix:")) \(fix.summary) (--fix)\n" }
        return out + "\n"
    }

    /// The line with a mark under what is meant.
    private func excerpt(_ position: FilePosition, _ end: FilePosition?) -> String {
        let lines = lines(position.file)
        guard position.line >= 1, position.line <= lines.count else { return "" }
        let line = lines[position.line - 1].printable
        let number = "\(position.line)"
        let length = line.unicodeScalars.count
        let last = end.map { $0.line == position.line ? $0.column : length + 1 } ?? position.column + 1
        let (shown, column) = Self.window(line, around: position.column)
        let width = max(1, min(last - position.column, shown.unicodeScalars.count - column + 1))
        let margin = String(repeating: " ", count: number.utf8.count)
        let indent = String(repeating: " ", count: max(0, column - 1))
        let mark = style.red("^" + String(repeating: "~", count: width - 1))
        return "  \(style.dim(number + " |")) \(shown)\n  \(margin) \(style.dim("|")) \(indent)\(mark)\n"
    }

    /// Wider lines are shown in part: a page of base64 hides what is wrong with it.
    private static let maximumColumns = 180

    /// The part of a line around a column, and the column's place in it.
    private static func window(_ line: String, around column: Int) -> (text: String, column: Int) {
        let scalars = Array(line.unicodeScalars)
        guard scalars.count > maximumColumns else { return (line, column) }
        let start = max(0, min(column - 1 - maximumColumns / 2, scalars.count - maximumColumns))
        var text = String.UnicodeScalarView()
        if start > 0 { text.append("…") }
        text += scalars[start..<min(scalars.count, start + maximumColumns)]
        if start + maximumColumns < scalars.count { text.append("…") }
        return (String(text), column - start + (start > 0 ? 1 : 0))
    }

    private func text(_ result: CaseResult, _ mismatches: [Mismatch]) -> String {
        var out = "\(style.bold("\(result.position)")): \(style.red("FAIL")) \(result.name.printable)\n"
        let width = mismatches.map(\.what.count).max() ?? 0
        for mismatch in mismatches {
            let what = mismatch.what + String(repeating: " ", count: width - mismatch.what.count)
            out += "    \(what)  expected \(style.green(mismatch.expected.printable)), "
            out += "got \(style.red(mismatch.actual.printable))\n"
            if let hint = mismatch.hint {
                out += "    \(String(repeating: " ", count: width))  \(style.dim("help:")) \(hint.printable)\n"
            }
        }
        if let explanation = result.explanation {
            out += explanation.split(separator: "\n", omittingEmptySubsequences: false)
                .map { $0.isEmpty ? "\n" : "    \($0)\n" }.joined()
        }
        return out + "\n"
    }

    func summary(_ report: PolicyReport) -> String {
        var parts: [String] = []
        let rules = report.files.reduce(0) { $0 + $1.rules }
        let sets = report.files.reduce(0) { $0 + $1.ruleSets }
        parts.append(
            "\(count(report.files.count, "file")), \(count(sets, "rule set")), \(count(rules, "rule"))")
        if report.errors > 0 { parts.append(style.red(count(report.errors, "error"))) }
        if report.warnings > 0 { parts.append(style.yellow(count(report.warnings, "warning"))) }
        if report.cases.isEmpty {
            if report.shortcomings.isEmpty { parts.append(style.dim("no tests")) }
        } else {
            let passed = report.cases.count - report.failures
            if report.failures > 0 { parts.append(style.red("\(report.failures) failed")) }
            parts.append(style.green("\(passed) passed"))
        }
        parts += report.shortcomings.map { style.red($0) }
        let mark = report.isClean ? style.green("✓") : style.red("✗")
        let time = report.elapsed == .zero ? "" : " " + style.dim("(\(Self.text(report.elapsed)))")
        return "\(mark) \(parts.joined(separator: " · "))\(time)\n"
    }

    private func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }

    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        if milliseconds >= 1000 { return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s" }
        return "\(milliseconds) ms"
    }
}
