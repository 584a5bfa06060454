// Credentials for requests that are tried offline: tokens signed with a key of the tool's own, and principals of policies
// that no authentication stands before. Nothing here is reached from a request of the gateway.

import COpenSSL
import JSON

/// Signs tokens with a secret that only this process knows: HS256 over exactly the claims that it is given.
package struct TrialTokenSigner: Sendable {
    private let key: [UInt8]
    private static let header = Base64URL.encode(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))

    package init() throws(AuthError) {
        var key = [UInt8](repeating: 0, count: 32)
        guard RAND_bytes(&key, Int32(key.count)) == 1 else { throw .crypto("no random numbers") }
        self.key = key
    }

    /// The key set that verifies the tokens, to be put in place of an issuer's.
    package var keySet: Secret {
        Secret(#"{"keys":[{"kty":"oct","alg":"HS256","k":"\#(Base64URL.encode(key))"}]}"#)
    }

    /// - Parameter claims: the payload, signed as it is.
    package func sign(_ claims: [UInt8]) -> String {
        let input = Self.header + "." + Base64URL.encode(claims)
        var code = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        let bytes = Array(input.utf8)
        HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &code, &length)
        return input + "." + Base64URL.encode(code)
    }
}

extension VerifiedToken {
    /// The claims of somebody whose token nobody verified: for rules that are tested apart from any gateway. Scopes are
    /// made of `scope` and `scp` as a verified token's are.
    /// - Throws: for claims that are no claims.
    package static func assumed(claims json: [UInt8]) throws(TokenRejection) -> VerifiedToken {
        try Claims(json: json).assumed()
    }
}

extension APIKeyRecord {
    /// A key with this metadata, for rules that are tested apart from any gateway.
    package static func assumed(metadata: [MetadataMember]) throws(AuthError) -> APIKeyRecord {
        try APIKeyRecord(id: "assumed", metadata: metadata, allowedModels: nil, expires: nil)
    }
}

extension AuthPolicy {
    /// One issuer whose tokens are accepted.
    package struct AcceptedIssuer: Sendable {
        package var issuer: String
        package var audiences: [String]
        /// Nothing here can verify its tokens: their keys are fetched.
        package var fetchesKeys: Bool
    }

    /// In the order of the configuration; empty when no tokens are.
    package var acceptedIssuers: [AcceptedIssuer] {
        (token?.issuers ?? []).map { issuer in
            let fetches = if case .remote = issuer.keys { true } else { false }
            return AcceptedIssuer(issuer: issuer.issuer, audiences: issuer.audiences, fetchesKeys: fetches)
        }
    }

    package var tokenLocations: [CredentialLocation] { token?.finder.locations ?? [] }
    package var tokenMode: AuthenticationMode? { token?.mode }
    package var apiKeyLocations: [CredentialLocation] { apiKey?.finder.locations ?? [] }
    package var takesPasswords: Bool { basic != nil }
}

extension Challenge {
    /// The scopes that a `WWW-Authenticate` field names (RFC 6750 §3).
    package static func scopes(in field: String) -> [String] {
        guard let start = field.range(of: "scope=\"")?.upperBound else { return [] }
        return field[start...].prefix { $0 != "\"" }.split(separator: " ").map { String($0) }
    }
}

extension String {
    /// Of the first occurrence, at the beginning of a parameter.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var at = startIndex
        while at < endIndex {
            let isStart = at == startIndex || self[index(before: at)] == " " || self[index(before: at)] == ","
            if isStart, self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
