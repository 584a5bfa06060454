// The door. Every request of every listener, route and leg comes through here, on its event loop, without suspending:
// credentials in, a `Principal` or the finished reply out.

import COpenSSL

/// What authentication came to.
package enum Authentication: Sendable {
    case accepted(Principal)
    case rejected(Rejection)
    /// The token's key is not known. Let the set's store fetch it if it will, `install` it, and ask again with
    /// `isLastTry`.
    case awaitingKeys(KeySetID)
    /// A password must be hashed, which takes too long for an event loop: run it elsewhere, hand the result to `note`
    /// and ask again.
    case awaitingPassword(PasswordCheck)
}

/// The state of authentication on one event loop. Not Sendable; never shared.
package final class AuthLayer {
    /// Passwords whose check is remembered, and for how long in milliseconds.
    static let passwordCacheCapacity = 4096
    static let passwordCacheLifetime: Int64 = 5 * 60 * 1000
    static let wrongPasswordCacheLifetime: Int64 = 30 * 1000

    private let policies: AuthPolicies
    private var verifiers: [TokenVerifier?]
    private var keySets: [KeySet?]
    private let digest: Digest
    private let scratch = CredentialScratch()
    private var passwords = GenerationalCache<RememberedPassword>(capacity: passwordCacheCapacity)
    /// Password results are stored under a hash that is worthless outside this process.
    private let salt: [UInt8]

    private struct RememberedPassword {
        let valid: Bool
        let until: UnixTime
    }

    /// - Parameter predecessor: the layer of the configuration before on the same loop; what it knows about issuers that
    ///   are trusted in the same way as before is kept.
    package init(_ policies: AuthPolicies, succeeding predecessor: AuthLayer? = nil) throws(AuthError) {
        self.policies = policies
        verifiers = try policies.policies.map { policy throws(AuthError) in
            try policy.token.map { token throws(AuthError) in try TokenVerifier(token) }
        }
        keySets = Array(repeating: nil, count: policies.remoteKeySets.count)
        digest = try Digest(.sha256)
        var salt = [UInt8](repeating: 0, count: 32)
        guard RAND_bytes(&salt, Int32(salt.count)) == 1 else { throw .crypto("no random numbers") }
        self.salt = salt
        if let predecessor { inherit(from: predecessor) }
    }

    private func inherit(from predecessor: AuthLayer) {
        let before = predecessor.policies.remoteKeySets
        for (index, keySet) in policies.remoteKeySets.enumerated() {
            if let old = before.firstIndex(of: keySet) { keySets[index] = predecessor.keySets[old] }
        }
        var known: [TokenTrust: TokenVerifier] = [:]
        for case let verifier? in predecessor.verifiers {
            if let trust = TokenTrust(verifier.policy, before) { known[trust] = verifier }
        }
        for case let verifier? in verifiers {
            guard let trust = TokenTrust(verifier.policy, policies.remoteKeySets), let old = known[trust] else {
                continue
            }
            verifier.inherit(from: old)
        }
    }

    /// Takes a fetched key set, or nil when the old one has become too old to trust.
    package func install(_ keySet: KeySet?, for id: KeySetID) {
        // The same keys again: what was learnt from them holds.
        if let new = keySet?.fingerprint, new == keySets[id.index]?.fingerprint { return }
        keySets[id.index] = keySet
        for (policy, verifier) in zip(policies.policies, verifiers) where policy.keySets.contains(id) {
            verifier?.keysChanged()
        }
    }

    /// Whether all keys that the policy needs are there.
    package func isReady(_ policy: AuthPolicy) -> Bool {
        policy.keySets.allSatisfy { keySets[$0.index] != nil }
    }

    /// Takes the result of a password check.
    package func note(_ result: PasswordResult, now: UnixTime) {
        let lifetime = result.valid ? Self.passwordCacheLifetime : Self.wrongPasswordCacheLifetime
        passwords.insert(
            RememberedPassword(valid: result.valid, until: now.advanced(by: lifetime)), for: result.fingerprint)
    }

    /// Judges the credentials of a request.
    /// - Parameters:
    ///   - principal: what an outer level (the listener) already found out.
    ///   - base: the URL under which clients reach the gateway, such as `https://mcp.example.com`, for the metadata
    ///     URL in challenges; nil derives it from the request's scheme and authority.
    ///   - isLastTry: do not ask for keys once more.
    package func authenticate(
        _ request: some RequestAttributes, _ policy: AuthPolicy, principal: Principal = .anonymous,
        base: String? = nil, now: UnixTime, isLastTry: Bool = false
    ) -> Authentication {
        var principal = principal
        if let certificate = request.tls?.clientCertificate { principal.certificate = certificate }
        if let token = policy.token {
            let outcome = judgeToken(request, policy, token, &principal, base: base, now, isLastTry: isLastTry)
            if let outcome { return outcome }
        }
        if let basic = policy.basic {
            if let outcome = judgePassword(request, policy, basic, &principal, now) { return outcome }
        }
        if let apiKey = policy.apiKey {
            if let outcome = judgeAPIKey(request, policy, apiKey, &principal, now) { return outcome }
        }
        return .accepted(principal)
    }

    // MARK: Tokens

    private func judgeToken(
        _ request: some RequestAttributes, _ policy: AuthPolicy, _ token: TokenPolicy, _ principal: inout Principal,
        base: String?, _ now: UnixTime, isLastTry: Bool
    ) -> Authentication? {
        switch token.finder.find(in: request, scratch: scratch) {
        case .several:
            return .rejected(.ambiguous("token"))
        case .absent:
            guard token.mode == .strict else { return nil }
            return .rejected(tokenRejection(nil, request, policy, base: base))
        case .found(let run):
            // In a place shared with API keys, what does not have a token's three parts is left to them.
            if token.mode != .strict, policy.sharesPlaces, !Self.hasThreeParts(run) { return nil }
            guard let verifier = verifiers[policy.index] else { return .rejected(.internalError) }
            switch verifier.verify(run.span, now: now, keySets: keySets) {
            case .valid(let verified):
                principal.token = verified
                return nil
            case .invalid(let reason):
                guard token.mode != .permissive else { return nil }
                return .rejected(tokenRejection(reason, request, policy, base: base))
            case .needsKeys(let id, let reason):
                guard isLastTry else { return .awaitingKeys(id) }
                guard token.mode != .permissive else { return nil }
                return .rejected(tokenRejection(reason, request, policy, base: base))
            }
        }
    }

    private static func hasThreeParts(_ run: ByteRun) -> Bool {
        run.reduce(into: 0) { $0 += $1 == UInt8(ascii: ".") ? 1 : 0 } == 2
    }

    /// - Parameter reason: nil when there is no token.
    private func tokenRejection(
        _ reason: TokenRejection?, _ request: some RequestAttributes, _ policy: AuthPolicy, base: String?
    ) -> Rejection {
        if case .keysUnavailable = reason {
            return .text(
                503, "the keys to verify tokens with are not available",
                reason: TokenRejection.keysUnavailable.description,
                code: TokenRejection.keysUnavailable.code)
        }
        let description = reason?.clientDescription ?? "A token is required"
        let log = reason?.description ?? "no token"
        let code = reason?.code ?? "no_token"
        var challenge = Challenge()
        if reason != nil {
            challenge.error = .invalidToken
            challenge.errorDescription = description
        }
        guard let resource = policy.protectedResource else {
            return .text(
                401, "authentication failure: \(description)", challenges: [challenge], reason: log, code: code)
        }
        challenge.resourceMetadata = resource.metadataURL(for: request, base: base)
        challenge.scopes = resource.defaultScopes
        return .oauth(
            401, error: reason == nil ? "unauthorized" : "invalid_token", description: description,
            challenges: [challenge], reason: log, code: code)
    }

    // MARK: Passwords

    private func judgePassword(
        _ request: some RequestAttributes, _ policy: AuthPolicy, _ basic: AuthPolicy.BasicPolicy,
        _ principal: inout Principal, _ now: UnixTime
    ) -> Authentication? {
        let refused = Rejection.text(
            401, "authentication failure: user and password are required or wrong",
            challenges: [Challenge(scheme: .basic, realm: basic.realm)], reason: "no or wrong user and password",
            code: "basic")
        switch basic.finder.find(in: request, scratch: scratch) {
        case .several: return .rejected(.ambiguous("user and password"))
        case .absent: return basic.mode == .strict ? .rejected(refused) : nil
        case .found(let run):
            // The policy is part of what is remembered: the same pair may be right for one and wrong for another.
            let salt = salt + Array("\(policy.index):".utf8)
            guard let credentials = BasicCredentials(run, salt: salt, digest: digest) else {
                return basic.mode == .permissive ? nil : .rejected(refused)
            }
            guard let known = passwords.find(credentials.fingerprint), now < known.until else {
                return .awaitingPassword(
                    PasswordCheck(
                        fingerprint: credentials.fingerprint, hash: basic.table.hash(of: credentials.user),
                        decoy: basic.table.decoy, password: credentials.password))
            }
            guard known.valid else { return basic.mode == .permissive ? nil : .rejected(refused) }
            principal.user = credentials.user
            return nil
        }
    }

    // MARK: API keys

    private func judgeAPIKey(
        _ request: some RequestAttributes, _ policy: AuthPolicy, _ apiKey: AuthPolicy.APIKeyPolicy,
        _ principal: inout Principal, _ now: UnixTime
    ) -> Authentication? {
        func refuse(_ what: String, _ code: String) -> Authentication {
            .rejected(
                .text(
                    401, "api key authentication failure: \(what)", challenges: [Challenge()], reason: what, code: code)
            )
        }
        switch apiKey.finder.find(in: request, scratch: scratch) {
        case .several: return .rejected(.ambiguous("API key"))
        case .absent: return apiKey.mode == .strict ? refuse("no API Key found", "no_api_key") : nil
        case .found(let run):
            // A verified token in the place that both share is not a wrong key.
            if principal.token != nil, policy.sharesPlaces, apiKey.mode != .strict, Self.hasThreeParts(run) {
                return nil
            }
            guard let hash = try? digest.hash(run.span).sha256,
                let record = policy.apiKey?.table.find(hash, now: now.seconds)
            else { return apiKey.mode == .permissive ? nil : refuse("invalid credentials", "invalid_api_key") }
            principal.apiKey = record
            return nil
        }
    }
}

extension Rejection {
    /// Something that a correct build cannot reach; closed, not open.
    static var internalError: Rejection {
        .text(500, "authentication is not available", reason: "a policy of another configuration", code: "internal")
    }
}
