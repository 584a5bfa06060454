// Attributes that a request may lack: what a rule says then is seldom what its author thought of.

import Auth
import CEL

struct AbsenceCheck: PolicyCheck {
    func findings(in subject: LintSubject) -> [Finding] {
        subject.sets.flatMap { rules -> [Finding] in
            rules.views.flatMap { view -> [Finding] in
                switch view.rule.action {
                case .deny: denials(view, rules)
                case .allow where rules.set.kind == .mcp: arguments(view, rules.authentication)
                default: []
                }
            }
        }
    }

    // MARK: A deny that errs

    private func denials(_ view: RuleView, _ rules: LintSubject.Rules) -> [Finding] {
        let guarded = view.guarded
        // Attributes that a require has, or that nobody passes without.
        let required = Set(
            rules.views.filter { $0.rule.action == .require }.flatMap { view in
                view.paths(view.ast.root).map(\.path)
            })
        var seen: Set<AttributePath> = []
        return view.parts.filter { $0.effect == .blocks && !isUnequal(view, $0.id) }.flatMap { part in
            view.paths(part.id).compactMap { id, path -> Finding? in
                guard rules.authentication.mayBeAbsent(path), !isCovered(path, guarded), !required.contains(path),
                    !isForgiven(view, part.id, id), seen.insert(path).inserted
                else { return nil }
                return view.finding(
                    .missingHas, at: id, "\(Self.lacking(path)) is denied whatever it asks for", hint: Self.hint(path))
            }
        }
    }

    private static func lacking(_ path: AttributePath) -> String {
        switch path.root {
        case "jwt": "a token without \(path)"
        case "apiKey": "a key without \(path)"
        case "request": "a request without the header \(path.names.last ?? "")"
        case "source": "a connection without a client certificate"
        default: "a request without \(path)"
        }
    }

    private static func hint(_ path: AttributePath) -> String {
        if path.root == "request", let name = path.names.last {
            return "if absent is no reason to deny, add \"\(name)\" in request.headers && before it"
        }
        return "if absent is no reason to deny, add \(guardText(path)) && before it"
    }

    /// `has(jwt.a) && has(jwt.a.b)`
    private static func guardText(_ path: AttributePath) -> String {
        (1...path.names.count).map { count in
            "has(\(AttributePath(root: path.root, names: Array(path.names.prefix(count)))))"
        }.joined(separator: " && ")
    }

    private func isUnequal(_ view: RuleView, _ id: ExprID) -> Bool {
        if case .call("_!=_", nil, _) = view.ast[id] { true } else { false }
    }

    /// Whether the rule asks for the attribute, or for what it is a part of.
    private func isCovered(_ path: AttributePath, _ guarded: Set<AttributePath>) -> Bool {
        guarded.contains { path.isWithin($0) || $0.isWithin(path) }
    }

    /// Under `has()`, `?.`, `default` and the like.
    private func isForgiven(_ view: RuleView, _ part: ExprID, _ id: ExprID) -> Bool {
        if case .select(_, _, let testOnly, let optional) = view.ast[id], testOnly || optional { return true }
        return false
    }

    // MARK: Arguments beside a claim

    private func arguments(_ view: RuleView, _ authentication: RequestAuthentication) -> [Finding] {
        let guarded = view.guarded
        var result: [Finding] = []
        for chain in view.chains("_&&_") {
            let operands = view.operands("_&&_", chain)
            let unknown = operands.filter { readsArguments(view, $0) }
            guard !unknown.isEmpty else { continue }
            for operand in operands where !unknown.contains(operand) {
                for (id, path) in view.paths(operand)
                where ["jwt", "apiKey"].contains(path.root) && authentication.mayBeAbsent(path)
                    && !isCovered(path, guarded)
                {
                    let guardText = Self.guardText(path)
                    let isSimple = view.operands("_||_", operand).count == 1 && view.path(operand) == nil
                    result.append(
                        view.finding(
                            .unguardedArgument, at: id,
                            "lists show the tool to callers without \(path), who may not call it",
                            hint: "add \(guardText) && before it",
                            fix: isSimple
                                ? view.fix(operand, "\(guardText) && \(view.source(operand))", "ask \(guardText) first")
                                : nil))
                }
            }
        }
        return result
    }

    private func readsArguments(_ view: RuleView, _ id: ExprID) -> Bool {
        view.paths(id).contains { path in
            path.path.root == "mcp" && path.path.names.count >= 2 && path.path.names[1] == "arguments"
        }
    }
}

extension RuleView {
    /// The outermost nodes of every chain of `&&` or `||`.
    func chains(_ function: String) -> [ExprID] {
        var result: [ExprID] = []
        func walk(_ id: ExprID, isInside: Bool) {
            var inside = false
            if macro(id) == nil, case .call(function, nil, _) = ast[id] {
                if !isInside { result.append(id) }
                inside = true
            }
            for child in children(id) { walk(child, isInside: inside) }
        }
        walk(ast.root, isInside: false)
        return result
    }
}
