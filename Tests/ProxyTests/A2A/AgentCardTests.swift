// Agent cards: nothing in them leads past the gateway.

import JSON
import Testing

@testable import Proxy

struct AgentCardTests {
    private let base = CardBase(
        origin: "https://gateway.example", client: "/agent/.well-known/agent-card.json",
        agent: "/.well-known/agent-card.json", cut: 2, routePrefix: "/agent")

    private func rewrite(
        _ text: String, _ base: CardBase? = nil, isResult: Bool = false
    ) throws -> (text: String, card: AgentCard.Rewritten) {
        let card = try Array(text.utf8).withUnsafeBufferPointer { bytes in
            try AgentCard.rewrite(
                bytes, base: base ?? self.base, upstream: "http://agent.internal:9999", isResult: isResult)
        }
        return (String(decoding: card.bytes, as: UTF8.self), card)
    }

    @Test func everyURLOfTheAgentBecomesTheGateways() throws {
        let (text, card) = try rewrite(
            #"{"url":"http://agent.internal:9999/a2a","preferredTransport":"JSONRPC","additionalInterfaces":[{"url":"http://10.0.0.1/rest","transport":"HTTP+JSON"}],"documentationUrl":"http://agent.internal:9999/docs?x=1#y","iconUrl":"http://10.0.0.1:80/icon","provider":{"url":"https://maker.example"},"securitySchemes":{"o":{"openIdConnectUrl":"https://issuer.example/x"}}}"#
        )
        #expect(
            text
                == #"{"url":"https://gateway.example/agent/a2a","preferredTransport":"JSONRPC","additionalInterfaces":[{"url":"https://gateway.example/agent/rest","transport":"HTTP+JSON"}],"documentationUrl":"https://gateway.example/agent/docs?x=1#y","iconUrl":"https://gateway.example/agent/icon","provider":{"url":"https://maker.example"},"securitySchemes":{"o":{"openIdConnectUrl":"https://issuer.example/x"}}}"#
        )
        #expect(card.rewrittenURLs == 4)
    }

    @Test(arguments: [
        #"{"supportedInterfaces":[{"url":"http://agent.internal:9999/","protocolBinding":"JSONRPC"}]}"#,
        #"{"supported_interfaces":[{"url":"http://agent.internal:9999/","protocol_binding":"JSONRPC"}]}"#,
        #"{"URL":"http://AGENT.internal:9999"}"#,
    ])
    func otherSpellingsAreRewrittenAsWell(_ text: String) throws {
        let written = try rewrite(text).text
        #expect(!written.lowercased().contains("agent.internal"))
        #expect(written.contains("https://gateway.example/agent/"))
    }

    @Test func interfacesThatTheGatewayDoesNotServeAreRemoved() throws {
        let (text, card) = try rewrite(
            #"{"supportedInterfaces":[{"url":"agent.internal:50051","protocolBinding":"GRPC"},{"url":"http://agent.internal:9999/","protocolBinding":"JSONRPC"},{"url":"wss://agent.internal/","protocolBinding":"X"}]}"#
        )
        #expect(
            text == #"{"supportedInterfaces":[{"url":"https://gateway.example/agent/","protocolBinding":"JSONRPC"}]}"#)
        #expect(card.droppedInterfaces == 2)
        #expect(throws: AgentCard.Problem.self) {
            try rewrite(#"{"url":"http://agent.internal:50051","preferredTransport":"GRPC"}"#)
        }
    }

    @Test func anotherInterfaceTakesThePlaceOfOneThatIsNotServed() throws {
        let text = try rewrite(
            #"{"url":"http://agent.internal:50051","preferredTransport":"grpc","additionalInterfaces":[{"url":"http://agent.internal:9999/rest","transport":"HTTP+JSON"}]}"#
        ).text
        #expect(text.hasPrefix(#"{"url":"https://gateway.example/agent/rest","preferredTransport":"HTTP+JSON""#))
    }

    @Test func signaturesGoOnlyWhenTheyNoLongerHold() throws {
        let signed = #","signatures":[{"protected":"p","signature":"s"}]}"#
        let (text, card) = try rewrite(#"{"url":"http://agent.internal:9999/""# + signed)
        #expect(!text.contains("signatures"))
        #expect(card.droppedSignatures)
        #expect(card.note?.contains("signatures removed") == true)
        let (same, untouched) = try rewrite(#"{"url":"https://gateway.example/agent/""# + signed)
        #expect(same.contains("signatures"))
        #expect(!untouched.droppedSignatures)
        #expect(untouched.note == nil)
    }

    @Test func resultOfJSONRPCIsRewrittenAndAnErrorIsNot() throws {
        let text = try rewrite(
            #"{"jsonrpc":"2.0","id":"http://agent.internal:9999/","result":{"url":"http://agent.internal:9999/"}}"#,
            isResult: true
        ).text
        #expect(
            text
                == #"{"jsonrpc":"2.0","id":"http://agent.internal:9999/","result":{"url":"https://gateway.example/agent/"}}"#
        )
        let error = #"{"jsonrpc":"2.0","id":1,"error":{"code":-32007,"message":"m"}}"#
        #expect(try rewrite(error, isResult: true).text == error)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"url":7}"#, #"{"url":"http://agent.internal:9999/","url":"http://b"}"#,
        #"{"url":"http://agent.internal:9999/","Url":"http://b/"}"#, #"{"result":[]}"#,
    ])
    func whatIsNoCardIsNotPassedOn(_ text: String) {
        #expect(throws: AgentCard.Problem.self) { try rewrite(text) }
    }

    @Test(arguments: [
        // No rewrite: paths go through.
        ("/.well-known/agent.json", "/.well-known/agent.json", "", "/rpc", "/rpc"),
        ("/a/.well-known/agent.json", "/a/.well-known/agent.json", "/a", "/a/rpc?q=1", "/a/rpc?q=1"),
        // A path outside of the route would never come back to it.
        ("/a/.well-known/agent.json", "/a/.well-known/agent.json", "/a", "/rpc", "/a/"),
        // The route's prefix stands for another one.
        ("/a/.well-known/agent.json", "/b/c/.well-known/agent.json", "/a", "/b/c/rpc", "/a/rpc"),
        ("/a/.well-known/agent.json", "/b/c/.well-known/agent.json", "/a", "/other", "/a/"),
        ("/a/.well-known/agent.json", "/.well-known/agent.json", "/a", "/", "/a/"),
        // One path for the card alone.
        ("/cards/a.json", "/.well-known/agent-card.json", "", "/", "/"),
    ])
    func agentsPathBecomesTheClients(
        _ client: String, _ agent: String, _ prefix: String, _ target: String, _ expected: String
    ) {
        let base = CardBase(origin: "http://g", client: client, agent: agent, cut: 2, routePrefix: prefix)
        #expect(base.url(for: target) == "http://g" + expected)
    }
}
