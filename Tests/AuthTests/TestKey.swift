// Private keys of every kind, for making tokens good and bad: OpenSSL called directly, independent of the code under
// test.

import COpenSSL

@testable import Auth

final class TestKey: @unchecked Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case rsa = "RSA"
        case p256 = "P-256"
        case p384 = "P-384"
        case p521 = "P-521"
        case ed25519 = "ED25519"
        case secret = "oct"
    }

    let kind: Kind
    let id: String
    private let pointer: OpaquePointer?
    let secret: [UInt8]

    init(_ kind: Kind, id: String) {
        self.kind = kind
        self.id = id
        secret = kind == .secret ? (0..<64).map { UInt8($0) } : []
        guard kind != .secret else {
            pointer = nil
            return
        }
        let name = kind == .rsa ? "RSA" : kind == .ed25519 ? "ED25519" : "EC"
        let context = EVP_PKEY_CTX_new_from_name(nil, name, nil)
        EVP_PKEY_keygen_init(context)
        if kind == .rsa { EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) }
        if name == "EC" { EVP_PKEY_CTX_set_group_name(context, kind.rawValue) }
        var key: OpaquePointer?
        EVP_PKEY_generate(context, &key)
        EVP_PKEY_CTX_free(context)
        pointer = key
    }

    deinit { EVP_PKEY_free(pointer) }

    /// One key of each kind, made once.
    static let all: [Kind: TestKey] = Dictionary(
        uniqueKeysWithValues: Kind.allCases.map { ($0, TestKey($0, id: "key-\($0.rawValue)")) })

    static func of(_ algorithm: JWSAlgorithm) -> TestKey {
        switch algorithm {
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: all[.rsa]!
        case .es256: all[.p256]!
        case .es384: all[.p384]!
        case .es512: all[.p521]!
        case .edDSA: all[.ed25519]!
        case .hs256, .hs384, .hs512: all[.secret]!
        }
    }

    private func number(_ name: String, _ size: Int?) -> String {
        var number: OpaquePointer?
        EVP_PKEY_get_bn_param(pointer, name, &number)
        defer { BN_free(number) }
        let size = size ?? (Int(BN_num_bits(number)) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: size)
        BN_bn2binpad(number, &bytes, Int32(size))
        return Base64URL.encode(bytes)
    }

    /// The public JWK with further members, as JSON text.
    func jwk(_ more: String = "") -> String {
        let extra = more.isEmpty ? "" : "," + more
        let start = "\"kid\":\"\(id)\"\(extra)"
        switch kind {
        case .rsa: return "{\"kty\":\"RSA\",\"n\":\"\(number("n", nil))\",\"e\":\"\(number("e", nil))\",\(start)}"
        case .ed25519:
            var bytes = [UInt8](repeating: 0, count: 32)
            var count = 32
            EVP_PKEY_get_raw_public_key(pointer, &bytes, &count)
            return "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(Base64URL.encode(bytes))\",\(start)}"
        case .secret: return "{\"kty\":\"oct\",\"k\":\"\(Base64URL.encode(secret))\",\(start)}"
        case .p256, .p384, .p521:
            let size = kind == .p256 ? 32 : kind == .p384 ? 48 : 66
            return
                "{\"kty\":\"EC\",\"crv\":\"\(kind.rawValue)\",\"x\":\"\(number("qx", size))\",\"y\":\"\(number("qy", size))\",\(start)}"
        }
    }

    func keySet(_ more: String = "") -> String { "{\"keys\":[\(jwk(more))]}" }

    /// The signature as JOSE writes it.
    func sign(_ algorithm: JWSAlgorithm, _ message: [UInt8]) -> [UInt8] {
        let digest: OpaquePointer? =
            switch algorithm.digest {
            case .sha256: EVP_sha256()
            case .sha384: EVP_sha384()
            case .sha512: EVP_sha512()
            case nil: nil
            }
        if kind == .secret {
            var code = [UInt8](repeating: 0, count: 64)
            var count: UInt32 = 0
            HMAC(digest, secret, Int32(secret.count), message, message.count, &code, &count)
            return Array(code.prefix(Int(count)))
        }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var keyContext: OpaquePointer?
        EVP_DigestSignInit(context, &keyContext, digest, nil, pointer)
        if algorithm.isPSS {
            EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING)
            EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, RSA_PSS_SALTLEN_DIGEST)
        }
        var count = 1024
        var signature = [UInt8](repeating: 0, count: count)
        EVP_DigestSign(context, &signature, &count, message, message.count)
        signature = Array(signature.prefix(count))
        switch algorithm {
        case .es256: return Self.raw(signature, 32)
        case .es384: return Self.raw(signature, 48)
        case .es512: return Self.raw(signature, 66)
        default: return signature
        }
    }

    private static func raw(_ der: [UInt8], _ size: Int) -> [UInt8] {
        var index = der[1] & 0x80 == 0 ? 2 : 3
        var result: [UInt8] = []
        for _ in 0..<2 {
            let count = Int(der[index + 1])
            let value = Array(der[index + 2..<index + 2 + count].drop { $0 == 0 })
            result += [UInt8](repeating: 0, count: size - value.count) + value
            index += 2 + count
        }
        return result
    }
}

