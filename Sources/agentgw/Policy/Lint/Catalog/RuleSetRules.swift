// Lint rules about logic: conditions that are always the same, rules that never decide, sets that allow more than they say.
// What they claim is proved, never guessed from the text.

extension LintRule {
    static let constantCondition = LintRule(
        "constant-condition", "A condition that reads nothing is always the same.",
        "A part that is always true or false is a leftover, or hides that the rest does not count.",
        bad: """
            rules:
              - allow: 'request.method == "GET" || 1 == 1'

            """,
        good: """
            rules:
              - allow: 'request.method == "GET"'

            """)

    static let contradiction = LintRule(
        "contradiction", "Conditions that cannot be true together.",
        "An `allow` that asks for both never grants, a `deny` never denies. Often `||` was meant.",
        bad: """
            rules:
              - allow: 'jwt.role == "dev" && jwt.role == "ops"'

            """,
        good: """
            rules:
              - allow: 'jwt.role == "dev" || jwt.role == "ops"'

            """)

    static let tautology = LintRule(
        "tautology", "Alternatives of which one is always true.",
        "`x != \"a\" || x != \"b\"` is true for every x. Often `&&` was meant.",
        bad: """
            rules:
              - allow: 'jwt.role != "guest" || jwt.role != "bot"'

            """,
        good: """
            rules:
              - allow: 'jwt.role != "guest" && jwt.role != "bot"'

            """)

    static let duplicateCondition = LintRule(
        "duplicate-condition", "The same condition twice in a chain.",
        "The second changes nothing. Often another one was meant.",
        bad: """
            rules:
              - allow: 'hasScope("api:read") || hasScope("api:read")'

            """,
        good: """
            rules:
              - allow: 'hasScope("api:read") || hasScope("api:write")'

            """)

    static let logic = [constantCondition, contradiction, tautology, duplicateCondition]

    // MARK: Rule sets

    static let duplicateRule = LintRule(
        "duplicate-rule", "Two rules say the same.",
        "Whoever changes one of them is surprised by the other.",
        bad: """
            rules:
              - allow: 'jwt.role == "dev" || jwt.role == "ops"'
              - allow: 'jwt.role in ["ops", "dev"]'

            """,
        good: """
            rules:
              - allow: 'jwt.role in ["ops", "dev"]'

            """)

    static let shadowedRule = LintRule(
        "shadowed-rule", "A rule that another one covers in every case.",
        "It decides nothing: what it grants is granted, what it denies is denied without it. Often the wider rule is wider "
            + "than was meant.",
        bad: """
            rules:
              - allow: 'request.path.startsWith("/api/")'
              - allow: 'request.path.startsWith("/api/v1/") && hasScope("api:read")'

            """,
        good: """
            rules:
              - allow: 'request.path.startsWith("/api/v2/")'
              - allow: 'request.path.startsWith("/api/v1/") && hasScope("api:read")'

            """)

    static let overriddenRule = LintRule(
        "overridden-rule", "An allow that a deny or require always stops.",
        "A `deny` wins over every `allow`, wherever it stands, and a `require` must hold: nothing is ever granted by the rule.",
        bad: """
            rules:
              - deny: 'request.method in ["PUT", "DELETE"]'
              - allow: 'request.method == "DELETE" && hasScope("admin")'
              - allow: 'request.method == "GET"'

            """,
        good: """
            rules:
              - deny: 'request.method in ["PUT", "DELETE"] && !hasScope("admin")'
              - allow: 'request.method == "DELETE" && hasScope("admin")'
              - allow: 'request.method == "GET"'

            """)

    static let levelsDisagree = LintRule(
        "levels-disagree", "An allow of a route that its listener's rules never let through.",
        "Every level must allow. In agentgateway rules of several levels are one pool, and a route widens what its listener "
            + "allows.",
        bad: """
            binds:
              - port: 3000
                listeners:
                  - policies:
                      authorization:
                        rules: ['request.method == "GET"']
                    routes:
                      - backends: [{host: "127.0.0.1:8080"}]
                        policies:
                          authorization:
                            rules: ['request.method == "POST"', 'request.path == "/"']

            """,
        good: """
            binds:
              - port: 3000
                listeners:
                  - policies:
                      authorization:
                        rules: ['request.method in ["GET", "POST"]']
                    routes:
                      - backends: [{host: "127.0.0.1:8080"}]
                        policies:
                          authorization:
                            rules: ['request.method == "POST"', 'request.path == "/"']

            """)

    static let allowAll = LintRule(
        "allow-all", "A rule set that lets everything through.",
        "It looks like protection and is none: there is no rule, or the only rules allow whatever comes.",
        bad: """
            rules:
              - allow: 'true'

            """,
        good: """
            rules:
              - allow: 'hasScope("api:use")'

            """)

    static let noDefaultDeny = LintRule(
        "no-default-deny", "A rule set of denies alone allows everything else.",
        "What nobody thought of passes. An `allow` for what may pass turns that round; `defaultAction: allow` says that it is "
            + "meant.",
        severity: .note,
        bad: """
            rules:
              - deny: 'request.path == "/admin"'

            """,
        good: """
            defaultAction: allow
            rules:
              - deny: 'request.path == "/admin"'

            """)

    static let shadowMode = LintRule(
        "shadow-mode", "Rules in shadow mode deny nothing.",
        "Shadow mode is for trying rules out. Left on, it is a policy that only seems to be in force.",
        bad: """
            mode: shadow
            rules:
              - allow: 'hasScope("api:use")'

            """,
        good: """
            rules:
              - allow: 'hasScope("api:use")'

            """)

    static let ruleSets = [
        duplicateRule, shadowedRule, overriddenRule, levelsDisagree, allowAll, noDefaultDeny, shadowMode,
    ]
}
