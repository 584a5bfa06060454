// Puts the bodies of custom functions in the places of their calls. Names cannot be confused: the variables of a body get
// names that no source can spell, and what is free in a body means what it means at the root.

extension CustomFunctions {
    /// Replaces all calls of the functions.
    /// - Throws: calls that do not fit their definitions, and expressions that grow beyond the bounds of the language.
    public func expand(_ parsed: inout ParsedExpression) throws(CompileError) {
        guard !definitions.isEmpty else { return }
        var inlining = Inlining(functions: self, ast: parsed.ast)
        inlining.run()
        guard inlining.problems.isEmpty else {
            throw CompileError(source: parsed.source, diagnostics: inlining.problems)
        }
        parsed.ast = inlining.ast
    }
}

private struct Inlining {
    let functions: CustomFunctions
    var ast: AST
    var problems: [Diagnostic] = []
    /// Variables of the caller's macros, which must not capture what is free in a body.
    private let callersVariables: Set<String>
    private var copies = 0

    init(functions: CustomFunctions, ast: AST) {
        self.functions = functions
        self.ast = ast
        var names: Set<String> = []
        for node in ast.nodes {
            if case .comprehension(let fold) = node.expr {
                names.formUnion([fold.variable, fold.accumulator])
                if let second = fold.variable2 { names.insert(second) }
            }
        }
        callersVariables = names
    }

    mutating func run() {
        // Bodies hold no calls of functions any more, and are not gone through.
        for index in 0..<ast.count where problems.isEmpty { replace(ExprID(index)) }
        guard problems.isEmpty else { return }
        if ast.height(of: ast.root, upTo: SyntaxLimits.depth) == nil {
            problems = [
                Diagnostic(
                    "with its functions, the expression is nested deeper than \(SyntaxLimits.depth) levels",
                    ast.range(of: ast.root))
            ]
        }
    }

    private mutating func replace(_ id: ExprID) {
        guard case .call(let name, let target, let arguments) = ast[id], let definition = functions.definitions[name]
        else { return }
        let range = ast.range(of: id)
        guard definition.isMember == (target != nil) else {
            problems.append(
                Diagnostic(
                    definition.isMember
                        ? "'\(name)' is called on a value, as in x.\(name)(…)"
                        : "'\(name)' is called as \(name)(…), not on a value", range))
            return
        }
        let fixed = definition.parameters.count
        guard definition.rest == nil ? arguments.count == fixed : arguments.count >= fixed else {
            let least = definition.rest == nil ? "" : "at least "
            problems.append(
                Diagnostic("\(name)() takes \(least)\(fixed) argument\(fixed == 1 ? "" : "s")", range))
            return
        }
        var values = (target.map { [$0] } ?? []) + arguments.prefix(fixed)
        if definition.rest != nil {
            let rest = ast.add(.list(elements: Array(arguments.dropFirst(fixed)), optional: []), range)
            ast.inlined[rest] = name
            values.append(rest)
        }
        copies += 1
        var copy = BodyCopy(
            source: definition.body.ast, name: name, prefix: "@\(name)\(copies):", range: range,
            shadowed: callersVariables)
        // A name or a path stands for its parameter itself, so that what a rule reads is seen through the call; anything
        // else is evaluated once.
        var bound: [(name: String, value: ExprID)] = []
        for (parameter, value) in zip(definition.allParameters, values) {
            if ast.isPath(value) {
                copy.parameters[parameter] = .expression(value)
            } else {
                let hidden = "@\(name)\(copies):\(parameter)"
                copy.parameters[parameter] = .variable(hidden)
                bound.append((hidden, value))
            }
        }
        guard var body = copy.copy(definition.body.ast.root, into: &ast) else {
            problems.append(Diagnostic("with its functions, the expression is too large", range))
            return
        }
        for (hidden, value) in bound.reversed() {
            let before = ast.count
            body = ast.binding(hidden, to: value, in: body, range)
            for index in before..<ast.count { ast.inlined[ExprID(index)] = name }
        }
        ast[id] = ast[body]
        ast.inlinedCalls.insert(id)
        ast.macroCalls[id] = MacroCall(function: name, target: target, arguments: arguments)
    }
}

/// One copy of a body, for one call.
private struct BodyCopy {
    enum Parameter {
        case expression(ExprID)
        case variable(String)
    }

    let source: AST
    let name: String
    /// Of the names of the body's own variables.
    let prefix: String
    let range: SourceRange
    let shadowed: Set<String>
    var parameters: [String: Parameter] = [:]
    /// The body's variables around the current node, innermost last.
    private var scopes: [String] = []

    init(source: AST, name: String, prefix: String, range: SourceRange, shadowed: Set<String>) {
        self.source = source
        self.name = name
        self.prefix = prefix
        self.range = range
        self.shadowed = shadowed
    }

