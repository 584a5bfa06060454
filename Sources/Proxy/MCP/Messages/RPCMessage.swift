// One JSON-RPC message, parsed strictly into its type. What is forwarded is written anew from these types: members that
// are not of JSON-RPC, and the original bytes, end here.

import JSON

/// The id of a request: a string, or an integer as it was written.
package enum RPCID: Hashable, Sendable {
    case integer(Int64)
    case text(String)

    /// For a request of the gateway's own in a client's session: it must be none that the client uses (2025-11-25,
    /// "Requests"), and every JSON library must be able to hold it.
    static func own() -> RPCID { .integer(Int64.random(in: 1 << 40..<1 << 53)) }

    func write(_ writer: inout JSONWriter) {
        switch self {
        case .integer(let value): writer.value(value)
        case .text(let value): writer.value(value)
        }
    }
}

struct RPCRequest: Sendable {
    var id: RPCID
    var method: String
    /// An object, or nil.
    var params: JSONValue?
}

struct RPCNotification: Sendable {
    var method: String
    /// An object, or nil.
    var params: JSONValue?
}

struct RPCResponse: Sendable {
    enum Outcome: Sendable {
        /// An object.
        case result(JSONValue)
        /// An object with an integral `code` and a string `message`.
        case error(JSONValue)
    }
    /// nil: the error of a peer that could not read the id.
    var id: RPCID?
    var outcome: Outcome
}

enum RPCMessage: Sendable {
    case request(RPCRequest)
    case notification(RPCNotification)
    case response(RPCResponse)
}

extension RPCMessage {
    /// Members of the envelope. Any other, and one that differs in letter case only, is refused: servers whose JSON
    /// library ignores case would read it, and we would not have judged it.
    private static let members: [StaticString] = ["jsonrpc", "id", "method", "params", "result", "error"]
    /// The longest id or method that is taken; both end up in tables and logs.
    private static let maximumName = 256

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>, limit: Int) throws(RPCError) -> RPCMessage {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(
                parsing: UnsafeRawBufferPointer(bytes), limits: JSONLimits(maximumDepth: 64, maximumBytes: limit))
        } catch { throw .parse("\(error)") }
        return try parse(document.root)
    }

    static func parse(_ bytes: [UInt8], limit: Int) throws(RPCError) -> RPCMessage {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: bytes, limits: JSONLimits(maximumDepth: 64, maximumBytes: limit))
        } catch { throw .parse("\(error)") }
        return try parse(document.root)
    }

    static func parse(_ root: JSONValue) throws(RPCError) -> RPCMessage {
        if root.kind == .array { throw .invalidRequest("batches are not accepted; send one message in each request") }
        guard root.kind == .object else { throw .invalidRequest("a message is a JSON object") }
        for (name, _) in root.members where !members.contains(where: { name.equals($0) }) {
            throw .invalidRequest("a message has no member '\(String((name.string ?? "").prefix(64)))'")
        }
        guard let version = root["jsonrpc" as StaticString], version.equals("2.0" as StaticString) else {
            throw .invalidRequest("'jsonrpc' must be \"2.0\"")
        }
        let id = try root["id" as StaticString].map { (value) throws(RPCError) in try parseID(value) }
        if let method = root["method" as StaticString] {
            guard root["result" as StaticString] == nil, root["error" as StaticString] == nil else {
                throw .invalidRequest("a message is either a request or a response")
            }
            guard let name = method.string, !name.isEmpty, name.utf8.count <= maximumName else {
                throw .invalidRequest("'method' must be a string of 1 to \(maximumName) bytes")
            }
            let params = root["params" as StaticString]
            if let params, params.kind != .object { throw .invalidRequest("'params' must be an object") }
            if let id {
                guard let id else { throw .invalidRequest("the id of a request must not be null") }
                guard !name.hasPrefix("notifications/") else { throw .invalidRequest("a notification has no id") }
                return .request(RPCRequest(id: id, method: name, params: params))
            }
            guard name.hasPrefix("notifications/") else {
                throw .invalidRequest("'\(name)' is a request and needs an id")
            }
            return .notification(RPCNotification(method: name, params: params))
        }
        guard root["params" as StaticString] == nil else { throw .invalidRequest("'method' is missing") }
        guard let id else { throw .invalidRequest("a message has a method or an id") }
        switch (root["result" as StaticString], root["error" as StaticString]) {
        case (let result?, nil):
            guard let id else { throw .invalidRequest("the id of a result must not be null") }
            guard result.kind == .object else { throw .invalidRequest("'result' must be an object") }
            return .response(RPCResponse(id: id, outcome: .result(result)))
        case (nil, let error?):
            guard error.kind == .object, error["code" as StaticString]?.int64 != nil,
                error["message" as StaticString]?.kind == .string
            else { throw .invalidRequest("'error' must have an integral code and a message") }
            return .response(RPCResponse(id: id, outcome: .error(error)))
        default: throw .invalidRequest("a response has either a result or an error")
        }
    }

    /// The inner nil is a null id.
    private static func parseID(_ value: JSONValue) throws(RPCError) -> RPCID? {
        switch value.kind {
        case .null: return nil
        case .string:
            guard let text = value.string, text.utf8.count <= maximumName else {
                throw .invalidRequest("an id has at most \(maximumName) bytes")
            }
            return .text(text)
        case .number:
            guard let number = value.int64 else { throw .invalidRequest("a numeric id must be a 64-bit integer") }
            return .integer(number)
        default: throw .invalidRequest("an id is a string or an integer")
        }
    }
}

/// Writes messages. Params and results are written by closures, so that rewriting needs no tree.
enum RPCWriter {
    static func request(_ id: RPCID, _ method: String, params: ((inout JSONWriter) -> Void)?) -> [UInt8] {
        envelope { writer in
            writer.name("id")
            id.write(&writer)
            writer.name("method")
            writer.value(method)
            if let params {
                writer.name("params")
                params(&writer)
            }
        }
    }

    static func notification(_ method: String, params: ((inout JSONWriter) -> Void)?) -> [UInt8] {
        envelope { writer in
            writer.name("method")
            writer.value(method)
            if let params {
                writer.name("params")
                params(&writer)
            }
        }
    }

    static func result(_ id: RPCID, _ result: (inout JSONWriter) -> Void) -> [UInt8] {
        envelope { writer in
            writer.name("id")
            id.write(&writer)
            writer.name("result")
            result(&writer)
        }
    }

    static func error(_ id: RPCID?, _ error: RPCError) -> [UInt8] {
        envelope { writer in
            writer.name("id")
            if let id { id.write(&writer) } else { writer.null() }
            writer.name("error")
            error.write(&writer)
        }
    }

    /// A response with another id: what a target answered, as the client asked it.
    static func response(_ id: RPCID, _ outcome: RPCResponse.Outcome) -> [UInt8] {
        switch outcome {
        case .result(let value): result(id) { $0.value(value) }
        case .error(let value):
            envelope { writer in
                writer.name("id")
                id.write(&writer)
                writer.name("error")
                writeError(value, &writer)
            }
        }
    }

    /// Only the members that JSON-RPC gives an error.
    private static func writeError(_ error: JSONValue, _ writer: inout JSONWriter) {
        writer.object { writer in
            for name in ["code", "message", "data"] {
                guard let value = error[name] else { continue }
                writer.name(name)
                writer.value(value)
            }
        }
    }

    private static func envelope(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("jsonrpc")
            writer.value("2.0")
            body(&writer)
        }
        return writer.bytes
    }
}
