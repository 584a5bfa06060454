// Sealed strings and session tokens.

import Auth
import Testing

@testable import Proxy

struct SealTests {
    private let key = Secret(bytes: [UInt8](repeating: 7, count: 32))

    @Test(arguments: [0, 1, 15, 16, 17, 1000])
    func whatIsSealedOpensAgain(_ count: Int) throws {
        let seal = try Seal(key: key)
        let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let text = try #require(seal.seal(plain, .session, boundTo: "route\u{0}user"))
        #expect(seal.open(text.utf8, .session, boundTo: "route\u{0}user") == plain)
        #expect(try Seal(key: key).open(text.utf8, .session, boundTo: "route\u{0}user") == plain)
    }

    @Test func nothingOpensElsewhere() throws {
        let seal = try Seal(key: key)
        let text = try #require(seal.seal([1, 2, 3], .session, boundTo: "route\u{0}user"))
        #expect(seal.open(text.utf8, .session, boundTo: "route\u{0}other") == nil)
        #expect(seal.open(text.utf8, .session, boundTo: "other\u{0}user") == nil)
        #expect(seal.open(text.utf8, .cursor, boundTo: "route\u{0}user") == nil)
        #expect(try Seal(key: nil).open(text.utf8, .session, boundTo: "route\u{0}user") == nil)
    }

    @Test func everyAlteredCharacterIsNoticed() throws {
        let seal = try Seal(key: key)
        let text = Array(try #require(seal.seal(Array("a session".utf8), .session, boundTo: "x")).utf8)
        for i in text.indices {
            var altered = text
            altered[i] = altered[i] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(seal.open(altered, .session, boundTo: "x") == nil, "character \(i)")
            #expect(seal.open(text[..<i], .session, boundTo: "x") == nil, "\(i) characters")
        }
    }

    @Test func shortKeyIsRefused() {
        #expect(throws: AuthError.self) { try Seal(key: Secret(bytes: [1, 2, 3])) }
    }

    @Test func tokenSurvivesItsEncoding() throws {
        let token = SessionToken(
            id: Seal.randomBytes(16), expires: 1_800_000_000, home: 3, version: .v2025_06_18,
            capabilities: ["sampling", "roots"], client: MCPClientInfo(name: "ü", version: ""),
            targets: [
                SessionToken.TargetState(name: "a", version: .v2024_11_05, session: "s"),
                SessionToken.TargetState(name: "b", version: .v2025_11_25, session: nil),
            ])
        let copy = try #require(SessionToken(token.encoded))
        #expect(copy.id == token.id && copy.expires == token.expires && copy.home == 3)
        #expect(copy.version == token.version && copy.capabilities == token.capabilities)
        #expect(copy.client?.name == "ü" && copy.targets == token.targets)
        for count in 0..<token.encoded.count { #expect(SessionToken(Array(token.encoded.prefix(count))) == nil) }
    }

    @Test(arguments: [RPCID.integer(-5), .integer(.max), .text(""), .text("a\nb"), .text("ü")])
    func requestOriginSurvivesItsSeal(_ id: RPCID) throws {
        let seal = try Seal(key: key)
        let text = try #require(RequestOrigin(target: "one", id: id).sealed(seal, session: "s"))
        let origin = try #require(RequestOrigin(text, seal, session: "s"))
        #expect(origin.target == "one" && origin.id == id)
        #expect(RequestOrigin(text, seal, session: "t") == nil)
    }
}
