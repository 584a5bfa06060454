// Gives every node a type and every name a meaning, and says what has none. Goes on after an error, so that all errors of
// an expression are found at once.

struct Checker {
    let parsed: ParsedExpression
    let environment: Environment
    var types: [CELType]
    var references: [Reference?]
    var problems: [Diagnostic] = []
    var unifier = TypeUnifier()
    /// Variables of the macros around the current node, the innermost last.
    var scopes: [(name: String, type: CELType)] = []

    init(_ parsed: ParsedExpression, _ environment: Environment) {
        self.parsed = parsed
        self.environment = environment
        types = Array(repeating: .dyn, count: parsed.ast.count)
        references = Array(repeating: nil, count: parsed.ast.count)
    }

    var ast: AST { parsed.ast }

    mutating func check() throws(CompileError) -> CheckedExpression {
        visit(ast.root)
        guard problems.isEmpty else {
            var seen: Set<Diagnostic> = []
            // A macro's argument can be checked more than once, in different places of the expansion.
            let unique = problems.filter { seen.insert($0).inserted }
            throw CompileError(
                source: parsed.source,
                diagnostics: unique.sorted { ($0.range.start, $0.range.end) < ($1.range.start, $1.range.end) })
        }
        return result(types.map { unifier.resolve($0, final: true) })
    }

    /// Meaning of names only; unknown ones are left to the evaluation.
    mutating func resolveOnly() -> CheckedExpression {
        visit(ast.root)
        problems = []
        return result(Array(repeating: .dyn, count: ast.count))
    }

    private func result(_ types: [CELType]) -> CheckedExpression {
        CheckedExpression(
            source: parsed.source, ast: ast, environment: environment, types: types, references: references)
    }

    // MARK: Nodes

    @discardableResult
    mutating func visit(_ id: ExprID) -> CELType {
        let type: CELType
        switch ast[id] {
        case .literal(let literal): type = Checker.type(of: literal)
        case .ident(let name): type = identifier(name, id)
        case .select(let operand, let field, let testOnly, let optional):
            type = select(id, operand, field, testOnly: testOnly, optional: optional)
        case .call(let function, let target, let arguments): type = call(id, function, target, arguments)
        case .list(let elements, let optional): type = list(elements, optional)
        case .map(let entries): type = map(entries)
        case .message(let name, let fields): type = message(id, name, fields)
        case .comprehension(let fold): type = comprehension(fold)
        }
        types[Int(id.index)] = type
        return type
    }

    private static func type(of literal: Literal) -> CELType {
        switch literal {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        }
    }

    mutating func report(_ message: String, _ id: ExprID, suggestion: String? = nil) {
        guard problems.count < Lexer.maximumProblems else { return }
        let place = inlinedFunction(id).map { "in \($0)(): " } ?? ""
        problems.append(Diagnostic(place + message, ast.range(of: id), suggestion: suggestion))
    }

    /// The custom function whose body a node is of.
    private func inlinedFunction(_ id: ExprID) -> String? {
        ast.inlined[id] ?? (ast.inlinedCalls.contains(id) ? ast.macroCalls[id]?.function : nil)
    }

    // MARK: Names

    private static func isRooted(_ name: String) -> Bool { name.utf8.first == UInt8(ascii: ".") }

    /// The variable or type that `name` stands for.
    private func lookUp(_ name: String) -> (Reference, CELType)? {
        if !Checker.isRooted(name), let local = scopes.last(where: { $0.name == name }) {
            return (.local(name), local.type)
        }
        if environment.container.isEmpty, !Checker.isRooted(name) { return lookUpGlobal(name) }
        for candidate in environment.candidates(name) {
            if let found = lookUpGlobal(candidate) { return found }
        }
        return nil
    }

    private func lookUpGlobal(_ name: String) -> (Reference, CELType)? {
        if let type = environment.variables[name] { return (.variable(name), type) }
        if let type = Environment.typeNames[name] { return (.type(type), .type(type)) }
        return nil
    }

    private mutating func identifier(_ name: String, _ id: ExprID) -> CELType {
        if let (reference, type) = lookUp(name) {
            references[Int(id.index)] = reference
            return type
        }
        if let reason = environment.unavailableVariables[name] {
            report("'\(name)' is not available here: \(reason)", id)
        } else {
            let known = environment.variables.keys + scopes.map(\.name).filter { !$0.hasPrefix("@") }
            report("undeclared reference to '\(name)'", id, suggestion: Suggestion.nearest(to: name, in: known))
        }
        return .error
    }

