// `agentgw token`: its claims, its keys, and that they fit together.

import ArgumentParser
import Auth
import Glibc
import JSON
import Testing

@testable import agentgw

@Suite struct TokenCommandTests {
    private func claims(_ arguments: String...) throws -> JSONDocument {
        let command = try TokenCommand.parse(arguments)
        let text = try TokenCommand.claims(
            issuer: command.issuer, audience: command.audience, extra: command.claim, now: 1000,
            lifetime: command.expiresIn.duration)
        return try JSONDocument(parsing: text)
    }

    @Test func claimsComeFromTheOptions() throws {
        let document = try claims(
            "--issuer", "i\"1", "--audience", "a", "--audience", "b", "--claim", "groups=[\"x\",1]", "--expires-in",
            "90s")
        #expect(document.root["iss"]?.string == "i\"1")
        #expect(document.root["aud"]?.elements.map(\.string) == ["a", "b"])
        #expect(document.root["iat"]?.int64 == 1000)
        #expect(document.root["exp"]?.int64 == 1090)
        #expect(document.root["groups"]?.count == 2)
    }

    @Test func oneAudienceIsAStringAndAClaimReplacesADefault() throws {
        let document = try claims("--audience", "a", "--claim", "exp=5", "--claim", "iss=null")
        #expect(document.root["aud"]?.string == "a")
        #expect(document.root["exp"]?.int64 == 5)
        #expect(document.root["iss"]?.isNull == true)
    }

    @Test(arguments: [
        ["--claim", "sub=alice"], ["--claim", "=1"], ["--claim", "sub"], ["--claim", "a={\"x\":1,\"x\":2}"],
        ["--alg", "none"], ["--alg", "rs256"], ["--expires-in", "0s"], ["--expires-in", "1"], ["--expires-in", "-1h"],
    ])
    func whatIsNoClaimAlgorithmOrDurationIsRefused(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try TokenCommand.parse(arguments) }
    }

    @Test func sameClaimTwiceIsRefused() {
        #expect(throws: ValidationError.self) { try claims("--claim", "a=1", "--claim", "a=2") }
    }

    @Test func keyIsMadeOnceKeptPrivatelyAndPublishedUnderTheTokensKeyID() throws {
        var template = Array("/tmp/agentgw-test-XXXXXX".utf8CString)
        let made = mkdtemp(&template)
        let folder = String(cString: try #require(made))
        defer {
            for name in ["agentgw/token-es256.pem", "agentgw/token-rsa.pem"] { unlink("\(folder)/\(name)") }
            rmdir("\(folder)/agentgw")
            rmdir(folder)
        }
        let keys = DevelopmentKeyFolder(variables: Environment(["XDG_STATE_HOME": folder]))
        for algorithm in [JWSAlgorithm.es256, .rs256] {
            let key = try ResolvedSigningKey.development(algorithm, in: keys)
            let again = try ResolvedSigningKey.development(algorithm, in: keys)
            let set = try JSONDocument(parsing: try key.publicKeySet())
            let sets = [try key.publicKeySet(), try again.publicKeySet()]
            #expect(sets[0] == sets[1])
            let published = set.root["keys"]?.elements.map { $0 }.first?["kid"]?.string
            #expect(published != nil)
            #expect(try key.signer().keyID == published)
            #expect(try key.signer().sign(claims: "{\"a\":1}").split(separator: ".").count == 3)
        }
        var status = stat()
        #expect(stat("\(folder)/agentgw/token-es256.pem", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func noPlaceForAKeyIsAnErrorThatSaysSo() {
        let error = #expect(throws: AuthError.self) {
            try ResolvedSigningKey.development(.es256, in: DevelopmentKeyFolder(variables: Environment([:])))
        }
        #expect(error?.text.contains("--key") == true)
    }

    @Test func symmetricSecretSignsWithHSOnlyAndHasNoPublicHalf() throws {
        let secret = Secret(String(repeating: "s", count: 32) + "\n")
        let key = try ResolvedSigningKey(secret, algorithm: .hs256)
        #expect(try key.signer().sign(claims: "{}").hasPrefix("eyJ"))
        #expect(throws: AuthError.self) { try key.publicKeySet() }
        #expect(throws: AuthError.self) { try ResolvedSigningKey(secret, algorithm: .es256) }
        #expect(throws: AuthError.self) { try ResolvedSigningKey(Secret("short"), algorithm: .hs256).signer() }
    }
}
