// Rules are compiled when they are read, so that what is wrong with one is told like everything else in the file.

import Auth
import CEL
import Proxy

/// Checks a rule against what rules of its kind may read; findings carry byte offsets into the expression.
struct RuleChecker: Sendable {
    struct Finding {
        var message: String
        var offset: Int
        var isError = true
    }

    /// - Parameters:
    ///   - claims: the types of the JWT's claims where they are declared.
    ///   - functions: those of the configuration.
    var check:
        @Sendable (RuleSetKind, _ expression: String, _ claims: ClaimsSchema?, _ functions: CustomFunctions?) ->
            [Finding]

    /// The same for the expression of a policy that is no rule.
    var checkExpression: @Sendable (ExpressionUse, _ expression: String, _ functions: CustomFunctions?) -> [Finding] = {
        _, _, _ in []
    }

    /// For tests of the structure alone.
    static let none = RuleChecker { _, _, _, _ in [] }

    /// The gateway's own engine.
    static let gateway = RuleChecker(
        check: { kind, expression, claims, functions in
            kind.findings(expression, claims: claims, functions: functions).map {
                Finding(message: $0.text, offset: Int($0.range.start))
            }
        },
        checkExpression: { use, expression, functions in
            use.findings(expression, functions: functions).map {
                Finding(message: $0.text, offset: Int($0.range.start))
            }
        })
}

/// Where a rule is written, so that a finding in the middle of it can be shown where it stands.
struct RuleSite {
    var scalar: ExpandedScalar
    var node: YAMLNode
    var path: String

    /// Reports what is wrong with the rule that was read at `position`.
    static func check(
        _ kind: RuleSetKind, at position: FilePosition, claims: ClaimsSchema?, _ context: DecodingContext
    ) {
        guard let site = context.rules[position], !context.hasBrokenFunctions else { return }
        let text = site.scalar.text
        if kind == .a2a, let name = A2AOperation.allCases.first(where: { text.text.containsQuoted($0.modernName) }) {
            // It would never be true, and a deny rule that never is true lets everything through.
            context.report(
                "a2a.method is \"\(name.rawValue)\" in every version of A2A, never \"\(name.modernName)\"",
                at: position, path: site.path)
        }
        let findings = context.ruleChecker.check(kind, text.text, claims, context.functions)
        report(findings, site.scalar, site.node, context, path: site.path)
    }

    private static func report(
        _ findings: [RuleChecker.Finding], _ scalar: ExpandedScalar, _ node: YAMLNode, _ context: DecodingContext,
        path: String
    ) {
        for finding in findings {
            // What a variable holds may be a secret: a message about it must not quote it.
            let isInsideVariable = scalar.text.comesFromVariable(finding.offset, in: scalar.scalar.text)
            context.report(
                isInsideVariable ? "not a CEL expression once this variable is expanded" : finding.message,
                at: context.position(in: scalar.text, at: finding.offset, of: node),
                severity: finding.isError ? .error : .warning, path: path)
        }
    }

    /// Reports what is wrong with a policy's expression.
    static func check(_ use: ExpressionUse, _ scalar: ExpandedScalar, _ node: YAMLNode, _ context: DecodingContext) {
        guard !context.hasBrokenFunctions else { return }
        report(
            context.ruleChecker.checkExpression(use, scalar.text.text, context.functions), scalar, node, context,
            path: context.pathText)
    }

    /// Checks the rules of a set again where the types of claims are known.
    static func check(_ rules: AuthorizationRules?, claims: ClaimsSchema?, _ context: DecodingContext) {
        guard let rules, let claims else { return }
        for rule in rules.rules { check(rules.kind, at: rule.position, claims: claims, context) }
    }
}

extension String {
    fileprivate func containsQuoted(_ word: String) -> Bool {
        contains("\"\(word)\"") || contains("'\(word)'")
    }
}
