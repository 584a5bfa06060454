// Mutation results for the terminal and for programs.

import JSON

enum MutationText {
    static func render(_ file: String, _ report: MutationReport, _ style: TextStyle) -> String {
        var out = ""
        for survivor in report.survivors {
            let mutant = survivor.mutant
            let place = mutant.rule.site.start(of: mutant.range)
            out += "\(style.bold("\(place)")): \(style.yellow("survived")) \(mutant.kind) in \(mutant.rule.id)\n"
            let diff = mutant.diff
            for line in diff.before.split(separator: "\n") { out += style.red("  - \(line)") + "\n" }
            for line in diff.after.split(separator: "\n") { out += style.green("  + \(line)") + "\n" }
            if let witness = survivor.witness {
                out += "  \(style.dim("a case that would notice")) (\(witness.difference)):\n"
                out += witness.yaml.split(separator: "\n").map { "    \($0)\n" }.joined()
            } else {
                out += "  \(style.dim("no request was found that tells the two apart; they may mean the same"))\n"
            }
            out += "\n"
        }
        let score = "\(report.score) %"
        let shown = report.survivors.isEmpty ? style.green(score) : style.yellow(score)
        return out
            + "\(file): mutation score \(shown): \(report.killed) of \(report.total) mutants killed "
            + "\(style.dim("(\(TextReporter.text(report.elapsed)))"))\n"
    }

    static func json(_ reports: [(file: String, report: MutationReport)]) -> String {
        var writer = JSONWriter()
        writer.array { writer in
            for (file, report) in reports {
                writer.object { writer in
                    writer.name("file")
                    writer.value(file)
                    writer.name("score")
                    writer.value(report.score)
                    writer.name("mutants")
                    writer.value(report.total)
                    writer.name("killed")
                    writer.value(report.killed)
                    writer.name("survivors")
                    writer.array { writer in for survivor in report.survivors { write(survivor, &writer) } }
                }
            }
        }
        return writer.text + "\n"
    }

    private static func write(_ survivor: MutationReport.Survivor, _ writer: inout JSONWriter) {
        let mutant = survivor.mutant
        let place = mutant.rule.site.start(of: mutant.range)
        writer.object { writer in
            for (name, value) in [
                ("kind", mutant.kind), ("rule", mutant.rule.id), ("position", "\(place)"),
                ("before", mutant.diff.before), ("after", mutant.diff.after),
            ] {
                writer.name(name)
                writer.value(value)
            }
            guard let witness = survivor.witness else { return }
            writer.name("case")
            writer.value(witness.yaml)
            writer.name("difference")
            writer.value(witness.difference)
        }
    }
}
