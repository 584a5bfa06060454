import Testing

@testable import Auth

struct KeySetTests {
    private func parse(_ json: String, _ symmetric: KeySet.SymmetricKeys = .refused) throws -> KeySet {
        try KeySet(json: Array(json.utf8), symmetricKeys: symmetric)
    }

    private let p256 = TestKey.of(.es256)
    private let rsa = TestKey.of(.rs256)

    @Test func keysForOtherPurposesAreLeftOut() throws {
        let set = try parse(
            """
            {"keys":[\(p256.jwk()),\(rsa.jwk("\"use\":\"enc\"")),\(rsa.jwk("\"alg\":\"RSA-OAEP\"")),\
            \(rsa.jwk("\"key_ops\":[\"encrypt\"]")),{"kty":"AKP","kid":"pq"},{"kty":"EC","crv":"secp256k1","x":"AA"},\
            {"kty":"OKP","crv":"X25519","x":"AA"}],"extra":1}
            """)
        #expect(set.keys.map(\.id) == [p256.id])
        #expect(set.warnings.count == 4)
    }

    @Test(arguments: [
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1]}", "{\"keys\":[{}]}",
        "{\"keys\":[{\"kty\":1}]}", "{\"keys\":[{\"kty\":\"RSA\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}", "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}]}",
    ])
    func aSetWithoutAUsableKeyIsRefused(_ json: String) {
        #expect(throws: AuthError.self) { try parse(json) }
    }

    @Test func aPointOffTheCurveIsRefused() throws {
        let jwk = p256.jwk()
        let range = try #require(jwk.firstRange(of: "\"y\":\""))
        var changed = jwk
        changed.replaceSubrange(range.upperBound..<jwk.index(range.upperBound, offsetBy: 4), with: "AAAA")
        #expect(throws: AuthError.self) { try parse("{\"keys\":[\(changed)]}") }
    }

    @Test func keysWithTheSameIDAreAllUnused() throws {
        let twin = TestKey(.p256, id: p256.id)
        #expect(throws: AuthError.self) { try parse("{\"keys\":[\(p256.jwk()),\(twin.jwk())]}") }
        let set = try parse("{\"keys\":[\(p256.jwk()),\(twin.jwk()),\(rsa.jwk())]}")
        #expect(set.keys.map(\.id) == [rsa.id])
    }

    @Test func symmetricKeysAreForInlineSetsAndStandAlone() throws {
        let secret = TestKey.of(.hs256)
        #expect(try parse(secret.keySet(), .accepted).keys.count == 1)
        #expect(throws: AuthError.self) { try parse(secret.keySet(), .refused) }
        #expect(throws: AuthError.self) { try parse("{\"keys\":[\(secret.jwk()),\(p256.jwk())]}", .accepted) }
    }

    @Test func aSecretShorterThanItsHashIsRefused() throws {
        let short = Base64URL.encode([UInt8](repeating: 7, count: 47))
        #expect(throws: AuthError.self) {
            try parse("{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS384\",\"k\":\"\(short)\"}]}", .accepted)
        }
        let set = try parse("{\"keys\":[{\"kty\":\"oct\",\"k\":\"\(short)\"}]}", .accepted)
        #expect(set.keys[0].algorithms == [.hs256])
    }

    @Test(arguments: [
        ("RS256", "key-P-256"), ("ES384", "key-P-256"), ("EdDSA", "key-P-256"), ("HS256", "key-P-256"),
        ("ES256", "key-RSA"),
    ])
    func anAlgorithmThatDoesNotFitTheKeyIsRefused(_ algorithm: String, _ id: String) {
        let key = id == "key-RSA" ? rsa : p256
        #expect(throws: AuthError.self) { try parse(key.keySet("\"alg\":\"\(algorithm)\"")) }
    }

    @Test func tooManyKeysAreRefused() {
        let many = Array(repeating: p256.jwk(), count: KeySet.maximumKeys + 1).joined(separator: ",")
        #expect(throws: AuthError.self) { try parse("{\"keys\":[\(many)]}") }
    }

    @Test func aPublishedPrivateKeyIsReported() throws {
        let set = try parse(p256.keySet("\"d\":\"AA\""))
        #expect(set.warnings.contains { $0.contains("private key") })
    }

    @Test func seededMutationsOfASetNeverCrash() throws {
        let seed: UInt64 = 0x5EED_0003
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let good = Array("{\"keys\":[\(p256.jwk("\"use\":\"sig\"")),\(rsa.jwk()),\(TestKey.of(.edDSA).jwk())]}".utf8)
        var accepted = 0
        for _ in 0..<3_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0x20...0x7E, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[index..<min(bytes.count, index + 40)], at: index)
                }
            }
            // Whatever is accepted has only keys that passed every check.
            if let set = try? KeySet(json: bytes, symmetricKeys: .refused) {
                accepted += 1
                #expect(!set.keys.isEmpty && set.keys.allSatisfy { !$0.isSymmetric && !$0.algorithms.isEmpty })
            }
        }
        #expect(accepted > 0)
    }

    @Test func metadataIsReadOnlyFromItsOwnIssuer() throws {
        func metadata(_ json: String) throws -> String {
            try AuthorizationServerMetadata(json: Array(json.utf8), issuer: "https://i.test/a").keySetLocation()
        }
        #expect(
            try metadata("{\"issuer\":\"https://i.test/a\",\"jwks_uri\":\"https://i.test/k\"}") == "https://i.test/k")
        for bad in [
            "{\"issuer\":\"https://i.test/a/\",\"jwks_uri\":\"https://i.test/k\"}",
            "{\"issuer\":\"https://evil.test\",\"jwks_uri\":\"https://i.test/k\"}",
            "{\"jwks_uri\":\"https://i.test/k\"}",
            "{\"issuer\":\"https://i.test/a\"}", "{\"issuer\":\"https://i.test/a\",\"jwks_uri\":7}", "[]", "",
        ] {
            #expect(throws: AuthError.self) { try metadata(bad) }
        }
    }

    @Test func metadataLocationsFollowBothStandards() throws {
        let locations = try AuthorizationServerMetadata.locations(of: FetchURL("https://i.test/realms/a/"))
        #expect(
            locations.map(\.description) == [
                "https://i.test/.well-known/oauth-authorization-server/realms/a",
                "https://i.test/realms/a/.well-known/openid-configuration",
                "https://i.test/.well-known/openid-configuration/realms/a",
                "https://i.test/realms/a/.well-known/oauth-authorization-server",
            ])
    }
}

