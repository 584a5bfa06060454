import Testing

@testable import Auth

struct TokenVerifierTests {
    static let publicAlgorithms: [JWSAlgorithm] = JWSAlgorithm.allCases.filter { !$0.rawValue.hasPrefix("HS") }

    @Test(arguments: JWSAlgorithm.allCases)
    func everyAlgorithmVerifiesItsOwnSignature(_ algorithm: JWSAlgorithm) throws {
        let key = TestKey.of(algorithm)
        for keySet in [key.keySet(), key.keySet("\"alg\":\"\(algorithm.rawValue)\",\"use\":\"sig\"")] {
            let verifier = try TestToken.verifier(TestToken.provider(keySet))
            let token = TestToken.make(algorithm)
            #expect(verifier.rejection(token) == nil)
            #expect(verifier.rejection(token) == nil, "from the cache")
            let verified = try #require(verifier.token(token))
            #expect(verified.subject == "alice" && verified.scopes == ["mcp:read", "mcp:write"])
        }
    }

    @Test(arguments: JWSAlgorithm.allCases, JWSAlgorithm.allCases)
    func anAlgorithmIsAcceptedOnlyWhenTheKeyAllowsIt(_ declared: JWSAlgorithm, _ used: JWSAlgorithm) throws {
        let key = TestKey.of(declared)
        let verifier = try TestToken.verifier(
            TestToken.provider(key.keySet("\"alg\":\"\(declared.rawValue)\"")))
        let header = "{\"alg\":\"\(used.rawValue)\",\"kid\":\"\(key.id)\"}"
        let token = TestToken.make(used, header: header)
        if declared == used {
            #expect(verifier.rejection(token) == nil)
        } else {
            #expect(verifier.rejection(token) == .algorithmNotAllowed(used))
        }
    }

    @Test func theConfigurationNarrowsWhatTheKeyAllows() throws {
        let key = TestKey.of(.rs256)
        let verifier = try TestToken.verifier(TestToken.provider(key.keySet(), algorithms: [.ps256]))
        #expect(verifier.rejection(TestToken.make(.ps256)) == nil)
        #expect(verifier.rejection(TestToken.make(.rs256)) == .algorithmNotAllowed(.rs256))
    }

    @Test func aTokenSignedWithThePublicKeysBytesAsSecretIsRefused() throws {
        let key = TestKey.of(.rs256)
        let verifier = try TestToken.verifier(TestToken.provider(key.keySet()))
        let header = "{\"alg\":\"HS256\",\"kid\":\"\(key.id)\"}"
        let token = TestToken.make(.hs256, header: header)
        #expect(verifier.rejection(token) == .algorithmNotAllowed(.hs256))
    }

