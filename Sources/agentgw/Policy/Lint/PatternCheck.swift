// Regular expressions that match more than was meant. They are looked at as text, in the little of RE2's syntax that this
// takes: what is not understood is left alone.

import Auth
import CEL

struct PatternCheck: PolicyCheck {
    func findings(in subject: LintSubject) -> [Finding] {
        subject.views.flatMap { view in view.parts.flatMap { findings(view, $0) } }
    }

    private static let everything: Set = [
        "", "^", "$", ".*", ".+", "^.*", "^.+", ".*$", ".+$", "^.*$", "^.+$", "(.*)", "(.+)", "^(.*)$", "^(.+)$",
        "(?s).*", "(?s)^.*$", "[^ ]*", "\\S*",
    ]

    private func findings(_ view: RuleView, _ part: RuleView.Part) -> [Finding] {
        guard let call = call(view, part.id) else { return [] }
        let (function, target, argument) = call
        guard let text = view.text(argument) else { return [] }
        let isEmptyText = text.isEmpty && ["startsWith", "endsWith", "contains"].contains(function)
        if isEmptyText || (function == "matches" && Self.everything.contains(text)) {
            return [
                view.finding(
                    .broadPattern, at: argument, "every text \(function == "matches" ? "matches" : "has") this",
                    hint: "leave it out, or ask has(…) when that is meant")
            ]
        }
        guard function == "matches", part.effect == .grants else { return [] }
        let pattern = PatternText(text)
        if let finding = anchors(view, argument, pattern) { return [finding] }
        if isDomain(view, target, text), let escaped = pattern.withEscapedDots {
            return [
                view.finding(
                    .unescapedDot, at: argument, "a dot in a pattern is any character: another domain matches as well",
                    hint: "write [.] for a dot", fix: view.fix(argument, quoted(escaped), "write [.] for the dots"))
            ]
        }
        return []
    }

    private func call(_ view: RuleView, _ id: ExprID) -> (String, ExprID, ExprID)? {
        switch view.ast[id] {
        case .call(let function, let target?, let arguments) where arguments.count == 1:
            (function, target, arguments[0])
        case .call("matches", nil, let arguments) where arguments.count == 2: ("matches", arguments[0], arguments[1])
        default: nil
        }
    }

    private func anchors(_ view: RuleView, _ argument: ExprID, _ pattern: PatternText) -> Finding? {
        let alternatives = pattern.alternatives
        if alternatives.count > 1, pattern.body.hasPrefix("^"), pattern.endsAnchored {
            guard !alternatives.allSatisfy({ PatternText(flags: "", body: $0).isBordered }) else { return nil }
            let inner = pattern.body.dropFirst().dropLast()
            return view.finding(
                .unanchoredPattern, at: argument,
                "^ holds for the first alternative and $ for the last: the others match in the middle",
                hint: "put the alternatives into a group: ^(…)$",
                fix: inner.contains("^") || inner.contains("$")
                    ? nil
                    : view.fix(
                        argument, quoted("\(pattern.flags)^(?:\(inner))$"), "put the alternatives into a group"))
        }
        guard !alternatives.allSatisfy({ PatternText(flags: "", body: $0).isBordered }) else { return nil }
        return view.finding(
            .unanchoredPattern, at: argument, "matches() is true when a part of the text fits the pattern",
            hint: "begin the pattern with ^ and end it with $")
    }

    /// As a CEL literal.
    private func quoted(_ text: String) -> String { LiteralSpelling.quoted(text) }

    private static let domains: Set = [
        "com", "org", "net", "io", "dev", "app", "cloud", "example", "internal", "local", "test", "corp", "eu", "de",
    ]

    /// Whether the pattern is one of a host, an address or a URL.
    private func isDomain(_ view: RuleView, _ target: ExprID, _ text: String) -> Bool {
        guard let path = view.path(view.withoutCase(target)), let name = path.names.last else { return false }
        let names: Set = ["host", "origin", "referer", "email", "upn", "iss", "azp", "dnsNames", "commonName"]
        guard names.contains(name.asciiLowercased) || path.root == "source" else { return false }
        // Only where a name of a domain ends: elsewhere a dot may well stand for any character.
        let words = text.split { !($0.isLetter || $0.isNumber) }
        return words.contains { Self.domains.contains(String($0)) }
    }
}

/// CEL literals for replacements.
enum LiteralSpelling {
    static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

/// A pattern, with its leading flags apart.
struct PatternText {
    /// `(?i)`
    var flags: String
    var body: String

    init(flags: String, body: String) {
        self.flags = flags
        self.body = body
    }

    init(_ text: String) {
        flags = ""
        body = text
        if text.hasPrefix("(?"), let end = text.firstIndex(of: ")"), !text[..<end].contains(":"),
            !text[..<end].contains("<")
        {
            flags = String(text[...end])
            body = String(text[text.index(after: end)...])
        }
    }

    var endsAnchored: Bool {
        (body.hasSuffix("$") && !body.hasSuffix("\\$")) || body.hasSuffix("\\z")
    }

    /// Whether what stands around a match cannot matter: anchors, or borders of what is compared at its begin or end.
    var isBordered: Bool {
        let begins = body.hasPrefix("^") || body.hasPrefix("\\A") || body.hasPrefix(".*")
        let ends = endsAnchored || body.hasSuffix(".*")
        if begins, ends { return true }
        // `^/api/` is a prefix on a border, `@corp[.]example$` a suffix.
        if begins {
            return body.hasSuffix("/") || body.hasSuffix(":") || body.hasSuffix("(/|$)") || body.hasSuffix("\\b")
        }
        if ends {
            return ["@", "\\.", "[.]", "/", ":", "\\b", "(^|", "(?:^|"].contains { body.hasPrefix($0) }
        }
        return false
    }

    /// What stands between `|` outside of groups and classes.
    var alternatives: [String] {
        var result = [""]
        var depth = 0
        var isInClass = false
        var isEscaped = false
        for character in body {
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if isInClass {
                if character == "]" { isInClass = false }
            } else if character == "[" {
                isInClass = true
            } else if character == "(" {
                depth += 1
            } else if character == ")" {
                depth -= 1
            } else if character == "|", depth == 0 {
                result.append("")
                continue
            }
            result[result.count - 1].append(character)
        }
        return result
    }

    /// The pattern with `[.]` for every dot between letters or digits; nil: there is none.
    var withEscapedDots: String? {
        let characters = Array(body)
        var result = flags
        var isInClass = false
        var isEscaped = false
        var hasChanged = false
        for (index, character) in characters.enumerated() {
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if isInClass {
                if character == "]" { isInClass = false }
            } else if character == "[" {
                isInClass = true
            } else if character == ".", index > 0, index + 1 < characters.count, isWord(characters[index - 1]),
                isWord(characters[index + 1]) || characters[index + 1] == "(" || characters[index + 1] == "["
            {
                result += "[.]"
                hasChanged = true
                continue
            }
            result.append(character)
        }
        return hasChanged ? result : nil
    }

    private func isWord(_ character: Character) -> Bool {
        character.isASCII
            && (character.isLetter || character.isNumber || character == ")" || character == "]"
                || character == "+" || character == "-")
    }
}
