import Testing

@testable import Auth

struct Base64URLTests {
    @Test(arguments: [
        ("", ""), ("Zg", "f"), ("Zm8", "fo"), ("Zm9v", "foo"), ("Zm9vYg", "foob"), ("Zm9vYmE", "fooba"),
        ("Zm9vYmFy", "foobar"), ("-_-_", "\u{FB}\u{FF}\u{BF}"),
    ])
    func rfc4648ExamplesDecodeAndEncode(_ text: String, _ plain: String) {
        let bytes = plain.unicodeScalars.map { UInt8($0.value) }
        #expect(Base64URL.decode(text) == bytes)
        #expect(Base64URL.encode(bytes) == text)
    }

    @Test(arguments: [
        "Z", "Zm9vY", "Zg==", "Zg=", "Z g", "Zm9v\n", "+A", "/A", "Zh", "Zm9", "Zm9vYh", "Zm\u{E9}v", "Zg.", "=",
        "====",
    ])
    func anyOtherSpellingIsRefused(_ text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func everyArrayHasExactlyOneSpelling() {
        let seed: UInt64 = 0x5EED_0001
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes)
            // Another last character either gives other bytes or is refused.
            guard let last = text.utf8.last else { continue }
            for other in alphabet where other != last {
                let changed = String(decoding: Array(text.utf8.dropLast()) + [other], as: UTF8.self)
                #expect(Base64URL.decode(changed) != bytes)
            }
        }
    }
}
