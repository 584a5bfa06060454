// Tokens to a tree, by recursive descent in the order of the grammar's precedences (language definition, "Syntax").
// Macros are expanded as their calls are read.

/// Bounds on expressions.
public enum SyntaxLimits {
    /// Nesting of the tree; every later phase recurses over it. The specification asks for 12–24 levels.
    public static let depth = 250
    /// Bytes of source. Rules are lines, not programs.
    public static let sourceBytes = 256 * 1024
    /// Nodes of a tree, expansions of macros included.
    public static let nodes = 200_000
}

/// An expression as it was read.
public struct ParsedExpression: Sendable {
    public var ast: AST
    public let source: String

    /// Parses `source`.
    /// - Throws: all syntax errors that were found.
    public static func parse(_ source: String) throws(CompileError) -> ParsedExpression {
        var parser = Parser(source)
        return try parser.parse()
    }
}

struct Parser {
    let source: String
    let bytes: [UInt8]
    var ast = AST()
    private var tokens: [Token] = []
    private var next = 0
    var problems: [Diagnostic] = []
    private var depth = 0
    /// By node: the height of its tree.
    private var heights: [Int32] = []
    private var accumulators = 0

    /// Ends the descent; what is wrong has been noted.
    struct Failure: Error {}

    init(_ source: String) {
        self.source = source
        bytes = Array(source.utf8)
    }

    mutating func parse() throws(CompileError) -> ParsedExpression {
        guard bytes.count <= SyntaxLimits.sourceBytes else {
            throw CompileError(
                source: "",
                diagnostics: [
                    Diagnostic("an expression of more than \(SyntaxLimits.sourceBytes) bytes", SourceRange(0, 0))
                ])
        }
        var lexer = Lexer(bytes)
        lexer.run()
        tokens = lexer.tokens
        problems = lexer.problems
        if problems.isEmpty {
            repeat {
                do throws(Failure) {
                    ast.root = try expression()
                    if token.kind != .end { throw fail("unexpected \(describe(token))", token.range) }
                } catch { recover() }  // `problems` says why
            } while token.kind != .end
        }
        guard problems.isEmpty else { throw CompileError(source: source, diagnostics: problems) }
        return ParsedExpression(ast: ast, source: source)
    }

    /// Goes behind the next `&&` or `||` outside of all brackets, so that the mistakes of later terms are found too.
    private mutating func recover() {
        let failed = next
        depth = 0
        var open = 0
        next = 0
        while tokens[next].kind != .end {
            switch tokens[next].kind {
            case .leftParenthesis, .leftBracket, .leftBrace: open += 1
            case .rightParenthesis, .rightBracket, .rightBrace: open = max(0, open - 1)
            case .and where open == 0 && next >= failed, .or where open == 0 && next >= failed:
                if tokens[next + 1].kind != .end, problems.count < Lexer.maximumProblems {
                    next += 1
                    return
                }
            default: break
            }
            next += 1
        }
    }

    // MARK: Tokens

    var token: Token { tokens[next] }

    mutating func advance() -> Token {
        let token = tokens[next]
        if next < tokens.count - 1 { next += 1 }
        return token
    }

    mutating func accept(_ kind: Token.Kind) -> Bool {
        guard token.kind == kind else { return false }
        _ = advance()
        return true
    }

    mutating func expect(_ kind: Token.Kind, _ what: String) throws(Failure) -> Token {
        guard token.kind == kind else { throw fail("expected \(what) instead of \(describe(token))", token.range) }
        return advance()
    }

    func text(_ token: Token) -> String {
        String(decoding: bytes[Int(token.range.start)..<Int(token.range.end)], as: UTF8.self)
    }

    func describe(_ token: Token) -> String {
        token.kind == .end ? "the end of the expression" : "'\(text(token).prefix(40))'"
    }

    mutating func report(_ message: String, _ range: SourceRange, suggestion: String? = nil) {
        guard problems.count < Lexer.maximumProblems else { return }
        problems.append(Diagnostic(message, range, suggestion: suggestion))
    }

    mutating func fail(_ message: String, _ range: SourceRange, suggestion: String? = nil) -> Failure {
        report(message, range, suggestion: suggestion)
        return Failure()
    }

