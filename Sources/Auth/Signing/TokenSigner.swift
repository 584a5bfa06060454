// Signs tokens of our own with libjwt: for `agentgw token` and `backendAuth.jwtSign`. Signing only; what comes in is
// never verified here (see `SignatureVerifier`).

import CJWT
import Glibc

/// A key and algorithm that tokens are signed with.
package struct TokenSigner: Sendable {
    package let algorithm: JWSAlgorithm
    package let keyID: String?
    private let key: Secret

    /// - Parameter key: PEM for RS* and ES*, the secret itself for HS*.
    /// - Throws: `.key` when the key cannot sign the algorithm; PS* and EdDSA are not in libjwt 1.10.
    package init(key: Secret, algorithm: JWSAlgorithm, keyID: String? = nil) throws(AuthError) {
        guard algorithm.libjwt != JWT_ALG_NONE else {
            throw .key("tokens cannot be signed with \(algorithm.rawValue); RS*, ES* and HS* are supported")
        }
        switch algorithm {
        case .hs256, .hs384, .hs512:
            guard let least = algorithm.digest?.size, key.count >= least else {
                throw .key("the secret is shorter than \(algorithm.rawValue) needs")
            }
        default:
            let signingKey = try SigningKey(pem: key)
            guard signingKey.algorithms.contains(algorithm) else {
                throw .key("the signing key cannot sign \(algorithm.rawValue)")
            }
        }
        self.key = key
        self.algorithm = algorithm
        self.keyID = keyID
    }

    /// - Parameter claims: a JSON object as text.
    package func sign(claims: String) throws(AuthError) -> String {
        var token: OpaquePointer?
        guard jwt_new(&token) == 0, let token else { throw .crypto("no memory for a token") }
        defer { jwt_free(token) }
        let keyed = key.withBytes { bytes in
            jwt_set_alg(
                token, algorithm.libjwt, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                Int32(clamping: bytes.count))
        }
        guard keyed == 0 else { throw .crypto("libjwt does not take the key") }
        if let keyID {
            guard jwt_add_header(token, "kid", keyID) == 0 else { throw .crypto("libjwt does not take the key id") }
        }
        guard jwt_add_grants_json(token, claims) == 0 else { throw .key("the claims are not a JSON object") }
        guard let text = jwt_encode_str(token) else { throw .crypto("libjwt could not sign the token") }
        defer { free(text) }
        return String(cString: text)
    }
}

extension JWSAlgorithm {
    fileprivate var libjwt: jwt_alg_t {
        switch self {
        case .rs256: JWT_ALG_RS256
        case .rs384: JWT_ALG_RS384
        case .rs512: JWT_ALG_RS512
        case .es256: JWT_ALG_ES256
        case .es384: JWT_ALG_ES384
        case .es512: JWT_ALG_ES512
        case .hs256: JWT_ALG_HS256
        case .hs384: JWT_ALG_HS384
        case .hs512: JWT_ALG_HS512
        case .ps256, .ps384, .ps512, .edDSA: JWT_ALG_NONE
        }
    }
}
