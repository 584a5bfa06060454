// A whole explanation as one page without anything to fetch: for a ticket or a review.

import Auth
import Proxy

enum ExplanationHTML {
    static func render(_ explanation: DecisionExplanation, title: String) -> String {
        let outcome = explanation.outcome
        let name = outcome.verdict == .allow ? "allow" : "deny"
        var body = "<h1>\(HTML.escaped(title))</h1>\n"
        body += "<p><strong class=\(name)>\(HTML.escaped(explanation.headline(.plain)))</strong></p>\n<table>\n"
        var facts = [("route", outcome.route), ("principal", explanation.principal)]
        if let status = outcome.status { facts.append(("reply", "\(status) \(outcome.detail)")) }
        for note in explanation.notes { facts.append(("note", note)) }
        for challenge in outcome.challenges { facts.append(("challenge", challenge)) }
        for (name, value) in facts { body += "<tr><th>\(name)<td>\(HTML.escaped(value))\n" }
        body += "</table>\n"
        for stage in explanation.stages {
            body += section(stage, title: HTML.escaped("\(stage.decision.phase.rawValue) \(stage.subject)"))
        }
        for item in explanation.items {
            let verdict = item.isShown ? "<span class=allow>shown</span>" : "<span class=deny>hidden</span>"
            body += section(item.stage, title: "\(verdict) \(HTML.escaped(item.name))")
        }
        return HTML.page(title, body)
    }

    /// - Parameter title: HTML.
    private static func section(_ stage: DecisionExplanation.Stage, title: String) -> String {
        var out = "<h2>\(title)</h2>\n"
        for level in stage.levels {
            let verdict =
                level.judgement.visibility == .allowed
                ? "allow" : level.judgement.visibility == .denied ? "deny" : "maybe"
            out += "<h3><span class=\(verdict)>\(verdict)</span> \(HTML.escaped(level.place)) "
            out += "<span class=dim>\(level.set.kind.rawValue)</span></h3>\n"
            if level.judgement.rule == nil {
                out += "<p>\(HTML.escaped(DecisionExplanation.sentence(level.judgement.reason)))</p>\n"
            }
            for rule in level.rules {
                let title =
                    "\(rule.reference.action.rawValue) \(rule.reference.id) is \(DecisionExplanation.text(rule.outcome))"
                out +=
                    "<details\(rule.isDeciding || level.judgement.rule == nil ? " open" : "")><summary>\(HTML.escaped(title)) "
                out += "<span class=dim>\(HTML.escaped("\(rule.reference.position)"))</span></summary>\n"
                out +=
                    "<pre class=tree>\(HTML.escaped(rule.tree.drawn(.plain).joined(separator: "\n")))</pre></details>\n"
            }
            if level.notAsked > 0 { out += "<p class=dim>\(level.notAsked) not asked</p>\n" }
        }
        return out
    }
}
