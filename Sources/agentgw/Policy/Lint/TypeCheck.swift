// What can only be an error or never be true because of what kind of value it is about, where the type checker has to
// take any kind: claims, headers, literals that functions refuse.

import Auth
import CEL

struct TypeCheck: PolicyCheck {
    private enum Kind: String {
        case text, number, list, timestamp
    }

    /// Of claims whose kind a specification gives.
    private static let claims: [String: Kind] = [
        "iss": .text, "sub": .text, "jti": .text, "azp": .text, "client_id": .text, "scope": .text, "email": .text,
        "preferred_username": .text, "name": .text, "nonce": .text, "exp": .number, "iat": .number, "nbf": .number,
        "auth_time": .number, "scopes": .list,
    ]
    private static let textFunctions: Set = [
        "startsWith", "endsWith", "matches", "lowerAscii", "upperAscii", "split", "substring", "replace", "trim",
    ]
    private static let zoned: Set = [
        "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes",
    ]

    func findings(in subject: LintSubject) -> [Finding] {
        subject.views.flatMap { view in view.nodes(view.ast.root).flatMap { node(view, $0) } + constants(view) }
            + mixtures(subject.views)
    }

    private func kind(_ view: RuleView, _ id: ExprID) -> Kind? {
        switch view.type(id) {
        case .string: return .text
        case .int, .uint, .double: return .number
        case .list: return .list
        case .timestamp: return .timestamp
        default: break
        }
        guard let path = view.path(id), path.root == "jwt", path.names.count == 1 else { return nil }
        return Self.claims[path.names[0]]
    }

    private func isClaim(_ view: RuleView, _ id: ExprID) -> Bool { view.path(id)?.root == "jwt" }

    private func node(_ view: RuleView, _ id: ExprID) -> [Finding] {
        switch view.ast[id] {
        case .call("!_", nil, let operands):
            guard case .call("!_", nil, let inner) = view.ast[operands[0]], view.macro(operands[0]) == nil else {
                return []
            }
            return [
                view.finding(
                    .doubleNegation, at: id, "two negations are none here, and one in agentgateway",
                    hint: "write \(view.source(inner[0]))", fix: view.fix(id, view.source(inner[0]), "drop both"))
            ]
        case .call(let function, let target?, let arguments) where Self.zoned.contains(function) && arguments.isEmpty:
            guard view.type(target) == .timestamp else { return [] }
            return [
                view.finding(
                    .utcTime, at: id, "without a time zone this is UTC",
                    hint: "name the zone, UTC as well: \(function)(\"Europe/Berlin\")")
            ]
        case .call(let function, let target?, _) where Self.textFunctions.contains(function):
            guard isClaim(view, target), let kind = kind(view, target), kind != .text else { return [] }
            return [
                view.finding(
                    .alwaysError, at: id,
                    "\(view.source(target)) is a \(kind.rawValue), and \(function)() is for texts",
                    hint: kind == .list ? "ask its elements: \"…\" in \(view.source(target))" : nil)
            ]
        case .call("@in", nil, let operands) where operands.count == 2 && view.macro(id) == nil:
            return membership(view, id, operands)
        case .call("_[_]", nil, let operands), .call("_[?_]", nil, let operands):
            return field(view, operands)
        case .call(let function, nil, let operands) where operands.count == 2:
            return comparison(view, id, function, operands)
        default: return []
        }
    }

    private func field(_ view: RuleView, _ operands: [ExprID]) -> [Finding] {
        guard operands.count == 2, case .object(let name) = view.type(operands[0]), let key = view.text(operands[1]),
            let record = view.checked.environment.records[name], !record.isOpen, record.fields[key] == nil
        else { return [] }
        return [
            view.finding(
                .unknownField, at: operands[1],
                "\(name) has no field \"\(Excerpt.of(key))\""
                    + Suggestion.hint(for: key, among: record.fields.keys.sorted()))
        ]
    }

    private func membership(_ view: RuleView, _ id: ExprID, _ operands: [ExprID]) -> [Finding] {
        guard isClaim(view, operands[1]), kind(view, operands[1]) == .text,
            view.path(operands[1])?.names.last != "scopes"
        else { return [] }
        let isScope = view.path(operands[1])?.description == "jwt.scope"
        let scope = view.text(operands[0]).flatMap { PartialTextCheck.isScope($0) ? $0 : nil }
        let right = "hasScope(\(scope.map(LiteralSpelling.quoted) ?? "…"))"
        return [
            view.finding(
                .stringIn, at: id, "\(view.source(operands[1])) is a text, in which nothing can be looked for with in",
                hint: isScope ? "ask \(right)" : "compare with ==, or with contains() when a part is meant",
                fix: isScope && scope != nil ? view.fix(id, right) : nil)
        ]
    }

