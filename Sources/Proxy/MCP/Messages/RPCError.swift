// What is wrong with a message, or with its treatment: the JSON-RPC code, the HTTP status and the sentence that go
// together. One table, so that every failure is answered the same way on every leg.

import JSON

package struct RPCError: Error, Sendable {
    package var code: Int
    /// Of the HTTP reply; ignored once a stream has begun.
    package var status: Int
    package var message: String
    /// Members of `error.data`, in order.
    package var data: [(name: String, value: DataValue)] = []
    /// `WWW-Authenticate`
    package var challenge: String?

    package enum DataValue: Sendable {
        case text(String)
        case texts([String])
    }

    init(_ code: Int, _ status: Int, _ message: String, data: [(name: String, value: DataValue)] = []) {
        self.code = code
        self.status = status
        self.message = message
        self.data = data
    }

    static func parse(_ reason: String) -> RPCError { RPCError(-32700, 400, "Parse error: \(reason)") }
    static func invalidRequest(_ reason: String) -> RPCError { RPCError(-32600, 400, "Invalid request: \(reason)") }

    /// 404 in the modern era, where the status says it as well.
    static func unknownMethod(_ method: String, modern: Bool = false) -> RPCError {
        RPCError(-32601, modern ? 404 : 200, "Method not found: \(method)")
    }

    static func invalidParams(_ reason: String) -> RPCError { RPCError(-32602, 200, reason) }
    static func unknownTool(_ name: String) -> RPCError { RPCError(-32602, 200, "Unknown tool: \(name)") }
    static func unknownPrompt(_ name: String) -> RPCError { RPCError(-32602, 200, "Unknown prompt: \(name)") }
    static func unknownResource(_ uri: String) -> RPCError {
        RPCError(-32002, 200, "Resource not found", data: [("uri", .text(uri))])
    }

    static let missingSession = RPCError(-32600, 400, "Invalid request: Mcp-Session-Id is required")
    static let unknownSession = RPCError(-32600, 404, "Session not found")
    static func header(_ reason: String) -> RPCError { RPCError(-32020, 400, "Header mismatch: \(reason)") }

    static func unsupportedVersion(_ requested: String) -> RPCError {
        RPCError(
            -32022, 400, "Unsupported protocol version",
            data: [("supported", .texts(MCPVersion.allNames)), ("requested", .text(requested))])
    }

    /// The decision's id is what an operator finds the record with.
    static func denied(_ decision: String, challenge: String?) -> RPCError {
        var error = RPCError(
            -32003, 403, "Forbidden by policy", data: decision.isEmpty ? [] : [("decision", .text(decision))])
        error.challenge = challenge
        return error
    }

    static func tooMany(_ what: String) -> RPCError { RPCError(-32000, 503, "Too many \(what)") }
    static let tooLarge = RPCError(-32600, 413, "Message too large")

    static func target(_ name: String, _ failure: TargetFailure) -> RPCError {
        RPCError(
            failure.code, failure.status, "Target '\(name)': \(failure.clientMessage)",
            data: [("target", .text(name))])
    }

    func write(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("code")
            writer.value(code)
            writer.name("message")
            writer.value(message)
            if !data.isEmpty {
                writer.name("data")
                writer.object { writer in
                    for (name, value) in data {
                        writer.name(name)
                        switch value {
                        case .text(let text): writer.value(text)
                        case .texts(let texts): writer.array { for text in texts { $0.value(text) } }
                        }
                    }
                }
            }
        }
    }
}

/// Why a target gave no answer.
enum TargetFailure: Error, Sendable {
    /// No connection, or no child process.
    case unavailable(String)
    case timedOut
    /// It answered, but not with MCP.
    case badAnswer(String)
    /// It no longer knows the session.
    case sessionLost
    /// It wants credentials that it was not given; its challenge is not passed on.
    case unauthorized(Int)
    /// It asked for something that the client did not give.
    case refusedInput(String)
    /// Our side gave up: the client left, or does not want the answer any longer.
    case cancelled
    /// The session has been ended while the call was under way.
    case sessionEnded

    var code: Int {
        switch self {
        case .unavailable, .sessionLost: -32001
        case .timedOut: -32004
        case .badAnswer, .unauthorized: -32005
        case .cancelled, .sessionEnded: -32006
        case .refusedInput: -32007
        }
    }

    var status: Int {
        switch self {
        case .unavailable, .badAnswer, .unauthorized: 502
        case .timedOut: 504
        case .sessionLost, .sessionEnded: 404
        // Clients take no notice of an answer to what they have cancelled, but they do of a status that is no success.
        case .cancelled: 200
        case .refusedInput: 200
        }
    }

    /// Without addresses, paths or output of the operator's programs.
    var clientMessage: String {
        switch self {
        case .unavailable: "unavailable"
        case .timedOut: "did not answer in time"
        case .badAnswer: "gave an answer that is not MCP"
        case .sessionLost, .sessionEnded: "its session has ended"
        case .unauthorized: "refused the gateway's credentials"
        case .cancelled: "the request was cancelled"
        case .refusedInput(let reason): reason
        }
    }

    /// For logs.
    var detail: String {
        switch self {
        case .unavailable(let reason): reason
        case .badAnswer(let reason), .refusedInput(let reason): reason
        case .unauthorized(let status): "status \(status)"
        case .timedOut, .sessionLost, .cancelled, .sessionEnded: clientMessage
        }
    }
}