    // MARK: Nodes

    /// Adds a node whose height is bounded.
    mutating func add(_ expr: Expr, _ range: SourceRange) throws(Failure) -> ExprID {
        var height: Int32 = 0
        func look(_ id: ExprID?) { if let id { height = max(height, heights[Int(id.index)]) } }
        switch expr {
        case .literal, .ident: break
        case .select(let operand, _, _, _): look(operand)
        case .call(_, let target, let arguments):
            look(target)
            arguments.forEach { look($0) }
        case .list(let elements, _): elements.forEach { look($0) }
        case .map(let entries):
            for entry in entries {
                look(entry.key)
                look(entry.value)
            }
        case .message(_, let fields): fields.forEach { look($0.value) }
        case .comprehension(let fold):
            for id in [fold.range, fold.initial, fold.condition, fold.step, fold.result] { look(id) }
        }
        guard height < SyntaxLimits.depth else {
            throw fail("the expression is nested deeper than \(SyntaxLimits.depth) levels", range)
        }
        guard ast.count < SyntaxLimits.nodes else {
            throw fail("the expression has more than \(SyntaxLimits.nodes) nodes", range)
        }
        heights.append(height + 1)
        return ast.add(expr, range)
    }

    mutating func call(
        _ function: String, _ arguments: [ExprID], _ range: SourceRange, target: ExprID? = nil
    ) throws(Failure) -> ExprID {
        try add(.call(function: function, target: target, arguments: arguments), range)
    }

    mutating func literal(_ literal: Literal, _ range: SourceRange) throws(Failure) -> ExprID {
        try add(.literal(literal), range)
    }

    mutating func ident(_ name: String, _ range: SourceRange) throws(Failure) -> ExprID {
        try add(.ident(name), range)
    }

    /// A name for an accumulator that no source can spell. Nested folds have different ones.
    mutating func freshAccumulator() -> String {
        accumulators += 1
        return accumulators == 1 ? "@result" : "@result\(accumulators)"
    }

    private func join(_ a: ExprID, _ b: ExprID) -> SourceRange {
        SourceRange(Int(ast.range(of: a).start), Int(ast.range(of: b).end))
    }

    // MARK: Expressions

    mutating func expression() throws(Failure) -> ExprID {
        depth += 1
        defer { depth -= 1 }
        guard depth <= SyntaxLimits.depth else {
            throw fail("the expression is nested deeper than \(SyntaxLimits.depth) levels", token.range)
        }
        let condition = try or()
        guard accept(.question) else { return condition }
        let yes = try or()
        _ = try expect(.colon, "':'")
        let no = try expression()
        return try call("_?_:_", [condition, yes, no], join(condition, no))
    }

    private mutating func or() throws(Failure) -> ExprID {
        var terms = [try and()]
        while accept(.or) { terms.append(try and()) }
        return try balanced("_||_", terms[...])
    }

    private mutating func and() throws(Failure) -> ExprID {
        var terms = [try relation()]
        while accept(.and) { terms.append(try relation()) }
        return try balanced("_&&_", terms[...])
    }

    /// A chain as a balanced tree, so that thousands of terms do not nest.
    private mutating func balanced(_ function: String, _ terms: ArraySlice<ExprID>) throws(Failure) -> ExprID {
        if terms.count == 1 { return terms[terms.startIndex] }
        let middle = terms.startIndex + (terms.count + 1) / 2
        let left = try balanced(function, terms[..<middle])
        let right = try balanced(function, terms[middle...])
        return try call(function, [left, right], join(left, right))
    }

    private mutating func relation() throws(Failure) -> ExprID {
        var left = try sum()
        while true {
            let function: String
            switch token.kind {
            case .less: function = "_<_"
            case .lessEqual: function = "_<=_"
            case .greater: function = "_>_"
            case .greaterEqual: function = "_>=_"
            case .equal: function = "_==_"
            case .notEqual: function = "_!=_"
            case .in: function = "@in"
            default: return left
            }
            _ = advance()
            let right = try sum()
            left = try call(function, [left, right], join(left, right))
        }
    }

