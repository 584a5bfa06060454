// Lint rules about comparing a part of a text where the whole was meant.

extension LintRule {
    static let scopeBySubstring = LintRule(
        "scope-by-substring", "A scope is looked for as a part of the scope text.",
        "`jwt.scope` holds several scopes, and a part of the text is no scope: `api:read` is also in `api:readonly`.",
        bad: """
            rules:
              - allow: 'jwt.scope.contains("api:read")'

            """,
        good: """
            rules:
              - allow: 'hasScope("api:read")'

            """,
        fix: "asks `hasScope(…)` where the part grants, which grants less.")

    static let pathWithoutBorder = LintRule(
        "path-without-border", "A path prefix that ends inside a segment grants other paths as well.",
        "`/admin` is also the beginning of `/administrators`. What a plain `deny` stops is only more, and is not reported.",
        bad: """
            rules:
              - allow: 'request.path.startsWith("/admin")'

            """,
        good: """
            rules:
              - allow: 'request.path == "/admin" || request.path.startsWith("/admin/")'

            """,
        fix: "asks for the path itself or a prefix with a slash, which grants less.")

    static let pathBySubstring = LintRule(
        "path-by-substring", "A part of the path or query grants.",
        "Clients choose the rest: `/admin/public` has `/public` in it, and `/admin?x=.css` ends in `.css`.",
        bad: """
            rules:
              - allow: 'request.path.contains("/public")'

            """,
        good: """
            rules:
              - allow: 'request.path.startsWith("/public/")'

            """)

    static let domainWithoutBorder = LintRule(
        "domain-without-border", "A domain is compared without the dot or @ before it.",
        "`evil-corp.example` ends in `corp.example` as well, and anybody can register it.",
        bad: """
            rules:
              - allow: 'jwt.email_verified == true && jwt.email.endsWith("corp.example")'

            """,
        good: """
            rules:
              - allow: 'jwt.email_verified == true && jwt.email.endsWith("@corp.example")'

            """,
        fix: "puts the border before the domain, which grants less.")

    static let unanchoredPattern = LintRule(
        "unanchored-pattern", "A pattern without anchors grants texts that only contain a match.",
        "`matches` looks for the pattern anywhere. `^a|b$` is anchored only at the beginning of `a` and the end of `b`.",
        bad: """
            rules:
              - allow: 'jwt.team.matches("^red|blue$")'

            """,
        good: """
            rules:
              - allow: 'jwt.team.matches("^(red|blue)$")'

            """,
        fix: "puts alternatives between `^` and `$` into a group, which grants less; other patterns are yours to mend.")

    static let broadPattern = LintRule(
        "broad-pattern", "A pattern, prefix or suffix that every text has.",
        "The condition looks like a check and is none: it is true for every text.",
        bad: """
            rules:
              - allow: 'jwt.team.matches("^.*$")'

            """,
        good: """
            rules:
              - allow: 'has(jwt.team)'

            """)

    static let unescapedDot = LintRule(
        "unescaped-dot", "A dot in the pattern of a domain stands for any character.",
        "`api.corp.example` as a pattern also matches `api-corp.example`, another domain.",
        bad: """
            rules:
              - allow: 'request.headers["origin"].matches("^https://app.corp.example$")'

            """,
        good: """
            rules:
              - allow: 'request.headers["origin"].matches("^https://app[.]corp[.]example$")'

            """,
        fix: "writes `[.]`, which grants less.")

    static let claimBySubstring = LintRule(
        "claim-by-substring", "A role, group or tenant is looked for as a part of a claim.",
        "In a text, `contains` also finds `admin` in `not-admin`. A list is asked with `in`; that a text errs there is wanted.",
        bad: """
            rules:
              - allow: 'jwt.roles.contains("admin")'

            """,
        good: """
            rules:
              - allow: '"admin" in jwt.roles'

            """,
        fix: "asks `in` of claims whose names are plural (groups, roles, …), which refuses texts.")

