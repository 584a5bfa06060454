// Lint rules about MCP tools, about what stands around the rules in a configuration, and about tests and comments.

extension LintRule {
    static let unknownTool = LintRule(
        "unknown-tool", "A rule names a tool that is not among the policy's tools.",
        "The comparison is never true: an `allow` grants nothing, a `deny` does not stop the tool that was meant.",
        bad: """
            tools: [get_balance, transfer]
            rules:
              - allow: 'mcp.tool.name == "get_balence"'

            """,
        good: """
            tools: [get_balance, transfer]
            rules:
              - allow: 'mcp.tool.name == "get_balance"'

            """)

    static let unknownArgument = LintRule(
        "unknown-argument", "A rule reads an argument that the tool does not have.",
        "Reading it is an error in every call. The tool's input schema says what there is.",
        bad: """
            tools:
              - name: transfer
                inputSchema: {properties: {amount: {type: integer}, currency: {enum: [EUR, USD]}}}
            rules:
              - allow: 'mcp.tool.name == "transfer" && mcp.tool.arguments.amuont < 100'

            """,
        good: """
            tools:
              - name: transfer
                inputSchema: {properties: {amount: {type: integer}, currency: {enum: [EUR, USD]}}}
            rules:
              - allow: 'mcp.tool.name == "transfer" && mcp.tool.arguments.amount < 100'

            """)

    static let argumentValue = LintRule(
        "argument-value", "An argument is compared with a value that its schema does not allow.",
        "Another type, or a word that is not in the schema's `enum`: the comparison is never true.",
        bad: """
            tools:
              - name: transfer
                inputSchema: {properties: {amount: {type: integer}, currency: {enum: [EUR, USD]}}}
            rules:
              - allow: 'mcp.tool.name == "transfer" && mcp.tool.arguments.currency == "EURO"'

            """,
        good: """
            tools:
              - name: transfer
                inputSchema: {properties: {amount: {type: integer}, currency: {enum: [EUR, USD]}}}
            rules:
              - allow: 'mcp.tool.name == "transfer" && mcp.tool.arguments.currency == "EUR"'

            """)

    static let unknownTarget = LintRule(
        "unknown-target", "A rule names an MCP target that the backend does not have.",
        "The comparison is never true.",
        bad: """
            binds:
              - port: 3000
                listeners:
                  - routes:
                      - backends:
                          - mcp:
                              targets: [{name: files, mcp: {host: "https://files.example/mcp"}}]
                        policies:
                          mcpAuthorization:
                            rules: ['mcp.tool.target == "fiels"']

            """,
        good: """
            binds:
              - port: 3000
                listeners:
                  - routes:
                      - backends:
                          - mcp:
                              targets: [{name: files, mcp: {host: "https://files.example/mcp"}}]
                        policies:
                          mcpAuthorization:
                            rules: ['mcp.tool.target == "files"']

            """)

    static let exposedToolName = LintRule(
        "exposed-tool-name", "A rule names a tool as clients see it, with its target's name before it.",
        "`mcp.tool.name` is the name that the target gave its tool; whose it is says `mcp.tool.target`.",
        bad: """
            binds:
              - port: 3000
                listeners:
                  - routes:
                      - backends:
                          - mcp:
                              targets:
                                - {name: files, mcp: {host: "https://files.example/mcp"}}
                                - {name: time, mcp: {host: "https://time.example/mcp"}}
                        policies:
                          mcpAuthorization:
                            rules: ['mcp.tool.name == "files_read"']

            """,
        good: """
            binds:
              - port: 3000
                listeners:
                  - routes:
                      - backends:
                          - mcp:
                              targets:
                                - {name: files, mcp: {host: "https://files.example/mcp"}}
                                - {name: time, mcp: {host: "https://time.example/mcp"}}
                        policies:
                          mcpAuthorization:
                            rules: ['mcp.tool.target == "files" && mcp.tool.name == "read"']

            """)

    static let tools = [unknownTool, unknownArgument, argumentValue, unknownTarget, exposedToolName]

