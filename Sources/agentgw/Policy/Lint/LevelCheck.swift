// Rules of a route beside those of its listener: both must allow.

import Auth
import Proxy

struct LevelCheck: PolicyCheck {
    func findings(in subject: LintSubject) -> [Finding] {
        subject.sets.flatMap { rules -> [Finding] in
            let place = rules.set.placed.place
            guard place.level != .listener, rules.set.kind == .http, rules.set.compiled.mode == .enforce else {
                return []
            }
            let outer = subject.sets.filter { other in
                let outer = other.set.placed.place
                return outer.level == .listener && outer.port == place.port && outer.listener == place.listener
                    && other.set.compiled.mode == .enforce
            }
            return outer.flatMap { check(rules, under: $0, subject.prover) }
        }
    }

    private func check(_ rules: LintSubject.Rules, under outer: LintSubject.Rules, _ prover: Prover) -> [Finding] {
        let granting = outer.views.indices.filter {
            outer.views[$0].rule.action == .allow && outer.views[$0].rule.mode == .enforce
        }
        guard !granting.isEmpty else { return [] }
        return rules.views.indices.compactMap { index in
            let view = rules.views[index]
            guard view.rule.action == .allow, view.rule.mode == .enforce else { return nil }
            let isStopped = granting.allSatisfy { other in
                prover.follows(rules.conditions[index], .yes, outer.conditions[other], [.no, .fails])
            }
            // What never grants anyway is another check's.
            guard isStopped,
                prover.canBe([.init(condition: rules.conditions[index], truth: .yes)]) != false
            else { return nil }
            let line = outer.set.position.line
            return view.finding(
                .levelsDisagree, "the listener's rules in line \(line) never allow what this rule would grant",
                hint: "allow it there, too: every level must allow")
        }
    }
}
