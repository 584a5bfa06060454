// What a client that may not pass must do to be allowed: the `WWW-Authenticate` field (RFC 9110 §11.6.1, RFC 6750 §3,
// RFC 9728 §5.1).

package struct Challenge: Hashable, Sendable {
    package enum ErrorCode: String, Sendable {
        case invalidRequest = "invalid_request"
        case invalidToken = "invalid_token"
        case insufficientScope = "insufficient_scope"
    }

    package enum Scheme: Hashable, Sendable {
        case bearer
        case basic
    }

    package var scheme: Scheme
    package var realm: String?
    package var error: ErrorCode?
    package var errorDescription: String?
    /// What the operation needs.
    package var scopes: [String]
    package var resourceMetadata: String?

    package init(
        scheme: Scheme = .bearer, realm: String? = nil, error: ErrorCode? = nil, errorDescription: String? = nil,
        scopes: [String] = [], resourceMetadata: String? = nil
    ) {
        self.scheme = scheme
        self.realm = realm
        self.error = error
        self.errorDescription = errorDescription
        self.scopes = scopes
        self.resourceMetadata = resourceMetadata
    }

    /// The field's value. Every parameter is a quoted-string; what cannot stand in one is left out, not escaped away.
    package var fieldValue: String {
        var parameters: [String] = []
        func add(_ name: String, _ value: String?) {
            guard let value, let quoted = Self.quoted(value) else { return }
            parameters.append("\(name)=\(quoted)")
        }
        add("realm", realm)
        add("resource_metadata", resourceMetadata)
        add("error", error?.rawValue)
        add("error_description", errorDescription)
        let named = scopes.filter(Self.isScope)
        if !named.isEmpty { add("scope", named.joined(separator: " ")) }
        if scheme == .basic { parameters.append("charset=\"UTF-8\"") }
        let name = scheme == .bearer ? "Bearer" : "Basic"
        return parameters.isEmpty ? name : name + " " + parameters.joined(separator: ", ")
    }

    /// A quoted-string (RFC 9110 §5.6.4); nil for text with control characters or outside ASCII.
    private static func quoted(_ text: String) -> String? {
        guard text.utf8.allSatisfy({ ($0 >= 0x20 && $0 < 0x7F) }) else { return nil }
        var result = "\""
        for character in text {
            if character == "\"" || character == "\\" { result.append("\\") }
            result.append(character)
        }
        return result + "\""
    }

    /// A scope-token (RFC 6749 §3.3).
    static func isScope(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 == 0x21 || (0x23...0x5B).contains($0) || (0x5D...0x7E).contains($0) }
    }
}

extension Challenge {
    /// The field that asks for more scopes (RFC 6750 §3.1).
    package static func insufficientScope(_ scopes: [String], metadataURL: String?) -> String {
        Challenge(error: .insufficientScope, scopes: scopes, resourceMetadata: metadataURL).fieldValue
    }
}
