// What makes a rule true, as far as its parts compare an attribute with a literal: a request to begin a search from, where
// those of the tests are far away.

import Auth
import CEL

struct SatisfyingEdits {
    private let checked: CheckedExpression
    private var ast: AST { checked.ast }
    private(set) var edits: [WitnessSearch.Edit] = []

    /// One edit for each attribute, in the order of the text.
    static func of(_ program: Program) -> [WitnessSearch.Edit] {
        var made = SatisfyingEdits(checked: program.checked)
        made.want(true, program.checked.ast.root)
        return made.edits
    }

    private init(checked: CheckedExpression) { self.checked = checked }

    private mutating func want(_ wanted: Bool, _ id: ExprID) {
        if case .select(let operand, let field, true, _) = ast[id] { return has(wanted, operand, field) }
        if let macro = ast.macroCalls[id] { return want(wanted, macro) }
        guard case .call(let function, let target, let arguments) = ast[id] else {
            if let path = checked.attributePath(of: id), checked.types[Int(id.index)] == .bool {
                set(path, .bool(wanted))
            }
            return
        }
        switch (function, arguments.count) {
        case ("_&&_", 2): for argument in wanted ? arguments : [arguments[0]] { want(wanted, argument) }
        case ("_||_", 2): for argument in wanted ? [arguments[0]] : arguments { want(wanted, argument) }
        case ("!_", 1): want(!wanted, arguments[0])
        case ("_?_:_", 3):
            want(true, arguments[0])
            want(wanted, arguments[1])
        case ("_==_", 2), ("_!=_", 2): equal(arguments, wanted == (function == "_==_"))
        case ("_<_", 2), ("_<=_", 2), ("_>_", 2), ("_>=_", 2): order(function, arguments, wanted)
        case ("@in", 2): member(arguments, wanted)
        case ("startsWith", 1), ("endsWith", 1), ("contains", 1):
            guard let target, let path = checked.attributePath(of: target),
                case .string(let text)? = literal(arguments[0])
            else { return }
            set(path, .string(wanted ? text : Self.other))
        default: break
        }
    }

    /// A text that no rule asks for.
    private static let other = "other"

    private mutating func has(_ wanted: Bool, _ operand: ExprID, _ field: String) {
        guard var path = checked.attributePath(of: operand) else { return }
        path.names.append(field)
        // A message is about a tool by naming it.
        if path.root == "mcp", path.names.count == 1 { path.names.append(field == "resource" ? "uri" : "name") }
        if !edits.contains(where: { $0.path == path }) { set(path, wanted ? .string(Self.other) : nil) }
    }

    private mutating func equal(_ operands: [ExprID], _ wanted: Bool) {
        for (one, two) in [(operands[0], operands[1]), (operands[1], operands[0])] {
            guard let path = checked.attributePath(of: one), let value = literal(two) else { continue }
            switch value {
            case _ where wanted: set(path, value)
            case .bool(let flag): set(path, .bool(!flag))
            case .int(let number): set(path, .int(number &+ 1))
            default: set(path, .string(Self.other))
            }
            return
        }
    }

    private mutating func order(_ function: String, _ operands: [ExprID], _ wanted: Bool) {
        let isLess = function.hasPrefix("_<")
        let hasEqual = function.hasSuffix("=_")
        for (one, two, isTurned) in [(operands[0], operands[1], false), (operands[1], operands[0], true)] {
            guard let path = checked.attributePath(of: one), let value = literal(two) else { continue }
            // The nearest that is on the wanted side.
            let below = (isLess != isTurned) == wanted
            let step: Int64 = hasEqual == wanted ? 0 : below ? -1 : 1
            switch value {
            case .int(let number): set(path, .int(number &+ step))
            case .double(let number): set(path, .double(number + Double(step)))
            default: break
            }
            return
        }
    }

    private mutating func member(_ operands: [ExprID], _ wanted: Bool) {
        if let path = checked.attributePath(of: operands[1]), let value = literal(operands[0]) {
            return append(path, wanted ? value : .string(Self.other))
        }
        guard let path = checked.attributePath(of: operands[0]), case .list(let elements, _) = ast[operands[1]],
            let first = elements.first, let value = literal(first)
        else { return }
        set(path, wanted ? value : .string(Self.other))
    }

    private mutating func want(_ wanted: Bool, _ macro: MacroCall) {
        guard let target = macro.target else {
            if macro.function == "hasScope", let argument = macro.arguments.last,
                case .string(let scope)? = literal(argument)
            {
                append(AttributePath(root: "jwt", names: ["scopes"]), .string(wanted ? scope : Self.other))
            }
            return
        }
        guard ["exists", "all"].contains(macro.function), macro.arguments.count == 2,
            case .ident(let variable) = ast[macro.arguments[0]]
        else { return }
        if let path = checked.attributePath(of: target) {
            // The element that the body compares.
            for case .call(let function, let owner, let operands) in body(macro.arguments[1]) {
                let (one, two) =
                    owner.map { ($0, operands[0]) } ?? (operands[0], operands.count > 1 ? operands[1] : operands[0])
                guard case .ident(variable) = ast[one], let value = literal(two),
                    ["_==_", "startsWith", "endsWith", "contains"].contains(function)
                else { continue }
                return append(path, wanted ? value : .string(Self.other))
            }
        } else if case .list(let elements, _) = ast[target], let first = elements.first, let value = literal(first) {
            for case .call("@in", nil, let operands) in body(macro.arguments[1]) {
                guard case .ident(variable) = ast[operands[0]], let path = checked.attributePath(of: operands[1]) else {
                    continue
                }
                return append(path, wanted ? value : .string(Self.other))
            }
        }
    }

    /// The calls of a macro's body that are joined by `&&`.
    private func body(_ id: ExprID) -> [Expr] {
        if case .call("_&&_", nil, let arguments) = ast[id] { return arguments.flatMap(body) }
        return [ast[id]]
    }

    private func literal(_ id: ExprID) -> MetadataValue? {
        guard case .literal(let literal) = ast[id] else { return nil }
        switch literal {
        case .string(let text): return .string(text)
        case .int(let value): return .int(value)
        case .uint(let value): return Int64(exactly: value).map { .int($0) }
        case .double(let value): return .double(value)
        case .bool(let value): return .bool(value)
        case .null, .bytes: return nil
        }
    }

    private mutating func set(_ path: AttributePath, _ value: MetadataValue?) {
        if let index = edits.firstIndex(where: { $0.path == path }) {
            edits[index].value = value
        } else {
            edits.append(WitnessSearch.Edit(path: path, value: value))
        }
    }

    /// One more element of a list; scopes are elements by themselves.
    private mutating func append(_ path: AttributePath, _ value: MetadataValue) {
        if path.names == ["scopes"] { return set(path, value) }
        guard let index = edits.firstIndex(where: { $0.path == path }), case .list(let known)? = edits[index].value
        else {
            return set(path, .list([value]))
        }
        edits[index].value = .list(known + [value])
    }
}
