// Mutation testing: every rule is changed in small ways, and a change that no test notices shows what no test tests.

import Auth
import CEL
import Proxy

struct MutationReport {
    struct Survivor {
        var mutant: Mutant
        /// A request that is decided otherwise by the mutant, when one was found.
        var witness: Witness?
    }

    /// A case that would have noticed.
    struct Witness {
        var yaml: String
        /// How the two differ.
        var difference: String
    }

    var total = 0
    var survivors: [Survivor] = []
    var elapsed: Duration = .zero

    var killed: Int { total - survivors.count }
    /// Rounded down. A policy without rules has nothing to change.
    var score: Double { total == 0 ? 100 : (Double(killed) * 1000 / Double(total)).rounded(.down) / 10 }
}

/// The mutants of one policy against the tables about it. Confined to one thread.
final class MutationRun {
    private let policy: LoadedPolicy
    private let benches: [PolicyRun.Bench]
    private let mutants: [Mutant]
    private var isAlive: [Bool]
    /// Gateways that run a mutant, for the requests that it lets pass where the policy does not.
    private var mutated: [Int: PolicyBench] = [:]

    init(_ policy: LoadedPolicy, _ benches: [PolicyRun.Bench]) {
        self.policy = policy
        self.benches = benches
        mutants = policy.ruleSets.enumerated().flatMap { set, ruleSet in
            ruleSet.rules.filter { $0.mode == .enforce && ruleSet.compiled.mode == .enforce }
                .flatMap { MutantGenerator.mutants(of: $0, in: ruleSet, set: set) }
        }
        isAlive = Array(repeating: true, count: mutants.count)
    }

    /// - Parameter searches: whether requests are looked for that tell survivors apart.
    func run(searches: Bool = true) -> MutationReport {
        var observed: [(PolicyRun.Bench, ObservedCase)] = []
        for bench in benches {
            let runner = CaseRunner(bench.table, bench.bench)
            for testCase in bench.cases {
                guard let judged = try? runner.judged(testCase), CaseRunner.mismatches(judged).isEmpty else { continue }
                let observedCase = ObservedCase(judged, bench.bench)
                observed.append((bench, observedCase))
                kill(with: observedCase, bench)
            }
        }
        var report = MutationReport()
        report.total = mutants.count
        let search = WitnessSearch(policy, observed)
        for index in mutants.indices where isAlive[index] {
            let bench = !searches ? nil : benches.first.flatMap { mutatedBench(index, $0) }
            report.survivors.append(
                MutationReport.Survivor(
                    mutant: mutants[index], witness: bench.flatMap { search.witness(for: mutants[index], $0) }))
            mutated[index] = nil
        }
        return report
    }

    // MARK: One case against every living mutant

    private func kill(with observed: ObservedCase, _ bench: PolicyRun.Bench) {
        // All programs of a set on the attributes of one ask: bound once.
        for (position, ask) in observed.asks.enumerated() {
            for set in ask.sets {
                let indices = mutants.indices.filter { isAlive[$0] && mutants[$0].set == set.set }
                let programs = indices.compactMap { mutants[$0].program }
                let outcomes = bench.bench.examiner.outcomes(programs.map { rebound($0, set) }, ask.inputs)
                var next = 0
                for index in indices {
                    var outcome: RuleOutcome?
                    if mutants[index].program != nil {
                        outcome = outcomes[next]
                        next += 1
                        // What comes to the same decides the same.
                        if outcome == set.rows[mutants[index].rule.index].outcome { continue }
                    }
                    let judgement = Self.judgement(mutants[index], outcome, set)
                    guard judgement != set.judgement else { continue }
                    if notices(observed, bench, index, ask: position, set: set.set, judgement) {
                        isAlive[index] = false
                        mutated[index] = nil
                    }
                }
            }
        }
    }

    /// Programs are bound to their environment, and a trial's may be another object than the policy's.
    private func rebound(_ program: Program, _ set: ObservedSet) -> Program {
        guard program.checked.environment !== set.compiled.environment else { return program }
        return rebounds[ObjectIdentifier(program)] ?? compile(program, set)
    }

    private var rebounds: [ObjectIdentifier: Program] = [:]

    private func compile(_ program: Program, _ set: ObservedSet) -> Program {
        // What compiled against one environment compiles against an equal one.
        guard let made = try? set.compiled.compile(program.checked.source) else { return program }
        rebounds[ObjectIdentifier(program)] = made
        return made
    }

    static func judgement(
        _ mutant: Mutant, _ outcome: RuleOutcome?, _ set: ObservedSet
    ) -> LevelTrace.Judgement {
        var rows = set.rows
        let index = mutant.rule.index
        switch mutant.change {
        case .expression: if let outcome { rows[index].outcome = outcome }
        case .action(let action): rows[index].action = action
        case .dropped:
            rows.remove(at: index)
            var judgement = PolicyExaminer.judge(rows, defaultAction: set.defaultAction)
            if let rule = judgement.rule, rule >= index { judgement.rule = rule + 1 }
            return judgement
        }
        return PolicyExaminer.judge(rows, defaultAction: set.defaultAction)
    }

