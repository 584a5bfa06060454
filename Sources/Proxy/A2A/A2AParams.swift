// The parameters of an A2A request, taken apart for rules. Agents are lenient readers: they take `task_id` for `taskId`, and
// some ignore letter case; so a member that any of them could take for another one is refused, not passed over.

import JSON

struct A2AParams {
    private(set) var message: JSONValue?
    private(set) var taskID: String?
    private(set) var contextID: String?
    private(set) var skill: String?

    /// The longest id or skill that is taken; they end up in logs.
    static let maximumName = 256

    /// Members to which some operation of some version gives a meaning, by the object that they stand in.
    private static let known = [
        "message", "configuration", "metadata", "tenant", "id", "taskId", "contextId", "historyLength", "status",
        "pageSize", "pageToken", "includeArtifacts", "statusTimestampAfter", "lastUpdatedAfter", "url", "token",
        "authentication", "pushNotificationConfig", "pushNotificationConfigId", "config", "configId", "name", "parent",
    ]
    private static let knownOfMessage = [
        "kind", "messageId", "contextId", "taskId", "role", "parts", "content", "metadata", "extensions",
        "referenceTaskIds",
    ]
    private static let knownOfConfiguration = [
        "acceptedOutputModes", "blocking", "returnImmediately", "historyLength", "pushNotificationConfig",
        "pushNotification", "taskPushNotificationConfig",
    ]
    /// Where a client may say which of the agent's skills it wants.
    private static let skillNames = ["skillId", "skill_id", "skill"]

    /// - Parameter isREST: over HTTP+JSON, where 0.3 names tasks as resources: `tasks/ID`.
    init(
        _ operation: A2AOperation, _ version: A2AVersion, _ params: JSONValue?, push: PushTargets, isREST: Bool = false
    ) throws(A2AError) {
        guard let params else {
            if operation.namesTask || operation.carriesMessage { throw .invalidParams("'params' is missing") }
            return
        }
        try A2AParams.check(params, A2AParams.known)
        if params["request" as StaticString] != nil {
            // What the protocol buffers of 0.3 call the message.
            throw .invalidParams("'request' is not 'message'")
        }
        if !isREST {
            for name in ["name", "parent"] where params[name] != nil {
                throw .invalidParams("'\(name)' is not a parameter of '\(operation.rawValue)'")
            }
        }
        if operation.carriesMessage {
            try readMessage(params, isREST: isREST)
        } else {
            if params["message" as StaticString] != nil {
                throw .invalidParams("'\(operation.rawValue)' carries no message")
            }
            contextID = try A2AParams.text(params, "contextId")
            if operation.namesTask { try readTask(operation, version, params) }
        }
        if operation == .setPushConfig { try push.checkAll(in: params) }
        if let configuration = params["configuration" as StaticString], !configuration.isNull {
            guard configuration.kind == .object else { throw .invalidParams("'configuration' must be an object") }
            try A2AParams.check(configuration, A2AParams.knownOfConfiguration)
            try push.checkAll(in: configuration)
        }
        try readSkill(params)
    }

    private mutating func readMessage(_ params: JSONValue, isREST: Bool) throws(A2AError) {
        guard let message = params["message" as StaticString], message.kind == .object else {
            throw .invalidParams("'message' must be an object")
        }
        try A2AParams.check(message, A2AParams.knownOfMessage)
        if let content = message["content" as StaticString], !isREST || message["parts" as StaticString] != nil {
            _ = content
            throw .invalidParams("'content' is not 'parts'")
        }
        self.message = message
        taskID = try A2AParams.text(message, "taskId")
        contextID = try A2AParams.text(message, "contextId")
        for name in ["taskId", "contextId", "id"] where params[name] != nil {
            throw .invalidParams("'\(name)' belongs in the message")
        }
    }

    /// In 1.0 `id` is the configuration's where the operation is about one; in 0.3 it is always the task's.
    private mutating func readTask(
        _ operation: A2AOperation, _ version: A2AVersion, _ params: JSONValue
    ) throws(A2AError) {
        let name: StaticString =
            switch (operation, version) {
            case (.getTask, _), (.cancelTask, _), (.resubscribe, _): "id"
            case (.setPushConfig, _), (_, .v10): "taskId"
            case (_, .v03): "id"
            }
        let other: StaticString? =
            switch (operation, version) {
            case (.getTask, _), (.cancelTask, _), (.resubscribe, _): "taskId"
            case (.setPushConfig, .v03): "id"
            case (.setPushConfig, .v10): nil
            case (_, .v10): nil
            case (_, .v03): "taskId"
            }
        if let other, params[other] != nil {
            throw .invalidParams("'\(other)' is not a parameter of '\(operation.rawValue)'")
        }
        guard let id = try A2AParams.text(params, name) else { throw .invalidParams("'\(name)' must be a string") }
        taskID = id
    }

    /// `metadata` of the message and of the request; they must not contradict each other.
    private mutating func readSkill(_ params: JSONValue) throws(A2AError) {
        for holder in [message, params] {
            guard let metadata = holder?["metadata" as StaticString], !metadata.isNull else { continue }
            guard metadata.kind == .object else { throw .invalidParams("'metadata' must be an object") }
            for (name, value) in metadata.members {
                let folded = A2AParams.folded(name.string ?? "")
                guard folded == "skillid" || folded == "skill" else { continue }
                guard A2AParams.skillNames.contains(where: { name.equals($0) }) else {
                    throw .invalidParams("'\((name.string ?? "").prefix(64))' is not 'skillId'")
                }
                guard let text = value.string, text.utf8.count <= A2AParams.maximumName else {
                    throw .invalidParams("a skill is a string of at most \(A2AParams.maximumName) bytes")
                }
                guard skill == nil || skill == text else { throw .invalidParams("more than one skill") }
                skill = text
            }
        }
    }

    // MARK: Members

    /// A string; nil for null, which protocol buffers write for what is not there.
    private static func text(_ object: JSONValue, _ name: StaticString) throws(A2AError) -> String? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let text = value.string, text.utf8.count <= maximumName else {
            throw .invalidParams("'\(name)' must be a string of at most \(maximumName) bytes")
        }
        // Protocol buffers read an empty string as nothing.
        return text.isEmpty ? nil : text
    }

    /// - Throws: for a member that a lenient reader takes for one in `known`.
    private static func check(_ object: JSONValue, _ known: [String]) throws(A2AError) {
        for (name, _) in object.members {
            guard let text = name.string, !known.contains(text) else { continue }
            let folded = folded(text)
            if let twin = known.first(where: { A2AParams.folded($0) == folded }) {
                throw .invalidParams("'\(text.prefix(64))' is not '\(twin)'")
            }
        }
    }

    /// A name as the most lenient reader compares it: without letter case, underscores and hyphens; the long s is an s and
    /// the Kelvin sign a k.
    static func folded(_ name: String) -> String {
        var result = ""
        for scalar in name.lowercased().unicodeScalars where scalar != "_" && scalar != "-" {
            result.unicodeScalars.append(scalar == "\u{17f}" ? "s" : scalar)
        }
        return result
    }
}
