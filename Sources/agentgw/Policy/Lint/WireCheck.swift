// Methods, hosts and headers: texts of the wire that have several spellings, occur twice, or say what a client likes.

import Auth
import CEL

struct WireCheck: PolicyCheck {
    private static let methods: Set = [
        "get", "head", "post", "put", "delete", "patch", "options", "connect", "trace",
    ]
    /// Set by proxies, and by any client that wants to look like one.
    private static let spoofable: Set = [
        "x-forwarded-for", "x-real-ip", "forwarded", "x-client-ip", "true-client-ip", "cf-connecting-ip",
        "x-cluster-client-ip", "x-original-forwarded-for", "x-forwarded-user", "x-forwarded-email",
        "x-forwarded-preferred-username", "x-forwarded-groups", "x-remote-user", "remote-user", "x-auth-request-user",
        "x-auth-request-email", "x-auth-request-groups", "x-authenticated-user", "x-user", "x-user-id", "x-username",
        "x-email", "x-roles", "x-role", "x-groups", "x-is-admin", "x-admin", "x-internal", "x-ssl-client-verify",
        "x-client-cert", "x-forwarded-client-cert",
    ]
    /// Values whose letter case does not count.
    private static let caseless: Set = [
        "content-type", "accept", "host", "upgrade", "connection", "transfer-encoding", "content-encoding",
        "accept-encoding", "x-forwarded-host", "x-forwarded-proto", "expect", "sec-fetch-site", "sec-fetch-mode",
    ]

    func findings(in subject: LintSubject) -> [Finding] {
        subject.views.flatMap { view in
            let parts = view.parts
            return parts.flatMap { part(view, $0) } + spoofable(view, parts)
        }
    }

    // MARK: Comparisons

    /// What is compared with which texts: `x == "a"`, `x in ["a"]`, `x.startsWith("a")`.
    private func comparison(
        _ view: RuleView, _ id: ExprID
    ) -> (function: String, value: ExprID, texts: [(id: ExprID, text: String)])? {
        switch view.ast[id] {
        case .call(let function, nil, let operands) where ["_==_", "_!=_"].contains(function):
            for (a, b) in [(operands[0], operands[1]), (operands[1], operands[0])] {
                if let text = view.text(b) { return (function, a, [(b, text)]) }
            }
            return nil
        case .call("@in", nil, let operands):
            let texts = view.texts(operands[1])
            return texts.isEmpty ? nil : ("@in", operands[0], texts)
        case .call(let function, let target?, let arguments) where arguments.count == 1:
            guard ["startsWith", "endsWith", "contains", "matches"].contains(function),
                let text = view.text(arguments[0])
            else { return nil }
            return (function, target, [(arguments[0], text)])
        default: return nil
        }
    }

    private func part(_ view: RuleView, _ part: RuleView.Part) -> [Finding] {
        guard let (function, value, texts) = comparison(view, part.id) else { return [] }
        if view.path(value)?.description == "request.method", function != "matches" {
            // The opposite of a comparison that is never true stops or grants in its place.
            let stops = (part.effect == .blocks) != (function == "_!=_")
            return texts.filter { Self.methods.contains($0.text) }.map { text in
                let right = LiteralSpelling.quoted(text.text.uppercased())
                return view.finding(
                    .methodCase, at: text.id, "methods are sent in capitals: this is never \"\(text.text)\"",
                    hint: "write \(right)", fix: stops ? view.fix(text.id, right) : nil)
            }
        }
        // Only what is meant to stop a request is worth getting around.
        guard part.effect == .blocks, let path = view.path(value), path.root == "request" else { return [] }
        if path.names == ["host"], function != "_!=_", function != "contains", !isCaseless(texts) {
            return [
                view.finding(
                    .hostAsSent, at: part.id,
                    "the client chooses the letter case of request.host, and may add the port or a dot",
                    hint: "compare lowerAscii() with a pattern that takes a port, or say which hosts are allowed")
            ]
        }
        guard path.names.count == 2, path.names[0] == "headers" else { return [] }
        let header = path.names[1].asciiLowercased
        if Self.caseless.contains(header), function != "_!=_", !isCaseless(texts) {
            return [
                view.finding(
                    .headerCase, at: part.id, "the letter case of \(header) does not count, and the client chooses it",
                    hint: "compare \(view.source(value)).lowerAscii()",
                    fix: texts.allSatisfy { $0.text == $0.text.asciiLowercased }
                        ? view.fix(value, "\(view.source(value)).lowerAscii()") : nil)
            ]
        }
        guard function == "_==_" || function == "@in" else { return [] }
        return [
            view.finding(
                .headerEvades, at: part.id, "a client that sends \(header) twice is not stopped: two values are a list",
                hint: "say which values are allowed: require: \(view.source(value)) in […]")
        ]
    }

    /// A pattern that begins with `(?i)` takes every spelling.
    private func isCaseless(_ texts: [(id: ExprID, text: String)]) -> Bool {
        texts.allSatisfy { $0.text.hasPrefix("(?i)") || $0.text.utf8.allSatisfy { !(0x61...0x7A ~= $0 | 0x20) } }
    }

    // MARK: What clients say

    private func spoofable(_ view: RuleView, _ parts: [RuleView.Part]) -> [Finding] {
        parts.flatMap { part -> [Finding] in
            // A header that must equal a verified value is verified by that.
            let paths = view.paths(part.id)
            if paths.contains(where: { ["jwt", "apiKey", "basicAuth"].contains($0.path.root) }) { return [] }
            return paths.compactMap { id, path in
                guard path.root == "request", path.names.count == 2, path.names[0] == "headers",
                    Self.spoofable.contains(path.names[1].asciiLowercased)
                else { return nil }
                return view.finding(
                    .spoofableHeader, at: id, "any client can send \(path.names[1])",
                    hint: path.names[1].asciiLowercased.contains("user")
                        || path.names[1].asciiLowercased.contains("role")
                        ? "ask a claim of the verified token" : "ask source.address, or a claim of the verified token")
            }
        }
    }
}