    static let argumentPathPrefix = LintRule(
        "argument-path-prefix", "A path in a tool's arguments is granted by its beginning alone.",
        "`/srv/data/../../etc/passwd` begins with `/srv/data/`. Arguments are what the model writes; nobody has made them "
            + "canonical.",
        bad: """
            kind: mcpAuthorization
            rules:
              - allow: 'mcp.tool.name == "read" && mcp.tool.arguments.path.startsWith("/srv/data/")'

            """,
        good: """
            kind: mcpAuthorization
            rules:
              - allow: >-
                  mcp.tool.name == "read" && mcp.tool.arguments.path.startsWith("/srv/data/")
                  && !mcp.tool.arguments.path.contains("..")

            """)

    static let partialText = [
        scopeBySubstring, pathWithoutBorder, pathBySubstring, domainWithoutBorder, unanchoredPattern, broadPattern,
        unescapedDot, claimBySubstring, argumentPathPrefix,
    ]

    // MARK: Headers, hosts and methods

    static let methodCase = LintRule(
        "method-case", "A method is compared with a word in lower case.",
        "Methods are case-sensitive and sent in capitals (RFC 9110 §9.1): the comparison is never true, and a `deny` of "
            + "`delete` denies nothing.",
        bad: """
            rules:
              - deny: 'request.method == "delete"'
              - allow: 'true'

            """,
        good: """
            rules:
              - deny: 'request.method == "DELETE"'
              - allow: 'true'

            """,
        fix: "writes the method in capitals where that stops requests.")

    static let hostAsSent = LintRule(
        "host-as-sent", "A comparison of the host that a client gets around by writing the host otherwise.",
        "`request.host` is as sent: `ADMIN.corp.example` and `admin.corp.example:443` are other texts and the same host.",
        bad: """
            rules:
              - deny: 'request.host == "admin.corp.example"'
              - allow: 'true'

            """,
        good: """
            rules:
              - deny: 'request.host.lowerAscii().matches("^admin[.]corp[.]example[.]?(:[0-9]+)?$")'
              - allow: 'true'

            """)

    static let headerEvades = LintRule(
        "header-evades-deny", "A header that must not have a value can be sent twice.",
        "A header that occurs twice is a list, and a list equals no text: the `deny` is not true. Say which values are "
            + "allowed instead.",
        bad: """
            rules:
              - deny: '"x-env" in request.headers && request.headers["x-env"] == "prod"'
              - allow: 'true'

            """,
        good: """
            rules:
              - require: 'request.headers["x-env"] in ["dev", "test"]'
              - allow: 'true'

            """)

    static let headerCase = LintRule(
        "header-case", "The value of a header whose letter case does not count is compared with letter case.",
        "`Application/JSON` is `application/json` (RFC 9110 §8.3.1): a `deny` that asks for one spelling is got around with "
            + "another.",
        bad: """
            rules:
              - deny: '"content-type" in request.headers && request.headers["content-type"].startsWith("text/html")'
              - allow: 'true'

            """,
        good: """
            rules:
              - deny: >-
                  "content-type" in request.headers
                  && request.headers["content-type"].lowerAscii().startsWith("text/html")
              - allow: 'true'

            """,
        fix: "compares `lowerAscii()` of the header, which stops more.")

    static let spoofableHeader = LintRule(
        "spoofable-header", "A header that any client can send says who or where the client is.",
        "`X-Forwarded-For`, `X-Real-IP`, `X-Forwarded-User` and their kin are true only behind a proxy that replaces them. "
            + "`source.address` is the connection's other end, claims are verified.",
        bad: """
            rules:
              - allow: 'request.headers["x-forwarded-for"] == "10.0.0.7"'

            """,
        good: """
            rules:
              - allow: 'source.address == "10.0.0.7"'

            """)

    static let wire = [methodCase, hostAsSent, headerEvades, headerCase, spoofableHeader]
}
