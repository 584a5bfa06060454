// `basicAuth`: users and password hashes in htpasswd form (RFC 7617).

/// `basicAuth` of a listener or route.
package struct BasicAuthentication: Sendable {
    package static let defaultRealm = "Restricted"

    package var mode: AuthenticationMode
    package var realm: String
    package var locations: [CredentialLocation]
    package var users: HtpasswdSource
    package var position: FilePosition

    package init(
        mode: AuthenticationMode = .strict, realm: String = BasicAuthentication.defaultRealm,
        locations: [CredentialLocation] = [.basic], users: HtpasswdSource, position: FilePosition = .none
    ) {
        self.mode = mode
        self.locations = locations
        self.realm = realm
        self.users = users
        self.position = position
    }
}

/// Lines `user:hash`; bcrypt and SHA-512-crypt are accepted, plain text and weaker hashes refuse the load.
package enum HtpasswdSource: Sendable {
    case inline(Secret)
    case file(path: String)
}
