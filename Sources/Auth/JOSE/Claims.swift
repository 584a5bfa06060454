// The payload of a token: read before the signature only for `iss`, judged after it (RFC 7519 §4.1).

struct Claims {
    private let values: MetadataValue
    private let members: [MetadataMember]

    /// - Throws: `.malformedPayload` unless the bytes are one JSON object without duplicate members.
    init(json: [UInt8]) throws(TokenRejection) {
        do throws(AuthError) {
            values = try MetadataValue(json: json)
        } catch {
            throw .malformedPayload(error.text)
        }
        guard case .object(let members) = values else { throw .malformedPayload("it is not an object") }
        self.members = members
    }

    func issuer() throws(TokenRejection) -> String {
        switch values.member("iss") {
        case nil: throw .missingClaim("iss")
        case .string(let issuer): return issuer
        default: throw .malformedClaim("iss")
        }
    }

    /// Every configured check; a check whose claim is absent fails.
    func check(for issuer: TokenIssuer, now: UnixTime) throws(TokenRejection) -> VerifiedToken {
        guard try self.issuer().utf8.elementsEqual(issuer.issuer.utf8) else { throw .unknownIssuer }
        guard let expires = try date("exp") else { throw .missingClaim("exp") }
        // "On or after" (RFC 7519 §4.1.4).
        guard now < expires.advanced(by: issuer.leeway) else { throw .expired }
        if let notBefore = try date("nbf"), now.advanced(by: issuer.leeway) < notBefore { throw .notYetValid }
        if let issuedAt = try date("iat"), now.advanced(by: issuer.leeway) < issuedAt { throw .issuedInFuture }
        try checkAudience(issuer.audiences)
        for name in issuer.requiredClaims {
            guard let value = values.member(name), value != .null else { throw .missingClaim(name) }
        }
        return VerifiedToken(
            issuer: issuer.issuer, subject: try text("sub"),
            clientID: values.member("client_id")?.string ?? values.member("azp")?.string,
            scopes: scopes(), expires: expires, claims: members)
    }

    private func checkAudience(_ accepted: [String]) throws(TokenRejection) {
        let audiences: [String]
        switch values.member("aud") {
        case nil: audiences = []
        case .string(let one): audiences = [one]
        case .list(let several):
            audiences = try several.map { value throws(TokenRejection) in
                guard case .string(let text) = value else { throw .malformedClaim("aud") }
                return text
            }
        default: throw .malformedClaim("aud")
        }
        guard !accepted.isEmpty else { return }
        guard values.member("aud") != nil else { throw .missingClaim("aud") }
        let matches = audiences.contains { audience in accepted.contains { $0.utf8.elementsEqual(audience.utf8) } }
        guard matches else { throw .wrongAudience }
    }

    private func text(_ name: String) throws(TokenRejection) -> String? {
        switch values.member(name) {
        case nil: return nil
        case .string(let text): return text
        default: throw .malformedClaim(name)
        }
    }

    /// The end of the year 9999: a date after that is a number in the wrong unit.
    private static let latestDate: Int64 = 253_402_300_799

    /// A NumericDate (RFC 7519 §2), which may have a fraction.
    private func date(_ name: String) throws(TokenRejection) -> UnixTime? {
        switch values.member(name) {
        case nil: return nil
        case .int(let seconds):
            guard (0...Self.latestDate).contains(seconds) else { throw .malformedClaim(name) }
            return UnixTime(seconds: seconds)
        case .double(let seconds):
            guard seconds >= 0, seconds <= Double(Self.latestDate) else { throw .malformedClaim(name) }
            return UnixTime(milliseconds: Int64(seconds * 1000))
        default: throw .malformedClaim(name)
        }
    }

    /// `scope` (a string with spaces, RFC 8693 §4.2, or a list) and `scp` (Okta: a list, Entra: a string), as one list
    /// without repetitions.
    private func scopes() -> [String] {
        var result: [String] = []
        for name in ["scope", "scp"] {
            let found: [String]
            switch values.member(name) {
            case .string(let text): found = text.utf8.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            case .list(let several): found = several.compactMap(\.string)
            default: found = []
            }
            for scope in found where !result.contains(scope) { result.append(scope) }
        }
        return result
    }
}

/// A token whose signature and claims were found good. Shared by the cache and the requests that carry the token; does
/// not hold the token's text.
package final class VerifiedToken: Sendable {
    package let issuer: String
    package let subject: String?
    /// `client_id`, or `azp`.
    package let clientID: String?
    package let scopes: [String]
    package let expires: UnixTime
    package let claims: [MetadataMember]

    package init(
        issuer: String, subject: String?, clientID: String?, scopes: [String], expires: UnixTime,
        claims: [MetadataMember]
    ) {
        self.issuer = issuer
        self.subject = subject
        self.clientID = clientID
        self.scopes = scopes
        self.expires = expires
        self.claims = claims
    }

    package func hasScope(_ scope: String) -> Bool { scopes.contains { $0.utf8.elementsEqual(scope.utf8) } }
}
