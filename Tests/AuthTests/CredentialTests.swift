import Testing

@testable import Auth

struct CredentialTests {
    private func find(_ locations: [CredentialLocation], _ request: TestRequest) -> String {
        let scratch = CredentialScratch()
        switch CredentialFinder(locations).find(in: request, scratch: scratch) {
        case .absent: return "absent"
        case .several: return "several"
        case .found(let run): return "found " + String(decoding: run, as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("Bearer abc", "found abc"), ("bearer abc", "found abc"), ("BEARER  abc", "found abc"), ("Bearer", "found "),
        ("Bearer ", "found "), ("Bearer\tabc", "found \tabc"), ("Bearerabc", "absent"), ("Basic abc", "absent"),
        ("", "absent"), ("Bearer abc def", "found abc def"), ("xBearer abc", "absent"),
    ])
    func theBearerSchemeIsRecognised(_ value: String, _ expected: String) {
        #expect(find([.bearer], TestRequest(headers: [("Authorization", value)])) == expected)
    }

    @Test func aCredentialInTwoPlacesIsRefused() {
        let places: [CredentialLocation] = [.bearer, .queryParameter(name: "access_token"), .cookie(name: "token")]
        let header = ("authorization", "Bearer a")
        let cookie = ("cookie", "x=1; token=b; y=2")
        #expect(find(places, TestRequest(headers: [header])) == "found a")
        #expect(find(places, TestRequest(headers: [cookie])) == "found b")
        #expect(find(places, TestRequest(query: "q=1&access_token=c%2Ed")) == "found c.d")
        #expect(find(places, TestRequest(headers: [header, cookie])) == "several")
        #expect(find(places, TestRequest(query: "access_token=c", headers: [header])) == "several")
        #expect(find(places, TestRequest(headers: [header, header])) == "several")
        #expect(find(places, TestRequest(headers: [header, ("Authorization", "Basic eDp5")])) == "several")
        #expect(find(places, TestRequest(headers: [("Authorization", "Basic eDp5"), header])) == "several")
        #expect(find(places, TestRequest(query: "access_token=c&access_token=c")) == "several")
        #expect(find(places, TestRequest(query: "access_token=c&acc%65ss_token=d")) == "several")
        #expect(find(places, TestRequest(headers: [("cookie", "token=a; token=b")])) == "several")
        #expect(find(places, TestRequest(headers: [("cookie", "token=a"), ("cookie", "token=b")])) == "several")
        #expect(find(places, TestRequest(query: "a=b&&", headers: [("cookie", "; ;=;tokens=1")])) == "absent")
    }

    @Test func whatWasShownToUsIsRemovedInEverySpelling() {
        let stripping = CredentialStripping([
            .bearer, .header(name: "X-Token", prefix: ""), .queryParameter(name: "access_token"),
            .cookie(name: "token"),
        ])
        #expect(stripping.headers.map(\.name) == ["authorization", "x-token"])
        func query(_ text: String) -> String? {
            Array(text.utf8).withUnsafeBufferPointer { stripping.strippedQuery($0) }.map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        #expect(query("a=1&b=%41") == nil)
        #expect(query("a=1&access_token=x&b=2") == "a=1&b=2")
        #expect(query("acc%65ss_token=x") == "")
        #expect(query("access_token") == "")
        func cookies(_ text: String) -> String? {
            Array(text.utf8).withUnsafeBufferPointer { stripping.strippedCookies($0) }.map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        #expect(cookies("a=1; b=2") == nil)
        #expect(cookies("a=1; token=x; b=2") == "a=1; b=2")
        #expect(cookies("token=x") == "")
    }

    @Test func theAuthorizationFieldIsAlwaysStripped() {
        #expect(CredentialStripping([.header(name: "x-key", prefix: "")]).headers.contains(.authorization))
    }

    @Test func apiKeysAreFoundByHashUntilTheyExpire() throws {
        let hash = try Digest.sha256(Array("second".utf8).span).hex
        let table = try APIKeyTable([
            APIKey(key: .plain(Secret("first")), metadata: [MetadataMember("team", .string("a"))]),
            APIKey(key: .hash("sha256:" + hash), allowedModels: ["gpt-*", "*-mini", "exact"], expires: 1000),
        ])
        func find(_ key: String, _ now: Int64) throws -> APIKeyRecord? {
            table.find(try Digest.sha256(Array(key.utf8).span), now: now)
        }
        #expect(try find("first", 5000)?.metadata == [MetadataMember("team", .string("a"))])
        #expect(try find("second", 999) != nil)
        #expect(try find("second", 1000) == nil)
        #expect(try find("third", 0) == nil)
        let record = try #require(try find("second", 0))
        #expect(record.allowsModel("gpt-5") && record.allowsModel("o4-mini") && record.allowsModel("exact"))
        #expect(!record.allowsModel("claude") && !record.allowsModel("exactly"))
    }

    @Test(arguments: [
        "sha256:", "sha256:abcd", "md5:" + String(repeating: "a", count: 64),
        "sha256:" + String(repeating: "g", count: 64), "sha256:" + String(repeating: "+f", count: 32),
        "sha256:" + String(repeating: "a", count: 66),
    ])
    func aMalformedKeyHashFailsTheLoad(_ text: String) {
        #expect(throws: AuthError.self) { try APIKeyTable([APIKey(key: .hash(text))]) }
    }

    @Test func anAPIKeyListedTwiceFailsTheLoad() {
        #expect(throws: AuthError.self) {
            try APIKeyTable([APIKey(key: .plain(Secret("a"))), APIKey(key: .plain(Secret("a")))])
        }
    }
}
