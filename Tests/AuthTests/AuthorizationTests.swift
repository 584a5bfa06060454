import CEL
import JSON
import Testing

@testable import Auth

struct AuthorizationTests {
    static func rule(_ action: RuleAction, _ expression: String, id: String? = nil, shadow: Bool = false)
        -> AuthorizationRule
    {
        AuthorizationRule(
            action: action, expression: expression, id: id, mode: shadow ? .shadow : nil,
            position: FilePosition(file: "gateway.yaml", line: 7, column: 3))
    }

    static func set(
        _ rules: [AuthorizationRule], defaultAction: Verdict = .allow, mode: EnforcementMode = .enforce,
        name: String = "route", kind: RuleSetKind = .http
    ) throws -> RuleSet {
        try RuleSet(
            AuthorizationRules(kind: kind, rules: rules, defaultAction: defaultAction, mode: mode, name: name))
    }

    static func set(_ kind: RuleSetKind, _ rules: [AuthorizationRule]) throws -> RuleSet { try set(rules, kind: kind) }

    static func token(_ claims: String = "{}", scopes: [String] = []) throws -> VerifiedToken {
        let policy = TokenPolicy(
            mode: .strict, finder: CredentialFinder([.bearer]),
            issuers: [
                TokenIssuer(
                    issuer: "i", audiences: [], keys: .fixed(try KeySet(keys: [])), leeway: 0, requiredClaims: [],
                    algorithms: nil)
            ])
        let text = claims.dropLast() + (claims == "{}" ? "" : ",") + "\"iss\":\"i\",\"exp\":1800000000}"
        return try Claims(json: Array(text.utf8)).check(for: policy.issuers[0], now: TestToken.now)
    }

    static func inputs(
        _ request: TestRequest = TestRequest(), claims: String? = nil, principal: Principal = .anonymous,
        mcp: MCPAttributes? = nil
    ) throws -> RuleInputs {
        var principal = principal
        if let claims { principal.token = try token(claims) }
        let inputs = RuleInputs(request, principal: principal, startTime: TestToken.now)
        inputs.mcp = mcp
        return inputs
    }

    static func decide(_ sets: [RuleSet], _ inputs: RuleInputs, phase: DecisionPhase = .request) throws -> Decision {
        try Authorizer().authorize(RuleLevels(sets), inputs, phase: phase)
    }

    static func holds(_ expression: String, _ inputs: RuleInputs, kind: RuleSetKind = .http) throws -> Decision {
        try decide([try set(kind, [rule(.allow, expression)])], inputs, phase: kind == .mcp ? .mcpCall : .request)
    }

    // MARK: What rules read

    @Test(arguments: [
        "request.method == 'POST'", "request.path == '/mcp/a'", "request.path.startsWith('/mcp')",
        "request.query == 'x=1&y=2'", "request.pathAndQuery == '/mcp/a?x=1&y=2'", "request.host == 'gateway.test'",
        "request.scheme == 'http'", "request.version == 'HTTP/1.1'",
        "request.uri == 'http://gateway.test/mcp/a?x=1&y=2'",
        "request.headers['x-team'] == 'blue'", "request.headers['X-TEAM'] == 'blue'", "request.headers.accept == 'a/b'",
        "'x-team' in request.headers && !('x-other' in request.headers)", "has(request.headers.accept)",
        "!has(request.headers.nothing)", "request.headers['x-twice'] == ['1', '2']", "size(request.headers) == 3",
        "request.headers.exists(name, name == 'x-team')", "request.startTime == timestamp('2023-11-14T22:13:20Z')",
        "source.address == '192.0.2.7' && source.port == 40000 && !source.tls",
        "destination.address == '192.0.2.1' && destination.port == 3000",
        "cidr('192.0.2.0/24').containsIP(source.address)",
        "jwt.sub == 'alice' && jwt.realm_access.roles == ['admin', 'dev']", "'admin' in jwt.realm_access.roles",
        "hasScope('mcp:read') && !hasScope('mcp:rea')", "jwt.scopes == ['mcp:read', 'mcp:write']",
        "jwt.scope.contains('mcp:read')", "jwt.level == 3 && jwt.ratio == 0.5 && jwt.flag && jwt.none == null",
        "jwt['https://ns.test/c'] == 'd'", "has(jwt.sub) && !has(jwt.other)",
        "jwt.groups.exists(g, g.startsWith('eng-'))",
        "!has(apiKey.team)", "!has(basicAuth.username)", "!has(source.commonName)",
    ])
    func aRuleReadsTheRequest(_ expression: String) throws {
        let request = TestRequest(
            "POST", "/mcp/a", query: "x=1&y=2",
            headers: [("X-Team", "blue"), ("accept", "a/b"), ("x-twice", "1"), ("X-Twice", "2")])
        let claims = """
            {"sub":"alice","scope":"mcp:read mcp:write","realm_access":{"roles":["admin","dev"]},"level":3,"ratio":0.5,\
            "flag":true,"none":null,"https://ns.test/c":"d","groups":["ops","eng-core"]}
            """
        let decision = try Self.holds(expression, try Self.inputs(request, claims: claims))
        #expect(decision.isAllowed, "\(decision.reason)")
    }