/// Tokens of every shape.
enum TestToken {
    static let issuer = "https://issuer.test"
    static let audience = "gateway"
    /// 2023-11-14T22:13:20Z
    static let now = UnixTime(seconds: 1_700_000_000)

    static let goodClaims =
        "{\"iss\":\"\(issuer)\",\"aud\":\"\(audience)\",\"sub\":\"alice\",\"exp\":1700000300,\"iat\":1699999990,\"scope\":\"mcp:read mcp:write\"}"

    static func make(
        _ algorithm: JWSAlgorithm, header: String? = nil, claims: String = goodClaims, key: TestKey? = nil
    ) -> String {
        let key = key ?? .of(algorithm)
        let header = header ?? "{\"alg\":\"\(algorithm.rawValue)\",\"kid\":\"\(key.id)\",\"typ\":\"JWT\"}"
        let input = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(claims.utf8))
        return input + "." + Base64URL.encode(key.sign(algorithm, Array(input.utf8)))
    }

    static func provider(
        _ keySet: String, issuer: String = issuer, audiences: [String] = [audience],
        leeway: Duration = JWTProvider.defaultLeeway, requiredClaims: [String] = [],
        algorithms: Set<JWSAlgorithm>? = nil
    ) -> JWTProvider {
        JWTProvider(
            issuer: issuer, audiences: audiences, keys: .inline(Secret(keySet)), leeway: leeway,
            requiredClaims: requiredClaims, algorithms: algorithms)
    }

    static func noFiles(_ path: String) throws(AuthError) -> [UInt8] {
        throw .configuration("no file \(path) in this test", .none)
    }

    static func verifier(_ providers: JWTProvider...) throws -> TokenVerifier {
        var policies = AuthPolicies(readFile: noFiles)
        let policy = try policies.add(jwt: JWTAuthentication(providers: providers))
        return try TokenVerifier(policy.token!)
    }
}

extension TokenVerifier {
    /// nil when the token is accepted.
    func rejection(_ token: String, now: UnixTime = TestToken.now, keySets: [KeySet?] = []) -> TokenRejection? {
        let bytes = Array(token.utf8)
        switch verify(bytes.span, now: now, keySets: keySets) {
        case .valid: return nil
        case .invalid(let reason), .needsKeys(_, let reason): return reason
        }
    }

    func token(_ text: String, now: UnixTime = TestToken.now) -> VerifiedToken? {
        let bytes = Array(text.utf8)
        guard case .valid(let token) = verify(bytes.span, now: now, keySets: []) else { return nil }
        return token
    }
}