    /// `a.b.c` when the node is a chain of plain selects on a name, and a name that begins so may be declared.
    private func qualifiedName(_ id: ExprID) -> String? {
        var first = id
        while case .select(let operand, _, false, false) = ast[first] { first = operand }
        guard case .ident(let name) = ast[first], environment.mayBeginName(name) else { return nil }
        // A macro's variable hides every declared name that begins with it.
        if !Checker.isRooted(name), scopes.contains(where: { $0.name == name }) { return nil }
        return spelling(id)
    }

    private func spelling(_ id: ExprID) -> String {
        switch ast[id] {
        case .ident(let name): name
        case .select(let operand, let field, _, _): "\(spelling(operand)).\(field)"
        default: ""
        }
    }

    private mutating func select(
        _ id: ExprID, _ operand: ExprID, _ field: String, testOnly: Bool, optional: Bool
    ) -> CELType {
        if !testOnly, !optional, let name = qualifiedName(id), let (reference, type) = lookUp(name) {
            references[Int(id.index)] = reference
            return type
        }
        // In two steps: the bindings that visiting makes count.
        let visited = visit(operand)
        let operandType = unifier.resolve(visited)
        let (unwrapped, wasOptional) = Checker.unwrapOptional(operandType)
        let type = fieldType(unwrapped, field, id)
        if testOnly { return .bool }
        return optional || wasOptional ? .optional(type) : type
    }

    static func unwrapOptional(_ type: CELType) -> (CELType, Bool) {
        if case .opaque("optional_type", let arguments) = type { return (arguments.first ?? .dyn, true) }
        return (type, false)
    }

    private mutating func fieldType(_ type: CELType, _ field: String, _ id: ExprID) -> CELType {
        switch type {
        case .map(let key, let value):
            if unifier.isAssignable(.string, key) { return value }
            report("'\(field)' cannot be selected from a map whose keys are \(unifier.resolve(key))", id)
            return .error
        case .object(let name):
            guard let record = environment.records[name] else { return .dyn }
            if let declared = record.fields[field] {
                if let reason = declared.unavailable {
                    reportAtField(
                        "field '\(field)' of '\(name)' is not available here: \(reason)", field, id, suggestion: nil)
                    return .error
                }
                return declared.type
            }
            if record.isOpen { return .dyn }
            reportAtField(
                "unknown field '\(field)' of '\(name)'", field, id,
                suggestion: Suggestion.nearest(to: field, in: record.fields.keys))
            return .error
        case .variable:
            _ = unifier.isAssignable(type, .dyn)
            return .dyn
        case .dyn, .error, .parameter: return .dyn
        default:
            report("type '\(type)' has no fields", id)
            return .error
        }
    }

    /// Marks the field's name at the end of a selection.
    private mutating func reportAtField(_ message: String, _ field: String, _ id: ExprID, suggestion: String?) {
        guard problems.count < Lexer.maximumProblems else { return }
        if inlinedFunction(id) != nil { return report(message, id, suggestion: suggestion) }
        var range = ast.range(of: id)
        if case .select(_, _, false, _) = ast[id] {
            range.start = max(range.start, range.end - Int32(field.utf8.count))
        }
        problems.append(Diagnostic(message, range, suggestion: suggestion))
    }

    // MARK: Calls

    private mutating func call(
        _ id: ExprID, _ function: String, _ target: ExprID?, _ arguments: [ExprID]
    ) -> CELType {
        if let target, let qualifier = qualifiedName(target) {
            for candidate in environment.candidates("\(qualifier).\(function)") {
                if let overloads = environment.functions[candidate], overloads.contains(where: { !$0.isMember }) {
                    references[Int(id.index)] = .function(candidate, isNamespaced: true)
                    return resolve(id, candidate, arguments, isMember: false, overloads)
                }
            }
        }
        if target == nil, function == "coalesce" || function == "default" || function == "variables" {
            return specialForm(id, function, arguments)
        }
        if let target {
            references[Int(id.index)] = .function(function, isNamespaced: false)
            guard let overloads = environment.functions[function], overloads.contains(where: \.isMember) else {
                for argument in [target] + arguments { visit(argument) }
                return unknownFunction(id, function, isMember: true)
            }
            return resolve(id, function, [target] + arguments, isMember: true, overloads)
        }
        for candidate in environment.candidates(function) {
            guard let overloads = environment.functions[candidate], overloads.contains(where: { !$0.isMember }) else {
                continue
            }
            references[Int(id.index)] = .function(candidate, isNamespaced: false)
            return resolve(id, candidate, arguments, isMember: false, overloads)
        }
        for argument in arguments { visit(argument) }
        return unknownFunction(id, function, isMember: false)
    }