    @Test(arguments: [
        "!has(jwt.sub)", "!hasScope('a')", "jwt.scopes == []", "apiKey.team == 'a' && apiKey.quota == 7",
        "basicAuth.username == 'bob'", "source.tls && source.commonName == 'cn' && source.dnsNames == ['a.test']",
        "source.spiffeID == 'spiffe://td/x' && 'spiffe://td/x' in source.uris",
    ])
    func aRuleReadsOtherCredentials(_ expression: String) throws {
        let table = try APIKeyTable([
            APIKey(
                key: .plain(Secret("k")),
                metadata: [MetadataMember("team", .string("a")), MetadataMember("quota", .int(7))])
        ])
        let record = table.find(try Digest.sha256(Array("k".utf8).span), now: 0)
        let tls = TLSAttributes(
            version: "TLSv1.3",
            clientCertificate: ClientCertificate(commonName: "cn", dnsNames: ["a.test"], uris: ["spiffe://td/x"]))
        let inputs = try Self.inputs(TestRequest(tls: tls), principal: Principal(apiKey: record, user: "bob"))
        let decision = try Self.holds(expression, inputs)
        #expect(decision.isAllowed, "\(decision.reason)")
    }

    static func call(_ arguments: String) throws -> MCPAttributes {
        MCPAttributes(
            method: "tools/call", target: "files", sessionID: "s",
            tool: MCPAttributes.Tool(
                name: "write", target: "files", arguments: .json(try JSONDocument(parsing: arguments).root),
                annotations: try JSONDocument(parsing: "{\"readOnlyHint\":false}").root, pinned: true),
            client: MCPAttributes.Client(name: "inspector", version: "1.0"))
    }

    @Test(arguments: [
        "mcp.method == 'tools/call' && mcp.methodName == 'tools/call'", "mcp.tool.name == 'write'",
        "mcp.tool.target == 'files' && mcp.target == 'files'", "mcp.tool.arguments.amount <= 1000",
        "mcp.tool.arguments.paths.all(p, p.startsWith('/tmp/'))", "mcp.tool.annotations.readOnlyHint == false",
        "mcp.tool.pinned", "!has(mcp.prompt) && !has(mcp.resource) && has(mcp.tool)", "mcp.client.name == 'inspector'",
        "mcp.sessionId == 's'",
    ])
    func aRuleReadsAnMCPCall(_ expression: String) throws {
        let inputs = try Self.inputs(mcp: try Self.call("{\"amount\":10,\"paths\":[\"/tmp/a\"]}"))
        let decision = try Self.holds(expression, inputs, kind: .mcp)
        #expect(decision.isAllowed, "\(decision.reason)")
    }