    // MARK: Configurations

    private static func route(_ policies: String) -> String {
        """
        binds:
          - port: 3000
            listeners:
              - routes:
                  - backends: [{host: "127.0.0.1:8080"}]
                    policies:
        \(policies.split(separator: "\n").map { "              \($0)" }.joined(separator: "\n"))

        """
    }

    static let missingAudience = LintRule(
        "missing-audience", "Tokens are accepted that were made for another service.",
        "Without `audiences` any token of the issuer is good here, also one that its owner gave to somebody else.",
        bad: route("jwtAuth: {mode: strict, issuer: \"https://issuer.example\"}"),
        good: route("jwtAuth: {mode: strict, issuer: \"https://issuer.example\", audiences: [gateway]}"))

    static let insecureBackend = LintRule(
        "insecure-backend", "A backend's certificate is not verified.",
        "Whoever is on the way reads and answers the requests, with the credentials in them.",
        bad: route("backendTLS: {insecure: true}"), good: route("backendTLS: {hostname: backend.example}"))

    static let claimsWithoutAuthentication = LintRule(
        "claims-without-authentication", "Rules read a credential that nobody looks for.",
        "Without `jwtAuth` or `mcpAuthentication` there are no claims, without `apiKey` no key's metadata, without "
            + "`basicAuth` no user: reading one is an error in every request.",
        bad: route("authorization: {rules: ['jwt.role == \"dev\"']}"),
        good: route(
            """
            jwtAuth: {mode: strict, issuer: "https://issuer.example", audiences: [gateway]}
            authorization: {rules: ['jwt.role == "dev"']}
            """))

    static let anonymousPasses = LintRule(
        "anonymous-passes", "Rules about tokens let a request without one through.",
        "With `mode: optional` or `permissive` a client leaves the token away, and no `allow` or `require` asks for it.",
        bad: route(
            """
            jwtAuth: {mode: optional, issuer: "https://issuer.example", audiences: [gateway]}
            authorization: {defaultAction: allow, rules: [deny: 'has(jwt.role) && jwt.role == "guest"']}
            """),
        good: route(
            """
            jwtAuth: {mode: strict, issuer: "https://issuer.example", audiences: [gateway]}
            authorization: {defaultAction: allow, rules: [deny: 'has(jwt.role) && jwt.role == "guest"']}
            """))

    static let plaintextSecret = LintRule(
        "plaintext-secret", "A secret stands in the file.",
        "Configurations are kept in repositories, logs and backups. `$NAME` takes it from the environment, `{file: …}` from a "
            + "file, and `keyHash` needs no key at all.",
        bad: route("backendAuth: {key: sk-1f4cb8b2a7}"), good: route("backendAuth: {key: \"${BACKEND_KEY:-unset}\"}"))

    static let shortAPIKey = LintRule(
        "short-api-key", "An API key that can be guessed.",
        "A key of fewer than 16 characters is found by trying. `openssl rand -hex 32` makes a good one.",
        bad: route("apiKey: {mode: strict, keys: [{key: \"${KEY:-letmein}\"}]}"),
        good: route("apiKey: {mode: strict, keys: [{key: \"${KEY:-7d1f0c5be6d84f3a}\"}]}"))

    static let credentialInQuery = LintRule(
        "credential-in-query", "A credential is taken from the query.",
        "URLs are written into logs, histories and `Referer` fields (RFC 6750 §5.3), and the credential with them.",
        bad: route(
            """
            jwtAuth:
              mode: strict
              issuer: https://issuer.example
              audiences: [gateway]
              location: {queryParameter: {name: token}}
            """),
        good: route(
            """
            jwtAuth:
              mode: strict
              issuer: https://issuer.example
              audiences: [gateway]
              location: {cookie: {name: token}}
            """))

    static let openCORS = LintRule(
        "open-cors", "Any web page may call a route that asks for no credential.",
        "A page that somebody opens in the same network reaches what only that network should: with `allowOrigins: [\"*\"]` it "
            + "reads the answers, too.",
        bad: route("cors: {allowOrigins: [\"*\"]}"),
        good: route("cors: {allowOrigins: [\"https://app.example\"]}"))