struct KeySetStoreTests {
    private let set = Array(TestKey.of(.es256).keySet().utf8)

    /// A store behind a reference, so that expectations may contain its mutating calls.
    private final class Store {
        private var state: KeySetStore
        init(_ source: KeySetSource = .url("https://i.test/keys"), issuer: String = "https://i.test") throws {
            state = try #require(try KeySetStore(source, issuer: issuer))
        }

        func next(at now: Duration) -> KeySetStore.Need { state.next(at: now) }
        func wakeUp(at now: Duration) -> Duration? { state.wakeUp(at: now) }
        func unknownKey(at now: Duration) -> Bool { state.unknownKey(at: now) }
        func expires(at now: Duration) -> Bool { state.expires(at: now) }
        func current(at now: Duration) -> KeySet? { state.current(at: now) }
        func status(at now: Duration) -> KeySetStore.Status { state.status(at: now) }
        @discardableResult
        func finish(_ result: Result<KeySetResponse, KeySetFetchFailure>, at now: Duration) -> Bool {
            state.finish(result, at: now)
        }
    }

    private func store() throws -> Store { try Store() }

    private func fetched(_ store: Store, at now: Duration, cacheControl: String? = nil) -> Bool {
        guard case .fetch = store.next(at: now) else { return false }
        return store.finish(.success(KeySetResponse(status: 200, body: set, cacheControl: cacheControl)), at: now)
    }

