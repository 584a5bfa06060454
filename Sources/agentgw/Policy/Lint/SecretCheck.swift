// Secrets in the file itself, by the fields that hold them. What they are is never shown.

import Auth

struct SecretCheck: PolicyCheck {
    /// A key that is shorter can be found by trying.
    private static let shortestKey = 16
    /// Words in the names of variables that hold secrets.
    private static let secretWords = [
        "TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIAL",
    ]

    func findings(in subject: LintSubject) -> [Finding] {
        guard subject.policy.form == .configuration else { return [] }
        var result: [Finding] = []
        visit(subject.policy.root, [], subject.policy, &result)
        return result
    }

    /// - Parameter keys: the names on the way, without indices.
    private func visit(_ node: YAMLNode, _ keys: [String], _ policy: LoadedPolicy, _ result: inout [Finding]) {
        switch node.content {
        case .sequence(let elements): for element in elements { visit(element, keys, policy, &result) }
        case .mapping(let entries): for entry in entries { visit(entry.value, keys + [entry.key], policy, &result) }
        case .scalar(let scalar):
            guard let name = keys.last else { return }
            let parent = keys.dropLast().last ?? ""
            let isAPIKey = name == "key" && parent == "keys" && keys.contains("apiKey")
            if isAPIKey, let text = try? policy.environment.expand(scalar.text).text, !text.isEmpty,
                text.utf8.count < Self.shortestKey
            {
                result.append(
                    finding(
                        .shortAPIKey, node, policy, "a key of fewer than \(Self.shortestKey) characters can be guessed",
                        "make one with openssl rand -hex 32"))
                return
            }
            guard !scalar.text.isEmpty, !scalar.text.contains("$"), !scalar.text.hasPrefix("{") else { return }
            let isSecret =
                isAPIKey || (name == "key" && parent == "backendAuth") || (name == "value" && parent == "key")
                || name == "clientSecret" || (name == "key" && parent == "session")
                || (name == "signingKey" && scalar.text.contains("PRIVATE KEY"))
                || (parent == "env" && Self.secretWords.contains { name.uppercased().contains($0) })
                || (["authorization", "x-api-key"].contains(name.asciiLowercased) && ["add", "set"].contains(parent))
            guard isSecret else { return }
            result.append(
                finding(
                    .plaintextSecret, node, policy, "\(name) holds a secret that everybody who has the file can read",
                    isAPIKey
                        ? "write keyHash: sha256:…, or key: $NAME" : "write $NAME and set the variable, or {file: …}"))
        }
    }

    private func finding(
        _ rule: LintRule, _ node: YAMLNode, _ policy: LoadedPolicy, _ message: String, _ hint: String
    ) -> Finding {
        Finding(
            rule: rule.id, severity: rule.severity, position: policy.source.position(at: node.offset), message: message,
            hint: hint)
    }
}
