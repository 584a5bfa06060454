// Makes the mutants of a rule by changing its text at the places of its tree, so that a mutant is a rule that somebody could
// have written.

import Auth
import CEL

struct MutantGenerator {
    private let rule: PolicyRule
    private let set: Int
    private let ast: AST
    private let source: [UInt8]
    private var changes: [(kind: String, range: SourceRange, text: String)] = []

    /// Every mutant of a rule that compiles and differs.
    static func mutants(of rule: PolicyRule, in ruleSet: PolicyRuleSet, set: Int) -> [Mutant] {
        var generator = MutantGenerator(rule, set)
        generator.visit(rule.program.checked.ast.root)
        let whole = SourceRange(0, rule.expression.utf8.count)
        var mutants: [Mutant] = []
        func add(_ kind: String, _ change: Mutant.Change) {
            mutants.append(Mutant(kind: kind, rule: rule, set: set, change: change, range: whole))
        }
        add("drop rule", .dropped)
        switch rule.action {
        case .allow: add("swap allow and deny", .action(.deny))
        case .deny: add("swap allow and deny", .action(.allow))
        case .require: add("require becomes allow", .action(.allow))
        }
        var seen: Set<String> = [rule.expression]
        for change in generator.changes {
            let text = generator.spliced(change.range, change.text)
            guard seen.insert(text).inserted, let program = try? ruleSet.compiled.compile(text),
                !program.checked.ast.isEquivalent(to: rule.program.checked.ast)
            else { continue }
            mutants.append(
                Mutant(
                    kind: change.kind, rule: rule, set: set, change: .expression(text), range: change.range,
                    program: program))
        }
        return mutants
    }

    private init(_ rule: PolicyRule, _ set: Int) {
        self.rule = rule
        self.set = set
        ast = rule.program.checked.ast
        source = Array(rule.expression.utf8)
    }

    private func text(_ id: ExprID) -> String {
        let range = ast.range(of: id)
        return String(decoding: source[Int(range.start)..<Int(range.end)], as: UTF8.self)
    }

    /// An operand that keeps its meaning wherever it is put.
    private func operand(_ id: ExprID) -> String {
        if ast.macroCalls[id] == nil, case .call(let function, nil, let arguments) = ast[id],
            arguments.count > 1, function.hasPrefix("_") && !function.hasPrefix("_[") || function == "@in"
        {
            return "(\(text(id)))"
        }
        return text(id)
    }

    private func spliced(_ range: SourceRange, _ text: String) -> String {
        String(
            decoding: source[..<Int(range.start)] + Array(text.utf8) + source[Int(range.end)...], as: UTF8.self)
    }

    private mutating func change(_ kind: String, _ id: ExprID, _ text: String) {
        changes.append((kind, ast.range(of: id), text))
    }

    // MARK: Walking what was written

    private mutating func visit(_ id: ExprID) {
        if let macro = ast.macroCalls[id] {
            mutate(macro, id)
            if let target = macro.target { visit(target) }
            // The names of a fold's variables are no expressions.
            let names = macro.target == nil ? 0 : max(0, macro.arguments.count - 1)
            for argument in macro.arguments.dropFirst(isFold(id) ? names : 0) { visit(argument) }
            return
        }
        switch ast[id] {
        case .literal(let literal): mutate(literal, id)
        case .ident, .message, .comprehension: break
        case .select(let operand, _, let testOnly, _):
            if testOnly { change("drop has()", id, "true") }
            visit(operand)
        case .call(let function, let target, let arguments):
            mutate(function, target, arguments, id)
            if let target { visit(target) }
            for argument in arguments { visit(argument) }
        case .list(let elements, let optional):
            if optional.isEmpty, elements.count <= Self.mostElements { dropElements(elements, id) }
            for element in elements { visit(element) }
        case .map(let entries): for entry in entries { visit(entry.value) }
        }
    }

    /// Of a list whose elements are dropped one by one; longer ones are data.
    private static let mostElements = 16

