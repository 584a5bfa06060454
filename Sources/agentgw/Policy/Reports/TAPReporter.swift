// The report as TAP 14 (testanything.org): a line for each finding and case, with a YAML block under what is not ok.

struct TAPReporter: PolicyReporter {
    func render(_ report: PolicyReport) -> String {
        let findings = report.findings.filter { $0.severity != .note }
        var out = "TAP version 14\n1..\(findings.count + report.cases.count)\n"
        var number = 0
        for finding in findings {
            number += 1
            out += "not ok \(number) - \(Self.description("\(finding.position) \(finding.rule)"))\n"
            out += Self.block([
                ("severity", finding.severity.rawValue), ("message", finding.message), ("hint", finding.hint ?? ""),
            ])
        }
        for result in report.cases {
            number += 1
            let name = Self.description("\(result.file): \(result.name)")
            switch result.outcome {
            case .passed: out += "ok \(number) - \(name)\n"
            case .broken(let message):
                out +=
                    "not ok \(number) - \(name)\n" + Self.block([("at", "\(result.position)"), ("message", message)])
            case .failed(let mismatches):
                out += "not ok \(number) - \(name)\n"
                out += Self.block(
                    [("at", "\(result.position)")]
                        + mismatches.flatMap {
                            [
                                ("\($0.what)_expected", $0.expected), ("\($0.what)_actual", $0.actual),
                                ("\($0.what)_hint", $0.hint ?? ""),
                            ]
                        }
                        + [("explanation", result.explanation ?? "")])
            }
        }
        return out
    }

    /// `#` begins a directive.
    private static func description(_ text: String) -> String {
        text.printable.replacing("\\", with: "\\\\").replacing("#", with: "\\#").replacing("\n", with: " ")
    }

    private static func block(_ members: [(String, String)]) -> String {
        var out = "  ---\n"
        for (name, value) in members where !value.isEmpty {
            var quoted = ""
            JSONText.write(value, to: &quoted)
            out += "  \(name): \(quoted)\n"
        }
        return out + "  ...\n"
    }
}