    @Test(arguments: [
        ("mcp.prompt.name == 'a'", "error.no_such_key"), ("mcp.tool.arguments.other == 1", "error.no_such_key"),
        ("mcp.tool.arguments.amount == 'x' + 1", "error.no_such_overload"),
        ("mcp.tool.arguments.amount", "error.not_boolean"),
        ("1 / 0 == 1", "error.divide_by_zero"), ("mcp.tool.name == 'other'", "nothing_granted"),
    ])
    func aRuleThatFailsGrantsNothingAndDeniesWhereItDenies(_ expression: String, _ reason: String) throws {
        let inputs = try Self.inputs(mcp: try Self.call("{\"amount\":10}"))
        guard let allow = try? Self.set(.mcp, [Self.rule(.allow, expression)]) else { return }
        let granted = try Self.decide([allow], inputs, phase: .mcpCall)
        #expect(!granted.isAllowed && granted.reason.code == reason)
        if reason.hasPrefix("error") {
            let deny = try Self.set(.mcp, [Self.rule(.deny, expression)])
            let denied = try Self.decide([deny], inputs, phase: .mcpCall)
            #expect(!denied.isAllowed && denied.reason.code == reason && denied.rule?.action == .deny)
        }
    }

    @Test func aHeaderWithBytesOutsideUTF8IsStillComparedSafely() throws {
        let request = TestRequest(headers: [("x-a", "\u{FFFD}")])
        #expect(try Self.holds("request.headers['x-a'] == '\u{FFFD}'", Self.inputs(request)).isAllowed)
    }

    // MARK: Levels and shadow

    @Test func everyLevelMustAllow() throws {
        let open = try Self.set([Self.rule(.allow, "true")], name: "route")
        let closed = try Self.set([Self.rule(.allow, "request.method == 'GET'", id: "only-get")], name: "listener")
        let inputs = try Self.inputs(TestRequest("POST"))
        for order in [[open, closed], [closed, open]] {
            let decision = try Self.decide(order, inputs)
            #expect(!decision.isAllowed && decision.reason == .nothingGranted)
        }
        #expect(try Self.decide([open, open], inputs).isAllowed)
        #expect(try Self.decide([], inputs).isAllowed)
    }

    @Test func anEmptySetAllowsUnlessTheDefaultIsToDeny() throws {
        let inputs = try Self.inputs()
        #expect(try Self.decide([try Self.set([])], inputs).isAllowed)
        let denied = try Self.decide([try Self.set([], defaultAction: .deny)], inputs)
        #expect(!denied.isAllowed && denied.reason == .defaultAction)
    }

    @Test func shadowNeverChangesTheVerdictAndIsRecorded() throws {
        let inputs = try Self.inputs()
        let shadowSet = try Self.set([Self.rule(.deny, "true", id: "d")], mode: .shadow, name: "candidate")
        let first = try Self.decide([shadowSet], inputs)
        #expect(first.isAllowed && first.shadow?.rule?.id == "d" && first.shadow?.ruleSet == "candidate")

        let shadowRule = try Self.set([Self.rule(.allow, "true"), Self.rule(.deny, "true", id: "d", shadow: true)])
        let second = try Self.decide([shadowRule], inputs)
        #expect(second.isAllowed && second.shadow?.rule?.id == "d")

        // An allow rule in shadow mode neither grants nor turns the set into an allow list.
        let shadowAllow = try Self.set([Self.rule(.allow, "false", shadow: true)])
        let third = try Self.decide([shadowAllow], inputs)
        #expect(third.isAllowed && third.shadow?.reason == .nothingGranted)

        let quiet = try Self.set([Self.rule(.deny, "false", shadow: true)])
        #expect(try Self.decide([quiet], inputs).shadow == nil)
    }

