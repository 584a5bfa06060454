// Macros: calls that stand for other expressions (language definition, "Macros", and the extension libraries). Each row
// of the table is a name, how it is called, and the expansion.

extension Parser {
    /// The names that stand for other expressions, or are called like nothing else.
    static let macroNames: Set<String> = [
        "has", "max", "min", "all", "exists", "exists_one", "existsOne", "map", "filter", "transformList",
        "transformMap",
        "transformMapEntry", "optMap", "optFlatMap", "sortBy", "with", "mapValues", "filterKeys", "default", "coalesce",
        "variables", "cel", "math",
    ]

    /// The expansion of a macro call; nil when the call is no macro.
    mutating func expandMacro(
        _ name: String, _ target: ExprID?, _ arguments: [ExprID], _ range: SourceRange
    ) throws(Failure) -> ExprID? {
        let name = name.hasPrefix(".") && target == nil ? String(name.dropFirst()) : name
        guard let target else {
            switch (name, arguments.count) {
            case ("has", 1): return try hasMacro(arguments[0], range)
            // agentgateway: the extremes without the library's name.
            case ("max", 1...): return try extremum("greatest", called: name, arguments, range)
            case ("min", 1...): return try extremum("least", called: name, arguments, range)
            default: return nil
            }
        }
        if case .ident("cel") = ast[target] { return try celMacro(name, arguments, range) }
        if case .ident("math") = ast[target], name == "greatest" || name == "least" {
            return try extremum(name, called: "math.\(name)", arguments, range)
        }
        switch (name, arguments.count) {
        case ("all", 2), ("exists", 2): return try quantifier(name, target, [arguments[0]], arguments[1], range)
        case ("all", 3), ("exists", 3):
            return try quantifier(name, target, Array(arguments[..<2]), arguments[2], range)
        case ("exists_one", 2), ("existsOne", 2): return try existsOne(target, [arguments[0]], arguments[1], range)
        case ("exists_one", 3), ("existsOne", 3):
            return try existsOne(target, Array(arguments[..<2]), arguments[2], range)
        case ("map", 2): return try mapMacro(target, arguments[0], nil, arguments[1], range)
        case ("map", 3): return try mapMacro(target, arguments[0], arguments[1], arguments[2], range)
        case ("filter", 2): return try filterMacro(target, arguments[0], arguments[1], range)
        case ("transformList", 3):
            return try transformList(target, arguments[0], arguments[1], nil, arguments[2], range)
        case ("transformList", 4):
            return try transformList(target, arguments[0], arguments[1], arguments[2], arguments[3], range)
        case ("transformMap", 3), ("transformMap", 4), ("transformMapEntry", 3), ("transformMapEntry", 4):
            let filter = arguments.count == 4 ? arguments[2] : nil
            return try transformMap(name, target, arguments[0], arguments[1], filter, arguments.last!, range)
        case ("optMap", 2), ("optFlatMap", 2): return try optionalMap(name, target, arguments, range)
        case ("sortBy", 2): return try sortBy(target, arguments, range)
        case ("with", 2): return try bind(try variable(arguments[0]), target, arguments[1], range)
        case ("mapValues", 2): return try mapValues(target, arguments, range)
        case ("filterKeys", 2): return try filterKeys(target, arguments, range)
        default: return nil
        }
    }

    /// The name of a variable that a macro declares.
    private mutating func variable(_ id: ExprID) throws(Failure) -> String {
        if case .ident(let name) = ast[id], !name.hasPrefix(".") { return name }
        throw fail("the variable of a macro must be a simple name", ast.range(of: id))
    }

    private mutating func variables(_ ids: [ExprID]) throws(Failure) -> [String] {
        var names: [String] = []
        for id in ids { names.append(try variable(id)) }
        if names.count == 2, names[0] == names[1] {
            throw fail("the two variables of a macro must have different names", ast.range(of: ids[1]))
        }
        return names
    }

    private mutating func fold(
        _ target: ExprID, _ variables: [String], _ accumulator: String, initial: ExprID, condition: ExprID,
        step: ExprID, result: ExprID, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        try add(
            .comprehension(
                Expr.Comprehension(
                    range: target, variable: variables[0], variable2: variables.count > 1 ? variables[1] : nil,
                    accumulator: accumulator, initial: initial, condition: condition, step: step, result: result)),
            range)
    }

    // MARK: Standard macros

