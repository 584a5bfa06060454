// The rule sets of a configuration, compiled where they stand; a rule that would never be asked, or always fail, is refused.

import Auth

extension SnapshotCompiler {
    func ruleSet(
        _ rules: AuthorizationRules?, claims: ClaimsSchema?
    ) throws(SnapshotError) -> RuleSet? {
        guard let rules else { return nil }
        do throws(RuleSetError) {
            return try RuleSet(rules, claims: claims)
        } catch {
            throw SnapshotError(rendered: error.description, rules.position)
        }
    }

    /// A rule about an AI request before what is no AI provider: it would fail each time.
    func refuseModelRules(_ sets: [RuleSet]) throws(SnapshotError) {
        for rule in sets.flatMap(\.rules)
        where rule.program.checked.attributePaths.contains(where: { $0.root == "llm" }) {
            throw SnapshotError("`llm` is known only in the rules of an ai backend", rule.reference.position)
        }
    }
}

extension SnapshotCompiler {
    /// A key that signs nothing is found at load, not by the first request.
    func checkSigning(_ policies: BackendPolicies, _ position: FilePosition) throws(SnapshotError) {
        guard case .signedToken(let signing)? = policies.backendAuthentication else { return }
        do throws(AuthError) {
            _ = try TokenMinter(signing)
        } catch {
            throw SnapshotError(error.text, signing.position == .none ? position : signing.position)
        }
    }
}
