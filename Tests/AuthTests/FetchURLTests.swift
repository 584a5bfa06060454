import Testing

@testable import Auth

struct FetchURLTests {
    @Test(arguments: [
        ("https://idp.test/keys", "idp.test", 443, "/keys"), ("https://IDP.test", "idp.test", 443, "/"),
        ("https://idp.test:8443/a?b=c", "idp.test", 8443, "/a?b=c"), ("http://[::1]:80/x", "::1", 80, "/x"),
        ("HTTPS://idp.test?x", "idp.test", 443, "/?x"),
    ])
    func partsAreFound(_ text: String, _ host: String, _ port: Int, _ target: String) throws {
        let url = try FetchURL(text)
        #expect(url.host == host && Int(url.port) == port && url.target == target)
    }

    @Test(arguments: [
        "", "idp.test/keys", "ftp://idp.test/", "https://", "https:///keys", "https://user@idp.test/",
        "https://idp.test:0/", "https://idp.test:65536/", "https://idp.test:/", "https://idp.test:+80/",
        "https://idp.test/#f", "https://idp.test/a b", "https://idp.test\\@evil.test/", "https://idp\u{2E80}.test/",
        "https://[::1/", "https://[::1]x/", "https://[g::1]/", "https://idp%2etest/", "https://a:b:c/",
        "https://idp.test/\u{0}", "file:///etc/passwd",
    ])
    func anythingElseIsRefused(_ text: String) {
        #expect(throws: AuthError.self) { try FetchURL(text) }
    }

    @Test func plainHTTPIsForLoopbackOrOnRequest() throws {
        try FetchURL("http://127.0.0.1:8080/keys").check(KeySetFetchRules())
        try FetchURL("http://localhost/keys").check(KeySetFetchRules())
        try FetchURL("http://idp.test/keys").check(KeySetFetchRules(allowInsecure: true))
        #expect(throws: AuthError.self) { try FetchURL("http://idp.test/keys").check(KeySetFetchRules()) }
        #expect(throws: AuthError.self) { try FetchURL("http://127.0.0.1.evil.test/").check(KeySetFetchRules()) }
    }

    @Test func redirectsStayOnTheHost() throws {
        let url = try FetchURL("https://idp.test/keys")
        #expect(url.allowsRedirect(to: try FetchURL("https://idp.test/other")))
        for other in ["https://evil.test/keys", "http://idp.test/keys", "https://idp.test:444/keys"] {
            #expect(!url.allowsRedirect(to: try FetchURL(other)))
        }
    }

    @Test(
        arguments: [
            ([8, 8, 8, 8], true), ([10, 0, 0, 1], false), ([172, 16, 0, 1], false), ([172, 32, 0, 1], true),
            ([192, 168, 1, 1], false), ([169, 254, 169, 254], false), ([100, 64, 0, 1], false),
            ([127, 0, 0, 1], false),
            ([0, 0, 0, 0], false), ([224, 0, 0, 1], false), ([255, 255, 255, 255], false),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1], false),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 8, 8, 8, 8], true),
            ([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 169, 254, 169, 254], false),
            ([0x20, 0x02, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], true),
            ([0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], false),
        ] as [([UInt8], Bool)])
    func onlyPublicAddressesAreDialled(_ bytes: [UInt8], _ allowed: Bool) throws {
        let url = try FetchURL("https://idp.test/keys")
        let address = try #require(EgressAddress(bytes))
        #expect(address.isAllowed(for: url, KeySetFetchRules()) == allowed)
        #expect(address.isAllowed(for: url, KeySetFetchRules(allowPrivateAddresses: true)))
    }

    @Test func loopbackIsDialledWhenWrittenAsSuch() throws {
        let address = try #require(EgressAddress([127, 0, 0, 1]))
        #expect(address.isAllowed(for: try FetchURL("http://localhost:7080/keys"), KeySetFetchRules()))
    }

    @Test(
        arguments: [
            (nil, nil, 900), ("max-age=600", nil, 600), ("public, max-age=600", "100", 500), ("max-age=5", nil, 60),
            ("max-age=999999", nil, 3600), ("max-age=99999999999999999999999", nil, 3600), ("no-store", nil, 60),
            ("no-cache, max-age=600", nil, 60), ("max-age=abc", nil, 60), ("max-age=600, max-age=300", nil, 300),
            ("public", nil, 900), ("MAX-AGE=\"120\"", nil, 120), ("max-age=600", "99999999", 60),
            ("max-age=-1", nil, 60),
        ] as [(String?, String?, Int)])
    func freshnessStaysBetweenOneAndSixtyMinutes(_ cacheControl: String?, _ age: String?, _ seconds: Int) {
        #expect(CacheControl.lifetime(cacheControl: cacheControl, age: age) == .seconds(seconds))
    }
}
