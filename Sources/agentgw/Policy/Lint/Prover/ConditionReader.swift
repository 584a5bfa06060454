// From a rule's tree to the condition that the prover works on. What it does not understand becomes a test of its own,
// about which nothing is assumed.

import Auth
import CEL

struct ConditionReader {
    let view: RuleView
    let space: ConditionSpace

    static func read(_ rule: PolicyRule, in space: ConditionSpace) -> Condition {
        let view = RuleView(rule)
        return ConditionReader(view: view, space: space).condition(view.ast.root)
    }

    func condition(_ id: ExprID) -> Condition {
        let ast = view.ast
        if let call = view.macro(id) { return macro(call, id) }
        switch ast[id] {
        case .literal(.bool(let value)): return .constant(Truth(value))
        case .call("_&&_", nil, _): return .all(view.operands("_&&_", id).map(condition))
        case .call("_||_", nil, _): return .any(view.operands("_||_", id).map(condition))
        case .call("!_", nil, let operands): return .not(condition(operands[0]))
        case .call("_?_:_", nil, let operands):
            return .choice(condition(operands[0]), condition(operands[1]), condition(operands[2]))
        case .select(_, _, true, _):
            guard let path = path(id) else { return opaque(id) }
            return space.test(subject(of: path, type: .dyn), .present)
        case .call(let function, nil, let operands) where operands.count == 2:
            return binary(function, operands[0], operands[1], id)
        case .call(let function, let target?, let arguments) where arguments.count == 1:
            return method(function, target, arguments[0], id)
        case .ident, .select, .call("_[_]", _, _): return space.test(subject(id), .isTrue)
        default: return opaque(id)
        }
    }

    private func opaque(_ id: ExprID) -> Condition {
        let key = "? " + view.ast.unparsed(id)
        return space.test(
            space.subject(key) { ConditionSubject(key: key, kind: .bool, mayBeAbsent: true, mayPresenceFail: false) },
            .opaque)
    }

    // MARK: Shapes

    private func binary(_ function: String, _ a: ExprID, _ b: ExprID, _ id: ExprID) -> Condition {
        switch function {
        case "_==_": return equality(a, b, id)
        case "_!=_": return .not(equality(a, b, id))
        case "_<_": return order(.below, a, b, id) ?? order(.above, b, a, id) ?? opaque(id)
        case "_<=_": return order(.atMost, a, b, id) ?? order(.atLeast, b, a, id) ?? opaque(id)
        case "_>_": return order(.above, a, b, id) ?? order(.below, b, a, id) ?? opaque(id)
        case "_>=_": return order(.atLeast, a, b, id) ?? order(.atMost, b, a, id) ?? opaque(id)
        case "@in": return membership(a, b) ?? opaque(id)
        case "matches": return method("matches", a, b, id)
        case "_[_]": return space.test(subject(id), .isTrue)
        default: return opaque(id)
        }
    }

    private func equality(_ a: ExprID, _ b: ExprID, _ id: ExprID) -> Condition {
        if let constant = constant(b), self.constant(a) == nil { return space.test(subject(a), .equals(constant)) }
        if let constant = constant(a), self.constant(b) == nil { return space.test(subject(b), .equals(constant)) }
        guard constant(a) == nil, constant(b) == nil, isTerm(a), isTerm(b) else { return opaque(id) }
        let (first, second) = (key(a), key(b))
        let isSame = first == second
        let key = isSame ? "= \(first)" : "? " + [first, second].sorted().joined(separator: " == ")
        let subject = space.subject(key) {
            ConditionSubject(key: key, kind: .bool, mayBeAbsent: mayBeAbsent(a), mayPresenceFail: false)
        }
        return space.test(subject, isSame ? .same : .opaque)
    }

    private func order(_ order: ConditionTest.Order, _ a: ExprID, _ b: ExprID, _ id: ExprID) -> Condition? {
        guard case .number(let bound)? = constant(b), constant(a) == nil else { return nil }
        return space.test(subject(a), .order(order, bound))
    }

    private func membership(_ element: ExprID, _ container: ExprID) -> Condition? {
        if case .list(let elements, let optional) = view.ast[container], optional.isEmpty, constant(element) == nil {
            let constants = elements.compactMap(constant)
            guard constants.count == elements.count else { return nil }
            return constants.isEmpty
                ? .constant(.no)
                : space.test(subject(element), constants.count == 1 ? .equals(constants[0]) : .oneOf(constants))
        }
        guard let constant = constant(element), isTerm(container) else { return nil }
        if case .text(let name) = constant, view.isMap(container), var path = path(container) {
            let key = String(decoding: name, as: UTF8.self)
            path.names.append(path.names == ["headers"] ? key.asciiLowercased : key)
            return space.test(subject(of: path, type: .dyn), .present)
        }
        return space.test(subject(container), .member(constant))
    }

