// `apiKey`: keys handed out by hand, each with metadata for the rules.

/// `apiKey` of a listener or route.
package struct APIKeyAuthentication: Sendable {
    package var mode: AuthenticationMode
    package var locations: [CredentialLocation]
    package var keys: [APIKey]

    package init(
        mode: AuthenticationMode = .strict, locations: [CredentialLocation] = [.bearer], keys: [APIKey]
    ) {
        self.mode = mode
        self.locations = locations
        self.keys = keys
    }
}

package struct APIKey: Sendable {
    package var key: StoredKey
    /// The fields of `apiKey` in rules.
    package var metadata: [MetadataMember]
    /// Patterns (`exact`, `prefix*`, `*suffix`, `*`); nil: all models, empty: none.
    package var allowedModels: [String]?
    /// Seconds since 1970; from then on the key is refused.
    package var expires: Int64?
    package var position: FilePosition

    package init(
        key: StoredKey, metadata: [MetadataMember] = [], allowedModels: [String]? = nil, expires: Int64? = nil,
        position: FilePosition = .none
    ) {
        self.key = key
        self.metadata = metadata
        self.allowedModels = allowedModels
        self.expires = expires
        self.position = position
    }
}

/// How a key is written in the configuration. Only its SHA-256 is kept once loaded.
package enum StoredKey: Sendable {
    /// `key: …`
    case plain(Secret)
    /// `keyHash: "sha256:<64 hex digits>"`, as written.
    case hash(String)
}
