// The report as SARIF 2.1.0, for code scanning. Fixes are byte ranges of the file.

import Auth
import JSON

struct SARIFReporter: PolicyReporter {
    private static let own = [
        Finding.load: "The gateway refuses the file, or has something to say about it.",
        "table": "A test table cannot be used as it is.",
        "test": "A request is decided otherwise than its test expects.",
    ]

    private struct Result {
        var rule: String
        var level: String
        var message: String
        var position: FilePosition
        var end: FilePosition?
        var fix: Fix?
    }

    func render(_ report: PolicyReport) -> String {
        let results =
            report.findings.map {
                Result(
                    rule: $0.rule, level: $0.severity.rawValue, message: $0.message + ($0.hint.map { ". \($0)" } ?? ""),
                    position: $0.position, end: $0.end, fix: $0.fix)
            } + report.cases.compactMap(result)
        let rules = results.map(\.rule).unique.sorted()
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("$schema")
            writer.value("https://json.schemastore.org/sarif-2.1.0.json")
            writer.name("version")
            writer.value("2.1.0")
            writer.name("runs")
            writer.array { writer in
                writer.object { writer in
                    writer.name("tool")
                    writer.object { writer in
                        writer.name("driver")
                        writer.object { writer in driver(rules, &writer) }
                    }
                    writer.name("columnKind")
                    writer.value("unicodeCodePoints")
                    writer.name("results")
                    writer.array { writer in for result in results { write(result, rules, &writer) } }
                }
            }
        }
        return writer.text + "\n"
    }

    private func result(_ result: CaseResult) -> Result? {
        switch result.outcome {
        case .passed: nil
        case .broken(let message):
            Result(rule: "test", level: "error", message: "\(result.name): \(message)", position: result.position)
        case .failed(let mismatches):
            Result(
                rule: "test", level: "error",
                message: "\(result.name): "
                    + mismatches.map { "\($0.what) \($0.sentence)" }.joined(separator: "; "),
                position: mismatches[0].position)
        }
    }

    private func driver(_ rules: [String], _ writer: inout JSONWriter) {
        let version = AgentGW.versionText.split(separator: " ").last.map { String($0) } ?? ""
        writer.name("name")
        writer.value("agentgw check-policy")
        writer.name("version")
        writer.value(version)
        writer.name("rules")
        writer.array { writer in
            for rule in rules {
                let lint = LintRule.all.first { $0.id == rule }
                writer.object { writer in
                    writer.name("id")
                    writer.value(rule)
                    writer.name("shortDescription")
                    writer.object { writer in
                        writer.name("text")
                        writer.value(lint?.summary ?? Self.own[rule] ?? rule)
                    }
                    guard let lint else { return }
                    writer.name("fullDescription")
                    writer.object { writer in
                        writer.name("text")
                        writer.value(Self.plain("\(lint.summary) \(lint.reason)"))
                    }
                    writer.name("help")
                    writer.object { writer in
                        writer.name("text")
                        writer.value(Self.plain(lint.reason))
                        writer.name("markdown")
                        writer.value(lint.section)
                    }
                    writer.name("defaultConfiguration")
                    writer.object { writer in
                        writer.name("level")
                        writer.value(lint.severity.rawValue)
                    }
                    writer.name("properties")
                    writer.object { writer in
                        writer.name("tags")
                        writer.array { $0.value("security") }
                    }
                }
            }
        }
    }

    private static func plain(_ text: String) -> String { text.replacing("`", with: "") }

    private func write(_ result: Result, _ rules: [String], _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("ruleId")
            writer.value(result.rule)
            writer.name("ruleIndex")
            writer.value(rules.firstIndex(of: result.rule) ?? 0)
            writer.name("level")
            writer.value(result.level)
            writer.name("message")
            writer.object { writer in
                writer.name("text")
                writer.value(result.message)
            }
            writer.name("locations")
            writer.array { writer in
                writer.object { writer in
                    writer.name("physicalLocation")
                    writer.object { writer in
                        artifact(result.position.file, &writer)
                        writer.name("region")
                        writer.object { writer in region(result, &writer) }
                    }
                }
            }
            guard let fix = result.fix else { return }
            writer.name("fixes")
            writer.array { write(fix, &$0) }
        }
    }

    private func artifact(_ file: String, _ writer: inout JSONWriter) {
        writer.name("artifactLocation")
        writer.object { writer in
            writer.name("uri")
            writer.value(Self.uri(file))
        }
    }

    /// A relative reference stays one; what a URI cannot hold is encoded (RFC 3986 §2).
    private static func uri(_ path: String) -> String {
        let text = path.utf8.reduce(into: "") { out, byte in
            let isPlain =
                (0x30...0x39 ~= byte) || (0x41...0x5A ~= byte) || (0x61...0x7A ~= byte) || "-._~/".utf8.contains(byte)
            let hex = String(byte, radix: 16, uppercase: true)
            out += isPlain ? String(Character(Unicode.Scalar(byte))) : "%" + (hex.utf8.count < 2 ? "0" : "") + hex
        }
        return path.hasPrefix("/") ? "file://" + text : text
    }

    private func region(_ result: Result, _ writer: inout JSONWriter) {
        var numbers = [("startLine", max(1, result.position.line)), ("startColumn", max(1, result.position.column))]
        if let end = result.end { numbers += [("endLine", end.line), ("endColumn", end.column)] }
        for (name, value) in numbers {
            writer.name(name)
            writer.value(value)
        }
    }

    private func write(_ fix: Fix, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("description")
            writer.object { writer in
                writer.name("text")
                writer.value(fix.summary)
            }
            writer.name("artifactChanges")
            writer.array { writer in
                for file in fix.edits.map(\.file).unique {
                    writer.object { writer in
                        artifact(file, &writer)
                        writer.name("replacements")
                        writer.array { writer in
                            for edit in fix.edits where edit.file == file { write(edit, &writer) }
                        }
                    }
                }
            }
        }
    }

    private func write(_ edit: SourceEdit, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("deletedRegion")
            writer.object { writer in
                writer.name("byteOffset")
                writer.value(edit.range.lowerBound)
                writer.name("byteLength")
                writer.value(edit.range.count)
            }
            writer.name("insertedContent")
            writer.object { writer in
                writer.name("text")
                writer.value(edit.replacement)
            }
        }
    }
}
