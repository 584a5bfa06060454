// What a wrong configuration is told: the place, the path, the reason, the suggestion.

import Auth
import Proxy
import Testing

@testable import agentgw

@Suite struct ConfigurationErrorTests {
    @Test(arguments: [
        ("binds: []\nbinsd: []", "2:1: unknown field \"binsd\"; did you mean \"binds\"?"),
        ("binds: {}", "1:8: binds: expected a list, found a mapping; write \"- \" before each entry"),
        ("binds:\n- port: 1", "2:3: binds[0]: missing field \"listeners\""),
        ("binds: [{port: 70000, listeners: [{}]}]", "1:16: binds[0].port: must be from 1 to 65535"),
        (
            "binds: [{port: \"80\", listeners: [{}]}]",
            "1:17: binds[0].port: expected a port number, found text; remove the quotes"
        ),
        ("binds: [{port: 8e1, listeners: [{}]}]", "1:16: binds[0].port: expected a port number, found a fraction"),
        ("binds: [{port: 99999999999999999999, listeners: [{}]}]", "1:16: binds[0].port: must be from 1 to 65535"),
        ("binds: [{port: , listeners: [{}]}]", "1:16: binds[0].port: expected a port number, found nothing"),
        ("binds: [{port: 1, port: 2, listeners: [{}]}]", "1:19: duplicate key \"port\"; it is already set in line 1"),
        ("a: 1\n---\nb: 1", "2:1: a second document begins here; a configuration is one document"),
        ("", "1:1: the file is empty"), ("# only a comment\n", "1:1: the file is empty"),
        ("- a", "1:1: expected a mapping, found a list"), ("text", "1:1: expected a mapping, found text"),
        ("binds: [", "1:9: YAML: did not find expected node content (while parsing a flow node)"),
        ("a: *b", "1:4: alias *b refers to no anchor"),
        ("a: &a [*a]", "1:8: alias *a stands inside what it refers to"),
        ("? [a]\n: b", "1:3: a key must be text, not a list or a mapping"),
        ("a: !!binary eA==", "1:4: the tag \"tag:yaml.org,2002:binary\" is not supported"),
        ("tcpRoutes: []", "1:1: tcpRoutes: not supported yet: \"tcpRoutes\" (TCP routes)"),
        ("llm: {}", "1:6: llm: missing field \"models\""),
        (
            "config: {adminAddr: example.com:1}",
            "1:21: config.adminAddr: \"example.com:1\" does not begin with an IP address"
        ),
    ])
    func structuralMistakesAreToldWithTheirPlace(_ text: String, _ expected: String) {
        #expect(Fixture.errors(text).contains(expected), "\(Fixture.errors(text))")
    }

    @Test(arguments: [
        ("cros: {}", "unknown field \"cros\"; did you mean \"cors\"?"),
        ("oidc: {}", "not supported yet: \"oidc\" (browser login)"),
        ("timeout: {requestTimeout: 10}", "a duration needs a unit; write 10s for seconds"),
        (
            "timeout: {requestTimeout: 10 s}",
            "expected a duration such as 10s, 1h30m or 500ms; units are h, m, s, ms, us, ns"
        ),
        (
            "timeout: {requestTimeout: -1s}",
            "expected a duration such as 10s, 1h30m or 500ms; units are h, m, s, ms, us, ns"
        ),
        ("timeout: {requestTimeout: 0s}", "must be at least 0.001 seconds"),
        (
            "timeout: {requestTimeout: 99999999999999h}",
            "expected a duration such as 10s, 1h30m or 500ms; units are h, m, s, ms, us, ns"
        ),
        ("cors: {allowCredentials: yes}", "expected true or false; \"yes\" is text in YAML 1.2, write true"),
        ("cors: {allowCredentials: \"true\"}", "expected true or false, found text; remove the quotes"),
        (
            "cors: {allowOrigins: [example.com]}",
            "\"example.com\" is not an origin; write https://host, https://host:port, https://*.host or *"
        ),
        (
            "cors: {allowOrigins: [\"*\"], allowCredentials: true}",
            "allowCredentials with the origin \"*\" would let any web page act for the user; list the origins"
        ),
        ("cors:", "expected a mapping, found nothing; write {} if it has nothing to say"),
        ("authorization: {rules: [{alow: x}]}", "unknown field \"alow\"; did you mean \"allow\"?"),
        ("authorization: {rules: [{allow: x, deny: y}]}", "only one of allow, deny can be set"),
        ("authorization: {rules: [\"\"]}", "expected a CEL expression, found nothing"),
        ("authorization: {}", "missing field \"rules\""),
        (
            "jwtAuth: {mode: strickt, issuer: \"https://i\"}",
            "\"strickt\" is not one of strict, optional, permissive; did you mean \"strict\"?"
        ),
        (
            "jwtAuth: {issuer: \"https://i\", jwks: {url: \"http://i/x\"}}",
            "keys fetched over plain http can be forged on the way; use https, or set allowInsecure: true"
        ),
        ("jwtAuth: {issuer: \"https://i\", jwks: {url: x, file: y}}", "only one of url, file can be set"),
        (
            "jwtAuth: {issuer: \"https://i\", jwks: /etc/jwks.json}",
            "expected the JSON of a key set; write {url: …} or {file: …} for another place"
        ),
        ("jwtAuth: {providers: [], issuer: i}", "needs at least one provider"),
        ("jwtAuth: {mode: strict}", "needs one of issuer, providers"),
        ("apiKey: {keys: [{keyHash: \"md5:00\"}]}", "expected sha256: and 64 hexadecimal digits"),
        ("apiKey: {keys: [{key: a, expires: tomorrow}]}", "expected a time such as 2027-01-31T00:00:00Z"),
        ("requestHeaderModifier: {set: {\"a b\": c}}", "\"a b\" is not a header name"),
        (
            "requestHeaderModifier: {set: {a: \"b\\r\\nc: d\"}}",
            "a header value must not contain control characters or line breaks"
        ),
        (
            "requestHeaderModifier: {set: {Content-Length: \"3\"}}",
            "\"Content-Length\" belongs to the gateway and cannot be changed here"
        ),
        ("backendAuth: passthru", "expected passthrough or {key: …}, found other text"),
        ("backendAuth: {key: \"\"}", "expected a key, found an empty one"),
        ("backendAuth: {key: {file: /nope}}", "cannot read \"/nope\": no such file"),
        (
            "mcpAuthorization: {rules: []}",
            "route \"route0\": mcpAuthorization would never run: the route has no mcp backend"
        ),
        ("urlRewrite: {path: {full: /../x}}", "\"/../x\" can never match: the path has a \".\" or \"..\" segment"),
        ("directResponse: {status: 42}", "must be from 200 to 599"),
        ("retry: {condition: 'true'}", "condition would never be asked: there are no codes"),
        (
            "<<: {cors: {}}",
            "merge keys (<<) are not part of YAML 1.2; repeat the fields, or use an alias for a whole value"
        ),
    ])
    func policyMistakesAreExplained(_ policy: String, _ expected: String) {
        let errors = Fixture.errors(Fixture.policies(policy))
        #expect(errors.contains { $0.hasSuffix(": \(expected)") }, "\(errors)")
    }