    private mutating func sum() throws(Failure) -> ExprID {
        var left = try product()
        while token.kind == .plus || token.kind == .minus {
            let function = advance().kind == .plus ? "_+_" : "_-_"
            let right = try product()
            left = try call(function, [left, right], join(left, right))
        }
        return left
    }

    private mutating func product() throws(Failure) -> ExprID {
        var left = try unary()
        while true {
            let function: String
            switch token.kind {
            case .star: function = "_*_"
            case .slash: function = "_/_"
            case .percent: function = "_%_"
            default: return left
            }
            _ = advance()
            let right = try unary()
            left = try call(function, [left, right], join(left, right))
        }
    }

    private mutating func unary() throws(Failure) -> ExprID {
        guard token.kind == .not || token.kind == .minus else { return try member() }
        let operation = token.kind
        var starts: [SourceRange] = []
        while token.kind == operation { starts.append(advance().range) }
        guard starts.count <= SyntaxLimits.depth else {
            throw fail("the expression is nested deeper than \(SyntaxLimits.depth) levels", starts[0])
        }
        var operand: ExprID
        // The sign of a number belongs to it: -9223372036854775808 is a number, 9223372036854775808 is none.
        if operation == .minus, token.kind == .int || token.kind == .double {
            let sign = starts.removeLast()
            operand = try member(sign: sign)
        } else if token.kind == .not || token.kind == .minus {
            operand = try unary()
        } else {
            operand = try member()
        }
        for start in starts.reversed() {
            let range = SourceRange(Int(start.start), Int(ast.range(of: operand).end))
            operand = try call(operation == .not ? "!_" : "-_", [operand], range)
        }
        return operand
    }

    private mutating func member(sign: SourceRange? = nil) throws(Failure) -> ExprID {
        var operand = try primary(sign: sign)
        while true {
            switch token.kind {
            case .dot:
                _ = advance()
                let optional = accept(.question)
                let field = token
                guard field.kind == .identifier || field.kind == .quotedIdentifier else {
                    throw fail("expected a field name instead of \(describe(field))", field.range)
                }
                _ = advance()
                let range = SourceRange(Int(ast.range(of: operand).start), Int(field.range.end))
                if field.kind == .identifier, !optional, token.kind == .leftParenthesis {
                    let name = text(field)
                    let (arguments, end) = try callArguments()
                    operand = try self.function(
                        name, target: operand, arguments, SourceRange(Int(range.start), end), nameRange: field.range)
                } else {
                    let name = field.kind == .identifier ? text(field) : String(text(field).dropFirst().dropLast())
                    operand = try add(
                        .select(operand: operand, field: name, testOnly: false, optional: optional), range)
                }
            case .leftBracket:
                _ = advance()
                let optional = accept(.question)
                let index = try expression()
                let end = try expect(.rightBracket, "']'")
                operand = try call(
                    optional ? "_[?_]" : "_[_]", [operand, index],
                    SourceRange(Int(ast.range(of: operand).start), Int(end.range.end)))
            case .leftBrace:
                guard let name = qualifiedName(operand) else { return operand }
                operand = try message(name, operand)
            default: return operand
            }
        }
    }

    /// `a.b.c` of plain selects, as a type's name; nil for anything else.
    private func qualifiedName(_ id: ExprID) -> String? {
        switch ast[id] {
        case .ident(let name): return name
        case .select(let operand, let field, false, false): return qualifiedName(operand).map { "\($0).\(field)" }
        default: return nil
        }
    }

    mutating func callArguments() throws(Failure) -> ([ExprID], Int) {
        _ = advance()
        var arguments: [ExprID] = []
        if token.kind != .rightParenthesis {
            repeat { arguments.append(try expression()) } while accept(.comma)
        }
        return (arguments, Int(try expect(.rightParenthesis, "')' or ','").range.end))
    }

    mutating func function(
        _ name: String, target: ExprID?, _ arguments: [ExprID], _ range: SourceRange, nameRange: SourceRange
    ) throws(Failure) -> ExprID {
        if let expansion = try expandMacro(name, target, arguments, range) {
            ast.macroCalls[expansion] = MacroCall(function: name, target: target, arguments: arguments)
            return expansion
        }
        return try add(.call(function: name, target: target, arguments: arguments), range)
    }
}
