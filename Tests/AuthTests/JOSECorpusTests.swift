// Verdicts of other implementations on tokens good and forged: `spec-tests/jose/run` makes a corpus with joserfc and
// points AGENTGW_JOSE_CORPUS at it; libjwt is asked here about the algorithms that it knows.

import CJWT
import Glibc
import JSON
import Testing

@testable import Auth

struct JOSECorpusTests {
    static let corpus: String? = {
        guard let value = getenv("AGENTGW_JOSE_CORPUS") else {
            print("SKIPPED: no corpus of joserfc; run spec-tests/jose/run")
            return nil
        }
        return String(cString: value)
    }()

    private func libjwt(_ token: String, _ algorithm: String, _ key: [UInt8]) -> Bool {
        var decoded: OpaquePointer?
        guard jwt_decode(&decoded, token, key, Int32(key.count)) == 0, let decoded else { return false }
        defer { jwt_free(decoded) }
        return String(cString: jwt_alg_str(jwt_get_alg(decoded))) == algorithm
    }

    @Test(.enabled(if: corpus != nil, "no corpus"))
    func joserfcAndLibjwtAgreeOnEveryToken() throws {
        let path = try #require(Self.corpus)
        let document = try OutsideData.json(path)
        var counts = (tokens: 0, accepted: 0, libjwt: 0)
        for group in document.elements {
            let keySet = OutsideData.text(try #require(group["jwks"]))
            let algorithm = try #require(group["alg"]?.string)
            let libjwtKey = group["libjwt_key"]?.string.map { Array($0.utf8) }
            for entry in try #require(group["tokens"]).elements {
                let token = try #require(entry["token"]?.string)
                let expected = try #require(entry["valid"]?.bool as Bool?)
                let what = entry["what"]?.string ?? ""
                let accepted = verifiedPayload(token, keySet: keySet) != nil
                // We may be stricter where the corpus says why; never laxer.
                if entry["stricter"]?.bool == true {
                    #expect(!accepted, "\(algorithm) \(what)")
                } else {
                    #expect(accepted == expected, "\(algorithm) \(what)")
                }
                counts.tokens += 1
                counts.accepted += accepted ? 1 : 0
                if let libjwtKey, entry["libjwt"]?.bool == true {
                    #expect(libjwt(token, algorithm, libjwtKey) == expected, "libjwt: \(algorithm) \(what)")
                    counts.libjwt += 1
                }
            }
        }
        print("corpus: \(counts.tokens) tokens, \(counts.accepted) accepted, \(counts.libjwt) asked of libjwt too")
        #expect(counts.tokens > 500 && counts.accepted > 10)
    }

    @Test(arguments: [JWSAlgorithm.rs256, .rs384, .rs512, .es256, .hs256, .hs384, .hs512])
    func whatLibjwtSignsWeVerify(_ algorithm: JWSAlgorithm) throws {
        let key: Secret
        let keySet: String
        switch algorithm {
        case .hs256, .hs384, .hs512:
            key = Secret(bytes: [UInt8](repeating: 0x61, count: 64))
            let text = key.withBytes { Base64URL.encode(Array($0)) }
            keySet = "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"\(text)\"}]}"
        default:
            let signing = try SigningKey.generate(algorithm == .es256 ? .es256 : .rs256)
            key = try signing.pem()
            keySet = try signing.publicKeySet(keyID: "k", algorithm: algorithm)
        }
        let signer = try TokenSigner(key: key, algorithm: algorithm, keyID: "k")
        let token = try signer.sign(claims: TestToken.goodClaims)
        let verifier = try TestToken.verifier(TestToken.provider(keySet))
        #expect(verifier.token(token)?.subject == "alice")
    }
}
