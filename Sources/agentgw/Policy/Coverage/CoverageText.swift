// Coverage for the terminal: one number, and below it what no test has seen.

import CEL

enum CoverageText {
    static func render(_ coverage: PolicyCoverage, _ style: TextStyle) -> String {
        var out = ""
        for file in coverage.files {
            for set in file.sets {
                for rule in set.rules where rule.seen < rule.total { out += gaps(rule, style) }
            }
        }
        let percent = "\(coverage.percent) %"
        let shown = coverage.seen == coverage.total ? style.green(percent) : style.yellow(percent)
        return out
            + "coverage \(shown): \(coverage.seen) of \(coverage.total) outcomes, \(coverage.askedRules) of "
            + "\(coverage.ruleCount) rules asked\n"
    }

    private static func gaps(_ rule: PolicyCoverage.Rule, _ style: TextStyle) -> String {
        var out = "\(style.bold("\(rule.rule.position)")): \(rule.rule.action.rawValue) \(rule.rule.id)"
        guard rule.asked > 0 else { return out + " \(style.red("was never asked"))\n" }
        out += "\n"
        for part in rule.parts where part.seen < 2 {
            let what = part.wasTrue ? "never false" : part.wasFalse ? "never true" : "never evaluated"
            let place = rule.rule.site.start(of: part.range)
            let text = Excerpt.of(rule.rule.site.text(of: part.range).replacing("\n", with: " "))
            out += "    \(style.dim("\(place.line):\(place.column)")) \(style.yellow(what)): \(text)\n"
        }
        return out
    }
}
