// Coverage as one page without anything to fetch: every rule with its parts in the colour of what the tests have seen.

import CEL

enum CoverageHTML {
    static func render(_ coverage: PolicyCoverage) -> String {
        var body = "<h1>Policy coverage \(coverage.percent)&nbsp;%</h1>\n"
        body +=
            "<p>\(coverage.seen) of \(coverage.total) outcomes, \(coverage.askedRules) of \(coverage.ruleCount) rules asked. "
            + "<span class=both>both outcomes</span> <span class=half>one outcome</span> "
            + "<span class=none>not evaluated</span></p>\n"
        for file in coverage.files where !file.rules.isEmpty {
            body += "<h2>\(HTML.escaped(file.file))</h2>\n"
            for set in file.sets {
                body += "<h3>\(HTML.escaped(set.place))</h3>\n<table>\n"
                body += "<tr><th>line<th>rule<th>expression<th>true<th>false<th>error\n"
                for rule in set.rules { body += row(rule) }
                body += "</table>\n"
            }
        }
        return HTML.page("Policy coverage", body)
    }

    private static func row(_ rule: PolicyCoverage.Rule) -> String {
        let action = rule.rule.action.rawValue
        return "<tr id=\"L\(rule.rule.position.line)\"><td>\(rule.rule.position.line)<td>\(action) "
            + "\(HTML.escaped(rule.rule.id))<td><code>\(marked(rule))</code><td>\(rule.wasTrue)<td>\(rule.wasFalse)"
            + "<td>\(rule.failed)\n"
    }

    /// The expression with a span for every part; parts lie within one another.
    private static func marked(_ rule: PolicyCoverage.Rule) -> String {
        guard !rule.parts.isEmpty else {
            return "<span class=\(rule.asked > 0 ? "both" : "none")>\(HTML.escaped(rule.rule.expression))</span>"
        }
        let source = Array(rule.rule.expression.utf8)
        var out = ""
        var ends: [Int] = []
        var at = 0
        func text(to end: Int) {
            guard end > at else { return }
            out += HTML.escaped(String(decoding: source[at..<min(end, source.count)], as: UTF8.self))
            at = end
        }
        func close(before start: Int) {
            while let end = ends.last, end <= start {
                text(to: end)
                out += "</span>"
                ends.removeLast()
            }
        }
        for part in rule.parts {
            close(before: Int(part.range.start))
            text(to: Int(part.range.start))
            let name = part.seen == 2 ? "both" : part.seen == 1 ? "half" : "none"
            let title =
                part.seen == 2
                ? "true and false" : part.wasTrue ? "never false" : part.wasFalse ? "never true" : "never evaluated"
            out += "<span class=\(name) title=\"\(title)\">"
            ends.append(Int(part.range.end))
        }
        close(before: source.count)
        text(to: source.count)
        return out
    }
}

/// The frame of pages that stand for themselves.
enum HTML {
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// - Parameter body: HTML.
    static func page(_ title: String, _ body: String) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>\(escaped(title))</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>
        :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
        body { max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
        code, pre { font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap; }
        pre.tree { white-space: pre; overflow-x: auto; }
        table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; }
        tr + tr td { border-top: 1px solid #8884; }
        .both, .allow { background: #2a23; } .half, .maybe { background: #fb04; } .none, .deny { background: #e334; }
        .dim { opacity: .6; }
        </style></head><body>
        \(body)</body></html>

        """
    }
}
