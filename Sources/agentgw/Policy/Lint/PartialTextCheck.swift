// Rules that compare a part of a text where the whole was meant, and so grant more than they say: a scope inside a scope, a
// path that only begins alike, a domain without the dot before it.

import Auth
import CEL

struct PartialTextCheck: PolicyCheck {
    private static let partial: Set = ["contains", "startsWith", "endsWith", "matches"]
    /// Names of claims that hold one word or a list of words that rules decide by.
    private static let single: Set = [
        "role", "group", "tenant", "tenant_id", "org", "org_id", "team", "department", "dept", "client_id", "azp",
        "sub",
        "plan", "tier", "environment", "env",
    ]
    private static let plural: Set = ["roles", "groups", "permissions", "entitlements", "authorities", "teams"]
    private static let addresses: Set = ["email", "upn", "mail"]

    func findings(in subject: LintSubject) -> [Finding] {
        subject.views.flatMap { view in scopes(view) + view.parts.flatMap { part(view, $0) } }
    }

    // MARK: Scopes

    /// Wherever it stands: no question about a part of the scope text is the right one.
    private func scopes(_ view: RuleView) -> [Finding] {
        let granting = Set(view.parts.filter { $0.effect == .grants }.map(\.id))
        return view.nodes(view.ast.root).compactMap { id in
            guard case .call(let function, let target?, let arguments) = view.ast[id], Self.partial.contains(function),
                let path = view.path(target), path.root == "jwt", ["scope", "scp"].contains(path.names.first)
            else { return nil }
            var hint = "ask for a whole scope: hasScope(\"…\")"
            var fix: Fix?
            if function == "contains", let scope = arguments.first.flatMap(view.text), Self.isScope(scope) {
                let right = "hasScope(\"\(scope)\")"
                hint = "ask for a whole scope: \(right)"
                if granting.contains(id) { fix = view.fix(id, right) }
            }
            return view.finding(
                .scopeBySubstring, at: id,
                "\(function)() on \(path) also holds for a scope that has this one as a part", hint: hint, fix: fix)
        }
    }

    /// A scope-token of RFC 6749 §3.3.
    static func isScope(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { 0x21...0x7E ~= $0 && $0 != 0x22 && $0 != 0x5C }
    }

    // MARK: What a part grants

    private func part(_ view: RuleView, _ part: RuleView.Part) -> [Finding] {
        guard case .call(let function, let target?, let arguments) = view.ast[part.id], arguments.count == 1,
            let text = view.text(arguments[0]), !text.isEmpty, part.effect == .grants,
            let path = view.path(view.withoutCase(target))
        else { return [] }
        let finding: Finding? =
            switch (path.root, path.names.first, path.names.last) {
            case ("request", "path", _), ("request", "pathAndQuery", _), ("request", "uri", _):
                path.names.count == 1 ? urlPart(view, part.id, function, target, arguments[0], text, path) : nil
            case ("request", "host", _): host(view, part.id, function, target, arguments[0], text)
            case ("request", "headers", "host"), ("request", "headers", "origin"):
                host(view, part.id, function, target, arguments[0], text)
            case ("jwt", _, let name?) where Self.addresses.contains(name):
                address(view, part.id, function, arguments[0], text)
            case ("jwt", _, let name?), ("apiKey", _, let name?):
                function == "contains" ? claim(view, part.id, target, arguments[0], path, name, text) : nil
            case ("mcp", _, _): argument(view, part.id, function, target, text, path)
            default: nil
            }
        return finding.map { [$0] } ?? []
    }

    private func urlPart(
        _ view: RuleView, _ id: ExprID, _ function: String, _ target: ExprID, _ argument: ExprID, _ text: String,
        _ path: AttributePath
    ) -> Finding? {
        let name = path.names[0]
        switch function {
        case "startsWith" where name == "path" && !text.hasSuffix("/"):
            let value = view.source(target)
            return view.finding(
                .pathWithoutBorder, at: argument, "the prefix also fits \(text)-other and \(text)x/y",
                hint: "end it with a slash, and compare the path itself with == where it is meant too",
                fix: view.fix(
                    id, "(\(value) == \"\(text)\" || \(value).startsWith(\"\(text)/\"))",
                    "ask for \(text) itself or what is under it"))
        case _ where function == "contains" || (function == "endsWith" && name != "path"):
            return view.finding(
                .pathBySubstring, at: argument,
                "a client can put \"\(text)\" \(function == "contains" ? "into" : "at the end of") any \(name)",
                hint: "ask for the path or its beginning: request.path.startsWith(\"…/\")")
        default: return nil
        }
    }

