// The methods that are known, who may send them, and what about them is judged. A method that is not here never reaches
// a target.

/// What a client may ask for.
enum MCPMethod: String, CaseIterable, Sendable {
    case initialize
    case ping
    case toolsList = "tools/list"
    case toolsCall = "tools/call"
    case promptsList = "prompts/list"
    case promptsGet = "prompts/get"
    case resourcesList = "resources/list"
    case resourceTemplatesList = "resources/templates/list"
    case resourcesRead = "resources/read"
    case resourcesSubscribe = "resources/subscribe"
    case resourcesUnsubscribe = "resources/unsubscribe"
    case complete = "completion/complete"
    case setLevel = "logging/setLevel"
    case tasksGet = "tasks/get"
    case tasksResult = "tasks/result"
    case tasksList = "tasks/list"
    case tasksCancel = "tasks/cancel"
    case discover = "server/discover"
    case listen = "subscriptions/listen"

    /// Of the modern era only.
    var isModernOnly: Bool { self == .discover || self == .listen }
    /// Removed by the modern era.
    var isLegacyOnly: Bool {
        switch self {
        case .initialize, .ping, .resourcesSubscribe, .resourcesUnsubscribe, .setLevel, .tasksGet, .tasksResult,
            .tasksList, .tasksCancel:
            true
        default: false
        }
    }

    /// Asked twice, it does what it does once.
    var isRepeatable: Bool { self != .toolsCall && self != .tasksCancel }

    /// The kind of list that the method asks for.
    var list: ListKind? {
        switch self {
        case .toolsList: .tools
        case .promptsList: .prompts
        case .resourcesList: .resources
        case .resourceTemplatesList: .resourceTemplates
        default: nil
        }
    }

    /// The member of `params` that `Mcp-Name` mirrors.
    var nameMember: StaticString? {
        switch self {
        case .toolsCall, .promptsGet: "name"
        case .resourcesRead: "uri"
        default: nil
        }
    }
}

/// What the loader needs to know of the specification's names.
package enum MCPNames {
    package static func isKnownMethod(_ name: String) -> Bool {
        MCPMethod(rawValue: name) != nil || ServerRequest(rawValue: name) != nil
    }
}

/// What a client may tell.
enum ClientNotification: String, Sendable {
    case initialized = "notifications/initialized"
    case cancelled = "notifications/cancelled"
    case progress = "notifications/progress"
    case rootsListChanged = "notifications/roots/list_changed"
    /// Of a task that the client runs for a server.
    case taskStatus = "notifications/tasks/status"
}

/// What a server may ask its client for.
enum ServerRequest: String, Sendable {
    case ping
    case createMessage = "sampling/createMessage"
    case elicit = "elicitation/create"
    case listRoots = "roots/list"
    // About tasks that the client runs for the server.
    case tasksGet = "tasks/get"
    case tasksResult = "tasks/result"
    case tasksList = "tasks/list"
    case tasksCancel = "tasks/cancel"

    /// A question that a result of the modern era may put.
    var isInput: Bool {
        switch self {
        case .createMessage, .elicit, .listRoots: true
        case .ping, .tasksGet, .tasksResult, .tasksList, .tasksCancel: false
        }
    }

    /// The client capability without which it must not be sent.
    var capability: String? {
        switch self {
        case .ping: nil
        case .createMessage: "sampling"
        case .elicit: "elicitation"
        case .listRoots: "roots"
        case .tasksGet, .tasksResult, .tasksList, .tasksCancel: "tasks"
        }
    }
}

/// What a server may tell.
enum ServerNotification: String, Sendable {
    case cancelled = "notifications/cancelled"
    case progress = "notifications/progress"
    case message = "notifications/message"
    case resourceUpdated = "notifications/resources/updated"
    case resourceListChanged = "notifications/resources/list_changed"
    case toolListChanged = "notifications/tools/list_changed"
    case promptListChanged = "notifications/prompts/list_changed"
    case elicitationComplete = "notifications/elicitation/complete"
    case taskStatus = "notifications/tasks/status"

    /// The lists that are no longer what they were.
    var changedLists: [ListKind] {
        switch self {
        case .toolListChanged: [.tools]
        case .promptListChanged: [.prompts]
        case .resourceListChanged: [.resources, .resourceTemplates]
        default: []
        }
    }
}

/// The four things that are listed.
package enum ListKind: String, CaseIterable, Sendable {
    case tools, prompts, resources, resourceTemplates

    /// The member of the result.
    package var member: String { rawValue }
    var method: MCPMethod {
        switch self {
        case .tools: .toolsList
        case .prompts: .promptsList
        case .resources: .resourcesList
        case .resourceTemplates: .resourceTemplatesList
        }
    }
    /// The member of an item that names it.
    var key: StaticString {
        switch self {
        case .tools, .prompts: "name"
        case .resources: "uri"
        case .resourceTemplates: "uriTemplate"
        }
    }
    /// The server capability that goes with it.
    var capability: String {
        switch self {
        case .tools: "tools"
        case .prompts: "prompts"
        case .resources, .resourceTemplates: "resources"
        }
    }
}
