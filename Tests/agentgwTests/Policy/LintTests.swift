// Each lint rule finds what it is about, at its place, and nothing in the rule that says it right.

import Testing

@testable import agentgw

@Suite struct LintTests {
    /// `line:column rule` of every finding in a policy file with one rule.
    private static func lint(_ rule: String) -> [String] {
        PolicyFixture.run(["p.yaml": "kind: authorization\nrules:\n- \(rule)\n"], lints: true).report.findings
            .map { "\($0.position.line):\($0.position.column) \($0.rule)" }
    }

    @Test(arguments: [
        (#"allow: 'jwt.scope.contains("api:read")'"#, "3:11 scope-by-substring"),
        (#"deny: '!jwt.scp.startsWith("api:")'"#, "3:11 scope-by-substring"),
        (#"allow: 'request.path.startsWith("/admin")'"#, "3:35 path-without-border"),
        (#"require: 'request.method == "GET" || request.path.startsWith("/a")'"#, "3:64 path-without-border"),
        (#"deny: '!request.path.startsWith("/api")'"#, "3:35 path-without-border"),
        (#"allow: 'request.method == "GET" ? request.path.startsWith("/a") : false'"#, "3:61 path-without-border"),
        (#"allow: 'jwt.sub.matches("[a-z]+@corp")'"#, "3:27 unanchored-pattern"),
        (#"allow: 'jwt.sub.matches("^[a-z]+")'"#, "3:27 unanchored-pattern"),
        (#"allow: 'jwt.sub.matches("(?i)corp$")'"#, "3:27 unanchored-pattern"),
        (#"deny: '!request.host.matches("corp\\.example")'"#, "3:32 unanchored-pattern"),
    ])
    func whatComparesAPartIsFound(rule: String, finding: String) {
        #expect(Self.lint(rule) == [finding])
    }

    @Test(arguments: [
        #"allow: '"api:read" in jwt.scopes && hasScope("a")'"#, #"allow: 'has(jwt.scope) && jwt.scope == "a"'"#,
        #"allow: 'jwt.scope_name.contains("a")'"#,
        #"allow: 'request.path == "/admin" || request.path.startsWith("/admin/")'"#,
        #"deny: 'request.path.startsWith("/admin")'"#, #"allow: '!request.path.startsWith("/admin")'"#,
        #"allow: 'jwt.sub.startsWith("svc-")'"#, #"allow: 'request.path.startsWith("/")'"#,
        #"allow: 'jwt.sub.matches("^[a-z]+$")'"#, #"allow: 'jwt.sub.matches("(?i)^a$")'"#,
        #"allow: 'jwt.sub.matches("\\Aa\\z")'"#, #"allow: 'jwt.sub.matches("^a.*")'"#,
        #"deny: 'jwt.sub.matches("evil")'"#, #"allow: '!jwt.sub.matches("evil")'"#,
        #"allow: 'jwt.sub.matches("^(a|b)$")'"#,
    ])
    func whatComparesTheWholeIsNot(rule: String) {
        #expect(Self.lint(rule) == [])
    }

    @Test func everyRuleHasItsDescriptionAndItsSection() throws {
        let rules = Set(PolicyLinter().descriptions.keys)
        #expect(rules == [PartialTextCheck.scope, PartialTextCheck.path, PartialTextCheck.pattern])
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let page = String(decoding: try FileReader.system.read("/\(root)/docs/lint.md", 1 << 20).get(), as: UTF8.self)
        for rule in rules { #expect(page.contains("\n## \(rule)\n"), "docs/lint.md has no section '\(rule)'") }
    }
}