    @Test func aSetIsFetchedAtStartAndWhenItGrowsOld() throws {
        let store = try store()
        #expect(store.current(at: .zero) == nil)
        #expect(fetched(store, at: .zero, cacheControl: "max-age=120"))
        #expect(store.current(at: .seconds(1))?.keys.count == 1)
        #expect(store.next(at: .seconds(119)) == .nothing)
        #expect(store.wakeUp(at: .seconds(119)) == .seconds(120))
        #expect(fetched(store, at: .seconds(120)))
        #expect(store.next(at: .seconds(121)) == .nothing)
    }

    @Test func onlyOneFetchIsUnderWay() throws {
        let store = try store()
        #expect(store.next(at: .zero) != .nothing)
        #expect(store.next(at: .zero) == .nothing)
        #expect(store.wakeUp(at: .zero) == nil)
    }

    @Test func anOutageBacksOffAndKeepsTheOldSetForADay() throws {
        let store = try store()
        #expect(fetched(store, at: .zero))
        var now = Duration.seconds(900)
        var waits: [Duration] = []
        for _ in 0..<10 {
            guard case .fetch = store.next(at: now) else {
                Issue.record("no fetch at \(now)")
                return
            }
            let isNew = store.finish(.failure(KeySetFetchFailure("connection refused")), at: now)
            #expect(!isNew)
            #expect(store.current(at: now) != nil)
            let next = try #require(store.wakeUp(at: now))
            waits.append(next - now)
            now = next
        }
        #expect(Array(waits[..<7]) == [1, 2, 4, 8, 16, 32, 60].map { Duration.seconds($0) })
        #expect(waits.max() == .seconds(60))
        #expect(store.status(at: now).lastFailure == "connection refused")
        #expect(store.current(at: KeySetStore.maximumStaleness + .seconds(1)) == nil)
    }

    @Test func anUnknownKeyIsLookedForOncePerInterval() throws {
        let store = try store()
        #expect(fetched(store, at: .zero))
        #expect(store.unknownKey(at: .seconds(5)), "the issuer may have rotated right after the first fetch")
        #expect(fetched(store, at: .seconds(5)))
        #expect(!store.unknownKey(at: .seconds(6)))
        #expect(!store.unknownKey(at: .seconds(34)))
        #expect(store.unknownKey(at: .seconds(40)))
        #expect(fetched(store, at: .seconds(40)))
        #expect(!store.unknownKey(at: .seconds(41)))
        #expect(!store.unknownKey(at: .seconds(69)))
        #expect(store.next(at: .seconds(69)) == .nothing)
        #expect(store.unknownKey(at: .seconds(71)))
        #expect(store.next(at: .seconds(71)) != .nothing)
        #expect(store.unknownKey(at: .seconds(72)), "one is under way")
    }

    @Test func inventedKeyIDsDoNotDefeatTheBackOff() throws {
        let store = try store()
        #expect(fetched(store, at: .zero))
        #expect(store.unknownKey(at: .seconds(100)))
        _ = store.next(at: .seconds(100))
        for _ in 0..<6 {
            let now = store.wakeUp(at: .seconds(100)) ?? .seconds(100)
            _ = store.next(at: now)
            _ = store.finish(.failure(KeySetFetchFailure("down")), at: now)
        }
        let next = try #require(store.wakeUp(at: .seconds(100)))
        #expect(!store.unknownKey(at: next - .milliseconds(1)))
    }

    @Test(arguments: [
        (404, "{}"), (200, ""), (200, "{\"keys\":[]}"), (302, ""), (500, "{\"keys\":[]}"), (204, ""),
    ])
    func aBadReplyIsAFailureAndTheOldSetStays(_ status: Int, _ body: String) throws {
        let store = try store()
        #expect(fetched(store, at: .zero))
        _ = store.next(at: .seconds(900))
        let isNew = store.finish(.success(KeySetResponse(status: status, body: Array(body.utf8))), at: .seconds(900))
        #expect(!isNew)
        #expect(store.current(at: .seconds(900)) != nil)
        #expect(store.status(at: .seconds(900)).consecutiveFailures == 1)
    }

