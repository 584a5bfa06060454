// The result of checking: the tree, with a type for every node and what every name and call refers to.

public enum Reference: Hashable, Sendable {
    /// A declared variable under its full name; for a chain of selects that names one, at the outermost select.
    case variable(String)
    /// A variable of a macro.
    case local(String)
    /// A type named as a value: `int`, `net.IP`.
    case type(CELType)
    /// A function under its full name. `isNamespaced`: the call's target is part of the name and no argument.
    case function(String, isNamespaced: Bool)
}

public struct CheckedExpression: Sendable {
    public let source: String
    public let ast: AST
    public let environment: Environment
    /// By node; `dyn` for nodes that the checker did not visit.
    public let types: [CELType]
    /// By node.
    public let references: [Reference?]

    public var type: CELType { types[Int(ast.root.index)] }
}

extension Environment {
    /// Parses and checks `source`.
    /// - Throws: all findings.
    public func check(_ source: String) throws(CompileError) -> CheckedExpression {
        try check(ParsedExpression.parse(source))
    }

    /// Checks an expression that has been parsed, for hosts that expand macros of their own in between.
    public func check(_ parsed: ParsedExpression) throws(CompileError) -> CheckedExpression {
        var checker = Checker(parsed, self)
        return try checker.check()
    }

    /// Resolves names without checking types: everything is `dyn`. For tests and for expressions that are written
    /// against unknown data.
    public func resolve(_ parsed: ParsedExpression) throws(CompileError) -> CheckedExpression {
        var checker = Checker(parsed, self)
        return checker.resolveOnly()
    }
}
