// `backendAuth.jwtSign`: a short-lived token of our own for each request to a backend.

/// `backendAuth.jwtSign`.
package struct JWTSigning: Sendable {
    package static let defaultLifetime = Duration.seconds(300)

    /// PEM (PKCS #8 or the older forms); for HS* the raw secret.
    package var signingKey: Secret
    package var algorithm: JWSAlgorithm
    package var keyID: String?
    /// `iat`, `exp` and `nbf` are the gateway's and refused here.
    package var claims: [MetadataMember]
    package var lifetime: Duration
    package var location: CredentialLocation
    package var position: FilePosition

    package init(
        signingKey: Secret, algorithm: JWSAlgorithm = .rs256, keyID: String? = nil, claims: [MetadataMember] = [],
        lifetime: Duration = JWTSigning.defaultLifetime, location: CredentialLocation = .bearer,
        position: FilePosition = .none
    ) {
        self.signingKey = signingKey
        self.algorithm = algorithm
        self.keyID = keyID
        self.claims = claims
        self.lifetime = lifetime
        self.location = location
        self.position = position
    }
}
