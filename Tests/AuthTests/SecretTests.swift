import Testing

@testable import Auth

struct SecretTests {
    @Test func aSecretShowsNothingOfItselfByAnyUsualMeans() {
        let canary = "canary-7f3a"
        let secret = Secret(canary)
        var dumped = ""
        dump(secret, to: &dumped)
        dump([secret], to: &dumped)
        dump(APIKey(key: .plain(secret)), to: &dumped)
        let texts = [
            "\(secret)", String(describing: secret), String(reflecting: secret), secret.debugDescription, dumped,
            "\([secret])", "\(APIKey(key: .plain(secret)))", String(reflecting: APIKey(key: .plain(secret))),
        ]
        for text in texts { #expect(!text.contains(canary), "\(text)") }
        #expect("\(secret)" == "<redacted>")
    }

    @Test func secretsCompareByTheirBytes() {
        #expect(Secret("abc").constantTimeEquals(Secret("abc")))
        #expect(!Secret("abc").constantTimeEquals(Secret("abd")))
        #expect(!Secret("abc").constantTimeEquals(Secret("ab")))
        #expect(Secret("").constantTimeEquals(Secret("")))
    }

    @Test func theBytesAreLentUnchanged() {
        let bytes: [UInt8] = [0, 1, 255, 0]
        #expect(Secret(bytes: bytes).withBytes { Array($0) } == bytes)
    }
}