    private mutating func hasMacro(_ argument: ExprID, _ range: SourceRange) throws(Failure) -> ExprID {
        guard case .select(let operand, let field, false, let optional) = ast[argument], !optional else {
            throw fail("has() takes a field selection, as in has(a.b)", ast.range(of: argument))
        }
        return try add(.select(operand: operand, field: field, testOnly: true, optional: false), range)
    }

    private mutating func quantifier(
        _ name: String, _ target: ExprID, _ names: [ExprID], _ predicate: ExprID, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let isAll = name == "all"
        let variables = try variables(names)
        let accumulator = freshAccumulator()
        var running = try ident(accumulator, range)
        if !isAll { running = try call("!_", [running], range) }
        return try fold(
            target, variables, accumulator, initial: try literal(.bool(isAll), range),
            condition: try call("@not_strictly_false", [running], range),
            step: try call(isAll ? "_&&_" : "_||_", [try ident(accumulator, range), predicate], range),
            result: try ident(accumulator, range), range)
    }

    private mutating func existsOne(
        _ target: ExprID, _ names: [ExprID], _ predicate: ExprID, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let variables = try variables(names)
        let accumulator = freshAccumulator()
        let one = try literal(.int(1), range)
        let counted = try call("_+_", [try ident(accumulator, range), one], range)
        return try fold(
            target, variables, accumulator, initial: try literal(.int(0), range),
            condition: try literal(.bool(true), range),
            step: try call("_?_:_", [predicate, counted, try ident(accumulator, range)], range),
            result: try call("_==_", [try ident(accumulator, range), try literal(.int(1), range)], range), range)
    }

    /// `accu + [element]`, or with a filter `filter ? accu + [element] : accu`.
    private mutating func appending(
        _ accumulator: String, _ element: ExprID, _ filter: ExprID?, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let one = try add(.list(elements: [element], optional: []), range)
        let longer = try call("_+_", [try ident(accumulator, range), one], range)
        guard let filter else { return longer }
        return try call("_?_:_", [filter, longer, try ident(accumulator, range)], range)
    }

    private mutating func listFold(
        _ target: ExprID, _ variables: [String], element: ExprID, filter: ExprID?, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let accumulator = freshAccumulator()
        return try fold(
            target, variables, accumulator, initial: try add(.list(elements: [], optional: []), range),
            condition: try literal(.bool(true), range),
            step: try appending(accumulator, element, filter, range), result: try ident(accumulator, range), range)
    }

    private mutating func mapMacro(
        _ target: ExprID, _ name: ExprID, _ filter: ExprID?, _ element: ExprID, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        try listFold(target, [try variable(name)], element: element, filter: filter, range)
    }

    private mutating func filterMacro(
        _ target: ExprID, _ name: ExprID, _ predicate: ExprID, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let variable = try variable(name)
        let element = try ident(variable, ast.range(of: name))
        return try listFold(target, [variable], element: element, filter: predicate, range)
    }

    // MARK: Two variables

    private mutating func transformList(
        _ target: ExprID, _ first: ExprID, _ second: ExprID, _ filter: ExprID?, _ element: ExprID,
        _ range: SourceRange
    ) throws(Failure) -> ExprID {
        try listFold(target, try variables([first, second]), element: element, filter: filter, range)
    }

    /// Builds a map by `cel.@mapInsert(accu, key, value)` or `cel.@mapInsert(accu, entries)`.
    private mutating func mapFold(
        _ target: ExprID, _ variables: [String], inserting arguments: [ExprID], filter: ExprID?, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let accumulator = freshAccumulator()
        var step = try call("cel.@mapInsert", [try ident(accumulator, range)] + arguments, range)
        if let filter { step = try call("_?_:_", [filter, step, try ident(accumulator, range)], range) }
        return try fold(
            target, variables, accumulator, initial: try add(.map([]), range),
            condition: try literal(.bool(true), range), step: step, result: try ident(accumulator, range), range)
    }

    private mutating func transformMap(
        _ name: String, _ target: ExprID, _ first: ExprID, _ second: ExprID, _ filter: ExprID?, _ value: ExprID,
        _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let variables = try variables([first, second])
        let arguments = name == "transformMap" ? [try ident(variables[0], ast.range(of: first)), value] : [value]
        return try mapFold(target, variables, inserting: arguments, filter: filter, range)
    }

    /// agentgateway: `m.mapValues(v, e)`.
    private mutating func mapValues(
        _ target: ExprID, _ arguments: [ExprID], _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let value = try variable(arguments[0])
        let key = "@key"
        return try mapFold(
            target, [key, value], inserting: [try ident(key, range), arguments[1]], filter: nil, range)
    }

