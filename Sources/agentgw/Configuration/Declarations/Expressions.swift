// CEL expressions of policies that are no rules.

import Auth

extension Declarations {
    /// A CEL expression, compiled against what it may read. Findings point into the scalar, whatever its notation.
    static func policyExpression(_ use: ExpressionUse) -> ValueDecoder<PolicyExpressionSource> {
        ValueDecoder(.text("a CEL expression")) { node, context in
            guard node.scalar != nil else {
                return context.fail("expected a CEL expression, found \(NodeKind.name(of: node))", at: node)
            }
            guard let scalar = Scalars.any("a CEL expression", node, context) else { return nil }
            if scalar.value == .null || scalar.text.text.utf8.allSatisfy({ $0 <= 0x20 }) {
                return context.fail("expected a CEL expression, found nothing", at: node)
            }
            let before = context.errorCount
            RuleSite.check(use, scalar, node, context)
            guard context.errorCount == before else { return nil }
            return PolicyExpressionSource(
                scalar.text.text, use, functions: context.functions, position: context.position(of: node))
        }
    }
}
