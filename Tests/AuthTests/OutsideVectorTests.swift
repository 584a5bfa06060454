// Outside test data, read from beside the checkout (`../shared/wycheproof`, `../shared/jose-cookbook`) or from where
// AGENTGW_WYCHEPROOF and AGENTGW_JOSE_COOKBOOK point. Without it the tests are skipped, and say so.

import Glibc
import JSON
import Testing

@testable import Auth

enum OutsideData {
    static func directory(_ variable: String, _ name: String) -> String? {
        if let value = getenv(variable) { return String(cString: value) }
        let root = #filePath.split(separator: "/").dropLast(3).map(String.init)
        for parent in [Array(root.dropLast()), Array(root)] {
            let path = "/" + (parent + ["shared", name]).joined(separator: "/")
            if access(path, R_OK) == 0 { return path }
        }
        print("SKIPPED: no \(name) test data; set \(variable) to its directory")
        return nil
    }

    static let wycheproof = directory("AGENTGW_WYCHEPROOF", "wycheproof")
    static let cookbook = directory("AGENTGW_JOSE_COOKBOOK", "jose-cookbook")

    static func read(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else {
            Issue.record("cannot read \(path)")
            return []
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block.prefix(count) }
        return bytes
    }

    static func json(_ path: String) throws -> JSONValue { try JSONDocument(parsing: read(path)).root }

    static func text(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return writer.text
    }
}

/// The payload of a JWS that one key of the set signed; nil when it is refused at any step.
func verifiedPayload(_ token: String, keySet: String) -> [UInt8]? {
    guard let keys = try? KeySet(json: Array(keySet.utf8), symmetricKeys: .accepted) else { return nil }
    let bytes = Array(token.utf8)
    guard let parts = try? CompactJWS(bytes.span) else { return nil }
    var header: [UInt8] = []
    var payload: [UInt8] = []
    var signature: [UInt8] = []
    guard Base64URL.decode(bytes.span.extracting(parts.header), into: &header),
        Base64URL.decode(bytes.span.extracting(parts.payload), into: &payload),
        Base64URL.decode(bytes.span.extracting(parts.signature), into: &signature),
        let parsed = try? JOSEHeader(json: header),
        let key = try? keys.key(id: parsed.keyID, algorithm: parsed.algorithm, allowed: nil),
        let verifier = try? SignatureVerifier(key, parsed.algorithm),
        verifier.verify(bytes.span.extracting(parts.signingInput), signature: signature.span)
    else { return nil }
    return payload
}

struct OutsideVectorTests {
    /// Where we differ from the vectors on purpose: tests marked valid that we refuse.
    static let stricter: [String: String] = [
        "emptyPayload": "an empty payload cannot be a claims set",
        "Figure20": "the token is PS384, the key in the vector says PS256",
        "Figure27": "the key in the vector says ES521, which is no algorithm",
        "InvalidCharacterInsertedInHeader": "'?' is not base64url (RFC 7515 §2); the vector allows skipping it",
        "InvalidCharacterInsertedInPayload": "the same",
    ]
    /// Marked invalid for padding that the file has lost: byte for byte the token of the valid test 357.
    static let lostPadding: Set = ["invalidBase64Padding", "invalidBase64PaddingInPayload"]

    @Test(
        .enabled(if: OutsideData.wycheproof != nil, "no Wycheproof data"),
        arguments: ["json_web_signature_test.json", "json_web_key_test.json"])
    func wycheproofGivesTheRightVerdict(_ file: String) throws {
        let directory = try #require(OutsideData.wycheproof)
        let document = try OutsideData.json(directory + "/" + file)
        var count = 0
        for group in try #require(document["testGroups"]).elements {
            let key = try #require(group["public"] ?? group["private"])
            let keySet = key["keys"] == nil ? "{\"keys\":[\(OutsideData.text(key))]}" : OutsideData.text(key)
            for test in try #require(group["tests"]).elements {
                let token = try test["jws"]?.string ?? OutsideData.text(#require(test["jws"]))
                let accepted = verifiedPayload(token, keySet: keySet) != nil
                let comment = test["comment"]?.string ?? ""
                var expected = test["result"]?.string == "valid"
                if expected, Self.stricter[comment] != nil { expected = false }
                if Self.lostPadding.contains(comment) {
                    let whole =
                        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8"
                    expected = token == whole
                }
                let name = "\(test["tcId"]?.numberText ?? "?") \(comment)"
                #expect(accepted == expected, "\(file) \(name)")
                count += 1
            }
        }
        #expect(count == Int(document["numberOfTests"]?.int64 ?? -1))
    }

    /// RFC 7520 §4.1 to §4.4, RFC 8037 A.4 from the IETF's cookbook repository.
    @Test(
        .enabled(if: OutsideData.cookbook != nil, "no JOSE cookbook"),
        arguments: [
            "4_1.rsa_v15_signature.json", "4_2.rsa-pss_signature.json", "4_3.ecdsa_signature.json",
            "4_4.hmac-sha2_integrity_protection.json",
        ])
    func theJOSECookbookVerifies(_ file: String) throws {
        let directory = try #require(OutsideData.cookbook)
        let example = try OutsideData.json(directory + "/" + file)
        let key = OutsideData.text(try #require(example["input"]?["key"]))
        let token = try #require(example["output"]?["compact"]?.string)
        let payload = try #require(verifiedPayload(token, keySet: "{\"keys\":[\(key)]}"))
        #expect(String(decoding: payload, as: UTF8.self) == example["input"]?["payload"]?.string)
    }

    static let joe =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

    static let rfcExamples: [(name: String, key: String, token: String)] = [
        (
            "RFC 7515 A.1",
            """
            {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}
            """,
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\(joe).dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        ),
        (
            "RFC 7515 A.2",
            """
            {"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2m\
            JPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdb\
            BYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h\
            9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}
            """,
            """
            eyJhbGciOiJSUzI1NiJ9.\(joe).cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5Y\
            Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K\
            0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt\
            5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw
            """
        ),
        (
            "RFC 7515 A.3",
            """
            {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
            """,
            """
            eyJhbGciOiJFUzI1NiJ9.\(joe).DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6\
            NU1Q
            """
        ),
        (
            "RFC 7515 A.4",
            """
            {"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qU\
            xcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}
            """,
            """
            eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34\
            XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn
            """
        ),
        (
            "RFC 8037 A.4",
            """
            {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
            """,
            """
            eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4\
            ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg
            """
        ),
    ]

    @Test(arguments: rfcExamples.indices)
    func theExamplesOfTheRFCsVerifyAndTheirAlterationsDoNot(_ index: Int) {
        let (name, key, token) = Self.rfcExamples[index]
        let keySet = "{\"keys\":[\(key)]}"
        #expect(verifiedPayload(token, keySet: keySet) != nil, "\(name)")
        let bytes = Array(token.utf8)
        for position in bytes.indices {
            var changed = bytes
            changed[position] ^= 1
            #expect(
                verifiedPayload(String(decoding: changed, as: UTF8.self), keySet: keySet) == nil, "\(name) \(position)")
        }
    }
}
