// A whole explanation for programs.

import Auth
import JSON
import Proxy

enum ExplanationJSON {
    static func render(_ explanation: DecisionExplanation) -> String {
        var writer = JSONWriter()
        let outcome = explanation.outcome
        writer.object { writer in
            member("verdict", explanation.isOpen ? "undecided" : outcome.verdict.rawValue, &writer)
            if let status = outcome.status {
                writer.name("status")
                writer.value(status)
            }
            if !outcome.code.isEmpty { member("code", outcome.code, &writer) }
            if !outcome.detail.isEmpty { member("detail", outcome.detail, &writer) }
            member("route", outcome.route, &writer)
            member("principal", explanation.principal, &writer)
            writer.name("notes")
            writer.array { writer in for note in explanation.notes { writer.value(note) } }
            writer.name("scopes")
            writer.array { writer in for scope in outcome.scopes { writer.value(scope) } }
            writer.name("stages")
            writer.array { writer in for stage in explanation.stages { write(stage, &writer) } }
            guard !explanation.items.isEmpty else { return }
            writer.name("items")
            writer.array { writer in
                for item in explanation.items {
                    writer.object { writer in
                        member("name", item.name, &writer)
                        writer.name("shown")
                        writer.value(item.isShown)
                        write(levels: item.stage.levels, &writer)
                    }
                }
            }
        }
        return writer.text + "\n"
    }

    private static func member(_ name: String, _ value: String, _ writer: inout JSONWriter) {
        writer.name(name)
        writer.value(value)
    }

    private static func write(_ stage: DecisionExplanation.Stage, _ writer: inout JSONWriter) {
        writer.object { writer in
            member("phase", stage.decision.phase.rawValue, &writer)
            if !stage.subject.isEmpty { member("subject", stage.subject, &writer) }
            member("verdict", stage.decision.verdict.rawValue, &writer)
            member("reason", stage.decision.reason.code, &writer)
            member("policy", stage.decision.policy.description, &writer)
            if let rule = stage.decision.rule { member("rule", rule.id, &writer) }
            write(levels: stage.levels, &writer)
        }
    }

    private static func write(levels: [DecisionExplanation.Level], _ writer: inout JSONWriter) {
        writer.name("levels")
        writer.array { writer in for level in levels { write(level, &writer) } }
    }

    private static func write(_ level: DecisionExplanation.Level, _ writer: inout JSONWriter) {
        writer.object { writer in
            member("place", level.place, &writer)
            member("kind", level.set.kind.rawValue, &writer)
            member(
                "verdict",
                level.judgement.visibility == .allowed
                    ? "allow" : level.judgement.visibility == .denied ? "deny" : "unknown", &writer)
            member("reason", level.judgement.reason.code, &writer)
            writer.name("rules")
            writer.array { writer in for rule in level.rules { write(rule, &writer) } }
            writer.name("not_asked")
            writer.value(level.notAsked)
        }
    }

    private static func write(_ rule: DecisionExplanation.Rule, _ writer: inout JSONWriter) {
        writer.object { writer in
            member("id", rule.reference.id, &writer)
            member("action", rule.reference.action.rawValue, &writer)
            member("position", rule.reference.position.description, &writer)
            member("expression", rule.tree.program.checked.source, &writer)
            member("outcome", DecisionExplanation.text(rule.outcome), &writer)
            writer.name("deciding")
            writer.value(rule.isDeciding)
            writer.name("parts")
            let source = Array(rule.tree.program.checked.source.utf8)
            writer.array { writer in
                for part in rule.tree.parts {
                    writer.object { writer in
                        let range = Int(part.range.start)..<Int(part.range.end)
                        member("expression", String(decoding: source[range], as: UTF8.self), &writer)
                        writer.name("offset")
                        writer.value(range.lowerBound)
                        member(part.failed ? "error" : "value", part.text, &writer)
                    }
                }
            }
        }
    }
}
