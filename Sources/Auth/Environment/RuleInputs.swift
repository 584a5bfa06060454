// What one request shows to rules: filled in by the layers of its way, read by rules, and written into decision records.

import CEL
import JSON

/// Lives on its request's event loop. Views of the request are valid while the request's head is.
package final class RuleInputs {
    package var request: any RequestAttributes
    package var principal: Principal
    /// When the request began.
    package var startTime: UnixTime
    package var mcp: MCPAttributes? { didSet { mcpTexts.fill(mcp) } }
    var mcpTexts = MCPTexts()
    package var a2a: A2AAttributes?
    package var llm: LLMAttributes?
    package var backend: BackendAttributes?
    /// Of policies that look at replies.
    package var response: (any ResponseAttributes)?

    package init(_ request: any RequestAttributes, principal: Principal, startTime: UnixTime) {
        self.request = request
        self.principal = principal
        self.startTime = startTime
    }

    deinit { mcpTexts.free() }
}

/// The texts of an MCP message that nearly every rule compares, laid out once for all rules and read as views: a list of
/// 500 tools before 50 rules reads them 25,000 times.
/// Invariant: the views point into `buffer`, which is written by `fill` only, never while rules run, and freed by its owner.
struct MCPTexts {
    private(set) var method = Value.absent
    private(set) var target = Value.absent
    private(set) var toolName = Value.absent
    private(set) var toolTarget = Value.absent
    private var buffer: UnsafeMutablePointer<UInt8>?
    private var capacity = 0

    mutating func fill(_ mcp: MCPAttributes?) {
        (method, target, toolName, toolTarget) = (.absent, .absent, .absent, .absent)
        guard let mcp else { return }
        let needed =
            mcp.method.utf8.count + (mcp.target?.utf8.count ?? 0) + (mcp.tool?.name.utf8.count ?? 0)
            + (mcp.tool?.target?.utf8.count ?? 0)
        if needed > capacity || buffer == nil {
            free()
            capacity = max(256, needed)
            buffer = .allocate(capacity: capacity)
        }
        var used = 0
        method = add(mcp.method, &used)
        target = add(mcp.target, &used)
        toolName = add(mcp.tool?.name, &used)
        toolTarget = add(mcp.tool?.target, &used)
    }

    private func add(_ text: String?, _ used: inout Int) -> Value {
        guard var text, let buffer else { return .absent }
        let start = buffer + used
        let count = text.withUTF8 { bytes -> Int in
            if let base = bytes.baseAddress { start.update(from: base, count: bytes.count) }
            return bytes.count
        }
        used += count
        return .string(UnsafeBufferPointer(start: start, count: count))
    }

    mutating func free() {
        buffer?.deallocate()
        buffer = nil
    }
}

/// A JSON value that a rule may read.
package enum RuleValue: Sendable {
    case absent
    /// In a list, before the call: what the rules make of it decides between "maybe" and "never".
    case unknown
    case json(JSONValue)
}

package struct MCPAttributes: Sendable {
    package var method: String
    package var target: String?
    package var sessionID: String?
    package var tool: Tool?
    package var prompt: Prompt?
    package var resource: Resource?
    package var client: Client?

    package init(
        method: String, target: String? = nil, sessionID: String? = nil, tool: Tool? = nil, prompt: Prompt? = nil,
        resource: Resource? = nil, client: Client? = nil
    ) {
        self.method = method
        self.target = target
        self.sessionID = sessionID
        self.tool = tool
        self.prompt = prompt
        self.resource = resource
        self.client = client
    }

    package struct Tool: Sendable {
        package var name: String
        package var target: String?
        package var arguments: RuleValue
        package var annotations: JSONValue?
        package var pinned: Bool?

        package init(
            name: String, target: String? = nil, arguments: RuleValue = .absent, annotations: JSONValue? = nil,
            pinned: Bool? = nil
        ) {
            self.name = name
            self.target = target
            self.arguments = arguments
            self.annotations = annotations
            self.pinned = pinned
        }
    }

    package struct Prompt: Sendable {
        package var name: String
        package var target: String?
        package var arguments: RuleValue

        package init(name: String, target: String? = nil, arguments: RuleValue = .absent) {
            self.name = name
            self.target = target
            self.arguments = arguments
        }
    }

    package struct Resource: Sendable {
        package var uri: String
        package var target: String?

        package init(uri: String, target: String? = nil) {
            self.uri = uri
            self.target = target
        }
    }

    package struct Client: Sendable {
        package var name: String?
        package var version: String?

        package init(name: String? = nil, version: String? = nil) {
            self.name = name
            self.version = version
        }
    }
}

package struct A2AAttributes: Sendable {
    package var method: String
    package var skill: String?
    package var taskID: String?
    package var contextID: String?
    package var message: JSONValue?
    package var params: JSONValue?

    package init(
        method: String, skill: String? = nil, taskID: String? = nil, contextID: String? = nil,
        message: JSONValue? = nil, params: JSONValue? = nil
    ) {
        self.method = method
        self.skill = skill
        self.taskID = taskID
        self.contextID = contextID
        self.message = message
        self.params = params
    }
}

package struct LLMAttributes: Sendable {
    package var provider: String
    package var requestModel: String?
    package var model: String?
    package var streaming: Bool
    /// An object.
    package var params: JSONValue?

    package init(
        provider: String, requestModel: String? = nil, model: String? = nil, streaming: Bool = false,
        params: JSONValue? = nil
    ) {
        self.provider = provider
        self.requestModel = requestModel
        self.model = model
        self.streaming = streaming
        self.params = params
    }
}

package struct BackendAttributes: Sendable {
    package var name: String
    package var type: String

    package init(name: String, type: String) {
        self.name = name
        self.type = type
    }
}
