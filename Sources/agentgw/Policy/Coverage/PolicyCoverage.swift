// How much of the rules the tests have seen: of every boolean part of every rule whether it was true and whether it was
// false, asked as the gateway asks, so that what comes after a decision does not count.

import Auth
import CEL

/// The coverage of the policies of a run.
struct PolicyCoverage: Sendable {
    /// A boolean part of a rule.
    struct Part: Sendable {
        var node: ExprID
        var range: SourceRange
        var wasTrue: Bool
        var wasFalse: Bool

        var seen: Int { (wasTrue ? 1 : 0) + (wasFalse ? 1 : 0) }
    }

    struct Rule: Sendable {
        var rule: PolicyRule
        /// How often it was asked, and what came out.
        var wasTrue = 0
        var wasFalse = 0
        var failed = 0
        var unknown = 0
        var parts: [Part]

        var asked: Int { wasTrue + wasFalse + failed + unknown }
        /// Of a rule without boolean parts, such as `true`, that it was asked.
        var total: Int { parts.isEmpty ? 1 : parts.count * 2 }
        var seen: Int { parts.isEmpty ? (asked > 0 ? 1 : 0) : parts.reduce(0) { $0 + $1.seen } }
    }

    struct Set: Sendable {
        var place: String
        var rules: [Rule]
    }

    struct File: Sendable {
        var file: String
        var sets: [Set]

        var rules: [Rule] { sets.flatMap(\.rules) }
    }

    var files: [File]

    private var rules: [Rule] { files.flatMap(\.rules) }
    var total: Int { rules.reduce(0) { $0 + $1.total } }
    var seen: Int { rules.reduce(0) { $0 + $1.seen } }
    var ruleCount: Int { rules.count }
    var askedRules: Int { rules.count { $0.asked > 0 } }

    /// Rounded down, so that 100 means all of it. Without rules there is nothing to miss.
    var percent: Double { total == 0 ? 100 : (Double(seen) * 1000 / Double(total)).rounded(.down) / 10 }
}

/// Watches the cases of a run. Confined to one thread.
final class CoverageCollector {
    private struct Key: Hashable {
        let set: ObjectIdentifier
        let rule: Int
    }

    private struct Observed {
        let set: RuleSet
        let rule: Int
        let coverage: RuleCoverage
    }

    /// By the policy that a rule set belongs to.
    private var observed: [ObjectIdentifier: [Key: Observed]] = [:]

    func note(_ judged: JudgedCase, _ bench: PolicyBench) {
        let policy = ObjectIdentifier(bench.policy)
        for (levels, inputs) in judged.outcome.stages.map({ ($0.levels, $0.inputs) })
            + judged.outcome.listed.map({ ($0.levels, $0.inputs) })
        {
            bench.examiner.cover(levels, inputs) { set, rule in coverage(of: set, rule, policy) }
        }
    }

    private func coverage(of set: RuleSet, _ rule: Int, _ policy: ObjectIdentifier) -> RuleCoverage? {
        let key = Key(set: ObjectIdentifier(set), rule: rule)
        if let known = observed[policy]?[key] { return known.coverage }
        guard let made = try? RuleCoverage(set.rules[rule].program) else { return nil }
        observed[policy, default: [:]][key] = Observed(set: set, rule: rule, coverage: made)
        return made
    }

    /// A rule set that was compiled several times counts once.
    func coverage(_ policies: [LoadedPolicy]) -> PolicyCoverage {
        PolicyCoverage(
            files: policies.map { policy in
                let all = (observed[ObjectIdentifier(policy)] ?? [:]).values
                return PolicyCoverage.File(
                    file: policy.file,
                    sets: policy.ruleSets.map { ruleSet in
                        PolicyCoverage.Set(
                            place: policy.label(of: ruleSet),
                            rules: ruleSet.rules.filter { $0.mode == .enforce }.map { rule in
                                let mine = all.filter {
                                    $0.rule == rule.index && $0.set.position == ruleSet.position
                                        && $0.set.kind == ruleSet.kind
                                }
                                return Self.merge(rule, mine.map(\.coverage))
                            })
                    })
            })
    }

    private static func merge(_ rule: PolicyRule, _ coverages: [RuleCoverage]) -> PolicyCoverage.Rule {
        let empty = (try? rule.program.coverage())?.parts ?? []
        var parts = empty.map { PolicyCoverage.Part(node: $0.node, range: $0.range, wasTrue: false, wasFalse: false) }
        var result = PolicyCoverage.Rule(rule: rule, parts: [])
        for coverage in coverages {
            for (index, part) in coverage.coverage.parts.enumerated() where index < parts.count {
                parts[index].wasTrue = parts[index].wasTrue || part.wasTrue
                parts[index].wasFalse = parts[index].wasFalse || part.wasFalse
            }
            result.wasTrue += coverage.wasTrue
            result.wasFalse += coverage.wasFalse
            result.failed += coverage.failed
            result.unknown += coverage.unknown
        }
        result.parts = parts.sorted { ($0.range.start, -$0.range.end) < ($1.range.start, -$1.range.end) }
        return result
    }
}
