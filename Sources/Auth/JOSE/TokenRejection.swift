// Why a token is not accepted. The reason is for our logs and decision records; the client learns only what helps an
// honest one (RFC 6750 §3.1), never which check a forged token passed.

/// Each case is safe to log: no part of the token is in it, but for the names of algorithms and claims.
package enum TokenRejection: Error, Hashable, Sendable {
    // The token as text
    case tooLarge(bytes: Int)
    /// Not three parts of canonical base64url.
    case notCompactJWS
    // Header
    case malformedHeader(String)
    case missingAlgorithm
    /// `none` in any spelling, an encryption algorithm, or a name that we do not know.
    case unknownAlgorithm
    /// `jku`, `jwk`, `x5u`, `x5c`: a token must not bring or name its own key.
    case keyInHeader(String)
    case criticalHeader
    case unsupportedHeader(String)
    /// `typ` of another kind of token (RFC 8725 §3.11).
    case wrongType
    // Key
    case unknownIssuer
    case keysUnavailable
    case unknownKey
    case keyIDNeeded
    /// The key does not allow the token's algorithm.
    case algorithmNotAllowed(JWSAlgorithm)
    case badSignature
    // Claims
    case malformedPayload(String)
    case missingClaim(String)
    case malformedClaim(String)
    case wrongIssuer
    case wrongAudience
    case expired
    case notYetValid
    case issuedInFuture

    /// Stable names for metrics and decision records.
    package var code: String {
        switch self {
        case .tooLarge: "too_large"
        case .notCompactJWS: "not_a_jws"
        case .malformedHeader: "malformed_header"
        case .missingAlgorithm: "missing_alg"
        case .unknownAlgorithm: "unknown_alg"
        case .keyInHeader: "key_in_header"
        case .criticalHeader: "crit"
        case .unsupportedHeader: "unsupported_header"
        case .wrongType: "wrong_typ"
        case .unknownIssuer: "unknown_issuer"
        case .keysUnavailable: "keys_unavailable"
        case .unknownKey: "unknown_key"
        case .keyIDNeeded: "kid_needed"
        case .algorithmNotAllowed: "alg_not_allowed"
        case .badSignature: "bad_signature"
        case .malformedPayload: "malformed_payload"
        case .missingClaim: "missing_claim"
        case .malformedClaim: "malformed_claim"
        case .wrongIssuer: "wrong_issuer"
        case .wrongAudience: "wrong_audience"
        case .expired: "expired"
        case .notYetValid: "not_yet_valid"
        case .issuedInFuture: "issued_in_future"
        }
    }

    /// What the client is told, as `error_description`: ASCII without quotes or backslashes (RFC 6750 §3).
    package var clientDescription: String {
        switch self {
        case .expired: "The token has expired"
        case .notYetValid, .issuedInFuture: "The token is not valid yet"
        case .wrongAudience: "The token is for another audience"
        case .keysUnavailable: "The keys of the token's issuer are not available"
        case .tooLarge, .notCompactJWS, .malformedHeader, .malformedPayload, .missingAlgorithm, .malformedClaim:
            "The token is malformed"
        case .unknownAlgorithm, .keyInHeader, .criticalHeader, .unsupportedHeader, .wrongType, .unknownIssuer,
            .unknownKey, .keyIDNeeded, .algorithmNotAllowed, .badSignature, .missingClaim, .wrongIssuer:
            "The token is invalid"
        }
    }

    /// Whether the same token may be judged otherwise later, so that the refusal must not be remembered.
    var isTransient: Bool {
        switch self {
        case .keysUnavailable, .unknownKey, .notYetValid, .issuedInFuture: true
        default: false
        }
    }
}

extension TokenRejection: CustomStringConvertible {
    /// For operators.
    package var description: String {
        switch self {
        case .tooLarge(let bytes): "the token has \(bytes) bytes; \(CompactJWS.maximumBytes) are allowed"
        case .notCompactJWS: "the token is not a compact JWS (three parts of canonical base64url)"
        case .malformedHeader(let reason): "the token's header is malformed: \(reason)"
        case .missingAlgorithm: "the token's header has no alg"
        case .unknownAlgorithm: "the token's alg is none, or not one that is supported"
        case .keyInHeader(let name): "the token brings its own key (\(name))"
        case .criticalHeader: "the token has critical header parameters (crit)"
        case .unsupportedHeader(let name): "the token's header has \(name), which is not supported"
        case .wrongType: "the token's typ is not that of an access token or JWT"
        case .unknownIssuer: "the token's iss is none of the configured issuers"
        case .keysUnavailable: "the issuer's keys are not available"
        case .unknownKey: "the issuer has no such key"
        case .keyIDNeeded: "the token names no key (kid) and the issuer has several that fit"
        case .algorithmNotAllowed(let algorithm): "the key does not allow \(algorithm.rawValue)"
        case .badSignature: "the signature is wrong"
        case .malformedPayload(let reason): "the token's payload is malformed: \(reason)"
        case .missingClaim(let name): "the token has no \(name)"
        case .malformedClaim(let name): "the token's \(name) is malformed"
        case .wrongIssuer: "the token's iss is not the configured issuer"
        case .wrongAudience: "the token's aud has no configured audience"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet (nbf)"
        case .issuedInFuture: "the token was issued in the future (iat)"
        }
    }
}
