// A test table as it is written (docs/check-policy.md): what is asked of a policy, and what it must answer.

import Auth
import Proxy

struct TestTable: Sendable {
    var file: String
    /// As found from the table's folder.
    var policy: String
    /// Of the policy's name, or of the table when the name follows from it.
    var policyPosition: FilePosition
    /// For variables that the process does not have.
    var variables: [String: String]
    var now: UnixTime
    /// A JWK set.
    var keys: Secret?
    var tools: [PolicyTool]?
    var cases: [TestCase]

    /// Thursday, so that a rule about office hours has some.
    static let defaultTime = UnixTime(seconds: 1_767_268_800)
}

struct TestCase: Sendable {
    var name: String
    var position: FilePosition
    var request = CaseRequest.fields(RequestFields())
    /// Claims of a good token; a null claim is left out.
    var claims: [MetadataMember]?
    /// A signed token.
    var token: Secret?
    var apiKey: CaseKey?
    var basic: CaseUser?
    var source = CaseSource()
    var mcp: CaseMessage?
    var a2a: CaseAgentMessage?
    var llm: TrialModelRequest?
    var backend: Int?
    var now: UnixTime?
    var tools: [PolicyTool]?
    var expect: Expectation?
}

enum CaseRequest: Sendable {
    case fields(RequestFields)
    /// A raw HTTP/1.1 request.
    case raw([UInt8])
}

struct RequestFields: Sendable {
    var method: String?
    var path: String?
    var host: String?
    var headers: [(name: String, value: String)] = []
    var port: Int?
    var tls: Bool?
}

enum CaseKey: Sendable {
    /// As a client sends it.
    case key(Secret)
    case metadata([MetadataMember])
}

struct CaseUser: Sendable {
    var user: String
    /// nil: nobody verifies.
    var password: Secret?
}

struct CaseSource: Sendable {
    var address = "192.0.2.1"
    var port = 40_000
    var certificate: ClientCertificate?
}

struct CaseMessage: Sendable {
    var method: String?
    var tool: String?
    var prompt: String?
    var resource: String?
    var target: String?
    var arguments: MetadataValue?
    var annotations: MetadataValue?
    var client: MCPClientInfo?
    var session: String?
    var position: FilePosition

    /// The method that is meant when none is written.
    var methodName: String {
        if let method { return method }
        if prompt != nil { return "prompts/get" }
        if resource != nil { return "resources/read" }
        return "tools/call"
    }
}

/// What an A2A client asks an agent for.
struct CaseAgentMessage: Sendable {
    /// Of either version of the protocol.
    var method = "message/send"
    var skill: String?
    /// An object, or its text.
    var message: MetadataValue?
    var taskID: String?
    var contextID: String?
    /// In place of all that is made from the others.
    var params: MetadataValue?
}

struct Expectation: Sendable {
    struct Item<Value: Sendable>: Sendable {
        var value: Value
        var position: FilePosition
    }

    var verdict: Item<TrialVerdict>?
    var rule: Item<String>?
    var reason: Item<String>?
    var error: Item<String>?
    var status: Item<Int>?
    var scopes: Item<[String]>?
    var visible: Item<[String]>?
    var hidden: Item<[String]>?
    var position: FilePosition

    var isEmpty: Bool {
        verdict == nil && rule == nil && reason == nil && error == nil && status == nil && scopes == nil
            && visible == nil && hidden == nil
    }
}