    private func isFold(_ id: ExprID) -> Bool {
        if case .comprehension = ast[id] { true } else { false }
    }

    private mutating func mutate(_ macro: MacroCall, _ id: ExprID) {
        guard let target = macro.target else {
            if macro.function == "hasScope" { change("drop hasScope()", id, "true") }
            if macro.function == "has" { change("drop has()", id, "true") }
            return
        }
        let others = ["exists": "all", "all": "exists", "exists_one": "exists"]
        guard let other = others[macro.function] else { return }
        let arguments = macro.arguments.map(text).joined(separator: ", ")
        change("\(macro.function) becomes \(other)", id, "\(text(target)).\(other)(\(arguments))")
    }

    private mutating func mutate(_ function: String, _ target: ExprID?, _ arguments: [ExprID], _ id: ExprID) {
        func binary(_ symbol: String) -> String { "\(operand(arguments[0])) \(symbol) \(operand(arguments[1]))" }
        switch (function, arguments.count) {
        case ("_&&_", 2):
            change("drop conjunct", id, operand(arguments[1]))
            change("drop conjunct", id, operand(arguments[0]))
            change("flip operator", id, "(\(binary("||")))")
        case ("_||_", 2):
            change("drop alternative", id, operand(arguments[1]))
            change("drop alternative", id, operand(arguments[0]))
            change("flip operator", id, "\(binary("&&"))")
        case ("!_", 1): change("drop negation", id, operand(arguments[0]))
        case ("_?_:_", 3):
            change(
                "swap branches", id,
                "\(operand(arguments[0])) ? \(operand(arguments[2])) : \(operand(arguments[1]))")
        case ("_==_", 2): change("flip operator", id, binary("!="))
        case ("_!=_", 2): change("flip operator", id, binary("=="))
        case ("_<_", 2), ("_<=_", 2), ("_>_", 2), ("_>=_", 2):
            let symbol = String(function.dropFirst().dropLast())
            let boundary = symbol.hasSuffix("=") ? String(symbol.dropLast()) : symbol + "="
            change("move boundary", id, binary(boundary))
            let negations = ["<": ">=", "<=": ">", ">": "<=", ">=": "<"]
            change("flip operator", id, binary(negations[symbol] ?? "=="))
        case ("@in", 2): change("negate membership", id, "!(\(binary("in")))")
        case ("startsWith", 1), ("endsWith", 1):
            guard let target else { return }
            change("loosen \(function)", id, "\(text(target)).contains(\(text(arguments[0])))")
        case ("matches", 1):
            guard case .literal(.string(let pattern)) = ast[arguments[0]] else { return }
            for looser in Self.looser(pattern) {
                change("loosen regex", arguments[0], Self.quoted(looser))
            }
        default: break
        }
    }

    private static func looser(_ pattern: String) -> [String] {
        var result: [String] = []
        if pattern.hasPrefix("^") { result.append(String(pattern.dropFirst())) }
        if pattern.hasSuffix("$"), !pattern.hasSuffix("\\$") { result.append(String(pattern.dropLast())) }
        if pattern.contains("\\.") { result.append(pattern.replacing("\\.", with: ".")) }
        return result
    }

    private mutating func mutate(_ literal: Literal, _ id: ExprID) {
        switch literal {
        case .bool(let value): change("change literal", id, value ? "false" : "true")
        case .int(let value) where value < .max: change("change literal", id, "\(value + 1)")
        case .uint(let value) where value < .max: change("change literal", id, "\(value + 1)u")
        case .double(let value): change("change literal", id, "\(value + 1)")
        case .string(let text): change("change literal", id, Self.quoted(text + "x"))
        case .null, .bytes, .int, .uint: break
        }
    }

    private mutating func dropElements(_ elements: [ExprID], _ id: ExprID) {
        for index in elements.indices {
            let rest = elements.indices.filter { $0 != index }.map { text(elements[$0]) }
            change("drop element", id, "[\(rest.joined(separator: ", "))]")
        }
    }

    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
