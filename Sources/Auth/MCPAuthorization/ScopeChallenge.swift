// Which scopes a refused client should ask for: the smallest set with which the rules would have allowed this very
// request. Found by asking the rules, so it is right for every way of writing a scope check.

import CEL
import JSON

enum ScopeChallenge {
    /// Questions asked of the rules for one refusal; beyond it no scopes are named.
    static let maximumAttempts = 64
    /// A request that needs more scopes than this at once gets no hint.
    static let maximumScopes = 3
    /// A token with more scopes than this is not repeated back: the field would grow past what clients read.
    static let maximumRepeatedScopes = 32

    /// The texts of an expression that reads the token's scopes: some of them are scopes, and asking tells which.
    static func candidates(in checked: CheckedExpression) -> [String] {
        let readsScopes = checked.attributePaths.contains {
            $0.root == "jwt" && ($0.names.first.map(claimNames.contains) ?? true)
        }
        guard readsScopes else { return [] }
        var result: [String] = []
        for index in 0..<checked.ast.count {
            guard case .literal(.string(let text)) = checked.ast[ExprID(index)] else { continue }
            if Challenge.isScope(text), !claimNames.contains(text), !result.contains(text) { result.append(text) }
        }
        return result
    }

    private static let claimNames: Set = ["scope", "scopes", "scp"]

    /// The sets of candidates to try: small ones first, each in the order of the rules.
    static func attempts(_ candidates: [String], missing: (String) -> Bool) -> [[String]] {
        let open = candidates.filter(missing)
        var result: [[String]] = []
        var previous: [[Int]] = [[]]
        for _ in 0..<maximumScopes {
            previous = previous.flatMap { set in
                ((set.last ?? -1) + 1..<max((set.last ?? -1) + 1, open.count)).map { set + [$0] }
            }
            for set in previous {
                guard result.count < maximumAttempts else { return result }
                result.append(set.map { open[$0] })
            }
        }
        return result
    }
}

extension VerifiedToken {
    /// The same token with more scopes, in every form in which rules may read them.
    func adding(_ more: [String]) -> VerifiedToken? {
        let scopes = self.scopes + more
        let names = ["scope", "scp", "scopes"]
        var writer = JSONWriter()
        writer.object { writer in
            writer.copyMembers(of: claims.root, except: names)
            for name in names {
                guard let value = claims.root[name] ?? (name == "scp" ? nil : claims.root) else { continue }
                writer.name(name)
                if value.kind == .array || name == "scopes" {
                    writer.array { writer in for scope in scopes { writer.value(scope) } }
                } else {
                    writer.value(scopes.joined(separator: " "))
                }
            }
        }
        guard let document = try? JSONDocument(parsing: writer.bytes) else { return nil }
        return VerifiedToken(
            issuer: issuer, subject: subject, clientID: clientID, scopes: scopes, expires: expires, claims: document)
    }
}

extension Authorizer {
    /// The scopes that a refused client is to ask for: those that are missing, and those it has, because clients take
    /// the challenge for all that they need and a token with only the missing ones would fail at other rules (MCP
    /// "Scope Challenge Handling" asks for both). Empty when no scopes would help.
    package func challengedScopes(_ levels: RuleLevels, _ inputs: RuleInputs, phase: DecisionPhase) -> [String] {
        let missing = missingScopes(levels, inputs, phase: phase)
        guard !missing.isEmpty, let held = inputs.principal.token?.scopes,
            held.count <= ScopeChallenge.maximumRepeatedScopes
        else { return missing }
        return held.filter(Challenge.isScope) + missing
    }

    /// The scopes that would have let this denied request pass; empty when none would.
    package func missingScopes(_ levels: RuleLevels, _ inputs: RuleInputs, phase: DecisionPhase) -> [String] {
        guard let token = inputs.principal.token else { return [] }
        var candidates: [String] = []
        for scope in levels.sets.flatMap(\.scopeCandidates) where !candidates.contains(scope) {
            candidates.append(scope)
        }
        guard !candidates.isEmpty else { return [] }
        let principal = inputs.principal
        defer { inputs.principal = principal }
        for attempt in ScopeChallenge.attempts(candidates, missing: { !token.hasScope($0) }) {
            guard let extended = token.adding(attempt) else { return [] }
            inputs.principal.token = extended
            if authorize(levels, inputs, phase: phase).isAllowed { return attempt }
        }
        return []
    }
}
