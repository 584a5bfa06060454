// Who is asking: what authentication found out, for the rules, for session binding and for logs.

/// Cheap to copy; the parts are shared with the caches they come from.
package struct Principal: Sendable {
    package var token: VerifiedToken?
    package var apiKey: APIKeyRecord?
    /// The user of `basicAuth`.
    package var user: String?
    package var certificate: ClientCertificate?

    package init(
        token: VerifiedToken? = nil, apiKey: APIKeyRecord? = nil, user: String? = nil,
        certificate: ClientCertificate? = nil
    ) {
        self.token = token
        self.apiKey = apiKey
        self.user = user
        self.certificate = certificate
    }

    package static let anonymous = Principal()

    package var isAnonymous: Bool { token == nil && apiKey == nil && user == nil && certificate == nil }

    /// One string per caller, without a secret in it; what sessions and limits are bound to. Every kind of credential
    /// that the caller showed is in it, each part with its length, so that no two callers share one.
    package var identity: String {
        var parts: [String] = []
        func add(_ kind: String, _ values: String?...) {
            parts.append(kind + values.map { $0.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: ","))
        }
        if let token { add("jwt ", token.issuer, token.subject, token.clientID) }
        if let apiKey { add("key ", apiKey.id) }
        if let user { add("basic ", user) }
        if let certificate { add("tls ", certificate.sha256.hexadecimal) }
        return parts.isEmpty ? "anonymous" : parts.joined(separator: ";")
    }
}
