// Rules that compare a part of a text where the whole was meant, and so grant more than they say: a scope inside a scope, a
// path that only begins alike, a pattern that may match in the middle.

import Auth
import CEL

struct PartialTextCheck: PolicyCheck {
    static let scope = "scope-by-substring"
    static let path = "path-without-border"
    static let pattern = "unanchored-pattern"

    static let descriptions = [
        scope: "A scope is looked for as a part of the scope text.",
        path: "A path prefix that ends inside a segment grants other paths as well.",
        pattern: "A pattern without anchors grants texts that only contain a match.",
    ]

    func findings(in policy: LoadedPolicy) -> [Finding] {
        policy.ruleSets.flatMap { set in set.rules.flatMap { scopes(in: $0) + granting(in: $0) } }
    }

    // MARK: Scopes

    /// Wherever it stands: no question about a part of the scope text is the right one.
    private func scopes(in rule: PolicyRule) -> [Finding] {
        let ast = rule.program.checked.ast
        return (0..<ast.count).compactMap { index in
            let id = ExprID(index)
            guard case .call(let function, let target?, let arguments) = ast[id],
                ["contains", "startsWith", "endsWith", "matches"].contains(function),
                case .select(let operand, let claim, false, _) = ast[target], ["scope", "scp"].contains(claim),
                case .ident("jwt") = ast[operand]
            else { return nil }
            var hint = "ask for a whole scope: \"…\" in jwt.scopes"
            if function == "contains", let argument = arguments.first, case .literal(.string(let text)) = ast[argument],
                !text.contains("\"")
            {
                hint = "ask for a whole scope: \"\(text)\" in jwt.scopes"
            }
            return finding(
                Self.scope, rule, ast.range(of: id),
                "\(function)() on jwt.\(claim) also holds for a scope that has this one as a part", hint)
        }
    }

    // MARK: What a rule grants

    /// The parts of the rule that let a request pass when they are true: of an `allow` and a `require` those that are not
    /// negated, of a `deny` those that are. What stands in lists, maps and macros is not looked at.
    private func granting(in rule: PolicyRule) -> [Finding] {
        let ast = rule.program.checked.ast
        var found: [Finding] = []
        var pending = [(id: ast.root, grants: rule.action != .deny)]
        while let (id, grants) = pending.popLast() {
            switch ast[id] {
            case .call("_&&_", nil, let operands), .call("_||_", nil, let operands):
                pending += operands.reversed().map { ($0, grants) }
            case .call("!_", nil, let operands): pending += operands.map { ($0, !grants) }
            case .call("_?_:_", nil, let operands): pending += operands.dropFirst().reversed().map { ($0, grants) }
            case .call(let function, let target?, let arguments) where grants && arguments.count == 1:
                guard case .literal(.string(let text)) = ast[arguments[0]] else { continue }
                let range = ast.range(of: arguments[0])
                if function == "startsWith", isPath(target, ast), !text.isEmpty, !text.hasSuffix("/") {
                    found.append(
                        finding(
                            Self.path, rule, range, "the prefix also fits \(text)-other and \(text)x/y",
                            "end it with a slash, and compare the path itself with == where it is meant too"))
                } else if function == "matches", !Self.isAnchored(text) {
                    found.append(
                        finding(
                            Self.pattern, rule, range, "matches() is true when a part of the text fits the pattern",
                            "begin the pattern with ^ and end it with $"))
                }
            default: continue
            }
        }
        return found
    }

    private func isPath(_ id: ExprID, _ ast: AST) -> Bool {
        guard case .select(let operand, "path", false, _) = ast[id], case .ident("request") = ast[operand] else {
            return false
        }
        return true
    }

    /// Whether the whole text has to fit. A pattern with alternatives outside of a group counts as anchored: which of them
    /// its anchors hold for is not looked at.
    static func isAnchored(_ pattern: String) -> Bool {
        var rest = pattern[...]
        if rest.hasPrefix("(?"), let end = rest.firstIndex(of: ")"), !rest[..<end].contains(":") {
            rest = rest[rest.index(after: end)...]
        }
        let begins = rest.hasPrefix("^") || rest.hasPrefix("\\A") || rest.hasPrefix(".*")
        let ends = (rest.hasSuffix("$") && !rest.hasSuffix("\\$")) || rest.hasSuffix("\\z") || rest.hasSuffix(".*")
        return rest.contains("|") || (begins && ends)
    }

    private func finding(
        _ id: String, _ rule: PolicyRule, _ range: SourceRange, _ message: String, _ hint: String
    ) -> Finding {
        Finding(
            rule: id, severity: .warning, position: rule.site.start(of: range), end: rule.site.end(of: range),
            message: message, hint: hint)
    }
}
