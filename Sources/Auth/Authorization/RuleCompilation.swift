// From the text of a rule to a checked expression: what is wrong is found at load, with its place and a suggestion, and
// a rule that is wrong never becomes one that is always false.

import CEL

/// One finding about a rule.
package struct RuleDiagnostic: Hashable, Sendable, CustomStringConvertible {
    /// In the configuration file.
    package var position: FilePosition
    package var message: String
    /// `FILE:LINE:COL: error: …` with the line and a mark under what is meant.
    package var description: String
}

/// All findings about the rules that were compiled together. Never empty.
package struct RuleSetError: Error, Hashable, Sendable, CustomStringConvertible {
    package var diagnostics: [RuleDiagnostic]

    package var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

enum RuleCompilation {
    /// Credentials themselves, which rules cannot read yet. Without this a rule would read a claim, or a key's metadata, of
    /// that name: `jwt` and `apiKey` are open maps.
    static let secrets: Set = ["jwt.rawToken", "apiKey.key"]
    /// What a rule may not call, with the reason.
    private static let refused: [String: String] = [
        "random": "gives another answer each time", "uuid": "gives another answer each time",
        // What a rule reads is shown in decision records, and its body or arguments are waited for.
        "variables": "reads everything there is; a rule names what it reads",
        "unredacted": "shows a credential",
    ]
    private static let nondeterministic: Set<String> = ["random", "uuid"]
    /// Names that custom functions may not have.
    static let reservedNames: Set<String> = Set(refused.keys).union([ScopeMacro.name])

    /// - Returns: the program, or all findings.
    static func compile(
        _ rule: AuthorizationRule, in environment: Environment, _ functions: CustomFunctions? = nil,
        for use: ExpressionUse.Result = .condition
    ) -> Result<Program, RuleSetError> {
        do throws(CompileError) {
            return .success(try compile(rule.expression, in: environment, functions, for: use))
        } catch {
            return .failure(RuleSetError(diagnostics: error.diagnostics.map { diagnostic($0, rule) }))
        }
    }

    static func findings(
        _ expression: String, in environment: Environment, _ functions: CustomFunctions? = nil,
        for use: ExpressionUse.Result = .condition
    ) -> [Diagnostic] {
        do throws(CompileError) {
            _ = try compile(expression, in: environment, functions, for: use)
            return []
        } catch {
            return error.diagnostics
        }
    }

    static func compile(
        _ expression: String, in environment: Environment, _ functions: CustomFunctions? = nil,
        for use: ExpressionUse.Result = .condition
    ) throws(CompileError) -> Program {
        var parsed = try ParsedExpression.parse(expression)
        try functions?.expand(&parsed)
        ScopeMacro.expand(&parsed)
        let checked = try environment.check(parsed)
        let problems = problems(in: checked, for: use)
        guard problems.isEmpty else { throw CompileError(source: expression, diagnostics: problems) }
        return try checked.plan(layouts: GatewayRecords.layouts)
    }

    private static func problems(in checked: CheckedExpression, for use: ExpressionUse.Result) -> [Diagnostic] {
        var result = refusals(in: checked, for: use)
        guard use == .condition else { return result }
        switch checked.type {
        case .bool, .dyn, .nullable(.bool): break
        default:
            result.append(
                Diagnostic(
                    "a rule must be true or false, this is a \(checked.type)", checked.ast.range(of: checked.ast.root)))
        }
        return result
    }

    /// What no rule may do, whatever its value. A policy's value may be another each time.
    static func refusals(
        in checked: CheckedExpression, for use: ExpressionUse.Result = .condition
    ) -> [Diagnostic] {
        var result: [Diagnostic] = []
        for index in 0..<checked.ast.count {
            let id = ExprID(index)
            if case .call(let name, _, _) = checked.ast[id], let reason = refused[name],
                use == .condition || !nondeterministic.contains(name)
            {
                result.append(
                    Diagnostic("\(name)() \(reason); a rule may not use it", checked.ast.range(of: id)))
            }
            if let path = checked.attributePath(of: id), let name = path.names.first, path.names.count == 1,
                secrets.contains("\(path.root).\(name)")
            {
                result.append(
                    Diagnostic("not supported yet: \(path.root).\(name) in a rule", checked.ast.range(of: id)))
            }
        }
        return result
    }

    private static func diagnostic(_ finding: Diagnostic, _ rule: AuthorizationRule) -> RuleDiagnostic {
        let start = LineColumn(offset: Int(finding.range.start), in: rule.expression)
        var position = rule.position
        if position != .none {
            position.column = start.line == 1 ? position.column + start.column - 1 : start.column
            position.line += start.line - 1
        }
        let origin =
            rule.position == .none
            ? LineColumn(line: 1, column: 1) : LineColumn(line: rule.position.line, column: rule.position.column)
        let name = rule.position.file.isEmpty ? rule.id ?? "rule" : rule.position.file
        return RuleDiagnostic(
            position: position, message: finding.text,
            description: finding.render(source: rule.expression, name: name, origin: origin))
    }
}

extension RuleSet {
    /// Another rule for this set: the same compilation against the same environment.
    package func compile(_ expression: String) throws(CompileError) -> Program {
        try RuleCompilation.compile(expression, in: environment, functions)
    }
}

extension RuleSetKind {
    /// What is wrong with one rule of this kind, with byte offsets into its text.
    package func findings(
        _ expression: String, claims: ClaimsSchema? = nil, functions: CustomFunctions? = nil
    ) -> [Diagnostic] {
        let environment = GatewayEnvironment.of(self, claims: claims)
        return RuleCompilation.findings(expression, in: environment, functions)
    }
}

extension AuthorizationRules {
    /// Everything that is wrong with the rules, as the gateway and the offline tool both find it; empty when they load.
    /// - Parameter claims: the declared claims of the tokens that reach these rules; nil: any claim may be read.
    package func diagnostics(claims: ClaimsSchema? = nil) -> [RuleDiagnostic] {
        let environment = GatewayEnvironment.of(kind, claims: claims)
        return rules.flatMap { rule -> [RuleDiagnostic] in
            if case .failure(let error) = RuleCompilation.compile(rule, in: environment, functions) {
                error.diagnostics
            } else {
                []
            }
        }
    }
}