    static let keysOverHTTP = LintRule(
        "keys-over-http", "Keys are fetched without TLS.",
        "Whoever is on the way replaces the keys and signs tokens as they like.",
        bad: route(
            """
            jwtAuth:
              mode: strict
              issuer: https://issuer.example
              audiences: [gateway]
              jwks: {url: "http://issuer.example/keys", allowInsecure: true}
            """),
        good: route(
            """
            jwtAuth:
              mode: strict
              issuer: https://issuer.example
              audiences: [gateway]
              jwks: {url: "https://issuer.example/keys"}
            """))

    static let longLeeway = LintRule(
        "long-leeway", "Tokens are accepted long after they have expired.",
        "The leeway is for clocks that differ by seconds. More than five minutes keeps a stolen token alive.",
        bad: route("jwtAuth: {mode: strict, issuer: \"https://issuer.example\", audiences: [gateway], leeway: 30m}"),
        good: route("jwtAuth: {mode: strict, issuer: \"https://issuer.example\", audiences: [gateway], leeway: 30s}"))

    static let unusedBackend = LintRule(
        "unused-backend", "A named backend that no route leads to.",
        "Its policies protect nothing, and a route may lead elsewhere than was meant.",
        bad: route("timeout: {requestTimeout: 10s}") + "backends:\n  - {name: api, host: \"127.0.0.1:8080\"}\n",
        good: """
            binds:
              - port: 3000
                listeners:
                  - routes:
                      - backends: [{backend: api}]
            backends:
              - {name: api, host: "127.0.0.1:8080"}

            """)

    static let configuration = [
        missingAudience, insecureBackend, claimsWithoutAuthentication, anonymousPasses, plaintextSecret, shortAPIKey,
        credentialInQuery, openCORS, keysOverHTTP, longLeeway, unusedBackend,
    ]

    // MARK: Tests and comments

    static let tableWithoutDeny = LintRule(
        "table-without-deny", "A test table in which nothing is denied.",
        "A policy that allows everything passes it. A test of what must not happen is what a policy is for.",
        bad: """
            tests:
              - {name: reading, request: {path: /}, expect: allow}

            """,
        good: """
            tests:
              - {name: reading, request: {path: /}, expect: allow}
              - {name: writing, request: {method: POST}, expect: deny}

            """)

    static let unusedIgnore = LintRule(
        "unused-ignore", "A `lint:ignore` comment that no finding needs.",
        "It would hide the next finding of that rule, which nobody has looked at.",
        bad: """
            rules:
              # lint:ignore shadow-mode until the first of the month
              - allow: 'hasScope("api:use")'

            """,
        good: """
            mode: shadow # lint:ignore shadow-mode until the first of the month
            rules:
              - allow: 'hasScope("api:use")'

            """)

    static let unknownIgnore = LintRule(
        "unknown-ignore", "A `lint:ignore` comment that names no rule.",
        "It hides nothing, though somebody thinks that it does.",
        bad: """
            rules:
              # lint:ignore shadow-mod until the first of the month
              - allow: 'hasScope("api:use")'

            """,
        good: """
            mode: shadow # lint:ignore shadow-mode until the first of the month
            rules:
              - allow: 'hasScope("api:use")'

            """)

    static let ignoreWithoutReason = LintRule(
        "ignore-without-reason", "A `lint:ignore` comment that does not say why.",
        "The next reader has to find out again whether the finding was wrong or only unwelcome.",
        bad: """
            mode: shadow # lint:ignore shadow-mode
            rules:
              - allow: 'hasScope("api:use")'

            """,
        good: """
            mode: shadow # lint:ignore shadow-mode until the first of the month
            rules:
              - allow: 'hasScope("api:use")'

            """)

    static let comments = [tableWithoutDeny, unusedIgnore, unknownIgnore, ignoreWithoutReason]
}
