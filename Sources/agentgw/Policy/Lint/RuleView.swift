// One rule as checks look at it: its tree, the attributes that parts of it name, and which parts let a request pass.

import Auth
import CEL

struct RuleView {
    let rule: PolicyRule

    init(_ rule: PolicyRule) { self.rule = rule }

    var checked: CheckedExpression { rule.program.checked }
    var ast: AST { checked.ast }

    func type(_ id: ExprID) -> CELType {
        let index = Int(id.index)
        return checked.types.indices.contains(index) ? checked.types[index] : .dyn
    }

    // MARK: What parts name

    /// The attribute that a node names: `jwt.sub`, `jwt["sub"]`, `has(jwt.sub)`. nil: it is something else.
    /// Names of headers are in lower case: their letter case does not count.
    func path(_ id: ExprID) -> AttributePath? {
        guard var path = checked.attributePath(of: id) else { return nil }
        if path.root == "request", path.names.count > 1, path.names[0] == "headers" {
            path.names[1] = path.names[1].asciiLowercased
        }
        return path
    }

    func text(_ id: ExprID) -> String? {
        if case .literal(.string(let text)) = ast[id] { text } else { nil }
    }

    /// The texts of a literal list, or one literal text.
    func texts(_ id: ExprID) -> [(id: ExprID, text: String)] {
        if let text = text(id) { return [(id, text)] }
        guard case .list(let elements, _) = ast[id] else { return [] }
        return elements.compactMap { element in text(element).map { (element, $0) } }
    }

    /// As it is written.
    func source(_ id: ExprID) -> String { rule.site.text(of: ast.range(of: id)) }

    /// The call of a macro, as it was written. `has` and `hasScope` are in the tree as what they are.
    func macro(_ id: ExprID) -> MacroCall? {
        guard let call = ast.macroCalls[id], call.function != "has", call.function != ScopeWord.macro else {
            return nil
        }
        return call
    }

    // MARK: Which parts do what

    /// What a request gains from a part of a rule being true.
    enum Effect {
        /// It may pass.
        case grants
        /// It is stopped.
        case blocks

        var opposite: Effect { self == .grants ? .blocks : .grants }
    }

    struct Part {
        var id: ExprID
        var effect: Effect
    }

    /// The conditions that the rule is made of, below `&&`, `||`, `!`, `?:`, `exists` and `all`, in the order of the text.
    var parts: [Part] {
        var result: [Part] = []
        collect(ast.root, rule.action == .deny ? .blocks : .grants, &result)
        return result.sorted { ast.range(of: $0.id).start < ast.range(of: $1.id).start }
    }

    private func collect(_ id: ExprID, _ effect: Effect, _ result: inout [Part]) {
        if let call = macro(id), ["exists", "all", "exists_one", "existsOne"].contains(call.function),
            let predicate = call.arguments.last
        {
            result.append(Part(id: id, effect: effect))
            return collect(predicate, effect, &result)
        }
        switch ast[id] {
        case .call("_&&_", nil, let operands), .call("_||_", nil, let operands):
            for operand in operands { collect(operand, effect, &result) }
        case .call("!_", nil, let operands): collect(operands[0], effect.opposite, &result)
        case .call("_?_:_", nil, let operands):
            result.append(Part(id: operands[0], effect: effect))
            for operand in operands.dropFirst() { collect(operand, effect, &result) }
        default: result.append(Part(id: id, effect: effect))
        }
    }

    /// The operands of `&&` or `||`, those of chains in it included.
    func operands(_ function: String, _ id: ExprID) -> [ExprID] {
        guard macro(id) == nil, case .call(function, nil, let operands) = ast[id] else { return [id] }
        return operands.flatMap { self.operands(function, $0) }
    }

    /// Every node under one, itself included; of macros what was written, not what they stand for.
    func nodes(_ id: ExprID) -> [ExprID] {
        var result: [ExprID] = []
        var pending = [id]
        while let id = pending.popLast() {
            result.append(id)
            pending += children(id).reversed()
        }
        return result
    }

    func children(_ id: ExprID) -> [ExprID] {
        if let call = macro(id) { return (call.target.map { [$0] } ?? []) + call.arguments }
        switch ast[id] {
        case .literal, .ident: return []
        case .select(let operand, _, _, _): return [operand]
        case .call(_, let target, let arguments): return (target.map { [$0] } ?? []) + arguments
        case .list(let elements, _): return elements
        case .map(let entries): return entries.flatMap { [$0.key, $0.value] }
        case .message(_, let fields): return fields.map(\.value)
        case .comprehension(let fold): return [fold.range, fold.step]
        }
    }

    /// The attributes that are named under a node, each the longest that it is.
    func paths(_ id: ExprID) -> [(id: ExprID, path: AttributePath)] {
        var result: [(ExprID, AttributePath)] = []
        var pending = [id]
        while let id = pending.popLast() {
            if let path = path(id) {
                result.append((id, path))
            } else {
                pending += children(id).reversed()
            }
        }
        return result
    }

    /// Attributes whose presence the rule asks for anywhere, with `has()` or `in`.
    var guarded: Set<AttributePath> {
        var result: Set<AttributePath> = []
        for id in nodes(ast.root) {
            switch ast[id] {
            case .select(_, _, true, _): if let path = path(id) { result.insert(path) }
            case .select(_, _, _, true): if let path = path(id) { result.insert(path) }
            case .call("@in", nil, let operands):
                if let key = text(operands[0]), var path = path(operands[1]), isMap(operands[1]) {
                    path.names.append(path.names == ["headers"] ? key.asciiLowercased : key)
                    result.insert(path)
                }
            case .call("_[?_]", nil, _): if let path = path(id) { result.insert(path) }
            // They forgive what is absent.
            case .call("default", nil, let arguments), .call("coalesce", nil, let arguments):
                for argument in arguments { result.formUnion(paths(argument).map(\.path)) }
            default: break
            }
        }
        return result
    }

    func isMap(_ id: ExprID) -> Bool {
        if case .map = type(id) { return true }
        if case .object = type(id) { return true }
        return false
    }

    // MARK: Findings

    func finding(
        _ rule: LintRule, at id: ExprID, _ message: String, hint: String? = nil, fix: Fix? = nil
    ) -> Finding {
        finding(rule, ast.range(of: id), message, hint: hint, fix: fix)
    }

    func finding(
        _ lint: LintRule, _ range: SourceRange, _ message: String, hint: String? = nil, fix: Fix? = nil
    ) -> Finding {
        Finding(
            rule: lint.id, severity: lint.severity, position: rule.site.start(of: range), end: rule.site.end(of: range),
            message: message, hint: hint, fix: fix)
    }

    /// Of the whole rule.
    func finding(_ lint: LintRule, _ message: String, hint: String? = nil, fix: Fix? = nil) -> Finding {
        finding(lint, SourceRange(0, rule.site.text.utf8.count), message, hint: hint, fix: fix)
    }

    /// A change of one part. nil: the notation cannot take it.
    func fix(_ id: ExprID, _ replacement: String, _ summary: String? = nil) -> Fix? {
        rule.site.edit(replacing: ast.range(of: id), with: replacement).map {
            Fix(summary: summary ?? "write \(replacement)", edits: [$0])
        }
    }
}

extension AttributePath {
    init(_ text: String) {
        let parts = text.split(separator: ".").map(String.init)
        self.init(root: parts.first ?? "", names: Array(parts.dropFirst()))
    }

    /// Whether it is `other` or a part of it.
    func isWithin(_ other: AttributePath) -> Bool { root == other.root && names.starts(with: other.names) }
}
