// The payload of a token: read before the signature only for `iss`, judged after it (RFC 7519 §4.1).

import CEL
import JSON

struct Claims {
    /// Deeper payloads are no claims; the limit bounds what rules walk through.
    static let maximumDepth = 32

    private let document: JSONDocument
    private let values: JSONValue

    /// - Throws: `.malformedPayload` unless the bytes are one JSON object without duplicate members.
    init(json: [UInt8]) throws(TokenRejection) {
        do throws(JSONError) {
            document = try JSONDocument(parsing: json, limits: JSONLimits(maximumDepth: Self.maximumDepth))
        } catch {
            throw .malformedPayload(error.description)
        }
        values = document.root
        guard values.kind == .object else { throw .malformedPayload("it is not an object") }
    }

    func issuer() throws(TokenRejection) -> String {
        guard let issuer = try text("iss") else { throw .missingClaim("iss") }
        return issuer
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
            guard let value = values[name], !value.isNull else { throw .missingClaim(name) }
        }
        let scopes = scopes()
        return VerifiedToken(
            issuer: issuer.issuer, subject: try text("sub"),
            clientID: values["client_id"]?.string ?? values["azp"]?.string, scopes: scopes, expires: expires,
            claims: try withScopes(scopes))
    }

    /// The token that these would be the claims of, with nothing checked.
    func assumed() throws(TokenRejection) -> VerifiedToken {
        let scopes = scopes()
        return VerifiedToken(
            issuer: try text("iss") ?? "", subject: try text("sub"),
            clientID: values["client_id"]?.string ?? values["azp"]?.string, scopes: scopes,
            expires: try date("exp") ?? UnixTime(milliseconds: .max), claims: try withScopes(scopes))
    }

    /// The claims with `scopes` as rules see it: the normalised list, in place of any claim of that name.
    private func withScopes(_ scopes: [String]) throws(TokenRejection) -> JSONDocument {
        var writer = JSONWriter()
        writer.object { writer in
            writer.copyMembers(of: values, except: ["scopes"])
            writer.name("scopes")
            writer.array { for scope in scopes { $0.value(scope) } }
        }
        do throws(JSONError) {
            return try JSONDocument(parsing: writer.bytes)
        } catch {
            throw .malformedPayload(error.description)
        }
    }

    private func checkAudience(_ accepted: [String]) throws(TokenRejection) {
        guard let value = values["aud"] else {
            if accepted.isEmpty { return }
            throw .missingClaim("aud")
        }
        let audiences: [JSONValue] = value.kind == .array ? Array(value.elements) : [value]
        guard audiences.allSatisfy({ $0.kind == .string }) else { throw .malformedClaim("aud") }
        guard accepted.isEmpty || audiences.contains(where: { audience in accepted.contains(where: audience.equals) })
        else { throw .wrongAudience }
    }

    private func text(_ name: String) throws(TokenRejection) -> String? {
        guard let value = values[name] else { return nil }
        guard let text = value.string else { throw .malformedClaim(name) }
        return text
    }

    /// The end of the year 9999: a date after that is a number in the wrong unit.
    private static let latestDate: Int64 = 253_402_300_799

    /// A NumericDate (RFC 7519 §2), which may have a fraction.
    private func date(_ name: String) throws(TokenRejection) -> UnixTime? {
        guard let value = values[name] else { return nil }
        if let seconds = value.int64 {
            guard (0...Self.latestDate).contains(seconds) else { throw .malformedClaim(name) }
            return UnixTime(seconds: seconds)
        }
        guard let seconds = value.double, seconds >= 0, seconds <= Double(Self.latestDate) else {
            throw .malformedClaim(name)
        }
        return UnixTime(milliseconds: Int64(seconds * 1000))
    }

    /// `scope` (a string with spaces, RFC 8693 §4.2, or a list) and `scp` (Okta: a list, Entra: a string), as one list
    /// without repetitions.
    private func scopes() -> [String] {
        var result: [String] = []
        for name in ["scope", "scp"] {
            guard let value = values[name] else { continue }
            let found =
                value.string.map { $0.utf8.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) } }
                ?? value.elements.compactMap(\.string)
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
    /// An object: the claims, and `scopes`.
    package let claims: JSONDocument
    /// The claims as rules read them.
    let tree: ValueTree

    package init(
        issuer: String, subject: String?, clientID: String?, scopes: [String], expires: UnixTime,
        claims: JSONDocument
    ) {
        self.issuer = issuer
        self.subject = subject
        self.clientID = clientID
        self.scopes = scopes
        self.expires = expires
        self.claims = claims
        tree = ValueTree(claims)
    }

    package func hasScope(_ scope: String) -> Bool { scopes.contains { $0.utf8.elementsEqual(scope.utf8) } }
}
