// The configuration's own functions for rules (`config.customFunctions`): read and checked at load, so that a mistake in one
// is found whether a rule calls it or not.

import CEL

extension CustomFunctions {
    /// - Throws: everything that is wrong with the definitions, with byte offsets into `text`. A function is right when it
    ///   would do in one kind of rules; where it is called, it is checked again.
    package static func forRules(_ text: String) throws(CompileError) -> CustomFunctions {
        let functions = try CustomFunctions(parsing: text, reserved: RuleCompilation.reservedNames)
        var problems: [Diagnostic] = []
        for (_, start, expression) in functions.bodies {
            var parsed = expression
            ScopeMacro.expand(&parsed)
            let results = RuleSetKind.allCases.map { findings(parsed, in: GatewayEnvironment.of($0)) }
            if results.contains(where: \.isEmpty) { continue }
            problems += (results.first ?? []).map { $0.moved(by: start) }
        }
        guard problems.isEmpty else { throw CompileError(source: text, diagnostics: problems) }
        return functions
    }

    private static func findings(_ parsed: ParsedExpression, in environment: Environment) -> [Diagnostic] {
        do throws(CompileError) {
            let checked = try environment.check(parsed)
            let refusals = RuleCompilation.refusals(in: checked)
            guard refusals.isEmpty else { return refusals }
            _ = try checked.plan(layouts: GatewayRecords.layouts)
            return []
        } catch {
            return error.diagnostics
        }
    }
}
