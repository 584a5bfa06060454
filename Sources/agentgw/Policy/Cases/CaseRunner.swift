// Runs the cases of a table against its policy and compares what comes out with what is expected.

import Auth
import Proxy

/// A case and what became of its request.
struct JudgedCase {
    var testCase: TestCase
    var table: TestTable
    var outcome: TrialOutcome
    /// The names of a list's items.
    var items: [String]

    /// Those of them that are shown.
    var shown: [String] { zip(items, outcome.listed).filter(\.1.isShown).map(\.0) }
}

extension TrialOutcome {
    /// The decision that the verdict follows from; nil when it does not follow from rules.
    var decision: Decision? {
        deciding.flatMap { stage in verdict == .allow || !stage.decision.isAllowed ? stage.decision : nil }
    }
}

struct CaseRunner {
    let bench: PolicyBench
    let table: TestTable
    private let judge: CaseJudge

    init(_ table: TestTable, _ bench: PolicyBench) {
        self.table = table
        self.bench = bench
        judge = CaseJudge(bench: bench, table: table)
    }

    /// - Parameter judged: takes every case whose request could be tried.
    func run(
        _ testCase: TestCase, style: TextStyle = .plain, judged: (JudgedCase) -> Void = { _ in }
    ) -> CaseResult {
        let started = ContinuousClock.now
        var result = CaseResult(
            file: table.file, name: testCase.name, position: testCase.position, outcome: .passed, duration: .zero)
        do throws(BrokenCase) {
            let judgedCase = try self.judged(testCase)
            judged(judgedCase)
            result.decision = Self.decision(judgedCase)
            let mismatches = Self.mismatches(judgedCase)
            if !mismatches.isEmpty {
                let hints = CaseHints(bench.policy, judgedCase)
                result.outcome = .failed(mismatches.map(hints.hinted))
                result.explanation = explanation(judgedCase, style, items: hints.surprising)
            }
        } catch {
            result.outcome = .broken(error.message)
        }
        result.duration = ContinuousClock.now - started
        return result
    }

    func judged(_ testCase: TestCase) throws(BrokenCase) -> JudgedCase {
        let outcome = try judge.judge(testCase)
        let items = outcome.listed.isEmpty ? [] : (judge.tools(testCase) ?? []).map(\.name)
        let expectsList = testCase.expect?.visible != nil || testCase.expect?.hidden != nil
        if expectsList, judge.tools(testCase) == nil {
            throw BrokenCase(message: "a list shows what there is: say so with `tools`")
        }
        if expectsList, testCase.mcp?.methodName.hasSuffix("/list") != true {
            throw BrokenCase(message: "`visible` and `hidden` are about a list: write mcp: {method: tools/list}")
        }
        return JudgedCase(testCase: testCase, table: table, outcome: outcome, items: items)
    }

    private func explanation(_ judged: JudgedCase, _ style: TextStyle, items: [String]) -> String {
        var text = DecisionExplanation(judged.outcome, items: judged.items, bench).brief(style, items: items)
        if judged.testCase.claims != nil, judged.outcome.principal.token == nil, judged.outcome.stages.isEmpty == false
        {
            text += "\n" + style.dim("nothing verifies tokens here, so the rules saw no claims")
        }
        return text
    }

    // MARK: Comparing

    static func decision(_ judged: JudgedCase) -> CaseDecision {
        let outcome = judged.outcome
        let decision = outcome.decision
        return CaseDecision(
            verdict: outcome.verdict.rawValue, rule: decision?.rule?.id, reason: reason(outcome, decision),
            status: outcome.status, scopes: outcome.scopes, visible: judged.shown)
    }

    private static func reason(_ outcome: TrialOutcome, _ decision: Decision?) -> String {
        decision?.reason.code ?? (outcome.code.isEmpty ? "none" : outcome.code)
    }

    static func mismatches(_ judged: JudgedCase) -> [Mismatch] {
        guard let expect = judged.testCase.expect else { return [] }
        let outcome = judged.outcome
        let decision = outcome.decision
        var result: [Mismatch] = []
        func compare(_ what: String, _ item: Expectation.Item<String>?, _ actual: String) {
            guard let item, item.value != actual else { return }
            result.append(Mismatch(what: what, expected: item.value, actual: actual, position: item.position))
        }
        var verdict = expect.verdict
        if verdict == nil, let list = expect.visible ?? expect.hidden {
            verdict = Expectation.Item(value: .allow, position: list.position)
        }
        if let verdict, verdict.value != outcome.verdict {
            let code = outcome.code.isEmpty || outcome.code == "denied" ? "" : " (\(outcome.code): \(outcome.detail))"
            result.append(
                Mismatch(
                    what: "verdict", expected: verdict.value.rawValue, actual: outcome.verdict.rawValue + code,
                    position: verdict.position))
        }
        let rule = decision?.rule?.id ?? "none"
        compare("rule", expect.rule, rule)
        compare("reason", expect.reason, reason(outcome, decision))
        compare("error", expect.error, error(outcome, decision))
        if let status = expect.status, status.value != outcome.status {
            result.append(
                Mismatch(
                    what: "status", expected: "\(status.value)",
                    actual: outcome.status.map { "\($0)" } ?? "none: the request is sent on", position: status.position)
            )
        }
        if let scopes = expect.scopes, Set(scopes.value) != Set(outcome.scopes) {
            result.append(
                Mismatch(
                    what: "scopes", expected: list(scopes.value), actual: list(outcome.scopes),
                    position: scopes.position))
        }
        let shown = judged.shown
        if let visible = expect.visible, Set(visible.value) != Set(shown) {
            result.append(
                Mismatch(
                    what: "visible", expected: list(visible.value), actual: list(shown), position: visible.position))
        }
        if let hidden = expect.hidden {
            let wrong = hidden.value.filter { shown.contains($0) || !judged.items.contains($0) }
            if !wrong.isEmpty {
                let all = wrong.allSatisfy(shown.contains)
                result.append(
                    Mismatch(
                        what: "hidden", expected: list(hidden.value),
                        actual: all ? "\(list(wrong)) shown" : "\(list(wrong)) shown or not among the tools",
                        position: hidden.position))
            }
        }
        return result
    }

    /// The class of what went wrong; `none` when nothing did.
    private static func error(_ outcome: TrialOutcome, _ decision: Decision?) -> String {
        switch decision?.reason {
        case .error(let name)?: name
        case .cost?: "cost"
        case nil where outcome.verdict != .allow: outcome.code
        default: "none"
        }
    }

    private static func list(_ names: [String]) -> String {
        "[" + names.sorted().joined(separator: ", ") + "]"
    }
}
