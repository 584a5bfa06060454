// What a path means to an agent: its card, an operation of the HTTP+JSON binding, or its JSON-RPC endpoint. Looks at the path
// that the agent will see. A path that an agent could take for an operation that we did not judge is none of these.

/// `POST /tasks/{id}:cancel`, `GET /v1/tasks/{id}`, …
struct RESTOperation: Hashable, Sendable {
    var operation: A2AOperation
    var version: A2AVersion
    var taskID: String?
    /// Of a push-notification configuration.
    var configID: String?
    /// A request with a body, which may be left out where nothing in it is needed.
    var takesBody: Bool
}

enum A2APlace: Hashable, Sendable {
    /// `/.well-known/agent-card.json`, or `agent.json` as it was called before 0.3.
    case card
    case rest(RESTOperation)
    case rpc
}

extension A2APlace {
    /// - Parameters:
    ///   - path: canonical, as the agent gets it.
    ///   - stated: what the request says about its version; nil: a path below `/v1` is of 0.3.
    /// - Throws: 404 for a path that is nothing, 405 for another method, 400 for an id that paths do not take.
    static func parse(_ path: ByteView, _ method: HTTPMethod, stated: A2AVersion?) throws(A2AError) -> A2APlace {
        let segments = path.text.split(separator: "/").map(String.init)
        let isWhole = path.count == 0 || path[path.count - 1] != UInt8(ascii: "/")
        func segment(_ fromEnd: Int) -> String? {
            segments.count >= fromEnd ? segments[segments.count - fromEnd] : nil
        }
        if isWhole, let last = segment(1) {
            if segment(2) == ".well-known", last == "agent-card.json" || last == "agent.json" {
                try allow(method, [.get], "GET")
                return .card
            }
            if let found = try operation(segment, last, method, stated) { return .rest(found) }
        }
        guard !segments.contains(where: isReserved), segment(1)?.lowercased() != "card" else { throw .unknownPath }
        try allow(method, [.post], "POST")
        return .rpc
    }

    private static func allow(_ method: HTTPMethod, _ methods: [HTTPMethod], _ text: String) throws(A2AError) {
        guard methods.contains(method) else { throw .method(text) }
    }

    /// A segment that has a meaning in the binding, however an agent compares it: nothing of JSON-RPC is served there.
    private static func isReserved(_ segment: String) -> Bool {
        if segment.contains(":") || segment.contains("%") || segment.contains(";") { return true }
        switch segment.lowercased() {
        case "tasks", "pushnotificationconfigs", "extendedagentcard", "authenticatedextendedcard", ".well-known":
            return true
        default: return false
        }
    }

    private static func operation(
        _ segment: (Int) -> String?, _ last: String, _ method: HTTPMethod, _ stated: A2AVersion?
    ) throws(A2AError) -> RESTOperation? {
        func found(
            _ operation: A2AOperation, after depth: Int, task: String? = nil, config: String? = nil, body: Bool = false
        ) throws(A2AError) -> RESTOperation {
            let version = stated ?? (segment(depth + 1) == "v1" ? .v03 : .v10)
            return RESTOperation(
                operation: operation, version: version, taskID: try task.map(id), configID: try config.map(id),
                takesBody: body)
        }
        switch last {
        case "message:send", "message:stream":
            try allow(method, [.post], "POST")
            return try found(last == "message:send" ? .sendMessage : .streamMessage, after: 1, body: true)
        case "extendedAgentCard":
            try allow(method, [.get], "GET")
            return try found(.getExtendedCard, after: 1)
        case "card" where segment(2) == "v1", "authenticatedExtendedCard" where segment(2) == "agent":
            try allow(method, [.get], "GET")
            return RESTOperation(operation: .getExtendedCard, version: .v03, takesBody: false)
        case "tasks":
            try allow(method, [.get], "GET")
            return try found(.listTasks, after: 1)
        case "pushNotificationConfigs" where segment(3) == "tasks":
            try allow(method, [.get, .post], "GET, POST")
            return try found(
                method == .post ? .setPushConfig : .listPushConfigs, after: 3, task: segment(2), body: method == .post)
        default: break
        }
        if segment(2) == "pushNotificationConfigs", segment(4) == "tasks" {
            try allow(method, [.get, .delete], "GET, DELETE")
            return try found(
                method == .get ? .getPushConfig : .deletePushConfig, after: 4, task: segment(3), config: last)
        }
        guard segment(2) == "tasks" else { return nil }
        let parts = last.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        switch parts.count == 2 ? parts[1] : "" {
        case "cancel":
            try allow(method, [.post], "POST")
            return try found(.cancelTask, after: 2, task: parts[0], body: true)
        case "subscribe":
            try allow(method, [.get, .post], "GET, POST")
            return try found(.resubscribe, after: 2, task: parts[0], body: method == .post)
        default:
            guard parts.count == 1 else { throw .unknownPath }
            try allow(method, [.get], "GET")
            return try found(.getTask, after: 2, task: last)
        }
    }

    /// Ids go into a path unencoded, so that every reader of the path reads the same one.
    private static func id(_ text: String) throws(A2AError) -> String {
        guard !text.isEmpty, text.utf8.count <= A2AParams.maximumName,
            text.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~".utf8.contains(byte)
                }
            })
        else { throw .invalidRequest("an id in a path is made of letters, digits and -._~") }
        return text
    }
}
