// The configurations that must load exactly as they are written.

import Auth
import Proxy
import Testing

@testable import agentgw

@Suite struct SeedConfigurationTests {
    static let environment = ["OPENAI_API_KEY": "sk-openai", "ANTHROPIC_API_KEY": "sk-ant", "GITHUB_TOKEN": "ghp"]

    static func load(_ name: String) throws -> GatewayConfiguration {
        let folder = try #require(Fixture.sharedFolder)
        return try ConfigurationLoader(environment: Environment(environment), ruleChecker: .none)
            .load(path: "\(folder)/seed/\(name).yaml")
    }

    static var isAvailable: Bool {
        if Fixture.sharedFolder != nil { return true }
        print(
            "SKIPPED: no ../shared/seed beside the checkout and no AGENTGW_SHARED: seed configurations are not tested")
        return false
    }

    @Test(.enabled(if: isAvailable)) func basicRoutingLoadsAsWritten() throws {
        let configuration = try Self.load("step1-basic-routing")
        #expect(configuration.binds.map(\.port) == [3000, 3001])
        let first = try #require(configuration.routes.first)
        #expect(first.matches.map(\.path) == [.prefix("/openai")])
        guard case .ai(let backend) = first.backends.first?.kind, let upstream = backend.primary else {
            Issue.record("not an AI backend")
            return
        }
        #expect(upstream.name == "openai")
        #expect(upstream.provider == AIProvider(.openAI, model: "gpt-4o-mini"))
        #expect(
            upstream.routes
                == AIRouteTable(
                    [.init("/v1/chat/completions", .completions), .init("/v1/models", .passthrough)],
                    fallback: .passthrough))
        // The route's credential reaches the provider.
        guard case .key(let key, nil) = upstream.policies.backendAuthentication else {
            Issue.record("no key")
            return
        }
        #expect(key.constantTimeEquals(Secret("sk-openai")))
        #expect(configuration.routes[1].matches.map(\.path) == [.prefix("/")])
    }

    @Test(.enabled(if: isAvailable)) func providersOnOnePortLoadAsWritten() throws {
        let configuration = try Self.load("step2-multi-provider")
        #expect(configuration.binds.map(\.port) == [3000])
        #expect(configuration.routes.map { $0.matches.map(\.path) } == [[.prefix("/openai")], [.prefix("/anthropic")]])
    }

    @Test(.enabled(if: isAvailable)) func federationLoadsAsWritten() throws {
        let configuration = try Self.load("step3-mcp-federation")
        let route = try #require(configuration.routes.last)
        #expect(route.policies.cors?.allowHeaders == .names(["mcp-protocol-version", "content-type", "cache-control"]))
        guard case .mcp(let backend) = route.backends.first?.kind else {
            Issue.record("not an MCP backend")
            return
        }
        #expect(backend.targets.map(\.name) == ["filesystem", "memory", "github"])
        guard case .stdio(let command) = backend.targets[2].transport else {
            Issue.record("not a stdio target")
            return
        }
        #expect(command.command == "npx")
        #expect(command.environment.map(\.name) == ["GITHUB_PERSONAL_ACCESS_TOKEN"])
        #expect(command.environment[0].value.constantTimeEquals(Secret("ghp")))
    }

    @Test(.enabled(if: isAvailable)) func mcpAuthorizationLoadsAsWritten() throws {
        let configuration = try Self.load("step4-mcp-auth")
        let jwt = try #require(configuration.routes[0].policies.jwtAuthentication)
        #expect(jwt.mode == .strict)
        #expect(jwt.providers.map(\.issuer) == ["https://your-oauth-provider.com"])
        #expect(jwt.providers[0].audiences == ["agentgateway-mcp"])
        let rules = try #require(configuration.routes[0].policies.authorization)
        #expect(rules.rules.map(\.expression) == [#"jwt.scope.contains("mcp:read")"#])
        #expect(rules.rules[0].position.line == 20 && rules.rules[0].position.column == 29)
        let mcp = try #require(configuration.routes[1].policies.mcpAuthentication)
        #expect(mcp.provider == .keycloak)
        #expect(mcp.resourceMetadata.map(\.name) == ["resource", "scopesSupported", "bearerMethodsSupported"])
    }

    @Test(.enabled(if: isAvailable)) func unsetVariableOfASeedIsNamed() throws {
        let folder = try #require(Fixture.sharedFolder)
        let loader = ConfigurationLoader(environment: Environment([:]), ruleChecker: .none)
        let error = #expect(throws: ConfigurationError.self) {
            try loader.load(path: "\(folder)/seed/step1-basic-routing.yaml")
        }
        #expect(
            error?.diagnostics.map(\.message) == [
                "the environment variable OPENAI_API_KEY is not set (write $$ for a literal dollar)",
                "the environment variable ANTHROPIC_API_KEY is not set (write $$ for a literal dollar)",
            ])
    }

    /// The form of agentgateway's own file for what step 1 says.
    @Test func agentgatewaysFormOfTheSameRouteLoadsToTheSame() throws {
        let configuration = try Fixture.load(
            """
            binds:
            - port: 3000
              listeners:
              - routes:
                - matches: [{path: {pathPrefix: /openai}}]
                  policies:
                    backendAuth: {key: "$OPENAI_API_KEY"}
                    ai: {routes: {/v1/chat/completions: completions, /v1/models: passthrough, "*": passthrough}}
                  backends:
                  - ai: {name: openai, provider: {openAI: {model: gpt-4o-mini}}}
            """, environment: Self.environment)
        guard case .ai(let backend) = configuration.routes[0].backends[0].kind else {
            Issue.record("not an AI backend")
            return
        }
        #expect(configuration.routes[0].matches.map(\.path) == [.prefix("/openai")])
        #expect(backend.primary?.routes.fallback == .passthrough)
        #expect(backend.primary?.routes.entries.map(\.suffix) == ["/v1/chat/completions", "/v1/models"])
        guard case .key = backend.primary?.policies.backendAuthentication else {
            Issue.record("the route's key did not reach the provider")
            return
        }
    }
}
