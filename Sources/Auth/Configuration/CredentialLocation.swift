// Where in a request a credential is looked for, and what happens when it is absent or wrong.

/// What authentication does with an absent or invalid credential.
package enum AuthenticationMode: String, Sendable, CaseIterable {
    /// A credential is needed and must be valid. Our default, where agentgateway's is `optional`.
    case strict
    /// Absent is fine; one that is present must be valid.
    case optional
    /// Never rejects; an invalid credential counts as absent (it is still stripped before forwarding).
    case permissive
}

/// A place in a request that can carry a credential.
package enum CredentialLocation: Hashable, Sendable {
    /// A header; `prefix` (for example `Bearer `) must be there and is removed. The letter case of a prefix that is an
    /// authentication scheme does not count (RFC 9110 §11.1). Names are lowercase.
    case header(name: String, prefix: String)
    case queryParameter(name: String)
    case cookie(name: String)

    /// `Authorization: Bearer …`, the default of tokens and API keys.
    package static let bearer = CredentialLocation.header(name: "authorization", prefix: "Bearer ")
    /// `Authorization: Basic …`
    package static let basic = CredentialLocation.header(name: "authorization", prefix: "Basic ")
}
