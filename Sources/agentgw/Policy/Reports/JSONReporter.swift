// The report for programs: one JSON object, with everything that the text has.

import Auth
import JSON

struct JSONReporter: PolicyReporter {
    func render(_ report: PolicyReport) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("version")
            writer.value(1)
            writer.name("summary")
            writer.object { summary(report, &$0) }
            writer.name("files")
            writer.array { writer in for file in report.files { write(file, &writer) } }
            writer.name("findings")
            writer.array { writer in for finding in report.findings { write(finding, &writer) } }
            writer.name("tests")
            writer.array { writer in for result in report.cases { write(result, &writer) } }
            guard let coverage = report.coverage else { return }
            writer.name("coverage")
            writer.object { write(coverage, &$0) }
        }
        return writer.text + "\n"
    }

    private func summary(_ report: PolicyReport, _ writer: inout JSONWriter) {
        let numbers = [
            ("errors", report.errors), ("warnings", report.warnings), ("tests", report.cases.count),
            ("failures", report.failures), ("duration_ms", Int(report.elapsed.seconds * 1000)),
        ]
        writer.name("ok")
        writer.value(report.isClean)
        for (name, value) in numbers {
            writer.name(name)
            writer.value(value)
        }
        guard !report.shortcomings.isEmpty else { return }
        writer.name("shortcomings")
        writer.array { writer in for text in report.shortcomings { writer.value(text) } }
    }

    private func write(_ file: PolicyReport.CheckedFile, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("file")
            writer.value(file.file)
            writer.name("rule_sets")
            writer.value(file.ruleSets)
            writer.name("rules")
            writer.value(file.rules)
        }
    }

    private func write(_ position: FilePosition, _ writer: inout JSONWriter) {
        writer.name("file")
        writer.value(position.file)
        writer.name("line")
        writer.value(position.line)
        writer.name("column")
        writer.value(position.column)
    }

    private func write(_ finding: Finding, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("rule")
            writer.value(finding.rule)
            writer.name("severity")
            writer.value(finding.severity.rawValue)
            write(finding.position, &writer)
            if let end = finding.end {
                writer.name("end_line")
                writer.value(end.line)
                writer.name("end_column")
                writer.value(end.column)
            }
            writer.name("message")
            writer.value(finding.message)
            if let hint = finding.hint {
                writer.name("hint")
                writer.value(hint)
            }
            guard let fix = finding.fix else { return }
            writer.name("fix")
            writer.object { writer in
                writer.name("summary")
                writer.value(fix.summary)
                writer.name("edits")
                writer.array { writer in
                    for edit in fix.edits {
                        writer.object { writer in
                            writer.name("file")
                            writer.value(edit.file)
                            writer.name("start")
                            writer.value(edit.range.lowerBound)
                            writer.name("end")
                            writer.value(edit.range.upperBound)
                            writer.name("replacement")
                            writer.value(edit.replacement)
                        }
                    }
                }
            }
        }
    }

    private func write(_ result: CaseResult, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("name")
            writer.value(result.name)
            write(result.position, &writer)
            writer.name("outcome")
            switch result.outcome {
            case .passed: writer.value("passed")
            case .broken(let message):
                writer.value("error")
                writer.name("message")
                writer.value(message)
            case .failed(let mismatches):
                writer.value("failed")
                writer.name("mismatches")
                writer.array { writer in
                    for mismatch in mismatches {
                        writer.object { writer in
                            writer.name("what")
                            writer.value(mismatch.what)
                            writer.name("expected")
                            writer.value(mismatch.expected)
                            writer.name("actual")
                            writer.value(mismatch.actual)
                            write(mismatch.position, &writer)
                            if let hint = mismatch.hint {
                                writer.name("hint")
                                writer.value(hint)
                            }
                        }
                    }
                }
            }
            if let decision = result.decision {
                writer.name("decision")
                writer.object { write(decision, &$0) }
            }
            if let explanation = result.explanation {
                writer.name("explanation")
                writer.value(explanation)
            }
        }
    }

    private func write(_ decision: CaseDecision, _ writer: inout JSONWriter) {
        writer.name("verdict")
        writer.value(decision.verdict)
        if let rule = decision.rule {
            writer.name("rule")
            writer.value(rule)
        }
        writer.name("reason")
        writer.value(decision.reason)
        if let status = decision.status {
            writer.name("status")
            writer.value(status)
        }
        for (name, values) in [("scopes", decision.scopes), ("visible", decision.visible)] where !values.isEmpty {
            writer.name(name)
            writer.array { writer in for value in values { writer.value(value) } }
        }
    }

    private func write(_ coverage: PolicyCoverage, _ writer: inout JSONWriter) {
        writer.name("percent")
        writer.value(coverage.percent)
        writer.name("outcomes")
        writer.value(coverage.total)
        writer.name("seen")
        writer.value(coverage.seen)
        writer.name("rules")
        writer.array { writer in
            for rule in coverage.files.flatMap(\.rules) {
                writer.object { writer in
                    writer.name("id")
                    writer.value(rule.rule.id)
                    write(rule.rule.position, &writer)
                    for (name, count) in [
                        ("true", rule.wasTrue), ("false", rule.wasFalse), ("errors", rule.failed),
                        ("unknown", rule.unknown),
                    ] {
                        writer.name(name)
                        writer.value(count)
                    }
                    writer.name("parts")
                    writer.array { writer in
                        for part in rule.parts {
                            writer.object { writer in
                                write(rule.rule.site.start(of: part.range), &writer)
                                writer.name("expression")
                                writer.value(rule.rule.site.text(of: part.range))
                                writer.name("true")
                                writer.value(part.wasTrue)
                                writer.name("false")
                                writer.value(part.wasFalse)
                            }
                        }
                    }
                }
            }
        }
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