    private func comparison(_ view: RuleView, _ id: ExprID, _ function: String, _ operands: [ExprID]) -> [Finding] {
        guard ["_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"].contains(function),
            operands.contains(where: { isClaim(view, $0) }), let a = kind(view, operands[0]),
            let b = kind(view, operands[1]), a != b
        else { return [] }
        let claim = isClaim(view, operands[0]) ? operands[0] : operands[1]
        let (own, other) = claim == operands[0] ? (a, b) : (b, a)
        let isEquality = function == "_==_" || function == "_!=_"
        var hint: String?
        if other == .timestamp { hint = "compare seconds: int(request.startTime)" }
        if own == .list { hint = "ask its elements: \"…\" in \(view.source(claim))" }
        let what = "\(view.source(claim)) is a \(own.rawValue), compared with a \(other.rawValue): "
        return [
            view.finding(
                isEquality ? .claimType : .alwaysError, at: id,
                what + (isEquality ? "never equal" : "always an error"), hint: hint)
        ]
    }

    // MARK: Literals that functions refuse

    /// Calls of literals alone, evaluated. Those that give a condition are `LogicCheck`'s.
    private func constants(_ view: RuleView) -> [Finding] {
        var result: [Finding] = []
        func walk(_ id: ExprID) {
            guard view.readsNothing(id) else { return view.children(id).forEach(walk) }
            guard case .call = view.ast[id], var failure = view.failure(id) else { return }
            // The part that the error comes from.
            var place = id
            while let inner = view.children(place).first(where: { view.failure($0) != nil }) {
                failure = view.failure(inner) ?? failure
                place = inner
            }
            result.append(view.finding(.alwaysError, at: place, "this is always an error: \(failure)"))
        }
        // Variables of macros are no attributes; bodies are walked like the rest.
        walk(view.ast.root)
        return result
    }

    // MARK: One claim, two kinds

    private func mixtures(_ views: [RuleView]) -> [Finding] {
        struct Use {
            var view: RuleView
            var id: ExprID
            var isText: Bool
        }
        var uses: [AttributePath: [Use]] = [:]
        for view in views {
            for id in view.nodes(view.ast.root) {
                guard case .call(let function, nil, let operands) = view.ast[id], operands.count == 2 else { continue }
                let pairs =
                    function == "@in"
                    ? [(operands[0], operands[1])]
                    : [
                        (operands[0], operands[1]), (operands[1], operands[0]),
                    ]
                guard ["_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"].contains(function) else { continue }
                for (value, other) in pairs {
                    guard let path = view.path(value), ["jwt", "apiKey"].contains(path.root), !path.names.isEmpty,
                        Self.claims[path.names[0]] == nil, let isText = isText(view, other)
                    else { continue }
                    uses[path, default: []].append(Use(view: view, id: id, isText: isText))
                }
            }
        }
        return uses.flatMap { path, uses -> [Finding] in
            let texts = uses.filter(\.isText)
            let numbers = uses.filter { !$0.isText }
            // A rule that asks for both in one place knows that there are both.
            guard !texts.isEmpty, !numbers.isEmpty,
                !texts.contains(where: { text in numbers.contains { $0.view.rule.position == text.view.rule.position } }
                )
            else { return [] }
            let odd = texts.count <= numbers.count ? texts : numbers
            let other = texts.count <= numbers.count ? numbers[0] : texts[0]
            let line = other.view.rule.site.start(of: other.view.ast.range(of: other.id)).line
            return odd.map { use in
                use.view.finding(
                    .numberAndText, at: use.id,
                    "\(path) is compared with a \(use.isText ? "text" : "number") here and with a "
                        + "\(use.isText ? "number" : "text") in line \(line)",
                    hint: "write what the issuer sends in both")
            }
        }
    }

    private func isText(_ view: RuleView, _ id: ExprID) -> Bool? {
        switch view.ast[id] {
        case .literal(.string): true
        case .literal(.int), .literal(.uint), .literal(.double): false
        case .list(let elements, _): elements.first.flatMap { isText(view, $0) }
        default: nil
        }
    }
}

extension RuleView {
    /// Whether nothing of the request or of a macro is read: a value that is always the same.
    func readsNothing(_ id: ExprID) -> Bool {
        !nodes(id).contains { node in
            if case .ident = ast[node] { return checked.references[safe: Int(node.index)] != nil && !isTypeName(node) }
            return false
        }
    }

    private func isTypeName(_ id: ExprID) -> Bool {
        if case .type? = checked.references[Int(id.index)] { return true }
        // The first part of a function's name.
        return checked.references[Int(id.index)] == nil
    }

    /// What a part that reads nothing comes to.
    func value(_ id: ExprID) -> Result<CELValue, EvaluationError>? {
        do throws(CompileError) {
            let program = try checked.environment.compile(ast.unparsed(id))
            do throws(EvaluationError) { return .success(try program.evaluate()) } catch { return .failure(error) }
        } catch { return nil }
    }

    func failure(_ id: ExprID) -> String? {
        if case .failure(let error)? = value(id) { return error.message }
        return nil
    }
}

extension Array {
    subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
