// Test tables: what a case says becomes the request that a client would have sent, and the gateway's decision.

import Auth
import Testing

@testable import agentgw

@Suite struct CaseTests {
    private let rules = """
        authorization:
          rules:
            - {id: readers, allow: 'request.method == "GET" && hasScope("read")'}
            - {id: writers, allow: 'jwt.sub == "root"'}
            - {id: never, deny: 'request.path.contains("secret") && jwt.level > 3'}
        """

    private func failures(_ tests: String, files: [String: String] = [:], policies: String? = nil) -> [String] {
        let body = tests.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
        return PolicyFixture.failures(
            PolicyFixture.gateway(policies ?? rules),
            "defaults: {request: {path: /api}}\ntests:\n" + body.joined(separator: "\n") + "\n", files: files)
    }

    @Test func claimsAreJudgedAsTheGatewayJudgesAToken() {
        let failed = failures(
            """
            - {name: granted, jwt: {scope: "read"}, expect: {verdict: allow, rule: readers, reason: matched, error: none}}
            - {name: nothing, jwt: {sub: ann, scope: "other"}, expect: {verdict: deny, rule: none, reason: nothing_granted, status: 403}}
            - {name: anonymous, expect: {verdict: deny, error: no_token, status: 401}}
            - {name: expired, jwt: {exp: 1000}, expect: {verdict: deny, error: expired}}
            - {name: long ago, jwt: {scope: read, exp: 1000}, now: 1970-01-01T00:10:00Z, expect: allow}
            - {name: audience, jwt: {aud: other}, expect: {error: wrong_audience, status: 401}}
            - {name: no audience, jwt: {aud: null}, expect: {error: missing_claim}}
            - {name: issuer, jwt: {iss: other}, expect: {error: unknown_issuer}}
            - {name: garbage, request: {headers: {authorization: Bearer x}}, expect: {error: not_a_jws}}
            """)
        #expect(failed == [])
    }

    @Test func errorsInRulesAreExpectedByClass() {
        let failed = failures(
            """
            - {name: no key, request: {path: /api/secret}, jwt: {sub: root}, expect: {verdict: deny, rule: never, error: no_such_key}}
            - {name: no overload, request: {path: /api/secret}, jwt: {sub: root, level: "9"}, expect: {rule: never, reason: error.no_such_overload}}
            - {name: fine, request: {path: /api/secret}, jwt: {sub: root, level: 2}, expect: {verdict: allow, rule: writers}}
            """)
        #expect(failed == [])
    }

    @Test func whatMeetsNoRuleIsNeitherAllowedNorDenied() {
        let failed = failures(
            """
            - {name: elsewhere, request: {path: /other}, expect: unrouted}
            - {name: port, request: {port: 3001}, expect: unrouted}
            - {name: dots, request: {path: /api/../x}, expect: {verdict: malformed, status: 400, error: invalid_path}}
            - {name: method, request: {method: "G T"}, expect: malformed}
            - {name: denied, request: {path: /other}, expect: deny}
            """)
        #expect(failed == ["denied: verdict deny≠unrouted (no_route: no route takes the request)"])
    }

