// Lint rules about who is asking, and about what rules cannot evaluate.

extension LintRule {
    static let mutableIdentity = LintRule(
        "mutable-identity", "A claim that users can choose themselves grants.",
        "`preferred_username`, `name`, `nickname` and an email that nobody verified are profile data (OpenID Connect Core "
            + "§5.7): a user takes another's and is let in. `iss` and `sub` together are the identity.",
        bad: """
            rules:
              - allow: 'jwt.email == "ann@corp.example"'

            """,
        good: """
            rules:
              - allow: 'jwt.email_verified == true && jwt.email == "ann@corp.example"'

            """)

    static let selfDeclaredClient = LintRule(
        "self-declared-client", "What a client calls itself grants.",
        "`mcp.client` is what the client wrote into `clientInfo`, and `User-Agent` what it likes.",
        bad: """
            kind: mcpAuthorization
            rules:
              - allow: 'mcp.client.name == "trusted-agent"'

            """,
        good: """
            kind: mcpAuthorization
            rules:
              - allow: 'jwt.client_id == "trusted-agent"'

            """)

    static let untrustedAnnotations = LintRule(
        "untrusted-annotations", "A tool's own hint about itself grants.",
        "Annotations are what the server says of its tool: one that lies about `readOnlyHint` is let through. Pinned "
            + "definitions were reviewed.",
        bad: """
            kind: mcpAuthorization
            rules:
              - allow: 'mcp.tool.annotations.readOnlyHint == true'

            """,
        good: """
            kind: mcpAuthorization
            rules:
              - allow: 'mcp.tool.pinned && mcp.tool.annotations.readOnlyHint == true'

            """)

    static let unverifiedToken = LintRule(
        "unverified-token", "A token is read without its signature being checked.",
        "`unvalidatedJwtPayload` reads whatever the client wrote. Claims of a verified token are in `jwt`.",
        bad: """
            rules:
              - allow: 'unvalidatedJwtPayload(request.headers["x-token"]).role == "admin"'

            """,
        good: """
            rules:
              - allow: 'jwt.role == "admin"'

            """)

    static let audienceAsText = LintRule(
        "audience-as-text", "The audience is compared in one of its two forms.",
        "`aud` is a text in one token and a list in the next (RFC 7519 §4.1.3), so `==` and `in` each fail for the other. "
            + "`audiences` of `jwtAuth` checks both.",
        bad: """
            rules:
              - allow: 'jwt.aud == "gateway"'

            """,
        good: """
            rules:
              - allow: 'hasScope("gateway:use")'

            """)

    static let identity = [
        mutableIdentity, selfDeclaredClient, untrustedAnnotations, unverifiedToken, audienceAsText,
    ]

    // MARK: Errors and types

    static let missingHas = LintRule(
        "missing-has", "A deny asks for what may be absent, and then denies.",
        "A `deny` that cannot be evaluated denies: here, everybody whose token, key or request lacks the attribute. "
            + "`has(…) &&` before it says that absent is no reason.",
        bad: """
            rules:
              - deny: '"contractors" in jwt.groups'
              - allow: 'true'

            """,
        good: """
            rules:
              - deny: 'has(jwt.groups) && "contractors" in jwt.groups'
              - allow: 'true'

            """)

    static let unguardedArgument = LintRule(
        "unguarded-argument", "Beside a tool's arguments a claim is read that may be absent, so lists show the tool.",
        "In a list arguments are unknown, and unknown wins over the error of an absent claim: the tool is shown to callers "
            + "whose every call is denied.",
        bad: """
            kind: mcpAuthorization
            rules:
              - allow: 'jwt.dept == "finance" && mcp.tool.arguments.amount < 1000'

            """,
        good: """
            kind: mcpAuthorization
            rules:
              - allow: 'has(jwt.dept) && jwt.dept == "finance" && mcp.tool.arguments.amount < 1000'

            """,
        fix: "asks `has(…)` before the claim; calls are decided as before.")

    static let alwaysError = LintRule(
        "always-error", "A part of a rule can only be an error.",
        "An `allow` with it never grants, a `deny` with it denies everything that reaches it.",
        bad: """
            rules:
              - allow: 'jwt.exp > request.startTime'

            """,
        good: """
            rules:
              - allow: 'jwt.exp > int(request.startTime)'

            """)

    static let stringIn = LintRule(
        "string-in", "A text is looked for in a claim that is a text itself.",
        "`in` is for lists and maps; in a text it is an error here, and in agentgateway it finds any part of the text.",
        bad: """
            rules:
              - allow: '"api:read" in jwt.scope'

            """,
        good: """
            rules:
              - allow: 'hasScope("api:read")'

            """,
        fix: "asks `hasScope(…)` of the scope claim, which is then evaluated where it was an error.")

    static let numberAndText = LintRule(
        "number-and-text", "A claim is compared with a number in one place and with a text in another.",
        "`\"3\"` is not 3: one of the two is never true. The issuer sends one of them.",
        bad: """
            rules:
              - allow: 'jwt.level == "3"'
              - allow: 'jwt.level > 5'

            """,
        good: """
            rules:
              - allow: 'jwt.level == 3'
              - allow: 'jwt.level > 5'

            """)

    static let claimType = LintRule(
        "claim-type", "A registered claim is compared with a value of another type.",
        "`exp`, `iat` and `nbf` are seconds since 1970, `iss` and `sub` are texts: the comparison is never true.",
        bad: """
            rules:
              - allow: 'jwt.sub == 42'

            """,
        good: """
            rules:
              - allow: 'jwt.sub == "42"'

            """)

    static let costBudget = LintRule(
        "cost-budget", "A rule may cost more than the evaluation budget.",
        "Beyond its budget a rule is an error of the class `cost`. The estimate takes lists of 500 elements and texts of 128 "
            + "bytes, about what a large token holds.",
        bad: """
            rules:
              - allow: 'jwt.groups.exists(g, jwt.roles.exists(r, jwt.teams.exists(t, g == r + t)))'

            """,
        good: """
            rules:
              - allow: 'jwt.groups.exists(g, g in jwt.roles)'

            """)

    static let utcTime = LintRule(
        "utc-time", "A time of day or a date without a time zone is UTC.",
        "Office hours are seldom UTC, and summer time moves them. A zone says which is meant; agentgateway ignores zones.",
        severity: .note,
        bad: """
            rules:
              - allow: 'request.startTime.getHours() >= 8'

            """,
        good: """
            rules:
              - allow: 'request.startTime.getHours("Europe/Berlin") >= 8'

            """)

    static let doubleNegation = LintRule(
        "double-negation", "A negation of a negation.",
        "`!!x` is x here, and `!x` in agentgateway.",
        severity: .note,
        bad: """
            rules:
              - allow: '!!has(jwt.sub)'

            """,
        good: """
            rules:
              - allow: 'has(jwt.sub)'

            """,
        fix: "drops both.")

    static let unknownField = LintRule(
        "unknown-field", "A field in brackets that what it is read from does not have.",
        "In brackets a name is a key like any other, which the type checker lets pass; reading it is an error in every "
            + "request. The policy's `claims` say what there is.",
        bad: """
            rules:
              - allow: 'jwt["tenent"] == "acme"'
            claims: {tenant: string}

            """,
        good: """
            rules:
              - allow: 'jwt["tenant"] == "acme"'
            claims: {tenant: string}

            """)

    static let errors = [
        unknownField, missingHas, unguardedArgument, alwaysError, stringIn, numberAndText, claimType, costBudget,
        utcTime,
        doubleNegation,
    ]
}
