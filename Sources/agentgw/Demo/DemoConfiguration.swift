// The embedded default: what `agentgw demo` runs, and what it tells people to try.

import Auth
import Glibc

enum DemoConfiguration {
    static let issuer = "https://issuer.demo"
    static let audience = "agentgw-demo"
    private static let tokenLifetime: Int64 = 24 * 3600

    static let text = """
        # The configuration of `agentgw demo`. DEMO_PORT, DEMO_PROVIDER and DEMO_JWKS are set by the command.
        binds:
          - port: $DEMO_PORT
            listeners:
              - name: demo
                policies:
                  jwtAuth:
                    mode: strict
                    issuer: https://issuer.demo
                    audiences: [agentgw-demo]
                    jwks: '$DEMO_JWKS'
                routes:
                  - name: openai
                    match:
                      path: /openai
                    policies:
                      authorization:
                        rules:
                          - allow: '"llm:chat" in jwt.scopes'
                    backends:
                      - ai:
                          name: openai
                          hostOverride: $DEMO_PROVIDER
                          provider:
                            openAI:
                              model: demo-small
                          routes:
                            /v1/chat/completions: completions
                            /v1/messages: messages
                            /v1/models: passthrough
                  - name: anthropic
                    match:
                      path: /anthropic
                    policies:
                      authorization:
                        rules:
                          - require: '"llm:chat" in jwt.scopes'
                          - allow: '"research" in jwt.groups'
                    backends:
                      - ai:
                          name: anthropic
                          hostOverride: $DEMO_PROVIDER
                          provider:
                            anthropic:
                              model: demo-large
                          routes:
                            /v1/messages: messages
                            /v1/chat/completions: completions

          - port: $DEMO_MCP_PORT
            listeners:
              - name: demo
                policies:
                  jwtAuth:
                    mode: strict
                    issuer: https://issuer.demo
                    audiences: [agentgw-demo]
                    jwks: '$DEMO_JWKS'
                routes:
                  - name: mcp
                    policies:
                      mcpAuthorization:
                        rules:
                          - allow: >-
                              mcp.tool.name == "get-sum"
                              && mcp.tool.arguments.a <= 100 && mcp.tool.arguments.b <= 100
                          - allow: 'mcp.tool.target == "clock"'
                    backends:
                      - mcp:
                          targets:
                            - name: everything
                              builtin: everything
                            - name: clock
                              builtin: time

        """

    /// What is printed when the gateway is up.
    static func introduction(port: UInt16, mcpPort: UInt16, signer key: SigningKey) throws(AuthError) -> String {
        let now = Int64(time(nil))
        let claims = """
            {"iss":"\(issuer)","aud":"\(audience)","sub":"dana@demo","scope":"llm:chat","groups":["engineering"],\
            "iat":\(now),"exp":\(now + tokenLifetime)}
            """
        let signer = try TokenSigner(key: try key.pem(), algorithm: .es256, keyID: try key.thumbprint())
        let token = try signer.sign(claims: claims)
        let url = "http://localhost:\(port)"
        return """
            agentgw demo is running: an OpenAI- and an Anthropic-shaped provider behind tokens and rules on port \(port).
            Dana (sub dana@demo, scope llm:chat, groups [engineering]) may chat with the one, not with the other:

              # allowed: the rule of route "openai" is  "llm:chat" in jwt.scopes
              curl \(url)/openai/v1/chat/completions -H 'content-type: application/json' \
            -H 'authorization: Bearer \(token)' -d '{"messages":[{"role":"user","content":"What is a gateway?"}]}'

              # allowed: a message of Anthropic's API, translated for a provider that speaks OpenAI's
              curl \(url)/openai/v1/messages -H 'content-type: application/json' \
            -H 'authorization: Bearer \(token)' -d '{"max_tokens":64,"messages":[{"role":"user","content":"What is a gateway?"}]}'

              # denied, 403: route "anthropic" wants  "research" in jwt.groups
              curl \(url)/anthropic/v1/messages -H 'content-type: application/json' \
            -H 'authorization: Bearer \(token)' -d '{"max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}'

              # MCP, allowed: the rule lets get-sum add numbers up to 100
              \(call(mcpPort, token, sum: 2, 40))

              # MCP, denied, 403: the same tool with another argument
              \(call(mcpPort, token, sum: 2, 4000))

              # denied, 401: no token
              curl \(url)/openai/v1/models

            MCP clients connect to http://localhost:\(mcpPort)/mcp with the same token.
            Every decision is a line of JSON below. The configuration: agentgw demo --print-configuration. Stop: Ctrl-C.
            """
    }

    /// A tools/call of the stateless era, which needs no session.
    private static func call(_ port: UInt16, _ token: String, sum a: Int, _ b: Int) -> String {
        let meta =
            #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":"#
            + #"{"name":"curl","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#
        return "curl http://localhost:\(port)/mcp -H 'content-type: application/json' "
            + "-H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2026-07-28' "
            + "-H 'mcp-method: tools/call' -H 'mcp-name: everything_get-sum' -H 'authorization: Bearer \(token)' "
            + #"-d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"everything_get-sum","arguments":"#
            + #"{"a":\#(a),"b":\#(b)},\#(meta)}}'"#
    }
}
