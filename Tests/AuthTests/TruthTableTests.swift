import Testing

@testable import Auth

/// ARCHITECTURE §4's table, written a second time as sets instead of as steps.
private func oracle(_ rules: [(RuleAction, RuleOutcome)], _ defaultAction: Verdict) -> TruthTable.PartialVerdict {
    func outcomes(_ action: RuleAction) -> [RuleOutcome] { rules.filter { $0.0 == action }.map(\.1) }
    func isFailed(_ outcome: RuleOutcome) -> Bool { if case .failed = outcome { true } else { false } }
    let deny = outcomes(.deny)
    let require = outcomes(.require)
    let allow = outcomes(.allow)
    let denies =
        deny.contains { $0 == .isTrue || isFailed($0) } || require.contains { $0 == .isFalse || isFailed($0) }
        || (allow.isEmpty ? defaultAction == .deny : allow.allSatisfy { $0 == .isFalse || isFailed($0) })
    if denies { return .deny }
    let open = deny.contains(.unknown) || require.contains(.unknown)
    let granted = allow.isEmpty || allow.contains(.isTrue)
    return open || !granted ? .undetermined : .allow
}

struct TruthTableTests {
    private static let outcomes: [RuleOutcome] = [
        .isTrue, .isFalse, .failed(.error("no_such_key")), .failed(.cost), .failed(.notBoolean), .unknown,
    ]

    private static func decide(_ rules: [(RuleAction, RuleOutcome)], _ defaultAction: Verdict) -> TruthTable.Result {
        func numbers(_ action: RuleAction) -> [Int] { rules.indices.filter { rules[$0].0 == action } }
        let steps = TruthTable.Steps(
            deny: numbers(.deny), require: numbers(.require), allow: numbers(.allow), defaultAction: defaultAction)
        return TruthTable.decide(steps) { rules[$0].1 }
    }

    @Test func everySetOfUpToThreeRulesDecidesAsTheTableSays() {
        let choices = RuleAction.allCases.flatMap { action in Self.outcomes.map { (action, $0) } }
        var sets: [[(RuleAction, RuleOutcome)]] = [[]]
        var all = sets
        for _ in 0..<3 {
            sets = sets.flatMap { set in choices.map { set + [$0] } }
            all += sets
        }
        for rules in all {
            for defaultAction in Verdict.allCases {
                let result = Self.decide(rules, defaultAction)
                let expected = oracle(rules, defaultAction)
                if result.verdict != expected { Issue.record("\(rules) default \(defaultAction): \(result)") }
            }
        }
        #expect(all.count == 1 + 18 + 18 * 18 + 18 * 18 * 18)
    }

    @Test func largerSetsDecideAsTheTableSays() {
        let seed: UInt64 = 0x5EED_0004
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50_000 {
            let rules = (0..<Int.random(in: 4...12, using: &generator)).map { _ in
                (
                    RuleAction.allCases.randomElement(using: &generator)!,
                    // Mostly outcomes that do not decide at once.
                    Bool.random(using: &generator)
                        ? .isFalse : Self.outcomes.randomElement(using: &generator)!
                )
            }
            let defaultAction = Verdict.allCases.randomElement(using: &generator)!
            let result = Self.decide(rules, defaultAction)
            if result.verdict != oracle(rules, defaultAction) { Issue.record("\(rules): \(result)") }
        }
    }

    /// What the two phases of a rule stand on: a list hides only what every call would be denied, and shows as certain
    /// only what every call would be allowed.
    @Test func aVerdictWithUnknownsHoldsForEveryWayTheyMayTurnOut() {
        let seed: UInt64 = 0x5EED_0005
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let known = Self.outcomes.filter { $0 != .unknown }
        for _ in 0..<5_000 {
            let rules = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
                (
                    RuleAction.allCases.randomElement(using: &generator)!,
                    Bool.random(using: &generator)
                        ? RuleOutcome.unknown : Self.outcomes.randomElement(using: &generator)!
                )
            }
            let defaultAction = Verdict.allCases.randomElement(using: &generator)!
            let partial = Self.decide(rules, defaultAction).verdict
            for _ in 0..<20 {
                let resolved = rules.map { ($0.0, $0.1 == .unknown ? known.randomElement(using: &generator)! : $0.1) }
                let verdict = Self.decide(resolved, defaultAction).verdict
                #expect(verdict != .undetermined)
                if partial != .undetermined, partial != verdict {
                    Issue.record("\(rules) is \(partial), \(resolved) is \(verdict)")
                }
            }
        }
    }

    @Test(
        arguments: [
            ([], Verdict.allow, DecisionReason.defaultAction, nil), ([], .deny, .defaultAction, nil),
            ([(.deny, .isTrue), (.allow, .isTrue)], .allow, .matched, 0),
            ([(.deny, .failed(.error("overflow"))), (.allow, .isTrue)], .allow, .error("overflow"), 0),
            ([(.allow, .isTrue), (.require, .isFalse)], .allow, .requirementNotMet, 1),
            ([(.require, .failed(.cost))], .allow, .cost, 0), ([(.allow, .isFalse)], .allow, .nothingGranted, nil),
            ([(.allow, .isFalse), (.allow, .failed(.error("no_such_key")))], .allow, .error("no_such_key"), 1),
            ([(.allow, .failed(.notBoolean)), (.allow, .isTrue)], .allow, .matched, 1),
            ([(.deny, .isFalse)], .allow, .defaultAction, nil), ([(.deny, .isFalse)], .deny, .defaultAction, nil),
            ([(.allow, .unknown)], .allow, .unknown, nil),
        ] as [([(RuleAction, RuleOutcome)], Verdict, DecisionReason, Int?)])
    func theDecidingRuleAndReasonAreNamed(
        _ rules: [(RuleAction, RuleOutcome)], _ defaultAction: Verdict, _ reason: DecisionReason, _ rule: Int?
    ) {
        let result = Self.decide(rules, defaultAction)
        #expect(result.reason == reason && result.rule == rule)
    }
}