    @Test func allErrorsOfAFileAreReportedAtOnceInItsOrder() {
        let errors = Fixture.errors(
            """
            binds:
            - port: "80"
              listners: []
              listeners:
              - routes:
                - match: {path: a}
                  policies: {timeout: {requestTimeout: 5}, jwtAuth: {issuer: "https://i", mode: off}}
                  backends: [{host: h, weight: 1.5}]
                - backends: [{hots: "h:80"}]
            """)
        #expect(
            errors == [
                "2:10: binds[0].port: expected a port number, found text; remove the quotes",
                "3:3: binds[0]: unknown field \"listners\"; did you mean \"listeners\"?",
                "6:21: binds[0].listeners[0].routes[0].match.path: \"a\" can never match: the path does not begin with \"/\"",
                "7:44: binds[0].listeners[0].routes[0].policies.timeout.requestTimeout: a duration needs a unit; write 5s for "
                    + "seconds",
                "7:85: binds[0].listeners[0].routes[0].policies.jwtAuth.mode: \"off\" is not one of strict, optional, permissive",
                "8:25: binds[0].listeners[0].routes[0].backends[0].host: \"h\" has no port; write h:443 or a URL",
                "8:36: binds[0].listeners[0].routes[0].backends[0].weight: expected a whole number, found a fraction",
                "9:19: binds[0].listeners[0].routes[1].backends[0]: unknown field \"hots\"; did you mean \"host\"?",
            ], "\(errors)")
    }

    @Test func portsHostsAndNamesMustNotMeet() {
        let errors = Fixture.errors(
            """
            binds:
            - port: 3000
              listeners:
              - {hostname: a.com, routes: [{name: r, backends: [{host: "h:1"}]}, {name: r, backends: [{host: "h:1"}]}]}
              - {hostname: A.com, name: listener0}
            - port: 3000
              listeners: [{}]
            - port: 15000
              listeners: [{}]
            """)
        #expect(
            errors.map { String($0.drop { $0 != " " }.dropFirst()) } == [
                "route \"r\" is already in line 4", "listener \"listener0\" is already in line 4",
                "port 3000 already has a listener for host a.com in line 4; give each a hostname of its own",
                "port 3000 is already bound in line 2", "port 15000 is the gateway's own: config.adminAddr",
            ], "\(errors)")
    }

    @Test func namedBackendsAreResolvedAndMissingOnesSuggested() throws {
        let text = """
            backends:
            - {name: orders, host: "orders.internal:8080", policies: {backendAuth: {key: k}}}
            binds:
            - port: 3000
              listeners:
              - routes:
                - backends: [{backend: NAME, weight: 3}]
            """
        let configuration = try Fixture.load(text.replacing("NAME", with: "/orders"))
        let backend = configuration.routes[0].backends[0]
        #expect(backend.weight == 3)
        guard case .host(let address) = backend.kind, case .key = backend.policies.backendAuthentication else {
            Issue.record("not resolved")
            return
        }
        #expect(address == UpstreamAddress(.tcp(host: "orders.internal", port: 8080)))
        #expect(
            Fixture.errors(text.replacing("NAME", with: "ordres")).first?
                .hasSuffix("there is no backend \"ordres\"; did you mean \"orders\"?") == true)
    }

    @Test func noErrorShowsWhatAVariableHolds() {
        let secret = "s3cr3t-canary"
        let environment = ["S": secret]
        let policies = [
            "jwtAuth: {mode: $S, issuer: $S}", "timeout: {requestTimeout: $S}",
            "cors: {allowCredentials: $S, allowOrigins: [$S]}",
            "retry: {attempts: $S}", "backendAuth: $S", "apiKey: {keys: [{keyHash: $S, expires: $S}]}",
            "directResponse: {status: $S}", "requestRedirect: {scheme: $S, authority: $S}",
            "mcpAuthentication: {issuer: \"$S x\", provider: $S}",
            "urlRewrite: {authority: {host: \"$S/\"}, path: {full: $S}}",
        ]
        for policy in policies {
            let errors = Fixture.errors(Fixture.policies(policy), environment: environment)
            #expect(!errors.isEmpty, "\(policy)")
            for error in errors { #expect(!error.contains(secret), "\(error)") }
        }
    }

    @Test(arguments: [
        ("allow: 'jwt.sub =='", "9:51: "), ("allow: |\n      a &&\n      (b", "12:1: "), ("allow: \"a ? b\"", "9:46: "),
    ])
    func ruleThatDoesNotParseIsAnErrorAtItsPlace(_ rule: String, _ place: String) {
        let errors = Fixture.errors(Fixture.policies("authorization:\n  rules:\n  - \(rule)"), rules: .gateway)
        #expect(errors.count == 1 && errors[0].contains("policies.authorization.rules[0].allow: "), "\(errors)")
        #expect(errors.first?.hasPrefix(place) == true, "\(errors)")
    }

    @Test func fieldInTheWrongPlaceIsToldWhereItBelongs() {
        let errors = Fixture.errors(
            """
            port: 3000
            binds:
            - port: 3000
              listeners:
              - policies: {localRateLimit: []}
                routes:
                - backendAuth: {key: k}
                  config: {}
                  backends: [{host: "h:80"}]
            """)
        #expect(
            errors == [
                "1:1: unknown field \"port\"",
                "5:16: binds[0].listeners[0].policies: unknown field \"localRateLimit\"; it belongs to routes.policies",
                "7:7: binds[0].listeners[0].routes[0]: unknown field \"backendAuth\"; it belongs to routes.policies or "
                    + "ai.policies or providers.policies or targets.policies or backends.policies",
                "8:7: binds[0].listeners[0].routes[0]: unknown field \"config\"; it belongs to the top level",
            ], "\(errors)")
    }

    @Test(arguments: [
        ("authorization: {rules: ['reqest.path == \"/\"']}", "undeclared reference to 'reqest'"),
        ("authorization: {rules: ['request.path']}", "a rule must be true or false, this is a string"),
        ("authorization: {rules: ['mcp.tool.name == \"x\"']}", "it is known only in MCP rules"),
        ("authorization: {rules: ['request.pth == \"/\"']}", "'path'"),
    ])
    func ruleIsCheckedAgainstWhatItsKindCanRead(_ policy: String, _ expected: String) {
        let errors = Fixture.errors(Fixture.policies(policy), rules: .gateway)
        #expect(errors.count == 1 && errors[0].contains(expected), "\(errors)")
    }

    @Test func declaredClaimsAreHeldAgainstTheRulesOfTheSameRoute() {
        let policy = """
            jwtAuth: {issuer: "https://i", audiences: [a], jwks: '{"keys":[]}', claims: {groups: list(string)}}
            authorization:
              rules:
              - allow: >-
                  "admin" in
                  jwt.grups
            """
        let errors = Fixture.errors(Fixture.policies(policy), rules: .gateway)
        #expect(errors.count == 1, "\(errors)")
        #expect(errors.first?.contains("policies.authorization.rules[0].allow: ") == true, "\(errors)")
        #expect(errors.first?.contains("'groups'") == true && errors.first?.hasPrefix("12:") == true, "\(errors)")
        #expect(
            Fixture.errors(Fixture.policies(policy.replacing("jwt.grups", with: "jwt.groups")), rules: .gateway) == [])
        let open = policy.replacing("list(string)}", with: "list(string), \"*\": dyn}")
        #expect(Fixture.errors(Fixture.policies(open), rules: .gateway) == [])
    }

    @Test func strictDefaultIsSaidOnceAndOnlyWhereModeIsMissing() throws {
        let configuration = try Fixture.load(
            Fixture.policies("apiKey: {keys: [{key: k}]}\nbasicAuth: {htpasswd: \"a:b\"}"))
        #expect(configuration.warnings.count { $0.message.contains("strict") } == 1)
        #expect(configuration.routes[0].policies.apiKeyAuthentication?.mode == .strict)
        let said = try Fixture.load(Fixture.policies("apiKey: {mode: optional, keys: [{key: k}]}"))
        #expect(said.warnings.isEmpty)
    }
}
