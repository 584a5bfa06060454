// Fuzzes the verifier of tokens. What nobody signed must not be accepted, and what was signed is accepted only with the
// claims that the configuration asks for. The first byte chooses: a token as it comes, or a header and a payload, divided
// by a line end, that are signed here.

import COpenSSL
import JSON

@testable import Auth

private let secret: [UInt8] = Array("0123456789abcdef0123456789abcdef".utf8)
private let issuer = "https://issuer.test"
private let now = UnixTime(seconds: 1_750_000_000)
/// The one token that was signed with the secret and whose claims are right; it is among the seeds.
private let good = sign(
    Array(#"{"alg":"HS256","kid":"k"}"#.utf8),
    Array(#"{"iss":"https://issuer.test","aud":"gateway","exp":4000000000}"#.utf8))

nonisolated(unsafe) private let layer: (layer: AuthLayer, policy: AuthPolicy) = {
    do {
        var policies = AuthPolicies { _ in [] }
        let keys = #"{"keys":[{"kty":"oct","kid":"k","k":"\#(Base64URL.encode(secret))"}]}"#
        let policy = try policies.add(
            jwt: JWTAuthentication(providers: [
                JWTProvider(issuer: issuer, audiences: ["gateway"], keys: .inline(Secret(keys)))
            ]))
        return (try AuthLayer(policies), policy)
    } catch { fatalError("\(error)") }
}()

private func sign(_ header: [UInt8], _ payload: [UInt8]) -> [UInt8] {
    let input = Array((Base64URL.encode(header) + "." + Base64URL.encode(payload)).utf8)
    var code = [UInt8](repeating: 0, count: 32)
    var size: UInt32 = 0
    HMAC(EVP_sha256(), secret, Int32(secret.count), input, input.count, &code, &size)
    return input + [UInt8(ascii: ".")] + Array(Base64URL.encode(code).utf8)
}

private func verify(_ token: [UInt8]) -> VerifiedToken? {
    guard let verifier = try? TokenVerifier(layer.policy.token!) else { return nil }
    guard case .valid(let verified) = verifier.verify(token.span, now: now, keySets: []) else { return nil }
    return verified
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
    if data[0] % 2 == 0 {
        if verify(bytes) != nil { precondition(bytes == good, "a token that nobody signed") }
        return 0
    }
    let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return 0 }
    let (header, payload) = (Array(parts[0]), Array(parts[1]))
    guard let verified = verify(sign(header, payload)) else { return 0 }
    guard let head = try? JSONDocument(parsing: header).root, let claims = try? JSONDocument(parsing: payload).root
    else {
        fatalError("accepted without being JSON")
    }
    precondition(head["alg"]?.string == "HS256" && head["kid"]?.string ?? "k" == "k", "another algorithm or key")
    for name in ["crit", "jku", "jwk", "x5u", "x5c", "enc", "b64", "zip"] { precondition(head[name] == nil, name) }
    precondition(claims["iss"]?.string == issuer && verified.issuer == issuer, "another issuer")
    guard let expires = claims["exp"]?.double else { fatalError("no exp") }
    precondition(expires > Double(now.seconds - 60), "expired")
    guard let audience = claims["aud"] else { fatalError("no aud") }
    precondition(
        audience.string == "gateway" || audience.elements.contains { $0.string == "gateway" }, "another audience")
    precondition(verified.claims.root["iss"]?.string == issuer, "rules see other claims")
    return 0
}
