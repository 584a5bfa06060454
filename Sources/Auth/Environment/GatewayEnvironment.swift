// The type checker's environment of a rule: the table of attributes seen from one phase, with the configuration's claims.

import CEL

package enum GatewayEnvironment {
    /// The environment of a kind of rules. Without declared claims there is one for the whole process, so that event
    /// loops bind a request's attributes once for all rules that run on it.
    package static func of(_ kind: RuleSetKind, claims: ClaimsSchema? = nil) -> Environment {
        guard claims == nil else { return make(for: GatewayAttributes.phases(of: kind), claims: claims) }
        switch kind {
        case .http: return http
        case .backend: return backend
        case .mcp: return mcp
        case .a2a: return a2a
        }
    }

    /// The environment of a policy's expression. Before a reply it is that of HTTP rules, so that a request's attributes
    /// are bound once for both.
    package static func of(_ phase: ExpressionUse.Phase) -> Environment {
        switch phase {
        case .request: http
        case .response: response
        case .record: record
        }
    }

    private static let response = make(for: [.request], claims: nil, replyFields: ["code", "headers"])
    private static let record = make(for: [.request], claims: nil, replyFields: ["code"])
    private static let http = make(for: GatewayAttributes.phases(of: .http))
    private static let backend = make(for: GatewayAttributes.phases(of: .backend))
    private static let mcp = make(for: GatewayAttributes.phases(of: .mcp))
    private static let a2a = make(for: GatewayAttributes.phases(of: .a2a))

    /// What rules that run in `phases` can read: the attributes that all of them know.
    /// - Parameter claims: makes `jwt` a record whose unknown fields are errors; nil: a map.
    /// - Parameter replyFields: what is known of the reply when the expressions are evaluated; empty: there is none yet.
    package static func make(
        for phases: [DecisionPhase], claims: ClaimsSchema? = nil, replyFields: Set<String> = []
    ) -> Environment {
        var variables: [String: CELType] = [:]
        var unavailable: [String: String] = [:]
        for root in GatewayAttributes.roots {
            if root.phases.isEmpty ? !replyFields.isEmpty : phases.allSatisfy(root.phases.contains) {
                variables[root.name] = root.type
            } else if root.phases.isEmpty {
                unavailable[root.name] = "it is known only once there is a reply"
            } else {
                unavailable[root.name] = "it is known only in \(names(root.phases)) rules"
            }
        }
        var records = GatewayAttributes.records.map { record in
            RecordType(
                record.name,
                fields: Dictionary(
                    uniqueKeysWithValues: record.fields.map { field in
                        if record.name == GatewayAttributes.TypeName.response, !replyFields.contains(field.name) {
                            let reason = "it is gone when the reply has been sent"
                            return (field.name, RecordType.Field(field.type, unavailable: reason))
                        }
                        let isKnown = field.phases.map { phases.allSatisfy($0.contains) } ?? true
                        let reason = isKnown ? nil : "it is known only in \(names(field.phases ?? [])) rules"
                        return (field.name, RecordType.Field(field.type, unavailable: reason))
                    }))
        }
        if let claims {
            variables["jwt"] = .object(GatewayAttributes.TypeName.jwt)
            records.append(jwt(claims))
        }
        return Environment(variables: variables, unavailableVariables: unavailable, records: records)
    }

    /// The declared claims, and those that the verifier guarantees when they are there.
    private static func jwt(_ claims: ClaimsSchema) -> RecordType {
        var fields: [String: RecordType.Field] = [
            "iss": .init(.string), "sub": .init(.string), "aud": .init(.dyn), "exp": .init(.dyn), "nbf": .init(.dyn),
            "iat": .init(.dyn), "scopes": .init(.list(.string)),
        ]
        for (name, type) in claims.types { fields[name] = .init(type) }
        return RecordType(GatewayAttributes.TypeName.jwt, fields: fields, isOpen: claims.allowOthers)
    }

    private static func names(_ phases: Set<DecisionPhase>) -> String {
        var words: [String] = []
        for phase in DecisionPhase.allCases where phases.contains(phase) {
            let word =
                switch phase {
                case .request: "HTTP"
                case .mcpList, .mcpCall: "MCP"
                case .a2a: "A2A"
                case .llm: "AI"
                case .backend: "backend"
                }
            if !words.contains(word) { words.append(word) }
        }
        return words.joined(separator: " and ")
    }
}
