// What is wrong with an A2A request, or with its treatment, in the shape that the client's library reads: a JSON-RPC error,
// the error object of the HTTP+JSON binding of either version, or a gRPC status.

import JSON

package struct A2AError: Error, Sendable {
    /// JSON-RPC's number. Those from -32001 to -32009 are A2A's own and mean other things.
    package var code: Int
    /// Of the HTTP reply.
    package var status: Int
    package var message: String
    /// For programs: `ErrorInfo.reason`.
    package var reason: String
    /// The id of the decision that refused; empty: no rule did.
    package var decision = ""
    /// `WWW-Authenticate`
    package var challenge: String?
    /// `Allow`
    package var allow: String?

    private init(_ code: Int, _ status: Int, _ message: String, _ reason: String) {
        self.code = code
        self.status = status
        self.message = message
        self.reason = reason
    }

    /// JSON-RPC's range for servers, beyond what A2A and MCP have given a meaning.
    static let forbiddenCode = -32040

    static func parse(_ text: String) -> A2AError { A2AError(-32700, 400, "Parse error: \(text)", "PARSE_ERROR") }
    static func invalidRequest(_ text: String, status: Int = 400) -> A2AError {
        A2AError(-32600, status, "Invalid request: \(text)", "INVALID_REQUEST")
    }
    static func invalidParams(_ text: String) -> A2AError {
        A2AError(-32602, 400, "Invalid params: \(text)", "INVALID_PARAMS")
    }
    static func unknownMethod(_ method: String) -> A2AError {
        A2AError(-32601, 404, "Method not found: \(method.prefix(128))", "METHOD_NOT_FOUND")
    }
    static let unknownPath = A2AError(-32601, 404, "Not an operation of A2A", "METHOD_NOT_FOUND")
    static let tooLarge = A2AError(-32600, 413, "Message too large", "INVALID_REQUEST")

    static func method(_ allow: String) -> A2AError {
        var error = A2AError(-32600, 405, "Invalid request: only \(allow) is allowed here", "INVALID_REQUEST")
        error.allow = allow
        return error
    }

    static func denied(_ decision: String, challenge: String?) -> A2AError {
        var error = A2AError(forbiddenCode, 403, "Forbidden by policy", "FORBIDDEN")
        error.decision = decision
        error.challenge = challenge
        return error
    }

    static func pushTarget(_ text: String) -> A2AError {
        A2AError(forbiddenCode, 403, "Forbidden: \(text)", "PUSH_NOTIFICATION_URL_FORBIDDEN")
    }

    static func upstream(_ status: Int, _ message: String) -> A2AError {
        A2AError(-32603, status, "Internal error: \(message)", "UPSTREAM_ERROR")
    }

    init(_ error: RPCError) {
        self.init(
            error.code, error.status, error.message, error.code == -32700 ? "PARSE_ERROR" : "INVALID_REQUEST")
    }

    /// What the client wrote in, and so reads.
    enum Binding: Sendable {
        case rpc(RPCID?, A2AVersion)
        case rest(A2AVersion)
    }

    func body(_ binding: Binding) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            switch binding {
            case .rpc(let id, let version):
                writer.name("jsonrpc")
                writer.value("2.0")
                writer.name("id")
                if let id { id.write(&writer) } else { writer.null() }
                writer.name("error")
                writer.object { writer in
                    writer.name("code")
                    writer.value(code)
                    writer.name("message")
                    writer.value(message)
                    writer.name("data")
                    switch version {
                    case .v10: writer.array { writeInfo(&$0) }
                    case .v03: writeData(&writer)
                    }
                }
            case .rest(.v10):
                writer.name("error")
                writer.object { writer in
                    writer.name("code")
                    writer.value(status)
                    writer.name("status")
                    writer.value(rpcStatus)
                    writer.name("message")
                    writer.value(message)
                    writer.name("details")
                    writer.array { writeInfo(&$0) }
                }
            case .rest(.v03):
                writer.name("message")
                writer.value(message)
                writer.name("data")
                writeData(&writer)
            }
        }
        return writer.bytes
    }

    /// `google.rpc.ErrorInfo`
    private func writeInfo(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("@type")
            writer.value("type.googleapis.com/google.rpc.ErrorInfo")
            writer.name("reason")
            writer.value(reason)
            writer.name("domain")
            writer.value("agentgw")
            writer.name("metadata")
            writer.object { writer in
                guard !decision.isEmpty else { return }
                writer.name("decision")
                writer.value(decision)
            }
        }
    }

    private func writeData(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("reason")
            writer.value(reason)
            guard !decision.isEmpty else { return }
            writer.name("decision")
            writer.value(decision)
        }
    }

    /// The name of the `google.rpc.Code` that goes with the HTTP status.
    private var rpcStatus: String {
        switch status {
        case 400, 405, 413, 415: "INVALID_ARGUMENT"
        case 403: "PERMISSION_DENIED"
        case 404: "NOT_FOUND"
        case 503: "UNAVAILABLE"
        case 504: "DEADLINE_EXCEEDED"
        default: "INTERNAL"
        }
    }
}