    private func host(
        _ view: RuleView, _ id: ExprID, _ function: String, _ target: ExprID, _ argument: ExprID, _ text: String
    ) -> Finding? {
        let value = view.source(target)
        switch function {
        case "endsWith" where !".:/".contains(text.first ?? "."):
            return view.finding(
                .domainWithoutBorder, at: argument, "\"evil-\(text)\" ends like that, too",
                hint: "put the dot before it, and compare the host itself with == where it is meant too",
                fix: view.fix(
                    id, "(\(value) == \"\(text)\" || \(value).endsWith(\".\(text)\"))",
                    "ask for \(text) itself or what is under it"))
        case "contains":
            return view.finding(
                .domainWithoutBorder, at: argument, "\"\(text).evil.example\" contains it, too",
                hint: "compare the whole host, or its end with the dot before it")
        case "startsWith" where !text.contains("://") || !text.hasSuffix("/"):
            // A port or a slash behind the name is a border.
            guard text.last != ":" else { return nil }
            return view.finding(
                .domainWithoutBorder, at: argument, "\"\(text)evil.example\" begins like that, too",
                hint: "compare the whole host, or its end with the dot before it")
        default: return nil
        }
    }

    private func address(
        _ view: RuleView, _ id: ExprID, _ function: String, _ argument: ExprID, _ text: String
    ) -> Finding? {
        switch function {
        case "endsWith" where !text.contains("@") && text.first != ".":
            return view.finding(
                .domainWithoutBorder, at: argument, "\"x@evil-\(text)\" ends like that, too",
                hint: "begin it with the @: \"@\(text)\"", fix: view.fix(argument, "\"@\(text)\""))
        case "contains":
            return view.finding(
                .domainWithoutBorder, at: argument, "\"\(text).evil.example\" contains it, too",
                hint: "compare the end: endsWith(\"@…\")")
        default: return nil
        }
    }

    private func claim(
        _ view: RuleView, _ id: ExprID, _ target: ExprID, _ argument: ExprID, _ path: AttributePath, _ name: String,
        _ text: String
    ) -> Finding? {
        let isPlural = Self.plural.contains(name)
        guard isPlural || Self.single.contains(name) else { return nil }
        let right = "\(view.source(argument)) in \(view.source(target))"
        return view.finding(
            .claimBySubstring, at: id,
            "a token whose \(path) is a text with \"\(text)\" anywhere in it passes, such as \"not-\(text)\"",
            hint: isPlural ? "ask a list: \(right)" : "compare the whole: \(view.source(target)) == \"\(text)\"",
            fix: isPlural && view.source(target) == "\(path)" ? view.fix(id, right) : nil)
    }

    private func argument(
        _ view: RuleView, _ id: ExprID, _ function: String, _ target: ExprID, _ text: String, _ path: AttributePath
    ) -> Finding? {
        guard function == "startsWith", path.names.count > 2, path.names[1] == "arguments", text.contains("/"),
            !text.contains("://")
        else { return nil }
        // The rule, or another of the set, looks for the way out itself.
        let looksForDots = view.nodes(view.ast.root).contains { node in
            view.text(node)?.contains("..") == true || view.text(node)?.contains("[.][.]") == true
                || view.text(node)?.contains("\\.\\.") == true
        }
        guard !looksForDots else { return nil }
        return view.finding(
            .argumentPathPrefix, at: id, "\"\(text)\(text.hasSuffix("/") ? "" : "/")../…\" begins like that, too",
            hint: "add && !\(view.source(target)).contains(\"..\")")
    }
}

extension RuleView {
    /// The value under changes of letter case.
    func withoutCase(_ id: ExprID) -> ExprID {
        if case .call(let function, let target?, _) = ast[id], ["lowerAscii", "upperAscii", "trim"].contains(function) {
            return withoutCase(target)
        }
        return id
    }
}
