// `backendAuth.jwtSign`: tokens of ours for one backend. A token is used until half of its life is over, so that a
// signature is made every few minutes and not for every request.

import JSON

/// The minter of one backend on one event loop.
package final class TokenMinter {
    package static let lifetimes = Duration.seconds(10)...Duration.seconds(24 * 3600)
    static let reservedClaims: Set = ["iat", "exp", "nbf"]

    package let location: CredentialLocation
    private let signer: TokenSigner
    private let claims: [MetadataMember]
    private let lifetime: Int64
    private var current: (token: Secret, until: UnixTime, from: UnixTime)?

    /// - Throws: `.configuration` for a key that cannot sign, reserved claims, or a lifetime out of range.
    package init(_ configuration: JWTSigning) throws(AuthError) {
        do throws(AuthError) {
            signer = try TokenSigner(
                key: configuration.signingKey, algorithm: configuration.algorithm, keyID: configuration.keyID)
        } catch {
            throw .configuration("jwtSign: \(error.text)", configuration.position)
        }
        guard Self.lifetimes.contains(configuration.lifetime) else {
            throw .configuration("jwtSign.ttl is not between 10 s and 24 h", configuration.position)
        }
        for claim in configuration.claims {
            guard !Self.reservedClaims.contains(claim.name) else {
                throw .configuration("jwtSign.claims.\(claim.name) is set by the gateway", configuration.position)
            }
        }
        location = configuration.location
        claims = configuration.claims
        lifetime = configuration.lifetime.components.seconds
    }

    /// The token to send; signed anew when needed.
    package func token(now: UnixTime) throws(AuthError) -> Secret {
        // A clock that was set back must not leave a token from the future in use.
        if let current, current.from <= now, now < current.until { return current.token }
        let seconds = now.seconds
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in [("iat", seconds), ("nbf", seconds), ("exp", seconds + lifetime)] {
                writer.name(name)
                writer.value(value)
            }
            for claim in claims {
                writer.name(claim.name)
                writer.value(claim.value)
            }
        }
        let token = Secret(try signer.sign(claims: writer.text))
        current = (token, now.advanced(by: lifetime * 500), now)
        return token
    }
}
