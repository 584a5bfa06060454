// Expressions of policies other than rules: compiled at load like rules, evaluated by the loop's `Authorizer`. An
// evaluation that fails gives nothing; what that means is the policy's to say, and never that more is let through.

import CEL

package final class PolicyExpression: Sendable {
    package let source: PolicyExpressionSource
    let program: Program

    /// - Throws: everything that is wrong with it, with its places in the file.
    package init(_ source: PolicyExpressionSource) throws(RuleSetError) {
        self.source = source
        let rule = AuthorizationRule(expression: source.text, position: source.position)
        switch RuleCompilation.compile(
            rule, in: GatewayEnvironment.of(source.use.phase), source.functions, for: source.use.result)
        {
        case .success(let program): self.program = program
        case .failure(let error): throw error
        }
    }

    /// Whether it reads `root`, or `root.name`.
    package func reads(_ root: String, _ name: String? = nil) -> Bool {
        program.attributes.contains { $0.first == root && (name == nil || $0.count < 2 || $0[1] == name) }
    }
}

extension ExpressionUse {
    /// What is wrong with an expression of this use, with byte offsets into its text.
    package func findings(_ expression: String, functions: CustomFunctions? = nil) -> [Diagnostic] {
        RuleCompilation.findings(expression, in: GatewayEnvironment.of(phase), functions, for: result)
    }
}

extension Authorizer {
    /// The most parts of a value that is taken out of an evaluation.
    private static let mostParts = 10_000

    /// nil: the evaluation failed, or its value is no data.
    package func value(_ expression: PolicyExpression, _ inputs: RuleInputs) -> CELValue? {
        evaluator.begin(inputs)
        defer { evaluator.end() }
        let context = evaluator.context(for: expression.program.checked.environment)
        do throws(EvaluationError) {
            let value = expression.program.run(in: context)
            switch value.tag {
            case .absent, .error, .unknown: return nil
            default: return try expression.program.copy(value, in: context, atMost: Self.mostParts)
            }
        } catch { return nil }
    }

    /// True only when the expression is.
    package func holds(_ expression: PolicyExpression, _ inputs: RuleInputs) -> Bool {
        evaluator.begin(inputs)
        defer { evaluator.end() }
        return expression.program.run(in: evaluator.context(for: expression.program.checked.environment)).isTrue
    }
}
