// Times the auth layer against its bars: a known token with twenty rules, a new ES256 token beside OpenSSL's own check of
// the same signatures, and a decision over a thousand rules. Prints a line per measurement; exit code 1 when a bar is missed.

import Auth
import CEL
import COpenSSL
import Glibc
import JSON

@main
struct AuthBench {
    nonisolated(unsafe) static var missed = false

    /// Nanoseconds of this process: what else the machine does is not the layer's.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    /// Nanoseconds per call, the best of several rounds.
    static func measure(rounds: Int = 15, _ count: Int, _ body: (Int) throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<rounds {
            let start = now()
            for index in 0..<count { try body(index) }
            best = min(best, (now() - start) / Double(count))
        }
        return best
    }

    static func report(_ name: String, _ nanoseconds: Double, bar: Double? = nil) {
        let text = "\((nanoseconds / 10).rounded() / 100) µs"
        guard let bar else { return print("  \(name): \(text)") }
        let met = nanoseconds <= bar
        if !met { missed = true }
        print("\(met ? "ok  " : "MISS") \(name): \(text), bar \((bar / 10).rounded() / 100) µs")
    }

    static func main() throws {
        let known = try KnownTokens()
        report("token in the cache and 20 rules", try known.hit(), bar: 2_000)
        for algorithm in [JWSAlgorithm.es256, .rs256] {
            let fresh = try FreshTokens(algorithm)
            // In turn, so that a machine that slows down slows both.
            var ours = Double.infinity
            var theirs = Double.infinity
            for _ in 0..<5 {
                theirs = min(theirs, fresh.openSSL())
                ours = min(ours, try fresh.ours())
            }
            report("OpenSSL's check of an \(algorithm.rawValue) signature", theirs)
            report("new \(algorithm.rawValue) token", ours, bar: theirs + 10_000)
        }
        try decisions()
        exit(missed ? 1 : 0)
    }

    /// A thousand rules for a thousand tools, as a generator of policies writes them.
    static func decisions() throws {
        let rules = (0..<1000).map { number in
            AuthorizationRule(
                action: number % 10 == 0 ? .deny : .allow,
                expression: number % 10 == 0
                    ? "mcp.tool.name == \"tool_\(number)\" && jwt.level < 3"
                    : "mcp.tool.name == \"tool_\(number)\" && \"team-\(number % 7)\" in jwt.groups")
        }
        let set = try RuleSet(AuthorizationRules(kind: .mcp, rules: rules))
        let levels = RuleLevels([set])
        let authorizer = try Authorizer()
        let head = BenchRequest(token: "")
        var principal = Principal.anonymous
        let groups = (0..<7).map { "\"team-\($0)\"" }.joined(separator: ",")
        principal.token = VerifiedToken(
            issuer: "i", subject: "s", clientID: nil, scopes: [], expires: UnixTime(seconds: 4_000_000_000),
            claims: try JSONDocument(parsing: "{\"level\":5,\"groups\":[\(groups)]}"))
        let inputs = RuleInputs(head, principal: principal, startTime: UnixTime(seconds: 0))
        func ask(_ tool: String) throws -> Bool {
            inputs.mcp = MCPAttributes(
                method: "tools/call", target: "t",
                tool: MCPAttributes.Tool(
                    name: tool, target: "t", arguments: .json(try JSONDocument(parsing: "{}").root)))
            return authorizer.authorize(levels, inputs, phase: .mcpCall).isAllowed
        }
        for (tool, expected) in [("tool_999", true), ("tool_1", true), ("tool_990", false), ("other", false)] {
            guard try ask(tool) == expected else { fatalError("\(tool) is decided wrongly") }
            let time = measure(20_000) { _ in _ = authorizer.authorize(levels, inputs, phase: .mcpCall) }
            report("decision over 1,000 rules keyed on the tool's name (\(tool))", time, bar: 5_000)
        }
        let examiner = try PolicyExaminer()
        _ = try ask("tool_999")
        report("the same, every rule asked", measure(rounds: 5, 200) { _ in _ = examiner.trace(levels, inputs) })
    }
}

/// One token, presented again and again to a route with twenty rules.
struct KnownTokens {
    let layer: AuthLayer
    let policy: AuthPolicy
    let request: BenchRequest
    let authorizer = try! Authorizer()
    let levels: RuleLevels

    init() throws {
        let fresh = try FreshTokens(.es256, count: 1)
        layer = try AuthLayer(fresh.policies)
        policy = fresh.policy
        request = fresh.requests[0]
        // Nineteen denials that do not hold, of the shapes that policies have, and an allow that does.
        let shapes = [
            "request.path == \"/forbidden\"", "request.method == \"DELETE\" && !hasScope(\"admin\")",
            "jwt.role == \"guest\"", "request.path.startsWith(\"/admin\") && !(\"admins\" in jwt.groups)",
            "has(jwt.blocked) && jwt.blocked",
        ]
        var rules = (0..<19).map { AuthorizationRule(action: .deny, expression: shapes[$0 % shapes.count]) }
        rules.append(AuthorizationRule(expression: "hasScope(\"mcp:read\") && request.path.startsWith(\"/mcp\")"))
        levels = RuleLevels([try RuleSet(AuthorizationRules(rules: rules))])
    }

