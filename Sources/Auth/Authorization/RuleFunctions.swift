// The configuration's own functions for rules (`config.customFunctions`): read and checked at load, so that a mistake in one
// is found whether a rule calls it or not.

import CEL

extension RuleCompilation {
    /// An expression of any type with what rules have: their names, and what they may not do.
    static func plan(_ parsed: ParsedExpression, in environment: Environment) throws(CompileError) -> Program {
        let checked = try environment.check(parsed)
        let refusals = refusals(in: checked)
        guard refusals.isEmpty else { throw CompileError(source: parsed.source, diagnostics: refusals) }
        return try checked.plan(layouts: GatewayRecords.layouts)
    }
}

extension GatewayEnvironment {
    /// An expression over everything that any rule can read, to be evaluated with ordinary values.
    package static func compile(_ expression: String) throws(CompileError) -> Program {
        var parsed = try ParsedExpression.parse(expression)
        ScopeMacro.expand(&parsed)
        return try RuleCompilation.plan(parsed, in: make(for: []))
    }
}

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
            _ = try RuleCompilation.plan(parsed, in: environment)
            return []
        } catch {
            return error.diagnostics
        }
    }
}
