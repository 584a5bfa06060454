// Two small MCP servers inside this process, so that the demo needs nothing installed. They are targets like any other:
// what they are asked is judged first, and they keep nothing.

import JSON

package enum BuiltinServer: String, CaseIterable, Sendable {
    /// echo, get-sum, and one tool that a demo's rules forbid.
    case everything
    /// What time it is, and days between dates.
    case time

    private struct Tool {
        let name: String
        let description: String
        /// JSON Schema of the arguments.
        let schema: String
        var readOnly = true
    }

    private var tools: [Tool] {
        switch self {
        case .everything:
            [
                Tool(
                    name: "echo", description: "Says what it is told",
                    schema: #"{"type":"object","properties":{"message":{"type":"string"}},"required":["message"]}"#),
                Tool(
                    name: "get-sum", description: "Adds two numbers",
                    schema:
                        #"{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]}"#
                ),
                Tool(
                    name: "delete-everything", description: "Pretends to delete everything",
                    schema: #"{"type":"object"}"#, readOnly: false),
            ]
        case .time:
            [
                Tool(name: "now", description: "The time in UTC (RFC 3339)", schema: #"{"type":"object"}"#),
                Tool(
                    name: "unix-time", description: "Seconds since 1970-01-01T00:00:00Z", schema: #"{"type":"object"}"#),
            ]
        }
    }

    // MARK: Answers

    /// The result of `initialize`.
    func greeting() throws(TargetFailure) -> JSONValue { try GatewayAnswer.greeting(name: "demo-\(rawValue)") }

    func answer(_ request: TargetRequest) throws(TargetFailure) -> RPCResponse {
        switch MCPMethod(rawValue: request.method) {
        case .ping:
            return RPCResponse(id: request.id, outcome: .result(try GatewayAnswer.value { $0.object { _ in } }))
        case .toolsList:
            return RPCResponse(id: request.id, outcome: .result(try GatewayAnswer.value { writeTools(&$0) }))
        case .toolsCall:
            guard let params = try request.params.map({ (bytes) throws(TargetFailure) in try parse(bytes) }),
                let name = params["name" as StaticString]?.string, tools.contains(where: { $0.name == name })
            else { return try refusal(request.id, .unknownTool("")) }
            return try call(request.id, name, params["arguments" as StaticString])
        default:
            return try refusal(request.id, .unknownMethod(request.method))
        }
    }

    private func call(_ id: RPCID, _ name: String, _ arguments: JSONValue?) throws(TargetFailure) -> RPCResponse {
        switch name {
        case "echo":
            guard let message = arguments?["message" as StaticString]?.string else {
                return try refusal(id, .invalidParams("'message' must be a string"))
            }
            return try text(id, message)
        case "get-sum":
            guard let a = arguments?["a" as StaticString]?.double, let b = arguments?["b" as StaticString]?.double
            else {
                return try refusal(id, .invalidParams("'a' and 'b' must be numbers"))
            }
            var writer = JSONWriter()
            writer.value(a + b)
            return try text(id, writer.text)
        case "delete-everything": return try text(id, "Everything is gone. (It is not.)")
        case "now":
            let time = IOBuffer(capacity: 40)
            time.append(timestamp: WallClock.nanoseconds)
            return try text(id, time.view.text)
        case "unix-time": return try text(id, String(WallClock.nanoseconds / 1_000_000_000))
        default: return try refusal(id, .unknownTool(name))
        }
    }

    // MARK: Writing

    private func writeTools(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("tools")
            writer.array { writer in
                for tool in tools {
                    writer.object { writer in
                        writer.name("name")
                        writer.value(tool.name)
                        writer.name("description")
                        writer.value(tool.description)
                        writer.name("inputSchema")
                        writer.raw(Array(tool.schema.utf8))
                        writer.name("annotations")
                        writer.object { writer in
                            writer.name("readOnlyHint")
                            writer.value(tool.readOnly)
                            writer.name("destructiveHint")
                            writer.value(!tool.readOnly)
                        }
                    }
                }
            }
        }
    }

    private func text(_ id: RPCID, _ text: String) throws(TargetFailure) -> RPCResponse {
        let result = try GatewayAnswer.value { writer in
            writer.object { writer in
                writer.name("content")
                writer.array { writer in
                    writer.object { writer in
                        writer.name("type")
                        writer.value("text")
                        writer.name("text")
                        writer.value(text)
                    }
                }
            }
        }
        return RPCResponse(id: id, outcome: .result(result))
    }

    private func refusal(_ id: RPCID, _ error: RPCError) throws(TargetFailure) -> RPCResponse {
        RPCResponse(id: id, outcome: .error(try GatewayAnswer.value { error.write(&$0) }))
    }

    private func parse(_ bytes: [UInt8]) throws(TargetFailure) -> JSONValue {
        do throws(JSONError) {
            return try JSONDocument(parsing: bytes).root
        } catch { throw .badAnswer("\(error)") }
    }
}