    /// Nil when the tree has become too large.
    mutating func copy(_ id: ExprID, into ast: inout AST) -> ExprID? {
        guard ast.count < SyntaxLimits.nodes else { return nil }
        let expr: Expr
        switch source[id] {
        case .literal(let literal): expr = .literal(literal)
        case .ident(let spelled):
            if scopes.contains(spelled) {
                expr = .ident(prefix + spelled)
            } else if let parameter = parameters[spelled] {
                switch parameter {
                case .variable(let hidden): expr = .ident(hidden)
                case .expression(let value): return duplicate(value, &ast)
                }
            } else {
                expr = .ident(shadowed.contains(spelled) ? "." + spelled : spelled)
            }
        case .select(let operand, let field, let testOnly, let optional):
            guard let operand = copy(operand, into: &ast) else { return nil }
            expr = .select(operand: operand, field: field, testOnly: testOnly, optional: optional)
        case .call(let function, let target, let arguments):
            var copied: [ExprID] = []
            for part in (target.map { [$0] } ?? []) + arguments {
                guard let part = copy(part, into: &ast) else { return nil }
                copied.append(part)
            }
            expr = .call(
                function: function, target: target == nil ? nil : copied[0],
                arguments: Array(target == nil ? copied[...] : copied.dropFirst()))
        case .list(let elements, let optional):
            var copied: [ExprID] = []
            for element in elements {
                guard let element = copy(element, into: &ast) else { return nil }
                copied.append(element)
            }
            expr = .list(elements: copied, optional: optional)
        case .map(let entries):
            var copied: [Expr.MapEntry] = []
            for entry in entries {
                guard let key = copy(entry.key, into: &ast), let value = copy(entry.value, into: &ast) else {
                    return nil
                }
                copied.append(Expr.MapEntry(key: key, value: value, optional: entry.optional))
            }
            expr = .map(copied)
        case .message(let type, let fields):
            var copied: [Expr.FieldInitializer] = []
            for field in fields {
                guard let value = copy(field.value, into: &ast) else { return nil }
                copied.append(
                    Expr.FieldInitializer(field: field.field, value: value, optional: field.optional, range: range))
            }
            expr = .message(type: type, fields: copied)
        case .comprehension(let fold):
            guard let fold = copy(fold, into: &ast) else { return nil }
            expr = .comprehension(fold)
        }
        return add(expr, &ast)
    }

    private mutating func copy(_ fold: Expr.Comprehension, into ast: inout AST) -> Expr.Comprehension? {
        guard let domain = copy(fold.range, into: &ast), let initial = copy(fold.initial, into: &ast) else {
            return nil
        }
        let outer = scopes.count
        scopes += [fold.accumulator, fold.variable] + (fold.variable2.map { [$0] } ?? [])
        guard let condition = copy(fold.condition, into: &ast), let step = copy(fold.step, into: &ast) else {
            return nil
        }
        scopes.removeSubrange((outer + 1)...)
        guard let result = copy(fold.result, into: &ast) else { return nil }
        scopes.removeLast()
        return Expr.Comprehension(
            range: domain, variable: fold.variable == "#unused" ? fold.variable : prefix + fold.variable,
            variable2: fold.variable2.map { prefix + $0 }, accumulator: prefix + fold.accumulator, initial: initial,
            condition: condition, step: step, result: result)
    }

    private func add(_ expr: Expr, _ ast: inout AST) -> ExprID {
        let id = ast.add(expr, range)
        ast.inlined[id] = name
        return id
    }

    /// Another tree of the same path, for each place where a parameter stands.
    private func duplicate(_ id: ExprID, _ ast: inout AST) -> ExprID? {
        guard ast.count < SyntaxLimits.nodes else { return nil }
        switch ast[id] {
        case .select(let operand, let field, let testOnly, let optional):
            guard let operand = duplicate(operand, &ast) else { return nil }
            return add(.select(operand: operand, field: field, testOnly: testOnly, optional: optional), &ast)
        case .call(let function, nil, let arguments):
            guard let operand = duplicate(arguments[0], &ast), let key = duplicate(arguments[1], &ast) else {
                return nil
            }
            return add(.call(function: function, target: nil, arguments: [operand, key]), &ast)
        case let leaf: return add(leaf, &ast)
        }
    }
}

extension AST {
    /// A literal, a name, or constant keys of one.
    fileprivate func isPath(_ id: ExprID) -> Bool {
        guard macroCalls[id] == nil else { return false }
        return switch self[id] {
        case .literal, .ident: true
        case .select(let operand, _, false, false): isPath(operand)
        case .call("_[_]", nil, let arguments):
            if arguments.count == 2, case .literal = self[arguments[1]] { isPath(arguments[0]) } else { false }
        default: false
        }
    }

    /// The levels of the tree under a node; nil when they are more than `limit`.
    fileprivate func height(of id: ExprID, upTo limit: Int) -> Int? {
        guard limit > 0 else { return nil }
        var height = 0
        for child in children(of: id) {
            guard let inner = self.height(of: child, upTo: limit - 1) else { return nil }
            height = max(height, inner)
        }
        return height + 1
    }
}
