// A2A requests over both bindings: what rules are asked about, and what is refused because an agent could read it
// differently.

import JSON
import Testing

@testable import Proxy

struct A2AMessageTests {
    private static let hooks = try! PushTargets([PushTarget("https://hooks.example/agents")])

    private func parse(_ text: String, _ extensions: Set<String> = []) -> Result<A2AMessage, A2AError> {
        Result { () throws(A2AError) in
            var id: RPCID?
            return try Array(text.utf8).withUnsafeBufferPointer { bytes throws(A2AError) in
                try A2AMessage.parse(
                    bytes, limit: 1 << 20, extensionMethods: extensions, push: A2AMessageTests.hooks, id: &id)
            }
        }
    }

    private func call(_ method: String, _ params: String) -> Result<A2ACall, A2AError> {
        parse(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#).map(\.call)
    }

    @Test(arguments: A2AOperation.allCases)
    func bothNamesOfAMethodAreOneForRules(_ operation: A2AOperation) {
        #expect(A2AOperation.named(operation.rawValue)?.operation == operation)
        #expect(A2AOperation.named(operation.rawValue)?.version == .v03)
        #expect(A2AOperation.named(operation.modernName)?.operation == operation)
        #expect(A2AOperation.named(operation.modernName)?.version == .v10)
    }

    @Test(arguments: ["message/send", "SendStreamingMessage"])
    func messageSaysTaskContextAndSkill(_ method: String) throws {
        let call = try call(
            method,
            #"{"message":{"messageId":"m","taskId":"t","contextId":"c","metadata":{"skillId":"s"},"parts":[]}}"#
        ).get()
        #expect(call.taskID == "t")
        #expect(call.contextID == "c")
        #expect(call.skill == "s")
        #expect(call.message?["messageId" as StaticString]?.string == "m")
    }

    @Test func skillMayStandInTheRequestsMetadata() throws {
        #expect(try call("SendMessage", #"{"message":{},"metadata":{"skill":"s"}}"#).get().skill == "s")
        #expect(
            try call("SendMessage", #"{"message":{"metadata":{"skill_id":"s"}},"metadata":null}"#).get().skill == "s")
    }

    @Test(arguments: [
        ("tasks/get", #"{"id":"t"}"#), ("GetTask", #"{"id":"t","historyLength":1}"#), ("CancelTask", #"{"id":"t"}"#),
        ("tasks/resubscribe", #"{"id":"t"}"#),
        ("tasks/pushNotificationConfig/get", #"{"id":"t","pushNotificationConfigId":"p"}"#),
        ("GetTaskPushNotificationConfig", #"{"taskId":"t","id":"p"}"#),
        (
            "tasks/pushNotificationConfig/set",
            #"{"taskId":"t","pushNotificationConfig":{"url":"https://hooks.example/agents/1"}}"#
        ),
        ("CreateTaskPushNotificationConfig", #"{"taskId":"t","id":"p","url":"https://hooks.example/agents"}"#),
        ("DeleteTaskPushNotificationConfig", #"{"taskId":"t","id":"p"}"#),
        ("tasks/pushNotificationConfig/list", #"{"id":"t"}"#),
    ])
    func taskIsFoundWhereTheVersionHasIt(_ method: String, _ params: String) throws {
        #expect(try call(method, params).get().taskID == "t")
    }

    @Test(arguments: [
        ("message/send", #"{"message":{"task_id":"other","taskId":"t"}}"#),
        ("message/send", #"{"message":{"TaskId":"other"}}"#), ("message/send", #"{"message":{"tas\u212aId":"other"}}"#),
        ("message/send", #"{"Message":{},"message":{}}"#), ("message/send", #"{"request":{},"message":{}}"#),
        ("message/send", #"{"message":{"taskId":1}}"#), ("message/send", #"{"message":[]}"#),
        ("message/send", #"{"message":{"parts":[],"content":[]}}"#), ("message/send", #"{"message":{},"taskId":"t"}"#),
        ("message/send", "{}"), ("message/send", #"{"message":{"metadata":{"skillId":"a"}},"metadata":{"skill":"b"}}"#),
        ("message/send", #"{"message":{"metadata":{"SkillID":"a"}}}"#),
        ("message/send", #"{"message":{"metadata":{"skillId":["a"]}}}"#),
        ("message/send", #"{"message":{"metadata":[]}}"#), ("tasks/get", #"{"id":7}"#), ("tasks/get", #"{"id":""}"#),
        ("tasks/get", #"{"id":"t","name":"tasks/other"}"#), ("tasks/get", #"{"id":"t","taskId":"other"}"#),
        ("GetTask", #"{"id":"t","message":{}}"#), ("GetTaskPushNotificationConfig", #"{"id":"p"}"#),
        ("message/send", #"{"message":{},"configuration":[]}"#),
        ("message/send", #"{"message":{},"configuration":{"push_notification_config":{}}}"#),
    ])
    func requestThatAnAgentCouldReadDifferentlyIsRefused(_ method: String, _ params: String) {
        guard case .failure(let error) = call(method, params) else {
            Issue.record("taken: \(method) \(params)")
            return
        }
        #expect(error.code == -32602)
        #expect(error.status == 400)
    }

    @Test(arguments: [
        "[]", #"[{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t"}}]"#, "{", "",
        #"{"jsonrpc":"2.0","method":"tasks/get","params":{"id":"t"}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"tasks/get","method":"message/send","params":{"id":"t"}}"#,
        #"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        #"{"jsonrpc":"2.0","id":null,"method":"tasks/get","params":{"id":"t"}}"#,
        #"{"jsonrpc":"2.0","method":"notifications/x"}"#,
    ])
    func whatIsNoRequestIsRefused(_ text: String) {
        guard case .failure(let error) = parse(text) else {
            Issue.record("taken: \(text)")
            return
        }
        #expect(error.status == 400)
    }

    @Test func unknownMethodPassesOnlyWhenItIsConfigured() throws {
        let text = #"{"jsonrpc":"2.0","id":1,"method":"x/y","params":{"a":1}}"#
        guard case .failure(let error) = parse(text) else {
            Issue.record("taken")
            return
        }
        #expect(error.code == -32601)
        let call = try parse(text, ["x/y"]).get().call
        #expect(call.method == "x/y")
        #expect(call.operation == nil)
        #expect(call.params?["a" as StaticString]?.int64 == 1)
    }

    @Test func whatIsSentOnIsWhatWasJudged() throws {
        let message = try parse(
            " {\"id\" : \"a\", \"jsonrpc\":\"2.0\",\n\"params\":{\"message\":{\"x\":1.50,\"t\":\"\\u00fc\"}}, \"method\":\"SendMessage\"}"
        ).get()
        #expect(
            String(decoding: message.encoded, as: UTF8.self)
                == #"{"jsonrpc":"2.0","id":"a","method":"SendMessage","params":{"message":{"x":1.50,"t":"ü"}}}"#)
    }

    // MARK: Push notifications

    @Test(arguments: [
        "https://hooks.example/agents", "https://hooks.example/agents/", "https://HOOKS.example:443/agents/1?x=1",
    ])
    func urlOnTheListPasses(_ url: String) throws {
        _ = try call("CreateTaskPushNotificationConfig", #"{"taskId":"t","url":"\#(url)"}"#).get()
        _ = try call(
            "message/send", #"{"message":{},"configuration":{"pushNotificationConfig":{"url":"\#(url)"}}}"#
        ).get()
    }

    @Test(arguments: [
        "http://hooks.example/agents", "https://hooks.example/agentsx", "https://hooks.example/other",
        "https://hooks.example:8443/agents", "https://evil.example/agents", "https://hooks.example.evil.example/agents",
        "https://hooks.example@evil.example/agents", "https://hooks.example/agents/../admin",
        "https://hooks.example/agents/%2e%2e/admin", "https://hooks.example\\\\@evil.example/agents", "/agents", "",
        "https://hooks.example./agents", "https://hooks.example/agents#x", "file:///etc/passwd",
        "http://169.254.169.254/latest",
    ])
    func urlThatIsNotOnTheListIsRefused(_ url: String) {
        for (method, params) in [
            ("CreateTaskPushNotificationConfig", #"{"taskId":"t","url":"\#(url)"}"#),
            ("tasks/pushNotificationConfig/set", #"{"taskId":"t","pushNotificationConfig":{"url":"\#(url)"}}"#),
            ("SendMessage", #"{"message":{},"configuration":{"taskPushNotificationConfig":{"url":"\#(url)"}}}"#),
            ("message/stream", #"{"message":{},"configuration":{"pushNotificationConfig":{"url":"\#(url)"}}}"#),
            ("message/stream", #"{"message":{},"configuration":{"later":[{"deep":{"url":"\#(url)"}}]}}"#),
        ] {
            guard case .failure(let error) = call(method, params) else {
                Issue.record("taken: \(method) \(url)")
                continue
            }
            #expect(error.status == 403)
        }
    }

    @Test func withoutAListNoURLPasses() throws {
        let document = try JSONDocument(parsing: #"{"url":"https://hooks.example/agents"}"#)
        #expect(throws: A2AError.self) { try PushTargets([]).checkAll(in: document.root) }
        let other = try JSONDocument(parsing: #"{"URL":"https://hooks.example/agents"}"#)
        #expect(throws: A2AError.self) { try A2AMessageTests.hooks.checkAll(in: other.root) }
    }

    @Test func wildcardTakesLabelsAndNothingElse() throws {
        let targets = PushTargets([try PushTarget("https://*.example.com")])
        try targets.check("https://a.b.example.com/x")
        for url in ["https://example.com", "https://evilexample.com", "https://.example.com", "http://a.example.com"] {
            #expect(throws: A2AError.self) { try targets.check(url) }
        }
    }

    // MARK: HTTP+JSON

    private func place(_ path: String, _ method: HTTPMethod, _ stated: A2AVersion? = nil) throws -> A2APlace {
        try Array(path.utf8).withUnsafeBufferPointer { bytes in
            try A2APlace.parse(ByteView(bytes), method, stated: stated)
        }
    }

    @Test(arguments: [
        ("/message:send", HTTPMethod.post, A2AOperation.sendMessage, A2AVersion.v10, nil as String?),
        ("/v1/message:stream", .post, .streamMessage, .v03, nil), ("/a/tasks", .get, .listTasks, .v10, nil),
        ("/a/v1/tasks/t1", .get, .getTask, .v03, "t1"), ("/tasks/t1:cancel", .post, .cancelTask, .v10, "t1"),
        ("/v1/tasks/t1:subscribe", .get, .resubscribe, .v03, "t1"),
        ("/tasks/t1/pushNotificationConfigs", .post, .setPushConfig, .v10, "t1"),
        ("/tasks/t1/pushNotificationConfigs/p", .delete, .deletePushConfig, .v10, "t1"),
        ("/extendedAgentCard", .get, .getExtendedCard, .v10, nil), ("/v1/card", .get, .getExtendedCard, .v03, nil),
    ])
    func pathNamesTheOperation(
        _ path: String, _ method: HTTPMethod, _ operation: A2AOperation, _ version: A2AVersion, _ task: String?
    ) throws {
        guard case .rest(let found) = try place(path, method) else {
            Issue.record("no operation: \(path)")
            return
        }
        #expect(found.operation == operation)
        #expect(found.version == version)
        #expect(found.taskID == task)
    }

    @Test func statedVersionWinsOverThePath() throws {
        guard case .rest(let found) = try place("/v1/message:send", .post, .v10) else {
            Issue.record("no operation")
            return
        }
        #expect(found.version == .v10)
    }

    @Test func everythingElseIsTheJSONRPCEndpointForPOSTAlone() throws {
        #expect(try place("/", .post) == .rpc)
        #expect(try place("/a2a/jsonrpc/", .post) == .rpc)
        #expect(throws: A2AError.self) { try place("/", .get) }
        #expect(throws: A2AError.self) { try place("/docs", .get) }
    }

    @Test(arguments: [
        "/message:send/", "/message%3Asend", "/Message:Send", "/tasks/t:cancel/", "/tasks/t:delete", "/Tasks/t",
        "/tasks/", "/tasks/t/pushNotificationConfigs/", "/tasks/a:b:cancel", "/tasks/:cancel", "/tasks/a%20b:cancel",
        "/v1/card/", "/EXTENDEDAGENTCARD", "/.well-known/agent-card.json/", "/tasks;x/t", "/a/tasks/b/c/d",
    ])
    func pathThatAnAgentCouldTakeForAnOperationIsNoJSONRPCEndpoint(_ path: String) {
        #expect(throws: A2AError.self) { try place(path, .post) }
    }

    private func rest(
        _ path: String, _ method: HTTPMethod, body: String = "", query: String = ""
    ) throws -> (call: A2ACall, body: [UInt8]?) {
        guard case .rest(let operation) = try place(path, method) else { throw A2AError.unknownPath }
        return try Array(body.utf8).withUnsafeBufferPointer { body in
            try Array(query.utf8).withUnsafeBufferPointer { query in
                try RESTBinding(place: operation).call(
                    body: body, query: ByteView(query), limit: 1 << 20, push: A2AMessageTests.hooks)
            }
        }
    }

    @Test func bothBindingsMakeTheSameCall() throws {
        let (get, body) = try rest("/tasks/t", .get, query: "historyLength=3")
        #expect(get.params?["historyLength" as StaticString]?.int64 == 3)
        #expect(get.taskID == "t")
        #expect(body == nil)
        let (send, sent) = try rest("/message:send", .post, body: #"{"message":{"taskId":"t"}, "tenant":"x"}"#)
        #expect(send.method == "message/send")
        #expect(send.taskID == "t")
        #expect(String(decoding: sent ?? [], as: UTF8.self) == #"{"message":{"taskId":"t"},"tenant":"x"}"#)
        #expect(try rest("/tasks", .get, query: "contextId=a%20b&status=x").call.contextID == "a b")
        #expect(try rest("/v1/tasks/t:cancel", .post, body: #"{"name":"tasks/t"}"#).call.taskID == "t")
        #expect(try rest("/tasks/t:cancel", .post).call.taskID == "t")
    }

    @Test(arguments: [
        ("/tasks/t:cancel", HTTPMethod.post, #"{"id":"other"}"#, ""),
        ("/v1/tasks/t:cancel", .post, #"{"name":"tasks/other"}"#, ""),
        ("/tasks/t/pushNotificationConfigs", .post, #"{"taskId":"other","url":"https://hooks.example/agents"}"#, ""),
        (
            "/v1/tasks/t/pushNotificationConfigs", .post,
            #"{"parent":"tasks/t","config":{"name":"tasks/other/pushNotificationConfigs/1"}}"#, ""
        ),
        ("/v1/message:send", .post, #"{"request":{"messageId":"m"}}"#, ""),
        ("/v1/message:send", .post, #"{"message":{"parts":[],"content":[]}}"#, ""),
        ("/message:send", .post, "", ""), ("/message:send", .post, "[]", ""), ("/message:send", .post, "{", ""),
        ("/message:send", .post, #"{"message":{}}"#, "message.taskId=t"), ("/tasks/t", .get, "{}", ""),
        ("/tasks/t", .get, "", "id=other"), ("/tasks", .get, "", "context_id=c"),
        ("/tasks", .get, "", "contextId=a&contextId=b"), ("/tasks", .get, "", "contextId=%zz"),
        ("/tasks", .get, "", "contextId=%ff"), ("/tasks", .get, "", "&"),
    ])
    func bodyAndQueryMustNotContradictThePath(_ path: String, _ method: HTTPMethod, _ body: String, _ query: String) {
        #expect(throws: A2AError.self) { try rest(path, method, body: body, query: query) }
    }
}
