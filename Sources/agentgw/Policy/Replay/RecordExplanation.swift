// Why a recorded decision was made, or what another policy makes of the same request: an explanation from a log line.

import Auth
import Proxy

struct RecordExplanationError: Error {
    var message: String
}

enum RecordExplanation {
    /// - Throws: when the record is about rules that the policy does not have.
    static func make(_ record: DecisionLine, _ policy: LoadedPolicy) throws(RecordExplanationError)
        -> DecisionExplanation
    {
        let levels: RuleLevels
        switch policy.snapshot.place(route: record.route, phase: record.phase, target: record.target) {
        case .found(let found): levels = found
        case .noRules: throw RecordExplanationError(message: "no rules are asked at \(record.route)")
        case .noRoute: throw RecordExplanationError(message: "the policy has no route \(record.route)")
        case .ambiguous(let what): throw RecordExplanationError(message: "the record does not say \(what)")
        }
        let isCurrent = levels.digest.description == record.policy
        let replay = RecordReplay(levels, recordedBy: isCurrent ? levels : nil)
        let answer = replay.decide(record.reads)
        var outcome = TrialOutcome(answer.visibility == .allowed ? .allow : .deny)
        outcome.route = record.route
        outcome.code = "denied"
        var notes: [String] = []
        if !isCurrent {
            notes.append("the record was made by policy \(record.policy), this is \(levels.digest)")
        }
        if answer.visibility == .possible {
            notes.append("the record lacks what the decision depends on: \(answer.missing.joined(separator: ", "))")
        } else if (answer.visibility == .allowed) != record.isAllowed {
            notes.append("the record says \(record.isAllowed ? "allow" : "deny")")
        }
        outcome.detail = notes.joined(separator: "; ")
        let decision = Decision(
            id: DecisionID(0), verdict: answer.visibility == .allowed ? .allow : .deny, reason: answer.reason,
            rule: answer.rule, phase: record.phase, policy: levels.digest, cost: 0)
        let stage = DecisionExplanation.Stage(
            decision: decision,
            levels: replay.trace(record.reads).map { level in
                DecisionExplanation.Level(
                    set: level.trace.set,
                    place: policy.ruleSets.first { $0.compiled === level.trace.set }.map(policy.label) ?? "",
                    judgement: level.trace.judgement,
                    rules: zip(level.trace.asked, level.explanations).map { asked, explanation in
                        let rule = level.trace.set.rules[asked.rule]
                        return DecisionExplanation.Rule(
                            reference: rule.reference, outcome: asked.outcome,
                            isDeciding: level.trace.judgement.rule == asked.rule,
                            tree: RuleTree(rule.program, explanation))
                    }, notAsked: level.trace.set.rules.count { $0.mode == .enforce } - level.trace.asked.count)
            }, subject: "decision \(record.id)")
        var explanation = DecisionExplanation(outcome: outcome, stages: [stage], principal: record.principal)
        explanation.isOpen = answer.visibility == .possible
        explanation.notes = notes
        return explanation
    }

    /// The record with that id, or the last of the file.
    static func find(_ id: String?, in path: String) throws(RecordExplanationError) -> DecisionLine {
        var found: DecisionLine?
        do throws(LineReader.Failure) {
            try LineReader.read(path) { line, _ in
                if case .decision(let record) = DecisionLine.read(line), id == nil || record.id == id { found = record }
            }
        } catch { throw RecordExplanationError(message: error.message) }
        guard let found else {
            throw RecordExplanationError(
                message: id.map { "\(path) has no record of decision \($0)" } ?? "\(path) has no decision records")
        }
        return found
    }
}
