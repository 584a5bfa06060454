// From a case to what the gateway would do: the request's bytes, the credentials in their places, the message.

import Auth
import JSON
import Proxy

struct CaseJudge {
    let bench: PolicyBench
    let table: TestTable

    private var policy: LoadedPolicy { bench.policy }

    /// - Throws: when the case asks for what the policy does not have.
    func judge(_ testCase: TestCase) throws(BrokenCase) -> TrialOutcome {
        let trial = try bench.trial(signed: testCase.token != nil && policy.form == .configuration)
        let builder = RequestBuilder(testCase, policy)
        let now = testCase.now ?? table.now
        var request: TrialRequest
        do throws(ProtocolError) {
            request = try builder.request([])
        } catch { return .malformed(error) }
        var destination: GatewayTrial.Destination
        switch trial.route(request) {
        case .ended(let outcome): return outcome
        case .found(let found): destination = found
        }
        var principal = Principal.anonymous
        if policy.form == .rules {
            principal = try assumed(testCase)
        } else {
            let credentials = try credentials(testCase, destination, now)
            if !credentials.isEmpty {
                do throws(ProtocolError) {
                    request = try builder.request(credentials)
                } catch { return .malformed(error) }
                switch trial.route(request) {
                case .ended(let outcome): return outcome
                case .found(let found): destination = found
                }
            }
        }
        return try judge(testCase, request, destination, principal, trial, now)
    }

    private func judge(
        _ testCase: TestCase, _ request: TrialRequest, _ destination: GatewayTrial.Destination,
        _ principal: Principal, _ trial: GatewayTrial, _ now: UnixTime
    ) throws(BrokenCase) -> TrialOutcome {
        func one(_ backend: Int) throws(BrokenCase) -> TrialOutcome {
            let message = try testCase.mcp.map { mcp throws(BrokenCase) in
                try MessageBuilder(testCase, mcp, tools: tools(testCase), policy)
                    .message(destination, backend: backend)
            }
            let agent = try testCase.a2a.map { a2a throws(BrokenCase) in
                try AgentMessageBuilder(a2a).call(destination, backend: backend)
            }
            if let agent, agent == nil, destination.backendCount > 0 {
                throw BrokenCase(
                    message: policy.form == .rules
                        ? "the rules are not about A2A: write kind: a2aAuthorization in \(policy.file)"
                        : "the route \(destination.label) leads to no A2A agent")
            }
            let outcome = trial.judge(
                request, at: destination, principal: principal, backend: backend, message: message ?? nil,
                llm: testCase.llm, agent: agent ?? nil, now: now)
            if outcome.verdict == .allow, testCase.a2a == nil, destination.judgesAgentMessages(backend: backend),
                testCase.isMessageByDefault
            {
                throw BrokenCase(
                    message:
                        "the rules of \(policy.form == .rules ? policy.file : destination.label) judge A2A messages, "
                        + "and the case has none: write `a2a`")
            }
            if outcome.verdict == .allow, testCase.mcp == nil, destination.judgesMessages(backend: backend),
                testCase.mayCarryMessage
            {
                throw BrokenCase(
                    message:
                        "the rules of \(policy.form == .rules ? policy.file : destination.label) judge MCP messages, "
                        + "and the case has none: write `mcp`")
            }
            if testCase.llm == nil, destination.judgesModels(backend: backend),
                outcome.verdict == .allow || outcome.deciding?.decision.phase == .llm
            {
                throw BrokenCase(
                    message:
                        "the rules of \(destination.label) judge the model, and the case names none: write `llm: {model: …}`"
                )
            }
            return outcome
        }
        if let backend = testCase.backend {
            guard backend < destination.backendCount else {
                throw BrokenCase(
                    message: "there is no backend \(backend): the route has \(destination.backendCount)")
            }
            return try one(backend)
        }
        let choices = destination.choosableBackends
        let outcome = try one(choices.first ?? 0)
        for other in choices.dropFirst() {
            let alternative = try one(other)
            guard alternative.verdict == outcome.verdict,
                alternative.deciding?.decision.rule?.id == outcome.deciding?.decision.rule?.id
            else {
                throw BrokenCase(
                    message:
                        "backends \(choices[0]) and \(other) of the route decide differently; say which with `backend`")
            }
        }
        return outcome
    }

    /// The items of lists, nearest first.
    func tools(_ testCase: TestCase) -> [PolicyTool]? {
        testCase.tools ?? table.tools ?? (policy.tools.isEmpty ? nil : policy.tools)
    }

    // MARK: Who

