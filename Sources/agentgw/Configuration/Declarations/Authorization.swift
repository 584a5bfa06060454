// Rule sets: `authorization`, `mcpAuthorization`, `a2aAuthorization`.

import Auth

extension Declarations {
    static func ruleSet(_ kind: RuleSetKind) -> ValueDecoder<AuthorizationRules> {
        .object(
            "AuthorizationRules",
            "Rules in CEL. A deny that is true, or a require that is not, denies; then an allow grants. An error in a deny "
                + "or require denies.",
            make: { node, context in
                AuthorizationRules(
                    kind: kind, rules: [], name: context.pathText, position: context.position(of: node),
                    functions: context.functions)
            },
            fields: ruleSetFields(kind))
    }

    /// The fields of a rule set, which a policy file has at its top.
    static func ruleSetFields(_ kind: RuleSetKind) -> [Field<AuthorizationRules>] {
        [
            .value("rules", \.rules, .list(rule(kind), of: "rule"), required: true, "The rules."),
            .value(
                "defaultAction", \.defaultAction, ValueDecoder<Verdict>.word(), default: "allow",
                "The verdict when there is no allow rule: `allow` or `deny`."),
            .value(
                "mode", \.mode, ValueDecoder<EnforcementMode>.word(), default: "enforce",
                "`shadow`: decisions are recorded and nothing is denied."),
        ]
    }

    private struct RuleDraft {
        var rule: AuthorizationRule
    }

    private static func rule(_ kind: RuleSetKind) -> ValueDecoder<AuthorizationRule> {
        let actions = RuleAction.allCases.map { action in
            Field<RuleDraft>.apply(action.rawValue, expression(kind), actionSummary(action)) { owner, rule, _, _ in
                owner.rule.action = action
                owner.rule.expression = rule.text
                owner.rule.position = rule.position
                return true
            }
        }
        return .byNotation(
            scalar: expression(kind).map { AuthorizationRule(expression: $0.text, position: $0.position) },
            mapping: ValueDecoder<RuleDraft>.object(
                "AuthorizationRule", "One rule.",
                make: { _, _ in RuleDraft(rule: AuthorizationRule(expression: "")) },
                fields: actions + [
                    .optional(
                        "id", aliases: ["name"], \.rule.id, .nonEmptyString("an identifier"), default: "its place",
                        "How decisions name it."),
                    .optional(
                        "mode", \.rule.mode, ValueDecoder<EnforcementMode>.word(), default: "the rule set's",
                        "`shadow`: recorded, never enforced."),
                ], rules: [.exactlyOne(RuleAction.allCases.map(\.rawValue))]
            ).map(\.rule),
            expected: "a CEL expression, or one of {allow: …}, {deny: …}, {require: …}")
    }

    private static func actionSummary(_ action: RuleAction) -> String {
        switch action {
        case .allow: "Grants when true."
        case .deny: "Denies when true, and when it errs."
        case .require: "Denies unless true."
        }
    }

    struct Expression {
        var text: String
        /// Of its first character.
        var position: FilePosition
    }

    /// A CEL expression, compiled against what rules of this kind may read. Findings point into the scalar, whatever its
    /// notation.
    private static func expression(_ kind: RuleSetKind) -> ValueDecoder<Expression> {
        ValueDecoder(.text("a CEL expression")) { node, context in
            guard node.scalar != nil else {
                return context.fail("expected a CEL expression, found \(NodeKind.name(of: node))", at: node)
            }
            // `allow: true` is an expression, too.
            guard let scalar = Scalars.any("a CEL expression", node, context) else { return nil }
            if scalar.value == .null || scalar.text.text.utf8.allSatisfy({ $0 <= 0x20 }) {
                return context.fail("expected a CEL expression, found nothing", at: node)
            }
            let before = context.errorCount
            let position = context.position(of: node)
            context.rules[position] = RuleSite(scalar: scalar, node: node, path: context.pathText)
            RuleSite.check(kind, at: position, claims: nil, context)
            guard context.errorCount == before else { return nil }
            return Expression(text: scalar.text.text, position: position)
        }
    }
}