    func hit() throws -> Double {
        var allowed = 0
        let time = AuthBench.measure(50_000) { _ in
            guard case .accepted(let principal) = layer.authenticate(request, policy, now: FreshTokens.now) else {
                return
            }
            let inputs = RuleInputs(request, principal: principal, startTime: FreshTokens.now)
            if authorizer.authorize(levels, inputs, phase: .request).isAllowed { allowed += 1 }
        }
        guard allowed > 0 else { fatalError("the request is refused") }
        return time
    }
}

/// Tokens that nobody has seen, and the same signatures for OpenSSL.
final class FreshTokens {
    static let now = UnixTime(seconds: 1_800_000_000)

    let policies: AuthPolicies
    let policy: AuthPolicy
    let requests: [BenchRequest]
    private let context: OpaquePointer
    private var checks: [(digest: [UInt8], signature: [UInt8])] = []

    init(_ algorithm: JWSAlgorithm, count: Int = 2000) throws {
        let key = try SigningKey.generate(algorithm == .es256 ? .es256 : .rs256)
        let pem = try key.pem()
        var policies = AuthPolicies { _ in [] }
        policy = try policies.add(
            jwt: JWTAuthentication(providers: [
                JWTProvider(
                    issuer: "https://issuer.example", audiences: ["bench"],
                    keys: .inline(Secret(try key.publicKeySet(keyID: "1", algorithm: algorithm))))
            ]))
        self.policies = policies
        let signer = try TokenSigner(key: pem, algorithm: algorithm, keyID: "1")
        let tokens = try (0..<count).map { number in
            try signer.sign(
                claims: """
                    {"iss":"https://issuer.example","aud":"bench","sub":"user-\(number)","exp":1800003600,"iat":1800000000,
                    "scope":"openid profile mcp:read mcp:write","groups":["eng","ops","oncall"],"role":"dev"}
                    """)
        }
        requests = tokens.map { BenchRequest(token: $0) }
        let privateKey = pem.withBytes { bytes in
            let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
            defer { BIO_free(bio) }
            return PEM_read_bio_PrivateKey(bio, nil, nil, nil)
        }
        guard let privateKey, let context = EVP_PKEY_CTX_new_from_pkey(nil, privateKey, nil),
            EVP_PKEY_verify_init(context) == 1, EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
        else { fatalError("OpenSSL refuses the key") }
        if algorithm == .rs256 { EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) }
        self.context = context
        for token in tokens {
            guard let dot = token.lastIndex(of: "."),
                let signature = Base64URL.decode(String(token[token.index(after: dot)...]))
            else { fatalError("not a token") }
            let input = Array(token[..<dot].utf8)
            var digest = [UInt8](repeating: 0, count: 32)
            SHA256(input, input.count, &digest)
            checks.append((digest, algorithm == .es256 ? Self.der(signature) : signature))
        }
    }

    deinit { EVP_PKEY_CTX_free(context) }

    /// `SEQUENCE { INTEGER r, INTEGER s }` of `r || s`.
    private static func der(_ signature: [UInt8]) -> [UInt8] {
        func integer(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
            let digits = Array(bytes.drop { $0 == 0 })
            let padded = digits.first.map { $0 & 0x80 != 0 } ?? true ? [0] + digits : digits
            return [2, UInt8(padded.count)] + padded
        }
        let content = integer(signature[..<32]) + integer(signature[32...])
        return [0x30, UInt8(content.count)] + content
    }

    func openSSL() -> Double {
        AuthBench.measure(rounds: 1, checks.count) { index in
            let check = checks[index]
            guard
                EVP_PKEY_verify(
                    context, check.signature, check.signature.count, check.digest, check.digest.count) == 1
            else { fatalError("OpenSSL finds a signature wrong") }
        }
    }

    func ours() throws -> Double {
        // A layer that has seen none of them.
        let layer = try AuthLayer(policies)
        return AuthBench.measure(rounds: 1, requests.count) { index in
            guard case .accepted = layer.authenticate(requests[index], policy, now: Self.now) else {
                fatalError("a token is refused")
            }
        }
    }
}

/// A request whose head is kept as long as the process runs.
struct BenchRequest: RequestAttributes {
    let method = BenchRequest.keep("GET")
    let path = BenchRequest.keep("/mcp/tools")
    let query: ByteRun? = nil
    let scheme = BenchRequest.keep("https")
    let authority = BenchRequest.keep("gw.example")
    let protocolVersion = BenchRequest.keep("HTTP/1.1")
    let sourceAddress = BenchRequest.keep("192.0.2.7")
    let sourcePort = 40_000
    let destinationAddress = BenchRequest.keep("192.0.2.1")
    let destinationPort = 443
    let tls: TLSAttributes? = nil
    private let fields: [(name: ByteRun, value: ByteRun)]

    init(token: String) {
        fields = [
            ("host", "gw.example"), ("accept", "application/json, text/event-stream"), ("user-agent", "bench/1.0"),
            ("content-type", "application/json"), ("content-length", "100"), ("authorization", "Bearer " + token),
        ].map { (BenchRequest.keep($0.0), BenchRequest.keep($0.1)) }
    }

    private static func keep(_ text: String) -> ByteRun {
        let block = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
        _ = block.initialize(from: text.utf8)
        return ByteRun(block)
    }

    var headerCount: Int { fields.count }
    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? { fields[index] }
}
