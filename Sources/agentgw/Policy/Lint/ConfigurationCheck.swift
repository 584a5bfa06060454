// What stands around rules in a configuration and opens what they close.

import Auth
import Proxy

struct ConfigurationCheck: PolicyCheck {
    func findings(in subject: LintSubject) -> [Finding] {
        guard subject.policy.form == .configuration else { return [] }
        return origins(subject.policy.configuration) + backends(subject.policy)
    }

    /// `*` where nobody is asked who they are.
    private func origins(_ configuration: GatewayConfiguration) -> [Finding] {
        var result: [Finding] = []
        for listener in configuration.binds.flatMap(\.listeners) {
            let outer = listener.policies
            let isOuterAsked =
                outer.jwtAuthentication != nil || outer.apiKeyAuthentication != nil || outer.basicAuthentication != nil
                || listener.tls?.clientRootPath != nil
            for route in listener.routes {
                let policies = route.policies
                let isAsked =
                    isOuterAsked || policies.jwtAuthentication != nil || policies.mcpAuthentication != nil
                    || policies.apiKeyAuthentication != nil || policies.basicAuthentication != nil
                guard !isAsked, !route.backends.isEmpty, let cors = policies.cors ?? outer.cors,
                    cors.allowOrigins.contains(where: { $0 == .any })
                else { continue }
                result.append(
                    Finding(
                        rule: LintRule.openCORS.id, severity: LintRule.openCORS.severity, position: cors.position,
                        message: "any web page that somebody opens can call this route and read the answers",
                        hint: "list the origins, or ask for a credential"))
            }
        }
        return result
    }

    /// Named backends that no route refers to.
    private func backends(_ policy: LoadedPolicy) -> [Finding] {
        guard let named = policy.root.entries?.first(where: { $0.key == "backends" }),
            case .sequence(let backends) = named.value.content
        else { return [] }
        var used: Set<String> = []
        var pending = [policy.root]
        while let node = pending.popLast() {
            switch node.content {
            case .scalar: break
            case .sequence(let elements): pending += elements
            case .mapping(let entries):
                for entry in entries {
                    if entry.key == "backend", let text = entry.value.scalar?.text {
                        used.insert(text.hasPrefix("/") ? String(text.dropFirst()) : text)
                    }
                    pending.append(entry.value)
                }
            }
        }
        return backends.compactMap { backend in
            guard let name = backend.entries?.first(where: { $0.key == "name" })?.value, let text = name.scalar?.text,
                !text.contains("$"), !used.contains(text)
            else { return nil }
            return Finding(
                rule: LintRule.unusedBackend.id, severity: LintRule.unusedBackend.severity,
                position: policy.source.position(at: name.offset), message: "no route leads to the backend \"\(text)\"",
                hint: "refer to it with backend: \(text), or take it out")
        }
    }
}