    @Test(arguments: ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "HS1", "ES256K", "A128KW", "dir"])
    func noSpellingOfNoneAndNoOtherNameIsAccepted(_ name: String) throws {
        let key = TestKey.of(.rs256)
        let verifier = try TestToken.verifier(TestToken.provider(key.keySet()))
        let header = Base64URL.encode(Array("{\"alg\":\"\(name)\",\"kid\":\"\(key.id)\"}".utf8))
        let claims = Base64URL.encode(Array(TestToken.goodClaims.utf8))
        #expect(verifier.rejection("\(header).\(claims).") == .notCompactJWS)
        #expect(verifier.rejection("\(header).\(claims).AA") == .unknownAlgorithm)
        let signed = TestToken.make(.rs256, header: "{\"alg\":\"\(name)\",\"kid\":\"\(key.id)\"}")
        #expect(verifier.rejection(signed) == .unknownAlgorithm)
    }

    @Test(arguments: [
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"jwk\":{}}", TokenRejection.keyInHeader("jwk")),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"jku\":\"https://evil.test\"}", .keyInHeader("jku")),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"x5u\":\"https://evil.test\"}", .keyInHeader("x5u")),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"x5c\":[]}", .keyInHeader("x5c")),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"crit\":[\"exp\"],\"exp\":1}", .criticalHeader),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"crit\":[]}", .criticalHeader),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"b64\":true}", .unsupportedHeader("b64")),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"zip\":\"DEF\"}", .unsupportedHeader("zip")),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"enc\":\"A128GCM\"}", .unsupportedHeader("enc")),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"typ\":\"dpop+jwt\"}", .wrongType),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"typ\":\"logout+jwt\"}", .wrongType),
        ("{\"alg\":\"ES256\",\"kid\":\"K\",\"typ\":1}", .malformedHeader("typ is not a string")),
        ("{\"alg\":\"ES256\",\"kid\":1}", .malformedHeader("kid is not a string")),
        ("{\"kid\":\"K\"}", .missingAlgorithm),
        ("{\"alg\":[\"ES256\"],\"kid\":\"K\"}", .unknownAlgorithm),
        ("{\"alg\":null,\"kid\":\"K\"}", .unknownAlgorithm),
        ("{\"alg\":\"ES256\",\"kid\":\"../../keys/other\"}", .unknownKey),
        ("{\"alg\":\"ES256\",\"kid\":\"K' OR 1=1\"}", .unknownKey),
        ("{\"alg\":\"ES256\",\"kid\":\"\"}", .unknownKey),
    ])
    func aHeaderThatOversteppedIsRefusedThoughTheSignatureIsGood(_ header: String, _ expected: TokenRejection) throws {
        let key = TestKey.of(.es256)
        let verifier = try TestToken.verifier(TestToken.provider(key.keySet()))
        let text = header.replacing("\"K\"", with: "\"\(key.id)\"")
        #expect(verifier.rejection(TestToken.make(.es256, header: text)) == expected)
    }

    @Test(arguments: [
        "[]", "1", "\"x\"", "", "{", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", "{\"alg\":\"ES256\"} x",
        "{\"alg\":\"ES256\",}", "{'alg':'ES256'}", "\u{FEFF}{\"alg\":\"ES256\"}",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}", "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}",
    ])
    func aHeaderThatIsNotOneStrictObjectIsMalformed(_ header: String) throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        let reason = verifier.rejection(TestToken.make(.es256, header: header))
        #expect(reason?.code == (header.isEmpty ? "not_a_jws" : "malformed_header"), "\(String(describing: reason))")
    }

    static let claimCases: [(String, TokenRejection?)] = [
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1700000001}", nil),
        ("{\"iss\":\"I\",\"aud\":[\"other\",\"gateway\"],\"exp\":1700000001.5}", nil),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1699999941}", nil),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1699999940}", .expired),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1699999940.9}", nil),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":0}", .expired),
        ("{\"iss\":\"I\",\"aud\":\"gateway\"}", .missingClaim("exp")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":\"1700000300\"}", .malformedClaim("exp")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":-1}", .malformedClaim("exp")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1e300}", .malformedClaim("exp")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":9223372036854775807}", .malformedClaim("exp")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":null}", .malformedClaim("exp")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1700000300,\"nbf\":1700000060}", nil),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1700000300,\"nbf\":1700000061}", .notYetValid),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1700000300,\"nbf\":true}", .malformedClaim("nbf")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1700000300,\"iat\":1700000061}", .issuedInFuture),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1700000300,\"iat\":\"x\"}", .malformedClaim("iat")),
        ("{\"iss\":\"I\",\"aud\":\"other\",\"exp\":1700000300}", .wrongAudience),
        ("{\"iss\":\"I\",\"aud\":[],\"exp\":1700000300}", .wrongAudience),
        ("{\"iss\":\"I\",\"aud\":\"gatewa\",\"exp\":1700000300}", .wrongAudience),
        ("{\"iss\":\"I\",\"aud\":\"gateway \",\"exp\":1700000300}", .wrongAudience),
        ("{\"iss\":\"I\",\"aud\":[\"gateway\",1],\"exp\":1700000300}", .malformedClaim("aud")),
        ("{\"iss\":\"I\",\"aud\":{\"gateway\":1},\"exp\":1700000300}", .malformedClaim("aud")),
        ("{\"iss\":\"I\",\"exp\":1700000300}", .missingClaim("aud")),
        ("{\"iss\":\"J\",\"aud\":\"gateway\",\"exp\":1700000300}", .unknownIssuer),
        ("{\"iss\":\"I/\",\"aud\":\"gateway\",\"exp\":1700000300}", .unknownIssuer),
        ("{\"iss\":[\"I\"],\"aud\":\"gateway\",\"exp\":1700000300}", .malformedClaim("iss")),
        ("{\"aud\":\"gateway\",\"exp\":1700000300}", .missingClaim("iss")),
        ("{\"iss\":\"I\",\"aud\":\"gateway\",\"exp\":1700000300,\"sub\":7}", .malformedClaim("sub")),
    ]

    @Test(arguments: claimCases)
    func everyConfiguredClaimIsChecked(_ claims: String, _ expected: TokenRejection?) throws {
        let verifier = try TestToken.verifier(
            TestToken.provider(TestKey.of(.es256).keySet(), issuer: "I", audiences: ["gateway", "second"]))
        #expect(verifier.rejection(TestToken.make(.es256, claims: claims)) == expected)
    }

    @Test(arguments: ["[]", "null", "{\"iss\":\"I\",\"iss\":\"I\"}", "{\"iss\":\"I\"", "x"])
    func aPayloadThatIsNotOneStrictObjectIsMalformed(_ claims: String) throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        let reason = verifier.rejection(TestToken.make(.es256, claims: claims))
        #expect(reason?.code == "malformed_payload")
    }

    @Test func requiredClaimsMustBeThere() throws {
        let provider = TestToken.provider(TestKey.of(.es256).keySet(), requiredClaims: ["sub", "tenant"])
        let start = "{\"iss\":\"\(TestToken.issuer)\",\"aud\":\"gateway\",\"exp\":1700000300,\"sub\":\"a\""
        #expect(
            try TestToken.verifier(provider).rejection(TestToken.make(.es256, claims: start + "}"))
                == .missingClaim("tenant"))
        #expect(
            try TestToken.verifier(provider).rejection(TestToken.make(.es256, claims: start + ",\"tenant\":null}"))
                == .missingClaim("tenant"))
        #expect(
            try TestToken.verifier(provider).rejection(TestToken.make(.es256, claims: start + ",\"tenant\":\"t\"}"))
                == nil)
    }

    @Test func expiredTokenIsRejectedEvenWithinAnotherIssuersLeeway() throws {
        let key = TestKey.of(.es256).keySet()
        let verifier = try TestToken.verifier(
            TestToken.provider(key, issuer: "strict", leeway: .zero),
            TestToken.provider(key, issuer: "lenient", leeway: .seconds(600)))
        func token(_ issuer: String) -> String {
            TestToken.make(.es256, claims: "{\"iss\":\"\(issuer)\",\"aud\":\"gateway\",\"exp\":1699999900}")
        }
        #expect(verifier.rejection(token("strict")) == .expired)
        #expect(verifier.rejection(token("lenient")) == nil)
        #expect(verifier.rejection(token("strict")) == .expired)
    }

    @Test func anIssuersKeyDoesNotVerifyAnotherIssuersToken() throws {
        let other = TestKey(.p256, id: "other")
        let verifier = try TestToken.verifier(
            TestToken.provider(TestKey.of(.es256).keySet(), issuer: "a"),
            TestToken.provider(other.keySet(), issuer: "b"))
        let claims = "{\"iss\":\"a\",\"aud\":\"gateway\",\"exp\":1700000300}"
        #expect(verifier.rejection(TestToken.make(.es256, claims: claims)) == nil)
        #expect(verifier.rejection(TestToken.make(.es256, claims: claims, key: other)) == .unknownKey)
        let renamed = TestToken.make(
            .es256, header: "{\"alg\":\"ES256\",\"kid\":\"\(TestKey.of(.es256).id)\"}", claims: claims, key: other)
        #expect(verifier.rejection(renamed) == .badSignature)
    }

    @Test func aCachedTokenExpiresOnTime() throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet(), leeway: .seconds(5)))
        let token = TestToken.make(.es256)
        #expect(verifier.rejection(token, now: UnixTime(seconds: 1_700_000_300)) == nil)
        #expect(verifier.rejection(token, now: UnixTime(milliseconds: 1_700_000_304_999)) == nil)
        #expect(verifier.rejection(token, now: UnixTime(seconds: 1_700_000_305)) == .expired)
        #expect(verifier.rejection(token, now: UnixTime(seconds: 1_700_000_305)) == .expired)
    }

    @Test func aTokenThatIsTooEarlyIsAcceptedWhenItsTimeComes() throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        let claims = "{\"iss\":\"\(TestToken.issuer)\",\"aud\":\"gateway\",\"exp\":1700009000,\"nbf\":1700000900}"
        let token = TestToken.make(.es256, claims: claims)
        #expect(verifier.rejection(token) == .notYetValid)
        #expect(verifier.rejection(token, now: UnixTime(seconds: 1_700_000_900)) == nil)
    }

    @Test func withoutAKeyIDOnlyTheOneKeyThatFitsIsTried() throws {
        let first = TestKey(.p256, id: "a")
        let second = TestKey(.p256, id: "b")
        let rsa = TestKey.of(.rs256)
        let header = "{\"alg\":\"ES256\"}"
        let one = try TestToken.verifier(TestToken.provider("{\"keys\":[\(first.jwk()),\(rsa.jwk())]}"))
        #expect(one.rejection(TestToken.make(.es256, header: header, key: first)) == nil)
        #expect(one.rejection(TestToken.make(.es256, header: header, key: second)) == .badSignature)
        let two = try TestToken.verifier(TestToken.provider("{\"keys\":[\(first.jwk()),\(second.jwk())]}"))
        #expect(two.rejection(TestToken.make(.es256, header: header, key: first)) == .keyIDNeeded)
    }

    @Test func aTokenOfMoreThanTheLimitIsRefusedUnread() throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        let text = String(repeating: "a", count: CompactJWS.maximumBytes + 1)
        #expect(verifier.rejection(text) == .tooLarge(bytes: CompactJWS.maximumBytes + 1))
    }

    @Test(arguments: [
        "", ".", "..", "...", "a.b", "a.b.c.d", ".b.c", "a..c", "a.b.", "a.b.c", "eyJ9.eyJ9.AA==", "\u{0}.a.b",
    ])
    func whatIsNotAJWSIsRefused(_ text: String) throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        #expect(verifier.rejection(text) == .notCompactJWS)
    }

    @Test(arguments: [JWSAlgorithm.es256, .rs256, .ps256, .edDSA, .hs256])
    func everyFlippedBitOfATokenIsNoticed(_ algorithm: JWSAlgorithm) throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(algorithm).keySet()))
        let token = Array(TestToken.make(algorithm).utf8)
        #expect(verifier.rejection(String(decoding: token, as: UTF8.self)) == nil)
        for index in token.indices {
            for bit in 0..<8 {
                var changed = token
                changed[index] ^= 1 << UInt8(bit)
                switch verifier.verify(changed.span, now: TestToken.now, keySets: []) {
                case .valid: Issue.record("bit \(bit) of byte \(index) makes no difference")
                case .invalid, .needsKeys: break
                }
            }
        }
    }

    @Test func everyTruncationAndRepetitionOfATokenIsRefused() throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        let token = TestToken.make(.es256)
        for count in 0..<token.count { #expect(verifier.rejection(String(token.prefix(count))) != nil) }
        for other in [token + "A", token + "=", token + " ", " " + token, token + "." + token, token + "\n"] {
            #expect(verifier.rejection(other) != nil)
        }
    }

    @Test func aDERSignatureIsNotAJOSESignature() throws {
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        let token = TestToken.make(.es256)
        let parts = token.split(separator: ".")
        let signature = try #require(Base64URL.decode(String(parts[2])))
        var der = [UInt8](repeating: 0, count: ECDSASignature.maximumSize)
        let count = der.withUnsafeMutableBufferPointer {
            ECDSASignature.encodeDER(signature.span, of: .es256, into: $0)
        }
        let encoded = Base64URL.encode(Array(der.prefix(try #require(count))))
        #expect(verifier.rejection("\(parts[0]).\(parts[1]).\(encoded)") == .badSignature)
        let zeros = Base64URL.encode([UInt8](repeating: 0, count: 64))
        #expect(verifier.rejection("\(parts[0]).\(parts[1]).\(zeros)") == .badSignature)
    }

    @Test func seededGarbageNeverPassesAndNeverCrashes() throws {
        let seed: UInt64 = 0x5EED_0002
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let verifier = try TestToken.verifier(TestToken.provider(TestKey.of(.es256).keySet()))
        let good = Array(TestToken.make(.es256).utf8)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
                default:
                    let end = Int.random(in: index...bytes.count, using: &generator)
                    bytes.removeSubrange(index..<end)
                    if bytes.isEmpty { bytes = [46] }
                }
            }
            guard bytes != good else { continue }
            if case .valid = verifier.verify(bytes.span, now: TestToken.now, keySets: []) {
                Issue.record("accepted: \(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    @Test func theClientIsNotToldWhichCheckFailed() {
        let guarded: [TokenRejection] = [
            .unknownAlgorithm, .keyInHeader("jwk"), .criticalHeader, .unknownIssuer, .unknownKey,
            .algorithmNotAllowed(.hs256), .badSignature, .wrongType,
        ]
        #expect(Set(guarded.map(\.clientDescription)).count == 1)
    }
}
