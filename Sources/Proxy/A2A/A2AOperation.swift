// What an A2A client can ask of an agent. Two versions of the protocol call the same things differently; rules, logs and
// metrics see one name for each, so that a rule that stops `message/send` stops `SendMessage` as well.

/// The version that a request is written in.
package enum A2AVersion: String, Sendable, CaseIterable {
    case v03 = "0.3"
    case v10 = "1.0"
}

/// An operation, by the name that rules see: the JSON-RPC method of A2A 0.3.
package enum A2AOperation: String, Sendable, CaseIterable {
    case sendMessage = "message/send"
    case streamMessage = "message/stream"
    case getTask = "tasks/get"
    case listTasks = "tasks/list"
    case cancelTask = "tasks/cancel"
    case resubscribe = "tasks/resubscribe"
    case setPushConfig = "tasks/pushNotificationConfig/set"
    case getPushConfig = "tasks/pushNotificationConfig/get"
    case listPushConfigs = "tasks/pushNotificationConfig/list"
    case deletePushConfig = "tasks/pushNotificationConfig/delete"
    case getExtendedCard = "agent/getAuthenticatedExtendedCard"

    /// The JSON-RPC method of A2A 1.0.
    package var modernName: String {
        switch self {
        case .sendMessage: "SendMessage"
        case .streamMessage: "SendStreamingMessage"
        case .getTask: "GetTask"
        case .listTasks: "ListTasks"
        case .cancelTask: "CancelTask"
        case .resubscribe: "SubscribeToTask"
        case .setPushConfig: "CreateTaskPushNotificationConfig"
        case .getPushConfig: "GetTaskPushNotificationConfig"
        case .listPushConfigs: "ListTaskPushNotificationConfigs"
        case .deletePushConfig: "DeleteTaskPushNotificationConfig"
        case .getExtendedCard: "GetExtendedAgentCard"
        }
    }

    private static let byName: [String: (A2AOperation, A2AVersion)] = {
        var names: [String: (A2AOperation, A2AVersion)] = [:]
        for operation in allCases {
            names[operation.rawValue] = (operation, .v03)
            names[operation.modernName] = (operation, .v10)
        }
        return names
    }()

    /// The operation that a JSON-RPC method of either version names; nil: neither knows it.
    package static func named(_ method: String) -> (operation: A2AOperation, version: A2AVersion)? {
        byName[method].map { ($0.0, $0.1) }
    }

    /// A message is sent with it.
    var carriesMessage: Bool { self == .sendMessage || self == .streamMessage }

    /// The one task that it is about.
    var namesTask: Bool {
        switch self {
        case .sendMessage, .streamMessage, .listTasks, .getExtendedCard: false
        case .getTask, .cancelTask, .resubscribe, .setPushConfig, .getPushConfig, .listPushConfigs, .deletePushConfig:
            true
        }
    }
}
