import Testing

@testable import Auth

struct SigningTests {
    @Test(arguments: [SigningKey.Form.es256, .rs256])
    func aGeneratedKeySurvivesItsPEMForm(_ form: SigningKey.Form) throws {
        let key = try SigningKey.generate(form)
        let copy = try SigningKey(pem: try key.pem())
        #expect(try copy.thumbprint() == key.thumbprint())
        #expect(copy.algorithms == key.algorithms)
    }

    @Test(arguments: ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
    func whatIsNotAKeyIsRefused(_ text: String) {
        #expect(throws: AuthError.self) { try SigningKey(pem: Secret(text)) }
    }

    @Test func aKeySignsOnlyItsOwnAlgorithms() throws {
        let pem = try SigningKey.generate(.es256).pem()
        #expect(throws: AuthError.self) { try TokenSigner(key: pem, algorithm: .rs256) }
        #expect(throws: AuthError.self) { try TokenSigner(key: pem, algorithm: .edDSA) }
        #expect(throws: AuthError.self) { try TokenSigner(key: Secret("short"), algorithm: .hs256) }
        #expect(throws: AuthError.self) { try TokenSigner(key: pem, algorithm: .es256).sign(claims: "[1]") }
    }
}

struct TokenMinterTests {
    private let key: SigningKey
    private let pem: Secret

    init() throws {
        key = try SigningKey.generate(.es256)
        pem = try key.pem()
    }

    private func text(_ secret: Secret) -> String { secret.withBytes { String(decoding: $0, as: UTF8.self) } }

    @Test func aMintedTokenIsUsedForHalfItsLifeAndVerifies() throws {
        let minter = try TokenMinter(
            JWTSigning(
                signingKey: pem, algorithm: .es256, keyID: "k",
                claims: [
                    MetadataMember("iss", .string("gateway")), MetadataMember("aud", .list([.string("backend")])),
                    MetadataMember("n", .int(7)),
                ], lifetime: .seconds(100)))
        let start = TestToken.now
        let token = try minter.token(now: start)
        #expect(try text(minter.token(now: start.advanced(by: 49_999))) == text(token))
        let next = try minter.token(now: start.advanced(by: 50_000))
        #expect(text(next) != text(token))
        #expect(try text(minter.token(now: start)) != text(next), "the clock was set back")
        let verifier = try TestToken.verifier(
            TestToken.provider(
                try key.publicKeySet(keyID: "k", algorithm: .es256), issuer: "gateway", audiences: ["backend"],
                leeway: .zero))
        #expect(verifier.rejection(text(token)) == nil)
        #expect(verifier.rejection(text(token), now: start.advanced(by: 100_000)) == .expired)
    }

    @Test func whatCannotWorkFailsTheLoad() {
        for configuration in [
            JWTSigning(signingKey: pem, algorithm: .rs256), JWTSigning(signingKey: Secret("x"), algorithm: .es256),
            JWTSigning(signingKey: pem, algorithm: .es256, claims: [MetadataMember("exp", .int(1))]),
            JWTSigning(signingKey: pem, algorithm: .es256, lifetime: .seconds(1)),
            JWTSigning(signingKey: pem, algorithm: .edDSA),
        ] {
            #expect(throws: AuthError.self) { try TokenMinter(configuration) }
        }
    }
}
