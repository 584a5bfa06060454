// A whole explanation for the terminal: the verdict, then each time that rules were asked, level by level, rule by rule.

import Auth
import Proxy

enum ExplanationText {
    static func render(_ explanation: DecisionExplanation, _ style: TextStyle) -> String {
        let outcome = explanation.outcome
        var out = explanation.headline(style) + "\n"
        if !outcome.route.isEmpty { out += "  \(style.dim("route")) \(outcome.route)\n" }
        out += "  \(style.dim("principal")) \(explanation.principal)\n"
        if let status = outcome.status { out += "  \(style.dim("reply")) \(status) \(outcome.detail)\n" }
        for note in explanation.notes { out += "  \(style.yellow("note")) \(note)\n" }
        for challenge in outcome.challenges { out += "  \(style.dim("challenge")) \(challenge)\n" }
        for stage in explanation.stages { out += text(stage, style) }
        for item in explanation.items {
            out += "\n\(style.bold(item.name)) is \(item.isShown ? style.green("shown") : style.red("hidden"))\n"
            out += levels(item.stage, style)
        }
        return out
    }

    private static func text(_ stage: DecisionExplanation.Stage, _ style: TextStyle) -> String {
        let decision = stage.decision
        let subject = stage.subject.isEmpty ? "" : " \(stage.subject)"
        return "\n\(style.bold(decision.phase.rawValue))\(subject)\n" + levels(stage, style)
    }

    private static func levels(_ stage: DecisionExplanation.Stage, _ style: TextStyle) -> String {
        var out = ""
        for level in stage.levels {
            let verdict =
                switch level.judgement.visibility {
                case .allowed: style.green("allow")
                case .denied: style.red("deny")
                case .possible: style.yellow("undecided")
                }
            let reason = level.judgement.rule == nil ? ": \(DecisionExplanation.sentence(level.judgement.reason))" : ""
            out += "  \(verdict) \(style.dim("\(level.set.kind.rawValue) of"))  \(level.place)\(reason)\n"
            for rule in level.rules {
                let mark = rule.isDeciding ? style.bold("▸") : " "
                out +=
                    "  \(mark) \(rule.reference.action.rawValue) \(style.bold(rule.reference.id)) "
                    + "\(style.dim("(\(rule.reference.position))")) is \(DecisionExplanation.text(rule.outcome))\n"
                out += rule.tree.drawn(style).map { "      \($0)\n" }.joined()
            }
            if level.notAsked > 0 {
                out += style.dim("    \(level.notAsked) \(level.notAsked == 1 ? "rule was" : "rules were") not asked\n")
            }
        }
        return out
    }
}
