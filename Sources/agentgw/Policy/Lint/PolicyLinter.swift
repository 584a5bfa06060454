// The linter's door: everything that is not wrong enough to stop the gateway from loading, and still not what was meant.

import Auth
import Proxy

/// A check of one policy.
///
/// To add one: a `LintRule` in `Catalog`, and a type per check (or per family of checks) in this folder, named in `checks`.
/// A check looks at `subject.sets` (rules with their trees), at `subject.policy.configuration` (everything around them) or
/// at `subject.policy.root` (the YAML tree), and says what it found with positions from the rule.
protocol PolicyCheck: Sendable {
    func findings(in subject: LintSubject) -> [Finding]
}

struct PolicyLinter: Sendable {
    var checks: [any PolicyCheck] = [
        PartialTextCheck(), PatternCheck(), WireCheck(), IdentityCheck(), AbsenceCheck(), TypeCheck(), CostCheck(),
        LogicCheck(), RuleSetCheck(), LevelCheck(), ToolCheck(), AuthenticationCheck(), SecretCheck(),
        ConfigurationCheck(),
    ]

    /// All findings about a policy that loads, in the order of the file, without those that comments ignore.
    /// - Parameter loading: what the loader had to say; comments count for its warnings, too.
    func lint(_ policy: LoadedPolicy, loading: [Finding] = []) -> [Finding] {
        let subject = LintSubject(policy)
        let found = Set(checks.flatMap { $0.findings(in: subject) })
        let comments = IgnoreComments(policy.source, policy.root)
        return (comments.apply(to: loading + found.sorted(by: Finding.precedes))).sorted(by: Finding.precedes)
    }
}

/// A policy as checks look at it. Confined to one lint.
final class LintSubject {
    struct Rules {
        let set: PolicyRuleSet
        let views: [RuleView]
        let conditions: [Condition]
        let authentication: RequestAuthentication
    }

    let policy: LoadedPolicy
    let sets: [Rules]
    let prover: Prover

    var views: [RuleView] { sets.flatMap(\.views) }

    init(_ policy: LoadedPolicy) {
        self.policy = policy
        let space = ConditionSpace()
        sets = policy.ruleSets.map { set in
            Rules(
                set: set, views: set.rules.map(RuleView.init),
                conditions: set.rules.map { ConditionReader.read($0, in: space) },
                authentication: RequestAuthentication(of: set, in: policy))
        }
        prover = Prover(space)
    }
}

/// How the requests that meet a rule set were authenticated.
struct RequestAuthentication {
    /// The mode of tokens, API keys and basic authentication; nil: nobody looks for one.
    var token: AuthenticationMode?
    var apiKey: AuthenticationMode?
    var basic: AuthenticationMode?
    /// Claims that every accepted token has.
    var claims: Set<String> = ["iss", "exp", "scopes"]

    init(of set: PolicyRuleSet, in policy: LoadedPolicy) {
        // A policy file says nothing of it; the rules are written for tokens that are there. Nearly every issuer sets `sub`.
        claims.insert("sub")
        guard policy.form == .configuration else {
            (token, apiKey, basic) = (.strict, .strict, .strict)
            claims.insert("aud")
            return
        }
        let place = set.placed.place
        for listener in policy.configuration.binds.filter({ $0.port == place.port }).flatMap(\.listeners)
        where listener.name == place.listener {
            add(listener.policies.jwtAuthentication)
            apiKey = listener.policies.apiKeyAuthentication?.mode
            basic = listener.policies.basicAuthentication?.mode
            guard let route = listener.routes.first(where: { $0.name == place.route }) else { continue }
            add(route.policies.jwtAuthentication)
            apiKey = route.policies.apiKeyAuthentication?.mode ?? apiKey
            basic = route.policies.basicAuthentication?.mode ?? basic
            if let mcp = route.policies.mcpAuthentication {
                token = mcp.mode
                claims.formUnion(mcp.requiredClaims + ["aud"])
            }
        }
    }

    private mutating func add(_ jwt: JWTAuthentication?) {
        guard let jwt else { return }
        token = jwt.mode
        let required = jwt.providers.map { Set($0.requiredClaims).union($0.audiences.isEmpty ? [] : ["aud"]) }
        if var common = required.first {
            for claims in required.dropFirst() { common.formIntersection(claims) }
            claims.formUnion(common)
        }
    }

    /// Whether an attribute may be absent from a request that got here.
    func mayBeAbsent(_ path: AttributePath) -> Bool {
        guard let first = path.names.first else { return false }
        switch path.root {
        case "jwt":
            if path.names == ["scopes"] { return false }
            return token != .strict || path.names.count > 1 || !claims.contains(first)
        case "apiKey": return true
        case "basicAuth": return basic != .strict
        case "request": return first == "headers" && path.names.count > 1
        case "source": return ["commonName", "dnsNames", "uris", "spiffeID"].contains(first)
        default: return false
        }
    }
}