    @Test func mismatchesSayWhatCameOut() {
        let failed = failures(
            """
            - {name: a, jwt: {scope: read}, expect: deny}
            - {name: b, jwt: {scope: read}, expect: {rule: writers, status: 403}}
            - {name: c, expect: allow}
            """)
        #expect(
            failed == [
                "a: verdict deny≠allow",
                "b: rule writers≠readers, status 403≠none: the request is sent on",
                "c: verdict allow≠deny (no_token: no token)",
            ])
    }

    @Test func rawRequestsTakeTheCredentialsOfTheCase() {
        let failed = failures(
            "- {name: raw, request: r.http, jwt: {scope: read}, expect: {rule: readers}}\n"
                + "- {name: bare, request: bare.http, expect: {verdict: malformed, error: protocol}}",
            files: ["r.http": "GET /api/x HTTP/1.1\nHost: h\n", "bare.http": "GET /api/x HTTP/1.1\r\nHost: h\n\r\n"])
        #expect(failed == [])
    }

    @Test func matricesAndDefaultsMakeCases() {
        let run = PolicyFixture.run([
            "p.yaml": "rules: [{allow: 'request.method == \"GET\" && request.path == \"/$$x\"'}]\n",
            "p.test.yaml": """
            defaults: {request: {headers: {a: '1'}}}
            tests:
            - name: ${method} ${path}
              matrix: {method: [GET, PUT], path: [/$x, /y]}
              request: {method: "${method}", path: "${path}"}
              expect: {verdict: deny, rule: none}
            - {name: 'row ${n} costs $$5', matrix: [{n: 1, e: deny}, {n: 2, e: {verdict: deny}}], expect: "${e}"}
            """,
        ])
        #expect(
            run.report.cases.map(\.name) == [
                "GET /$x", "GET /y", "PUT /$x", "PUT /y", "row 1 costs $5", "row 2 costs $5",
            ])
        #expect(run.report.findings.isEmpty)
        #expect(run.report.cases.filter { !$0.isPassed }.map(\.name) == ["GET /$x"])
    }

    @Test(arguments: [
        (
            "- {name: a, expect: allow, reqest: {}}",
            "3:30: tests[0]: unknown field \"reqest\"; did you mean \"request\"?"
        ),
        ("- {name: a}", "3:5: tests[0]: missing field \"expect\""),
        (
            "- {name: a, expect: alow}",
            "3:23: tests[0].expect: \"alow\" is not one of allow, deny, unrouted, malformed, answered; did you mean \"allow\"?"
        ),
        (
            "- {name: '${x}', expect: allow}",
            "3:13: tests[0]: the matrix has no \"x\"; the case has no matrix (write $$ for a dollar)"
        ),
        ("- {name: a, expect: {}}", "3:23: tests[0].expect: expects nothing; write allow or deny"),
        ("- {name: a, token: t.jwt, expect: allow}", "3:22: tests[0].token: cannot read t.jwt: no such file"),
        (
            "- {name: a, matrix: {x: []}, expect: allow}",
            "3:27: tests[0]: matrix.x is a list of values; write rows (- {name: value}) for single ones"
        ),
        (
            "- {name: a, expect: allow}\n- {name: a, expect: allow}",
            "4:5: the case \"a\" is already in line 3; name what differs"
        ),
    ])
    func mistakesInTablesHaveAPlace(_ test: String, _ message: String) {
        let failed = failures(test).filter { $0.hasPrefix("p.test.yaml:") }
        #expect(failed == ["p.test.yaml:" + message])
    }

    @Test func apiKeysAndPasswordsGoWhereThePolicyLooks() {
        let failed = PolicyFixture.failures(
            """
            binds:
            - port: 80
              listeners:
              - routes:
                - backends: [{host: 'h:80'}]
                  policies:
                    apiKey: {mode: strict, location: {header: {name: x-key}}, keys: [{key: k1, metadata: {team: red}}]}
                    authorization: {rules: ['apiKey.team == "red" && cidr("10.0.0.0/8").containsIP(source.address)']}
            """,
            """
            defaults: {source: 10.1.2.3}
            tests:
            - {name: key, apiKey: k1, expect: allow}
            - {name: wrong, apiKey: k2, expect: {error: invalid_api_key}}
            - {name: none, expect: {error: no_api_key, status: 401}}
            - {name: address, apiKey: k1, source: {address: 192.0.2.1}, expect: {verdict: deny, reason: nothing_granted}}
            - {name: metadata, apiKey: {team: red}, expect: allow}
            """)
        #expect(failed == ["metadata: a configuration compares keys: give the key as a client sends it"])
    }

    @Test func policyFilesTakeWhoAsksFromTheCase() {
        let failed = PolicyFixture.failures(
            "rules: ['jwt.sub == \"a\" && apiKey.team == \"red\" && basicAuth.username == \"u\" && \"s\" in jwt.scopes']\n",
            """
            defaults: {jwt: {sub: a, scope: s t}, apiKey: {team: red}, basicAuth: u}
            tests:
            - {name: all, expect: allow}
            - {name: other, jwt: {sub: b}, expect: deny}
            - {name: none, jwt: null, expect: {verdict: deny, error: none, reason: nothing_granted}}
            """)
        #expect(failed == [])
    }
}