    private func method(_ function: String, _ target: ExprID, _ argument: ExprID, _ id: ExprID) -> Condition {
        guard constant(target) == nil, isTerm(target) else { return opaque(id) }
        if function == "contains", let constant = constant(argument) {
            return space.test(subject(target), .contains(constant))
        }
        guard let text = view.text(argument) else { return opaque(id) }
        switch function {
        case "startsWith": return space.test(subject(target), .startsWith(text))
        case "endsWith": return space.test(subject(target), .endsWith(text))
        case "matches": return space.test(subject(target), .matches(text))
        default: return opaque(id)
        }
    }

    /// `x.exists(e, e == "a")` is `"a" in x`.
    private func macro(_ call: MacroCall, _ id: ExprID) -> Condition {
        guard call.function == "exists", call.arguments.count == 2, let target = call.target, isTerm(target),
            case .ident(let variable) = view.ast[call.arguments[0]],
            case .call("_==_", nil, let operands) = view.ast[call.arguments[1]]
        else { return opaque(id) }
        for (a, b) in [(operands[0], operands[1]), (operands[1], operands[0])] {
            if case .ident(variable) = view.ast[a], let constant = constant(b), !view.isMap(target) {
                return space.test(subject(target), .member(constant))
            }
        }
        return opaque(id)
    }

    // MARK: Values

    /// An attribute that is read plainly: an optional one is a value of another kind.
    private func path(_ id: ExprID) -> AttributePath? {
        var inner = id
        while true {
            switch view.ast[inner] {
            case .select(_, _, _, true), .call("_[?_]", _, _): return nil
            case .select(let operand, _, _, false): inner = operand
            case .call("_[_]", nil, let operands): inner = operands[0]
            default: return view.path(id)
            }
        }
    }

    private func constant(_ id: ExprID) -> ConditionTest.Constant? {
        guard case .literal(let literal) = view.ast[id] else { return nil }
        switch literal {
        case .null: return .null
        case .bool(let value): return .bool(value)
        // Beyond 2^53 a double does not tell neighbours apart.
        case .int(let value): return value.magnitude <= 1 << 53 ? .number(Double(value)) : nil
        case .uint(let value): return value <= 1 << 53 ? .number(Double(value)) : nil
        case .double(let value): return value.isFinite ? .number(value) : nil
        case .string(let text): return .text(Array(text.utf8))
        case .bytes: return nil
        }
    }

    /// Whether a node is a value in itself, not a literal of a kind that is not compared here.
    private func isTerm(_ id: ExprID) -> Bool {
        switch view.ast[id] {
        case .literal, .list, .map, .message: false
        default: true
        }
    }

    private func key(_ id: ExprID) -> String { path(id)?.description ?? view.ast.unparsed(id) }

    private func subject(_ id: ExprID) -> Int {
        if let path = path(id) { return subject(of: path, type: view.type(id)) }
        let key = view.ast.unparsed(id)
        return space.subject(key) {
            ConditionSubject(
                key: key, kind: Self.kind(view.type(id)), mayBeAbsent: true, mayPresenceFail: true)
        }
    }

    private func subject(of path: AttributePath, type: CELType) -> Int {
        space.subject(path.description) {
            ConditionSubject(
                key: path.description, kind: GatewayPresence.isTyped(path) ? Self.kind(type) : .any,
                mayBeAbsent: !GatewayPresence.isAlwaysThere(path),
                mayPresenceFail: GatewayPresence.mayParentBeAbsent(path))
        }
    }

    private func mayBeAbsent(_ id: ExprID) -> Bool {
        path(id).map { !GatewayPresence.isAlwaysThere($0) } ?? true
    }

    private static func kind(_ type: CELType) -> ConditionSubject.Kind {
        switch type {
        case .string: .text
        case .int, .uint, .double: .number
        case .bool: .bool
        default: .any
        }
    }
}

/// The names of scopes in rules.
enum ScopeWord {
    static let macro = "hasScope"
}

/// Which attributes are there for every request, and of the type that is declared.
enum GatewayPresence {
    private static let always: Set<String> = [
        "request", "request.method", "request.scheme", "request.host", "request.path", "request.query",
        "request.pathAndQuery", "request.uri", "request.version", "request.startTime", "request.headers", "source",
        "source.address", "source.port", "source.tls", "destination", "destination.address", "destination.port", "jwt",
        "jwt.scopes", "apiKey", "env", "mcp", "mcp.method", "mcp.methodName", "a2a", "a2a.method",
    ]

    static func isAlwaysThere(_ path: AttributePath) -> Bool { always.contains(path.description) }

    /// Claims, headers and arguments are what a client or an issuer makes them.
    static func isTyped(_ path: AttributePath) -> Bool {
        switch path.root {
        case "request": path.names.count == 1 && path.names[0] != "headers"
        case "source", "destination": true
        case "mcp":
            path.names.count == 1 || (path.names.count == 2 && !["arguments", "annotations"].contains(path.names[1]))
        default: false
        }
    }

    /// Whether `has()` of the attribute may be an error.
    static func mayParentBeAbsent(_ path: AttributePath) -> Bool {
        guard path.names.count > 1 else { return false }
        return !isAlwaysThere(AttributePath(root: path.root, names: path.names.dropLast()))
    }
}