    @Test func aReplyThatIsTooLargeIsAFailure() throws {
        let store = try store()
        _ = store.next(at: .zero)
        let body = set + [UInt8](repeating: 0x20, count: KeySetRequest.maximumBytes)
        #expect(!store.finish(.success(KeySetResponse(status: 200, body: body)), at: .zero))
    }

    @Test func discoveryTriesTheKnownLocationsThenTheKeys() throws {
        let store = try Store(.discovery(), issuer: "https://i.test/a")
        func url(_ need: KeySetStore.Need) -> String {
            if case .fetch(let request) = need { request.url.description } else { "nothing" }
        }
        #expect(url(store.next(at: .zero)) == "https://i.test/.well-known/oauth-authorization-server/a")
        _ = store.finish(.success(KeySetResponse(status: 404, body: [])), at: .zero)
        #expect(url(store.next(at: .zero)) == "https://i.test/a/.well-known/openid-configuration")
        let metadata = "{\"issuer\":\"https://i.test/a\",\"jwks_uri\":\"https://keys.test/k\"}"
        _ = store.finish(.success(KeySetResponse(status: 200, body: Array(metadata.utf8))), at: .zero)
        #expect(url(store.next(at: .zero)) == "https://keys.test/k")
        #expect(store.finish(.success(KeySetResponse(status: 200, body: set)), at: .zero))
        #expect(store.current(at: .zero) != nil)
    }

    @Test func discoveryDoesNotFollowMetadataToPlainHTTP() throws {
        let store = try Store(.discovery(), issuer: "https://i.test")
        _ = store.next(at: .zero)
        let metadata = "{\"issuer\":\"https://i.test\",\"jwks_uri\":\"http://i.test/k\"}"
        _ = store.finish(.success(KeySetResponse(status: 200, body: Array(metadata.utf8))), at: .zero)
        _ = store.next(at: .zero)
        _ = store.finish(.success(KeySetResponse(status: 404, body: [])), at: .zero)
        #expect(store.current(at: .zero) == nil)
        #expect(store.status(at: .zero).consecutiveFailures == 1)
    }

    /// Loopback is for those who write it into the configuration, not for a document that came over the network.
    @Test(arguments: ["http://127.0.0.1:15000/api", "https://localhost/keys", "http://[::1]/k", "file:///etc/passwd"])
    func metadataOfAnotherMachineDoesNotPointToThisOne(_ location: String) throws {
        let metadata = "{\"issuer\":\"ISSUER\",\"jwks_uri\":\"\(location)\"}"
        func fetchesKeys(_ issuer: String) throws -> Bool {
            let store = try Store(.discovery(), issuer: issuer)
            _ = store.next(at: .zero)
            let body = Array(metadata.replacing("ISSUER", with: issuer).utf8)
            _ = store.finish(.success(KeySetResponse(status: 200, body: body)), at: .zero)
            guard case .fetch(let request) = store.next(at: .zero) else { return false }
            return request.url.description == location
        }
        #expect(try !fetchesKeys("https://i.test"))
        #expect(try fetchesKeys("http://localhost:8080") == location.hasPrefix("http"))
    }

    @Test func aSetThatHasBecomeTooOldIsLetGoOfOnce() throws {
        let store = try store()
        #expect(fetched(store, at: .zero))
        #expect(!store.expires(at: KeySetStore.maximumStaleness))
        #expect(store.expires(at: KeySetStore.maximumStaleness + .seconds(1)))
        #expect(!store.expires(at: KeySetStore.maximumStaleness + .seconds(2)))
        #expect(!store.status(at: KeySetStore.maximumStaleness + .seconds(2)).available)
    }

    @Test func plainHTTPToAStrangerIsRefusedAtLoad() {
        #expect(throws: AuthError.self) { try KeySetStore(.url("http://i.test/keys"), issuer: "x") }
        #expect(throws: AuthError.self) { try KeySetStore(.discovery(), issuer: "http://i.test") }
        #expect(throws: AuthError.self) { try KeySetStore(.url("keys.json"), issuer: "x") }
    }
}
