// A compiled block of rules: checked, planned and sorted into the steps of the truth table once, at load; immutable and
// shared by all event loops.

import CEL

package final class RuleSet: Sendable {
    package struct Rule: Sendable {
        package let reference: RuleReference
        package let mode: EnforcementMode
        package let program: Program
    }

    /// More rules in one place are generated rules, and belong into data that a rule reads.
    package static let maximumRules = 10_000

    package let kind: RuleSetKind
    package let name: String
    package let mode: EnforcementMode
    package let position: FilePosition
    package let digest: PolicyDigest
    package let environment: Environment
    let functions: CustomFunctions?
    package let defaultAction: Verdict
    /// In the order of the file.
    package let rules: [Rule]
    /// The programs of `rules`, which keeps them alive: reached without reference counting, which is a sixth of the time
    /// of a short rule.
    private let programs: [Unmanaged<Program>]
    /// The rules that bind.
    let enforced: TruthTable.Steps
    /// All rules, when some are in shadow mode: what would be decided if they bound.
    let hypothetical: TruthTable.Steps?
    /// What the rules read, all together.
    package let attributePaths: [AttributePath]
    /// What the rules compare the token's scopes with.
    let scopeCandidates: [String]

    /// - Parameter claims: the declared claims of the tokens that reach these rules.
    /// - Throws: every finding about every rule.
    package init(_ source: AuthorizationRules, claims: ClaimsSchema? = nil) throws(RuleSetError) {
        guard source.rules.count <= Self.maximumRules else {
            let text = "\(source.rules.count) rules; \(Self.maximumRules) are allowed"
            throw RuleSetError(diagnostics: [
                RuleDiagnostic(
                    position: source.position, message: text, description: "\(source.position): error: \(text)")
            ])
        }
        let environment = GatewayEnvironment.of(source.kind, claims: claims)
        var rules: [Rule] = []
        var diagnostics: [RuleDiagnostic] = []
        var paths: [AttributePath] = []
        var scopes: [String] = []
        for (index, rule) in source.rules.enumerated() {
            switch RuleCompilation.compile(rule, in: environment, source.functions) {
            case .failure(let error): diagnostics += error.diagnostics
            case .success(let program):
                let checked = program.checked
                let reference = RuleReference(
                    id: rule.id ?? "rules[\(index)]", action: rule.action, position: rule.position,
                    ruleSet: source.name)
                for path in checked.attributePaths where !paths.contains(path) { paths.append(path) }
                for scope in ScopeChallenge.candidates(in: checked) where !scopes.contains(scope) {
                    scopes.append(scope)
                }
                rules.append(
                    Rule(
                        reference: reference, mode: rule.mode ?? .enforce,
                        program: program))
            }
        }
        guard diagnostics.isEmpty else { throw RuleSetError(diagnostics: diagnostics) }
        self.rules = rules
        programs = rules.map { Unmanaged.passUnretained($0.program) }
        self.environment = environment
        functions = source.functions
        kind = source.kind
        defaultAction = source.defaultAction
        name = source.name
        mode = source.mode
        position = source.position
        attributePaths = paths
        scopeCandidates = scopes
        digest = PolicyDigest(source)
        enforced = Self.steps(rules, source.defaultAction, environment) { $0.mode == .enforce }
        hypothetical =
            rules.contains { $0.mode == .shadow }
            ? Self.steps(rules, source.defaultAction, environment) { _ in true } : nil
    }

    @inline(__always)
    func outcome(_ rule: Int, _ context: EvaluationContext, _ cost: inout Int) -> RuleOutcome {
        programs[rule]._withUnsafeGuaranteedRef { RuleEvaluator.outcome($0, context, &cost) }
    }

    private static func steps(
        _ rules: [Rule], _ defaultAction: Verdict, _ environment: Environment, _ include: (Rule) -> Bool
    ) -> TruthTable.Steps {
        func numbers(_ action: RuleAction) -> [Int] {
            rules.indices.filter { rules[$0].reference.action == action && include(rules[$0]) }
        }
        func list(_ action: RuleAction) -> RuleList {
            let numbers = numbers(action)
            return RuleList(numbers, index: RuleIndex(numbers, in: environment) { rules[$0].program })
        }
        return TruthTable.Steps(
            deny: list(.deny), require: numbers(.require), allow: list(.allow), defaultAction: defaultAction)
    }
}

extension PolicyDigest {
    /// Over everything that decides: two sources with the same digest decide alike.
    init(_ source: AuthorizationRules) {
        var text: [UInt8] = []
        // Each part with its length, so that no two sources run together into the same bytes.
        func add(_ part: String) { text += Array("\(part.utf8.count):\(part)".utf8) }
        add(source.kind.rawValue)
        add(source.defaultAction.rawValue)
        add(source.mode.rawValue)
        for rule in source.rules {
            add(rule.action.rawValue)
            add((rule.mode ?? .enforce).rawValue)
            add(rule.expression)
        }
        if let functions = source.functions { add(functions.source) }
        self.init(text)
    }

    init(_ parts: [PolicyDigest]) { self.init(parts.flatMap(\.value.bytes)) }

    private init(_ bytes: [UInt8]) {
        // SHA-256 fails only where OpenSSL is broken; a digest that names nothing is better than no gateway then.
        value = (try? Digest.sha256(bytes.span)) ?? SHA256Value(words: (0, 0, 0, 0))
    }
}

/// The rule sets of a request's way, from the listener inwards: every one of them must allow.
package final class RuleLevels: Sendable {
    package let sets: [RuleSet]
    package let digest: PolicyDigest
    package let attributePaths: [AttributePath]

    package init(_ sets: [RuleSet]) {
        self.sets = sets
        digest = sets.count == 1 ? sets[0].digest : PolicyDigest(sets.map(\.digest))
        var paths: [AttributePath] = []
        for path in sets.flatMap(\.attributePaths) where !paths.contains(path) { paths.append(path) }
        attributePaths = paths
    }

    package var isEmpty: Bool { sets.isEmpty }

    /// Whether a rule reads what only a parsed message has.
    package func reads(_ root: String) -> Bool { attributePaths.contains { $0.root == root } }
}
