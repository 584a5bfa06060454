import CEL
import Testing

@testable import Auth

struct RuleCompilationTests {
    private func findings(
        _ expression: String, _ kind: RuleSetKind = .http, claims: ClaimsSchema? = nil
    ) -> [RuleDiagnostic] {
        let position = FilePosition(file: "gateway.yaml", line: 12, column: 15)
        return AuthorizationRules(kind: kind, rules: [AuthorizationRule(expression: expression, position: position)])
            .diagnostics(claims: claims)
    }

    @Test(arguments: [
        "jwt.scope.contains(\"mcp:read\")", "hasScope(\"mcp:read\") && jwt.sub == \"a\"", "request.method == 'GET'",
        "request.path.startsWith('/a') || request.headers['x-team'] == 'b'", "'admin' in jwt.realm_access.roles",
        "apiKey.team == 'a'", "basicAuth.username == 'a'", "source.address == '10.0.0.1' && source.port > 1024",
        "has(jwt.sub)", "cidr('10.0.0.0/8').containsIP(source.address)", "jwt['https://ns/claim'] == 1", "true",
        "env.region == 'eu'", "request.startTime > timestamp('2020-01-01T00:00:00Z')",
    ])
    func ordinaryRulesCompile(_ expression: String) {
        #expect(findings(expression).map(\.description) == [])
    }

    @Test(arguments: [
        "mcp.tool.name == 'a'", "mcp.tool.arguments.amount <= 1000", "mcp.method == 'tools/call' && has(mcp.tool)",
        "mcp.target == 'files' || mcp.resource.uri.startsWith('file:///tmp/')",
        "hasScope('a') && request.method == 'POST'",
    ])
    func ordinaryMCPRulesCompile(_ expression: String) {
        #expect(findings(expression, .mcp).map(\.description) == [])
    }

    @Test(arguments: [
        ("requst.path == '/'", "requst"), ("request.pth == '/'", "did you mean 'path'"),
        ("request.path.startswith('/')", "startswith"), ("mcp.tool.name == 'a'", "not available here"),
        ("llm.model == 'a'", "not available here"), ("request.method", "must be true or false"), ("1", "must be"),
        ("random() < 0.5", "random"), ("jwt.sub ==", ""), ("request.method == 1", ""), ("", ""), ("!", ""),
        ("\"admin\" in request.path", ""), ("jwt.rawToken == 'a'", "not supported yet: jwt.rawToken"),
        ("jwt['rawToken'] == 'a'", "not supported yet"), ("has(apiKey.key)", "not supported yet: apiKey.key"),
    ])
    func aWrongRuleIsAnErrorWithItsPlace(_ expression: String, _ text: String) {
        let found = findings(expression)
        #expect(!found.isEmpty)
        for finding in found {
            #expect(finding.position.file == "gateway.yaml" && finding.position.line == 12)
            #expect(finding.position.column >= 15)
            #expect(finding.description.hasPrefix("gateway.yaml:12:"))
        }
        #expect(found.contains { $0.description.contains(text) }, "\(found)")
    }

    @Test func declaredClaimsAreChecked() {
        let claims = ClaimsSchema(types: ["groups": .list(.string), "level": .int])
        #expect(findings("'a' in jwt.groups && jwt.level > 2 && hasScope('x')", claims: claims).isEmpty)
        #expect(findings("'a' in jwt.grups", claims: claims).contains { $0.message.contains("did you mean 'groups'") })
        #expect(!findings("jwt.level == 'high'", claims: claims).isEmpty)
        let open = ClaimsSchema(types: ["level": .int], allowOthers: true)
        #expect(findings("jwt.other == 'x' && jwt.level == 1", claims: open).isEmpty)
    }

    @Test func allFindingsOfAllRulesAreReported() {
        let rules = AuthorizationRules(rules: [
            AuthorizationRule(expression: "requst.path == 'a'"), AuthorizationRule(expression: "true"),
            AuthorizationRule(expression: "request.pth == 'b' && source.adress == 'c'"),
        ])
        #expect(rules.diagnostics().count == 3)
    }

    @Test func theAttributesOfARuleAreFound() throws {
        let environment = GatewayEnvironment.make(for: [.mcpCall])
        func paths(_ text: String) throws -> [String] {
            var parsed = try ParsedExpression.parse(text)
            ScopeMacro.expand(&parsed)
            return try environment.check(parsed).attributePaths.map(\.description)
        }
        #expect(
            try Set(paths("jwt.a.b == request.headers['x-team'] && has(mcp.tool) && mcp.tool.arguments.x[0] > 1"))
                == ["jwt.a.b", "request.headers[\"x-team\"]", "mcp.tool", "mcp.tool.arguments.x"])
        #expect(try paths("jwt.groups.exists(g, g.startsWith('a'))") == ["jwt.groups"])
        #expect(try paths("hasScope('a')") == ["jwt.scopes"])
        #expect(try paths("true") == [])
    }

    @Test func everyRecordThatAFieldNamesIsDeclared() {
        let declared = Set(GatewayAttributes.records.map(\.name))
        let named = GatewayAttributes.records.flatMap(\.fields).map(\.type) + GatewayAttributes.roots.map(\.type)
        for case .object(let name) in named { #expect(declared.contains(name), "\(name)") }
    }
}