    /// Whether the case's expectation fails with the mutant.
    private func notices(
        _ observed: ObservedCase, _ bench: PolicyRun.Bench, _ index: Int, ask position: Int, set: Int,
        _ judgement: LevelTrace.Judgement
    ) -> Bool {
        let ask = observed.asks[position]
        guard let before = ask.judgement(replacing: nil, nil), let after = ask.judgement(replacing: set, judgement),
            before != after
        else { return false }
        var judged = observed.judged
        // What scopes would help a mutant's refusal is not asked.
        judged.testCase.expect?.scopes = nil
        if position >= observed.stages.count {
            judged.outcome.listed[position - observed.stages.count].isShown = after.visibility != .denied
            return !CaseRunner.mismatches(judged).isEmpty
        }
        if before.visibility == .denied, after.visibility != .denied {
            // The request goes on, to rules that were not asked: try it.
            guard let changed = mutatedBench(index, bench),
                let outcome = try? CaseRunner(bench.table, changed).judged(observed.judged.testCase)
            else { return true }
            judged.outcome = outcome.outcome
            judged.items = outcome.items
            return !CaseRunner.mismatches(judged).isEmpty
        }
        var stage = judged.outcome.stages[position]
        stage.decision.reason = after.reason
        // The innermost set that was asked names the rule.
        let deciding =
            ask.sets.first { observedSet in
                let own = observedSet.set == set ? judgement : observedSet.judgement
                return own.visibility == .denied
            } ?? ask.sets.last
        stage.decision.rule = after.rule.flatMap { rule in deciding?.compiled.rules[rule].reference }
        if after.visibility == .denied {
            stage.decision.verdict = .deny
            judged.outcome.verdict = .deny
            judged.outcome.status = 403
            judged.outcome.code = "denied"
            judged.outcome.stages = Array(judged.outcome.stages[..<position]) + [stage]
            judged.outcome.listed = []
        } else {
            judged.outcome.stages[position] = stage
        }
        return !CaseRunner.mismatches(judged).isEmpty
    }

    private func mutatedBench(_ index: Int, _ bench: PolicyRun.Bench) -> PolicyBench? {
        if let known = mutated[index] { return known }
        let mutant = mutants[index]
        var configuration = policy.configuration
        configuration.changeRules { rule in
            guard rule.position == mutant.rule.position else { return rule }
            var rule = rule
            // Ids that follow from the place must not move when a rule before is dropped.
            switch mutant.change {
            case .dropped: return nil
            case .action(let action): rule.action = action
            case .expression(let text): rule.expression = text
            }
            return rule
        }
        let made = try? PolicyBench(policy, configuration: configuration, keys: bench.table.keys)
        mutated[index] = made
        return made
    }
}

extension GatewayConfiguration {
    /// Changes every rule, wherever it stands; nil takes it away. Rules without an id keep the one that their place gave
    /// them.
    mutating func changeRules(_ change: (AuthorizationRule) -> AuthorizationRule?) {
        func changed(_ rules: inout AuthorizationRules?) {
            guard var set = rules else { return }
            set.rules = set.rules.enumerated().compactMap { index, rule in
                var rule = rule
                rule.id = rule.id ?? "rules[\(index)]"
                return change(rule)
            }
            rules = set
        }
        func changedAll(_ policies: inout BackendPolicies) {
            changed(&policies.authorization)
            changed(&policies.mcpAuthorization)
            changed(&policies.a2aAuthorization)
        }
        for bind in binds.indices {
            for listener in binds[bind].listeners.indices {
                changed(&binds[bind].listeners[listener].policies.authorization)
                for route in binds[bind].listeners[listener].routes.indices {
                    var changing = binds[bind].listeners[listener].routes[route]
                    changed(&changing.policies.authorization)
                    changed(&changing.policies.mcpAuthorization)
                    changed(&changing.policies.a2aAuthorization)
                    for backend in changing.backends.indices {
                        changedAll(&changing.backends[backend].policies)
                        switch changing.backends[backend].kind {
                        case .host: break
                        case .mcp(var mcp):
                            for target in mcp.targets.indices { changedAll(&mcp.targets[target].policies) }
                            changing.backends[backend].kind = .mcp(mcp)
                        case .ai(var ai):
                            for group in ai.groups.indices {
                                for provider in ai.groups[group].indices {
                                    changedAll(&ai.groups[group][provider].policies)
                                }
                            }
                            changing.backends[backend].kind = .ai(ai)
                        }
                    }
                    binds[bind].listeners[listener].routes[route] = changing
                }
            }
        }
    }
}
