// The report as JUnit XML, which every CI system shows. A table is a suite; what loading and linting found is one, too.

import Auth

struct JUnitReporter: PolicyReporter {
    func render(_ report: PolicyReport) -> String {
        var suites = ""
        let files = report.files.map(\.file) + report.findings.map(\.position.file)
        for file in files.unique {
            suites += suite(file, report.findings.filter { $0.position.file == file && $0.severity != .note })
        }
        for table in report.cases.map(\.file).unique {
            suites += suite(table, report.cases.filter { $0.file == table })
        }
        let findings = report.errors + report.warnings
        let total = report.cases.count + max(files.unique.count, findings)
        return
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"agentgw check-policy\" tests=\"\(total)\" "
            + "failures=\"\(report.failures + findings)\" time=\"\(Self.time(report.elapsed))\">\n\(suites)</testsuites>\n"
    }

    private func suite(_ file: String, _ findings: [Finding]) -> String {
        let name = XML.escaped(file)
        var out =
            "  <testsuite name=\"\(name): load and lint\" tests=\"\(max(1, findings.count))\" failures=\"\(findings.count)\">\n"
        if findings.isEmpty { out += "    <testcase classname=\"\(name)\" name=\"loads\"/>\n" }
        for finding in findings {
            let place = "\(finding.position.line):\(finding.position.column)"
            out +=
                "    <testcase classname=\"\(name)\" name=\"\(XML.escaped("\(finding.rule) at \(place)"))\" file=\"\(name)\" "
                + "line=\"\(finding.position.line)\">\n      <failure type=\"\(finding.severity.rawValue)\" "
                + "message=\"\(XML.escaped(finding.message))\">\(XML.escaped("\(finding.position): \(finding.message)"))"
                + "\(finding.hint.map { XML.escaped("\n\($0)") } ?? "")</failure>\n    </testcase>\n"
        }
        return out + "  </testsuite>\n"
    }

    private func suite(_ file: String, _ cases: [CaseResult]) -> String {
        let name = XML.escaped(file)
        let errors = cases.count { if case .broken = $0.outcome { true } else { false } }
        let failures = cases.count { !$0.isPassed } - errors
        let time = cases.reduce(Duration.zero) { $0 + $1.duration }
        var out =
            "  <testsuite name=\"\(name)\" tests=\"\(cases.count)\" failures=\"\(failures)\" errors=\"\(errors)\" "
            + "time=\"\(Self.time(time))\">\n"
        for result in cases {
            out +=
                "    <testcase classname=\"\(name)\" name=\"\(XML.escaped(result.name))\" file=\"\(name)\" "
                + "line=\"\(result.position.line)\" time=\"\(Self.time(result.duration))\""
            switch result.outcome {
            case .passed: out += "/>\n"
            case .broken(let message):
                out += ">\n      <error message=\"\(XML.escaped(message))\"/>\n    </testcase>\n"
            case .failed(let mismatches):
                let text = mismatches.map { "\($0.what): \($0.sentence)" }
                out +=
                    ">\n      <failure message=\"\(XML.escaped(text.joined(separator: "; ")))\">"
                    + XML.escaped((text + [result.explanation ?? ""]).joined(separator: "\n"))
                    + "</failure>\n    </testcase>\n"
            }
        }
        return out + "  </testsuite>\n"
    }

    /// Seconds with three decimals.
    private static func time(_ duration: Duration) -> String {
        let milliseconds = Int((duration.seconds * 1000).rounded())
        let fraction = "\(milliseconds % 1000)"
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
    }
}

enum XML {
    /// Characters that XML 1.0 cannot hold (§2.2) become U+FFFD.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "\n": out += "&#10;"
            case "\t": out += "&#9;"
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}

extension Array where Element: Hashable {
    /// In the order of first occurrence.
    var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