    /// In a policy file nobody verifies: who asks is what the case says.
    private func assumed(_ testCase: TestCase) throws(BrokenCase) -> Principal {
        var principal = Principal.anonymous
        do {
            if let claims = testCase.claims {
                principal.token = try .assumed(claims: Self.json(claims.filter { $0.value != .null }))
            }
            if let token = testCase.token {
                let parts = token.withBytes { Array($0) }.split(separator: UInt8(ascii: "."))
                guard parts.count == 3, let payload = Base64URL.decode(String(decoding: parts[1], as: UTF8.self)) else {
                    throw BrokenCase(message: "`token` is not a token: it has no three parts")
                }
                principal.token = try .assumed(claims: payload)
            }
            switch testCase.apiKey {
            case .metadata(let metadata)?: principal.apiKey = try .assumed(metadata: metadata)
            case .key?:
                throw BrokenCase(
                    message: "a policy file has no keys to compare with: give the key's metadata in apiKey")
            case nil: break
            }
        } catch let error as TokenRejection {
            throw BrokenCase(message: "the claims are no claims: \(error)")
        } catch let error as BrokenCase {
            throw error
        } catch { throw BrokenCase(message: "apiKey: \(error)") }
        principal.user = testCase.basic?.user
        return principal
    }

    static func json(_ members: [MetadataMember]) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(MetadataValue.object(members))
        return writer.bytes
    }

    private func credentials(
        _ testCase: TestCase, _ destination: GatewayTrial.Destination, _ now: UnixTime
    ) throws(BrokenCase) -> [CaseCredential] {
        var credentials: [CaseCredential] = []
        let policies = [destination.routeAuthentication, destination.listenerAuthentication].compactMap { $0 }
        let issuers = policies.flatMap(\.acceptedIssuers)
        let place = policies.flatMap(\.tokenLocations).first ?? .bearer
        if let claims = testCase.claims {
            let token = bench.sign(Self.json(Self.complete(claims, issuers, now)))
            credentials.append(CaseCredential(place: place, value: token))
        }
        if let token = testCase.token {
            if table.keys == nil, issuers.contains(where: \.fetchesKeys) {
                throw BrokenCase(
                    message: "the gateway fetches this issuer's keys: give them with `keys` to verify `token`")
            }
            credentials.append(
                CaseCredential(place: place, value: token.withBytes { String(decoding: $0, as: UTF8.self) }))
        }
        switch testCase.apiKey {
        case .key(let key)?:
            credentials.append(
                CaseCredential(
                    place: policies.flatMap(\.apiKeyLocations).first ?? .bearer,
                    value: key.withBytes { String(decoding: $0, as: UTF8.self) }))
        case .metadata?:
            throw BrokenCase(message: "a configuration compares keys: give the key as a client sends it")
        case nil: break
        }
        if let basic = testCase.basic {
            let pair = Array("\(basic.user):".utf8) + (basic.password?.withBytes { Array($0) } ?? [])
            credentials.append(CaseCredential(place: .basic, value: EvalJSON.base64(pair)))
        }
        return credentials
    }

    /// What every token of an issuer has, where the case does not say otherwise. A null claim is left out.
    static func complete(
        _ claims: [MetadataMember], _ issuers: [AuthPolicy.AcceptedIssuer], _ now: UnixTime
    ) -> [MetadataMember] {
        var result = claims
        func has(_ name: String) -> Bool { claims.contains { $0.name == name } }
        if !has("iss"), let first = issuers.first { result.append(MetadataMember("iss", .string(first.issuer))) }
        var named: String?
        if case .string(let text)? = result.first(where: { $0.name == "iss" })?.value { named = text }
        if !has("aud"), let issuer = issuers.first(where: { $0.issuer == named }), let audience = issuer.audiences.first
        {
            result.append(MetadataMember("aud", .string(audience)))
        }
        if !has("exp") { result.append(MetadataMember("exp", .int(now.seconds + 3600))) }
        return result.filter { $0.value != .null }
    }
}

extension TestCase {
    /// A GET that is written as one opens a stream, which has no message.
    fileprivate var mayCarryMessage: Bool {
        guard case .fields(let fields) = request, let method = fields.method else { return true }
        return method == "POST"
    }
}

extension TestCase {
    /// Agents are asked for their cards as well, by a path.
    fileprivate var isMessageByDefault: Bool {
        guard case .fields(let fields) = request else { return false }
        return fields.method == "POST" || (fields.method == nil && fields.path == nil)
    }
}

struct CaseCredential {
    var place: CredentialLocation
    var value: String
}
