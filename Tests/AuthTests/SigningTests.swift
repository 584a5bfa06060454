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