    @Test func shadowRulesNeverChangeAVerdictWhateverTheyAre() throws {
        let seed: UInt64 = 0x5EED_0006
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let inputs = try Self.inputs()
        let expressions = ["true", "false", "1 / 0 == 1", "jwt.x"]
        let authorizer = try Authorizer()
        for _ in 0..<300 {
            let rules = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
                Self.rule(
                    RuleAction.allCases.randomElement(using: &generator)!,
                    expressions.randomElement(using: &generator)!, shadow: Bool.random(using: &generator))
            }
            let all = try Self.set(rules)
            let bare = try Self.set(rules.filter { $0.mode == nil })
            let with = authorizer.authorize(RuleLevels([all]), inputs, phase: .request)
            let without = authorizer.authorize(RuleLevels([bare]), inputs, phase: .request)
            #expect(with.verdict == without.verdict, "\(rules.map(\.expression))")
        }
    }

    // MARK: Decisions

    @Test func aDecisionNamesItsRulePolicyAndCost() throws {
        let set = try Self.set([Self.rule(.deny, "request.method == 'DELETE'", id: "no-delete")])
        let decision = try Self.decide([set], try Self.inputs(TestRequest("DELETE")))
        #expect(decision.verdict == .deny && decision.reason == .matched)
        #expect(decision.rule?.id == "no-delete" && decision.rule?.position.line == 7)
        #expect(decision.policy == set.digest && decision.cost > 0)
        #expect(decision.clientMessage == "authorization failed (decision \(decision.id))")
    }

    @Test func theDigestChangesWithEverythingThatDecides() throws {
        let base = AuthorizationRules(rules: [Self.rule(.allow, "true"), Self.rule(.deny, "false")])
        var all = [base]
        for change: (inout AuthorizationRules) -> Void in [
            { $0.kind = .mcp }, { $0.defaultAction = .deny }, { $0.mode = .shadow }, { $0.rules.swapAt(0, 1) },
            { $0.rules[0].action = .require }, { $0.rules[0].mode = .shadow }, { $0.rules[0].expression = "true " },
            { $0.rules.removeLast() },
        ] {
            var changed = base
            change(&changed)
            all.append(changed)
        }
        #expect(Set(all.map { PolicyDigest($0) }).count == all.count)
        var renamed = base
        renamed.name = "other"
        #expect(PolicyDigest(renamed) == PolicyDigest(base))
    }

    @Test func decisionIDsAreDistinct() throws {
        var source = try DecisionIDSource()
        #expect(Set((0..<10_000).map { _ in source.next() }).count == 10_000)
        #expect(DecisionID(0x0123_4567_89AB_CDEF).description == "0123456789abcdef")
    }

    @Test func aRecordShowsWhatTheRulesReadAndNoSecret() throws {
        let canary = "canary-5d1"
        let request = TestRequest(
            "POST", "/a", query: "token=\(canary)",
            headers: [
                ("authorization", "Bearer \(canary)"), ("x-api-key", canary), ("cookie", "s=\(canary)"),
                ("x-team", "blue"),
            ])
        let set = try Self.set([
            Self.rule(
                .deny,
                "request.headers['authorization'] == 'x' || request.headers['x-api-key'] == 'x' || request.headers.cookie == 'x' || request.query == 'x' || request.headers['x-team'] == 'blue' || jwt.sub == 'a'",
                id: "r")
        ])
        let levels = RuleLevels([set])
        let inputs = try Self.inputs(request, claims: "{\"sub\":\"alice\"}")
        var decision = try Authorizer().authorize(levels, inputs, phase: .request)
        decision.duration = .microseconds(3)
        let line = String(decoding: decision.record(inputs: inputs, paths: levels.attributePaths), as: UTF8.self)
        #expect(!line.contains(canary))
        let record = try JSONDocument(parsing: line).root
        #expect(record["verdict"]?.string == "deny" && record["rule"]?["id"]?.string == "r")
        #expect(record["rule"]?["position"]?.string == "gateway.yaml:7:3")
        #expect(record["reads"]?["request.headers[\"x-team\"]"]?.string == "blue")
        #expect(record["reads"]?["request.headers.authorization"]?.string == "<redacted>")
        #expect(record["reads"]?["jwt.sub"]?.string == "alice")
        #expect(record["duration_ns"]?.int64 == 3000)
    }

    // MARK: Lists

    @Test(arguments: [
        ("mcp.tool.name == 'write'", Visibility.allowed), ("mcp.tool.name == 'other'", .denied),
        ("mcp.tool.name == 'write' && mcp.tool.arguments.amount < 10", .possible),
        ("mcp.tool.name == 'other' && mcp.tool.arguments.amount < 10", .denied),
        ("mcp.tool.arguments.amount < 10 || mcp.tool.name == 'write'", .allowed),
    ])
    func aListHidesWhatEveryCallWouldBeDenied(_ expression: String, _ visibility: Visibility) throws {
        let attributes = MCPAttributes(
            method: "tools/list", target: "files",
            tool: MCPAttributes.Tool(name: "write", target: "files", arguments: .unknown))
        let inputs = try Self.inputs(mcp: attributes)
        let levels = RuleLevels([try Self.set(.mcp, [Self.rule(.allow, expression)])])
        #expect(try Authorizer().visibility(levels, inputs) == visibility)
        let requirement = RuleLevels([try Self.set(.mcp, [Self.rule(.require, expression)])])
        #expect(try Authorizer().visibility(requirement, inputs) == visibility)
    }

    @Test func aCallIsNeverAllowedWhileSomethingIsUnknown() throws {
        let attributes = MCPAttributes(
            method: "tools/call", tool: MCPAttributes.Tool(name: "write", arguments: .unknown))
        let set = try Self.set(.mcp, [Self.rule(.allow, "mcp.tool.arguments.amount < 10")])
        let decision = try Self.decide([set], try Self.inputs(mcp: attributes), phase: .mcpCall)
        #expect(!decision.isAllowed && decision.reason == .unknown)
    }

    // MARK: Scopes

    @Test(arguments: [
        ("hasScope('mcp:write')", ["mcp:write"]), ("'mcp:write' in jwt.scopes", ["mcp:write"]),
        ("jwt.scope.contains('mcp:write')", ["mcp:write"]), ("'mcp:write' in jwt.scope.split(' ')", ["mcp:write"]),
        ("hasScope('mcp:read') && hasScope('mcp:write')", ["mcp:write"]),
        ("hasScope('a') && hasScope('b')", ["a", "b"]), ("hasScope('a') && hasScope('b') || hasScope('c')", ["c"]),
        ("['a', 'b'].exists(s, s in jwt.scopes)", ["a"]), ("hasScope('a') && request.method == 'DELETE'", []),
        ("jwt.sub == 'bob'", []), ("['a', 'b'].all(s, s in jwt.scopes)", ["a", "b"]),
    ])
    func theChallengeNamesTheSmallestSetOfScopesThatWouldHelp(_ expression: String, _ expected: [String]) throws {
        let inputs = try Self.inputs(claims: "{\"sub\":\"alice\",\"scope\":\"mcp:read\"}")
        let levels = RuleLevels([try Self.set([Self.rule(.allow, expression)])])
        let authorizer = try Authorizer()
        #expect(!authorizer.authorize(levels, inputs, phase: .request).isAllowed)
        #expect(authorizer.missingScopes(levels, inputs, phase: .request) == expected)
        let challenged = expected.isEmpty ? [] : ["mcp:read"] + expected
        #expect(authorizer.challengedScopes(levels, inputs, phase: .request) == challenged, "what it has is not lost")
        #expect(inputs.principal.token?.scopes == ["mcp:read"], "the principal is as before")
    }

    @Test func aRefusalForScopeIsAChallenge() throws {
        let inputs = try Self.inputs(claims: "{\"scope\":\"a\"}")
        let levels = RuleLevels([try Self.set([Self.rule(.allow, "hasScope('b')")])])
        let decision = try Authorizer().authorize(levels, inputs, phase: .request)
        let rejection = Rejection.denied(decision, metadataURL: "https://gw.test/m", scopes: ["b"])
        #expect(rejection.status == 403)
        #expect(
            rejection.headers.contains {
                $0.name == "www-authenticate"
                    && $0.value
                        == "Bearer resource_metadata=\"https://gw.test/m\", error=\"insufficient_scope\", error_description=\"authorization failed (decision \(decision.id))\", scope=\"b\""
            })
        let plain = Rejection.denied(decision)
        #expect(plain.status == 403 && !plain.headers.contains { $0.name == "www-authenticate" })
    }
}
