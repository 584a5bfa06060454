// Rules beside the authentication of the requests that meet them.

import Auth
import Proxy

struct AuthenticationCheck: PolicyCheck {
    /// More is no difference of clocks.
    private static let longestLeeway = Duration.seconds(300)

    func findings(in subject: LintSubject) -> [Finding] {
        guard subject.policy.form == .configuration else { return [] }
        return subject.sets.flatMap { absent($0) + anonymous($0) } + places(subject.policy)
    }

    // MARK: Credentials that rules read

    private func absent(_ rules: LintSubject.Rules) -> [Finding] {
        let authentication = rules.authentication
        let sought = [
            ("jwt", authentication.token, "no jwtAuth or mcpAuthentication looks for a token"),
            ("apiKey", authentication.apiKey, "no apiKey policy looks for a key"),
            ("basicAuth", authentication.basic, "no basicAuth policy looks for a user"),
        ]
        // Routes may differ in how they authenticate; what the listener's own rules see is the listener's.
        return rules.views.flatMap { view -> [Finding] in
            var seen: Set<String> = []
            return view.paths(view.ast.root).compactMap { id, path in
                guard let (root, mode, message) = sought.first(where: { $0.0 == path.root }), mode == nil,
                    seen.insert(root).inserted
                else { return nil }
                return view.finding(
                    .claimsWithoutAuthentication, at: id, "\(message), here or at the listener",
                    hint: root == "jwt" ? "without one jwt is empty: add jwtAuth" : nil)
            }
        }
    }

    /// A request without a token is let through though the rules are about tokens.
    private func anonymous(_ rules: LintSubject.Rules) -> [Finding] {
        guard let mode = rules.authentication.token, mode != .strict else { return [] }
        func reads(_ view: RuleView) -> Bool { view.paths(view.ast.root).contains { $0.path.root == "jwt" } }
        let asks = rules.views.contains { $0.rule.action != .deny && reads($0) }
        let hasAllow = rules.views.contains { $0.rule.action == .allow }
        // With allows that have nothing to do with tokens, what they grant is granted to anybody and says so.
        guard !asks, !hasAllow, rules.set.defaultAction == .allow else { return [] }
        return rules.views.filter { $0.rule.action == .deny && reads($0) && !deniesWithout($0) }.map { view in
            view.finding(
                .anonymousPasses, "with mode: \(mode.rawValue) a client that sends no token is not asked this",
                hint: "set mode: strict, or require: has(jwt.sub)")
        }
    }

    /// Whether the deny errs, and so denies, when there is no token.
    private func deniesWithout(_ view: RuleView) -> Bool {
        let guarded = view.guarded
        return view.parts.contains { part in
            view.paths(part.id).contains { _, path in
                path.root == "jwt" && path.names != ["scopes"]
                    && !guarded.contains { path.isWithin($0) || $0.isWithin(path) }
            }
        }
    }

    // MARK: Where credentials come from

    private func places(_ policy: LoadedPolicy) -> [Finding] {
        var result: [Finding] = []
        func at(_ position: FilePosition, _ rule: LintRule, _ message: String, _ hint: String) {
            result.append(
                Finding(rule: rule.id, severity: rule.severity, position: position, message: message, hint: hint))
        }
        func keys(_ keys: KeySetSource?, _ position: FilePosition) {
            guard case .url(let url, let rules) = keys, rules.allowInsecure, url.hasPrefix("http://") else { return }
            at(
                position, .keysOverHTTP, "keys that come over plain http can be replaced on the way",
                "fetch them by https")
        }
        func leeway(_ leeway: Duration, _ position: FilePosition) {
            guard leeway > Self.longestLeeway else { return }
            at(
                position, .longLeeway,
                "tokens are accepted \(leeway.components.seconds / 60) minutes after they have expired",
                "a minute is enough for clocks that differ")
        }
        func locations(_ locations: [CredentialLocation], _ position: FilePosition) {
            guard locations.contains(where: { if case .queryParameter = $0 { true } else { false } }) else { return }
            at(
                position, .credentialInQuery, "a credential in the query is written into logs and histories",
                "take it from a header or a cookie")
        }
        func token(_ jwt: JWTAuthentication?) {
            guard let jwt, let first = jwt.providers.first else { return }
            locations(jwt.locations, first.position)
            for provider in jwt.providers {
                keys(provider.keys, provider.position)
                leeway(provider.leeway, provider.position)
            }
        }
        func key(_ apiKey: APIKeyAuthentication?) {
            guard let apiKey, let first = apiKey.keys.first else { return }
            locations(apiKey.locations, first.position)
        }
        for listener in policy.configuration.binds.flatMap(\.listeners) {
            token(listener.policies.jwtAuthentication)
            key(listener.policies.apiKeyAuthentication)
            for policies in listener.routes.map(\.policies) {
                token(policies.jwtAuthentication)
                key(policies.apiKeyAuthentication)
                guard let mcp = policies.mcpAuthentication else { continue }
                locations(mcp.locations, mcp.position)
                keys(mcp.keys, mcp.position)
                leeway(mcp.leeway, mcp.position)
            }
        }
        return result
    }
}
