// `gateways` and `routes`: the newer layout comes to the same as `binds`.

import Auth
import Proxy
import Testing

@testable import agentgw

@Suite struct GatewayLayoutTests {
    static let text = """
        gateways:
          default:
            port: 3000
            cors: {allowOrigins: ["https://app.example"]}
          secure:
            port: 3001
            listeners:
            - {name: a, hostname: a.example.com, apiKey: {keys: [{key: k}]}}
            - {name: b, hostname: "*.example.com"}
        routes:
        - match: {path: /one}
          backends: [{host: "127.0.0.1:8080"}]
        - gateways: [default, secure/a]
          name: two
          hostnames: [a.example.com]
          matches: [{path: {exact: /two}}]
          backends: [{host: "127.0.0.1:8080"}]
        - gateways: secure
          backends: [{host: "127.0.0.1:8080"}]
        """

    @Test func routesAttachToTheListenersTheyName() throws {
        let configuration = try Fixture.load(Self.text)
        #expect(configuration.binds.map(\.port) == [3000, 3001])
        let listeners = configuration.binds.flatMap(\.listeners)
        #expect(listeners.map(\.name) == ["default", "a", "b"])
        #expect(listeners.map { $0.routes.map(\.name) } == [["route0", "two"], ["two", "route2"], ["route2"]])
        #expect(listeners[0].policies.cors?.allowOrigins == [.exact("https://app.example")])
        #expect(listeners[1].policies.apiKeyAuthentication?.keys.count == 1)
        #expect(listeners[2].hostname == .suffix(".example.com"))
    }

    @Test(arguments: [
        ("- gateways: secure\n", "- gateways: secur\n", "there is no gateway \"secur\"; did you mean \"secure\"?"),
        ("secure/a", "secure/c", "gateway \"secure\" has no listener \"c\"; did you mean \"a\"?"),
        ("  default:", "  other:", "the route names no gateway, and there is none called \"default\""),
        ("port: 3001\n", "port: 3000\n", "port 3000 is already bound in line 3"),
        ("port: 3001\n", "port: 3001\n    cors: {}\n", "gateways.secure: only one of listeners, cors can be set"),
        ("  secure:", "  a/b:", "gateways[\"a/b\"]: a gateway's name is not empty and has no \"/\""),
    ])
    func wrongReferencesAreTold(_ original: String, _ replacement: String, _ expected: String) {
        let errors = Fixture.errors(Self.text.replacing(original, with: replacement))
        #expect(errors.contains { $0.hasSuffix(": \(expected)") }, "\(errors)")
    }

    @Test func aRouteThatNamesAGatewayTwiceIsAttachedOnce() throws {
        let configuration = try Fixture.load(
            Self.text.replacing("gateways: secure\n", with: "gateways: [secure, secure/a]\n"))
        #expect(configuration.binds[1].listeners.map { $0.routes.map(\.name) } == [["two", "route2"], ["route2"]])
    }

    static let mcp = """
        mcp:
          targets: [{name: time, stdio: {cmd: uvx, args: [mcp-server-time]}}]
          policies: {cors: {allowOrigins: ["*"]}}
        """

    @Test func shortMCPFormIsAPortOfItsOwn() throws {
        let configuration = try Fixture.load(Self.mcp)
        #expect(configuration.binds.map(\.port) == [3000])
        #expect(configuration.binds[0].listeners.map(\.name) == ["mcp"])
        let route = try #require(configuration.routes.first)
        #expect(route.matches.map(\.path) == [.prefix("/")])
        #expect(route.policies.cors != nil)
        guard case .mcp(let backend) = route.backends.first?.kind else {
            Issue.record("not an MCP backend")
            return
        }
        #expect(backend.targets.map(\.name) == ["time"])
        #expect(try Fixture.load(Self.mcp + "\n  port: 3005").binds.map(\.port) == [3005])
    }

    @Test func shortMCPFormAttachesToTheDefaultGateway() throws {
        let configuration = try Fixture.load(Self.mcp + "\ngateways: {default: {port: 3001}, other: {port: 3002}}")
        #expect(configuration.binds.map { $0.listeners[0].routes.map(\.name) } == [["mcp:default"], []])
        #expect(
            configuration.routes[0].matches.map(\.path) == [.prefix("/mcp"), .prefix("/sse"), .prefix("/.well-known")])
        #expect(Fixture.errors(Self.mcp + "\n  port: 1\n  gateways: x").count == 1)
        #expect(Fixture.errors(Self.mcp + "\n  gateways: x").first?.hasSuffix("there is no gateway \"x\"") == true)
        #expect(Fixture.errors("mcp: {}") == ["1:6: mcp: missing field \"targets\""])
    }
}