    /// agentgateway: `m.filterKeys(k, p)`.
    private mutating func filterKeys(
        _ target: ExprID, _ arguments: [ExprID], _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let key = try variable(arguments[0])
        let value = "@value"
        return try mapFold(
            target, [key, value], inserting: [try ident(key, range), try ident(value, range)], filter: arguments[1],
            range)
    }

    // MARK: Bindings, optionals, blocks, sorting

    /// A fold over nothing whose accumulator is the bound value.
    private mutating func bind(
        _ name: String, _ value: ExprID, _ body: ExprID, _ range: SourceRange
    ) throws(Failure) -> ExprID {
        try fold(
            try add(.list(elements: [], optional: []), range), ["#unused"], name, initial: value,
            condition: try literal(.bool(false), range), step: try ident(name, range), result: body, range)
    }

    private mutating func celMacro(
        _ name: String, _ arguments: [ExprID], _ range: SourceRange
    ) throws(Failure) -> ExprID? {
        switch (name, arguments.count) {
        case ("bind", 3):
            return try bind(try variable(arguments[0]), arguments[1], arguments[2], range)
        case ("block", 2):
            guard case .list(let values, _) = ast[arguments[0]] else {
                throw fail("cel.block() takes a list of values first", ast.range(of: arguments[0]))
            }
            var body = arguments[1]
            // An expansion is a node of its own: the macro's call is kept beside it.
            if values.isEmpty { body = try bind("@index", try literal(.null, range), body, range) }
            for (index, value) in values.enumerated().reversed() {
                body = try bind("@index\(index)", value, body, range)
            }
            return body
        case ("index", 1):
            guard case .literal(.int(let index)) = ast[arguments[0]], index >= 0 else {
                throw fail("cel.index() takes a number", ast.range(of: arguments[0]))
            }
            return try ident("@index\(index)", range)
        case ("iterVar", 2), ("accuVar", 2):
            guard case .literal(.int(let depth)) = ast[arguments[0]],
                case .literal(.int(let index)) = ast[arguments[1]], depth >= 0, index >= 0
            else { throw fail("cel.\(name)() takes two numbers", range) }
            return try ident("@\(name == "iterVar" ? "it" : "ac"):\(depth):\(index)", range)
        default: return nil
        }
    }

    private mutating func extremum(
        _ name: String, called: String, _ arguments: [ExprID], _ range: SourceRange
    ) throws(Failure) -> ExprID {
        guard !arguments.isEmpty else { throw fail("\(called)() takes at least one argument", range) }
        for argument in arguments {
            let isNumber: Bool
            switch ast[argument] {
            case .literal(.int), .literal(.uint), .literal(.double): isNumber = true
            case .literal, .map, .message: isNumber = false
            case .list(let elements, _):
                isNumber =
                    arguments.count == 1 && !elements.isEmpty
                    && elements.allSatisfy { id in
                        switch ast[id] {
                        case .literal(.int), .literal(.uint), .literal(.double): true
                        case .literal, .list, .map, .message: false
                        default: true
                        }
                    }
            default: isNumber = true
            }
            guard isNumber else {
                throw fail("\(called)() takes numbers, or a list of them", ast.range(of: argument))
            }
        }
        let function = name == "greatest" ? "math.@max" : "math.@min"
        if arguments.count <= 2 { return try call(function, arguments, range) }
        return try call(function, [try add(.list(elements: arguments, optional: []), range)], range)
    }

    private mutating func optionalMap(
        _ name: String, _ target: ExprID, _ arguments: [ExprID], _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let variable = try variable(arguments[0])
        // The target is used twice; it is bound so that it is evaluated once.
        let held = freshAccumulator() + "opt"
        let value = try call("value", [], range, target: try ident(held, range))
        var mapped = try bind(variable, value, arguments[1], range)
        if name == "optMap" { mapped = try call("optional.of", [mapped], range) }
        let has = try call("hasValue", [], range, target: try ident(held, range))
        let none = try call("optional.none", [], range)
        return try bind(held, target, try call("_?_:_", [has, mapped, none], range), range)
    }

    private mutating func sortBy(
        _ target: ExprID, _ arguments: [ExprID], _ range: SourceRange
    ) throws(Failure) -> ExprID {
        let keys = try listFold(target, [try variable(arguments[0])], element: arguments[1], filter: nil, range)
        return try call("@sortByAssociatedKeys", [keys], range, target: target)
    }
}