    private mutating func unknownFunction(_ id: ExprID, _ function: String, isMember: Bool) -> CELType {
        let other = environment.functions[function]
        if let other, !other.isEmpty {
            report(
                isMember
                    ? "'\(function)' is called as \(function)(…), not on a value"
                    : "'\(function)' is called on a value, as in x.\(function)(…)", id)
            return .error
        }
        let names = environment.functions.filter { $0.value.contains { $0.isMember == isMember } }.keys
            .filter { $0.utf8.first.map(Lexer.isLetter) == true }
        let macros = isMember ? ["exists", "all", "map", "filter", "exists_one"] : ["has", "default", "coalesce"]
        report(
            "undeclared function '\(function)'", id,
            suggestion: Suggestion.nearest(to: function, in: Array(names) + macros))
        return .error
    }

    /// `default(e, d)` and `coalesce(…)` forgive errors of their arguments, names that do not exist among them.
    private mutating func specialForm(_ id: ExprID, _ function: String, _ arguments: [ExprID]) -> CELType {
        references[Int(id.index)] = .function(function, isNamespaced: false)
        let (fits, takes) =
            switch function {
            case "default": (arguments.count == 2, "two arguments")
            case "variables": (arguments.isEmpty, "no arguments")
            default: (!arguments.isEmpty, "arguments")
            }
        guard fits else {
            for argument in arguments { visit(argument) }
            report("\(function)() takes \(takes)", id)
            return .error
        }
        if function == "variables" { return .jsonMap }
        var joined: CELType?
        for argument in arguments {
            let type = visit(argument)
            joined = joined.map { unifier.join($0, type) } ?? type
        }
        return joined ?? .dyn
    }

    private mutating func resolve(
        _ id: ExprID, _ function: String, _ arguments: [ExprID], isMember: Bool, _ overloads: [Overload]
    ) -> CELType {
        var argumentTypes: [CELType] = []
        for argument in arguments { argumentTypes.append(visit(argument)) }
        var result: CELType?
        for overload in overloads where overload.isMember == isMember && overload.parameters.count == arguments.count {
            let type: CELType
            if overload.isPolymorphic {
                let instance = unifier.instantiate(overload)
                guard unifier.assign(argumentTypes, to: instance.parameters) else { continue }
                type = unifier.resolve(instance.result)
            } else {
                guard unifier.assign(argumentTypes, to: overload.parameters) else { continue }
                type = overload.result
            }
            if let known = result {
                // Several overloads fit: only a dynamic argument allows that, and then the result is as open.
                if known != type { result = .dyn }
            } else {
                result = type
            }
        }
        if let result { return result }
        let resolved = argumentTypes.map { unifier.resolve($0, final: true) }
        if resolved.contains(.error) { return .error }
        reportMismatch(id, function, resolved, isMember: isMember)
        return .error
    }

    private mutating func reportMismatch(
        _ id: ExprID, _ function: String, _ types: [CELType], isMember: Bool
    ) {
        var suggestion: String?
        if function == "@in", types.count == 2, types[1] == .string, types[0] == .string {
            suggestion = "contains()"
        }
        if let symbol = Operators.symbol(function) {
            let shown = types.count == 1 ? "\(symbol)\(types[0])" : "\(types[0]) \(symbol) \(types[1])"
            report(
                function == "_[_]"
                    ? "a \(types[0]) cannot be indexed by a \(types[1])" : "no operator for '\(shown)'",
                id, suggestion: suggestion)
            return
        }
        let list = (isMember ? types.dropFirst() : types[...]).map(\.description).joined(separator: ", ")
        let shown = isMember ? "\(types[0]).\(function)(\(list))" : "\(function)(\(list))"
        report("no matching overload for '\(shown)'", id)
    }
}
