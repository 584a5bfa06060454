// `authorization`, `mcpAuthorization`, `a2aAuthorization` in source form: what the compiler of rule sets starts from.

import CEL

/// Which of the policies a rule set was written under; decides the attributes its rules may read.
package enum RuleSetKind: String, Sendable, CaseIterable {
    case http = "authorization"
    /// `authorization` of a backend: asked when the backend is chosen and, before an AI provider, the request is understood.
    case backend = "authorization (backend)"
    case mcp = "mcpAuthorization"
    case a2a = "a2aAuthorization"
}

package enum RuleAction: String, Sendable, CaseIterable {
    case allow, deny, require
}

/// Whether a decision binds, or is only recorded.
package enum EnforcementMode: String, Sendable, CaseIterable {
    case enforce, shadow
}

/// One policy block of rules.
package struct AuthorizationRules: Sendable {
    package var kind: RuleSetKind
    package var rules: [AuthorizationRule]
    /// The verdict of an empty rule set, and of one without allow rules: `allow`, or `deny` (`defaultAction: deny`).
    package var defaultAction: Verdict
    package var mode: EnforcementMode
    /// Shown in decisions: `binds[0].listeners[0].routes[1]` or the route's name.
    package var name: String
    package var position: FilePosition
    /// What the configuration adds to the language (`config.customFunctions`).
    package var functions: CustomFunctions?

    package init(
        kind: RuleSetKind = .http, rules: [AuthorizationRule], defaultAction: Verdict = .allow,
        mode: EnforcementMode = .enforce, name: String = "", position: FilePosition = .none,
        functions: CustomFunctions? = nil
    ) {
        self.kind = kind
        self.rules = rules
        self.defaultAction = defaultAction
        self.mode = mode
        self.name = name
        self.position = position
        self.functions = functions
    }
}

/// One rule as written; a bare string is an `allow`.
package struct AuthorizationRule: Sendable {
    package var action: RuleAction
    package var expression: String
    /// `id:` or `name:`; nil: the compiler names it by its place, `rules[3]`.
    package var id: String?
    /// nil: the mode of the rule set.
    package var mode: EnforcementMode?
    /// Of the expression's first character.
    package var position: FilePosition

    package init(
        action: RuleAction = .allow, expression: String, id: String? = nil, mode: EnforcementMode? = nil,
        position: FilePosition = .none
    ) {
        self.action = action
        self.expression = expression
        self.id = id
        self.mode = mode
        self.position = position
    }
}

package enum Verdict: String, Sendable, CaseIterable {
    case allow, deny
}
