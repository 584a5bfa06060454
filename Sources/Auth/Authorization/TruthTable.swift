// The meaning of a rule set, in one place (ARCHITECTURE §4). Everything that decides (the gateway, lists, the offline
// tool) goes through `decide`; the property test compares it with the table written another way.
//
//     step  rule      true   false  error         unknown (partial evaluation)
//     1     deny      deny   –      deny          may deny
//     2     require   –      deny   deny          may deny
//     3     allow     allow  –      not granted   may grant
//     4     nothing granted: deny if any allow rule exists, else the default action

/// What one rule came to.
package enum RuleOutcome: Hashable, Sendable {
    case isTrue
    case isFalse
    case failed(RuleFailure)
    /// Depends on attributes that are not known yet (a tool's arguments, in a list).
    case unknown
}

/// Why a rule has no value.
package enum RuleFailure: Hashable, Sendable {
    /// The class of the evaluation error, such as `no_such_key`.
    case error(String)
    /// The evaluation budget was spent.
    case cost
    /// The value is not a boolean.
    case notBoolean
}

enum TruthTable {
    struct Result: Equatable {
        var verdict: PartialVerdict
        /// Of the rule that decided; nil when none did.
        var rule: Int?
        var reason: DecisionReason
    }

    enum PartialVerdict: Hashable, Sendable {
        case allow
        case deny
        /// Some values of the unknown attributes may lead to allow.
        case undetermined
    }

    /// The rules of a set by number, each list in the order of the file.
    struct Steps {
        var deny: RuleList
        var require: [Int]
        var allow: RuleList
        var defaultAction: Verdict

        init(deny: [Int], require: [Int], allow: [Int], defaultAction: Verdict) {
            self.init(deny: RuleList(deny), require: require, allow: RuleList(allow), defaultAction: defaultAction)
        }

        init(deny: RuleList, require: [Int], allow: RuleList, defaultAction: Verdict) {
            self.deny = deny
            self.require = require
            self.allow = allow
            self.defaultAction = defaultAction
        }
    }

    /// Asks every rule that the verdict needs: for those who want to know what each came to.
    static func decide(_ steps: borrowing Steps, _ outcome: (Int) -> RuleOutcome) -> Result {
        decide(steps, value: { _ in nil }, outcome)
    }

    /// Evaluates as few rules as the verdict needs, in the order of the table.
    /// - Parameter value: what an index asks of the request; nil: every rule is asked.
    @inline(__always)
    static func decide(
        _ steps: borrowing Steps, value: (RuleIndex) -> ByteRun?, _ outcome: (Int) -> RuleOutcome
    ) -> Result {
        var certain = true
        var denying = steps.deny.begin(value)
        while let rule = steps.deny.next(&denying) {
            switch outcome(rule) {
            case .isTrue: return Result(verdict: .deny, rule: rule, reason: .matched)
            case .failed(let failure): return Result(verdict: .deny, rule: rule, reason: DecisionReason(failure))
            case .isFalse: break
            case .unknown: certain = false
            }
        }
        for rule in steps.require {
            switch outcome(rule) {
            case .isTrue: break
            case .isFalse: return Result(verdict: .deny, rule: rule, reason: .requirementNotMet)
            case .failed(let failure): return Result(verdict: .deny, rule: rule, reason: DecisionReason(failure))
            case .unknown: certain = false
            }
        }
        var mayGrant = false
        var failure: (rule: Int, failure: RuleFailure)?
        var allowing = steps.allow.begin(value)
        while let rule = steps.allow.next(&allowing) {
            switch outcome(rule) {
            case .isTrue: return Result(verdict: certain ? .allow : .undetermined, rule: rule, reason: .matched)
            case .isFalse: break
            case .failed(let reason): if failure == nil { failure = (rule, reason) }
            case .unknown: mayGrant = true
            }
        }
        if mayGrant { return Result(verdict: .undetermined, rule: nil, reason: .unknown) }
        guard steps.allow.isEmpty else {
            // The first allow rule that failed is what an operator wants to see; it decided nothing by itself.
            if let failure {
                return Result(verdict: .deny, rule: failure.rule, reason: DecisionReason(failure.failure))
            }
            return Result(verdict: .deny, rule: nil, reason: .nothingGranted)
        }
        switch steps.defaultAction {
        case .deny: return Result(verdict: .deny, rule: nil, reason: .defaultAction)
        case .allow: return Result(verdict: certain ? .allow : .undetermined, rule: nil, reason: .defaultAction)
        }
    }
}

extension DecisionReason {
    init(_ failure: RuleFailure) {
        switch failure {
        case .error(let name): self = .error(name)
        case .cost: self = .cost
        case .notBoolean: self = .error("not_boolean")
        }
    }
}
