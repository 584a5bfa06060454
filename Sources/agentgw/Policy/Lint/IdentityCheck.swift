// Rules that believe what nobody has verified.

import Auth
import CEL

struct IdentityCheck: PolicyCheck {
    private static let chosenByUsers: Set = [
        "preferred_username", "nickname", "name", "given_name", "family_name", "email",
    ]

    func findings(in subject: LintSubject) -> [Finding] {
        subject.sets.flatMap { rules -> [Finding] in
            let required = rules.views.filter { $0.rule.action == .require }.flatMap { view in
                view.paths(view.ast.root).map(\.path.description)
            }
            return rules.views.flatMap { findings($0, Set(required)) }
        }
    }

    /// - Parameter required: attributes that the set's `require` rules are about.
    private func findings(_ view: RuleView, _ required: Set<String>) -> [Finding] {
        let paths = Set(view.paths(view.ast.root).map(\.path.description)).union(required)
        var result: [Finding] = []
        for part in view.parts {
            for (id, path) in view.paths(part.id) where !isPresenceTest(view, id) {
                // In an allow, also a hint that must be absent or false is believed.
                if path.isWithin(AttributePath("mcp.tool.annotations")), path.names.count == 3,
                    part.effect == .grants || view.rule.action == .allow, !paths.contains("mcp.tool.pinned")
                {
                    result.append(
                        view.finding(
                            .untrustedAnnotations, at: id, "the server that has the tool says this of it",
                            hint: "add mcp.tool.pinned, so that only reviewed definitions count"))
                }
                guard part.effect == .grants else { continue }
                if path.root == "jwt", path.names.count == 1, Self.chosenByUsers.contains(path.names[0]),
                    !(path.names[0] == "email" && paths.contains("jwt.email_verified"))
                {
                    let isEmail = path.names[0] == "email"
                    result.append(
                        view.finding(
                            .mutableIdentity, at: id,
                            isEmail
                                ? "an email that the issuer did not verify is what the user typed"
                                : "\(path) is what the user chose to be called",
                            hint: isEmail ? "add && jwt.email_verified == true, or ask jwt.sub" : "ask jwt.sub"))
                }
                if path.isWithin(AttributePath("mcp.client")), path.names.count == 2 {
                    result.append(
                        view.finding(
                            .selfDeclaredClient, at: id, "\(path) is what the client says of itself",
                            hint: "ask jwt.client_id or jwt.azp, which the issuer vouches for"))
                }
                if path.root == "request", path.names.count == 2, path.names[1].asciiLowercased == "user-agent" {
                    result.append(
                        view.finding(
                            .selfDeclaredClient, at: id, "the user agent is what the client says of itself",
                            hint: "ask jwt.client_id or jwt.azp, which the issuer vouches for"))
                }
            }
            if part.effect == .grants, let finding = audience(view, part.id, paths) { result.append(finding) }
        }
        for id in view.nodes(view.ast.root) {
            if case .call("unvalidatedJwtPayload", nil, _) = view.ast[id] {
                result.append(
                    view.finding(
                        .unverifiedToken, at: id, "nobody has checked this token's signature",
                        hint: "ask jwt, the claims of the verified token"))
            }
        }
        return result
    }

    private func isPresenceTest(_ view: RuleView, _ id: ExprID) -> Bool {
        if case .select(_, _, true, _) = view.ast[id] { true } else { false }
    }

    /// `aud` in one form alone. A rule that names it more than once is taken to ask both.
    private func audience(_ view: RuleView, _ id: ExprID, _ paths: Set<String>) -> Finding? {
        guard case .call(let function, nil, let operands) = view.ast[id], ["_==_", "@in"].contains(function),
            let aud = operands.first(where: { view.path($0)?.description == "jwt.aud" }),
            view.paths(view.ast.root).count(where: { $0.path.description == "jwt.aud" }) == 1
        else { return nil }
        return view.finding(
            .audienceAsText, at: aud, "the audience is a text in some tokens and a list in others",
            hint: "name it in audiences of jwtAuth, which takes both")
    }
}
