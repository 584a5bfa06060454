// One request to an agent, parsed strictly into its type: what rules are asked about, and what is written anew for the
// agent. The same type comes from both bindings, and from a test case offline.

import Auth
import JSON

package struct A2ACall: Sendable {
    /// nil: a method of an extension, which the configuration lets through by name.
    package let operation: A2AOperation?
    /// As rules see it; see `A2AOperation`.
    package let method: String
    package let version: A2AVersion
    package let params: JSONValue?
    package let message: JSONValue?
    package let skill: String?
    package let taskID: String?
    package let contextID: String?

    /// - Parameters:
    ///   - method: the JSON-RPC method, of either version.
    ///   - params: an object, or nil.
    package init(
        method: String, params: JSONValue?, extensionMethods: Set<String> = [], push: PushTargets
    ) throws(A2AError) {
        if let (operation, version) = A2AOperation.named(method) {
            try self.init(operation, version, params, push: push)
        } else if extensionMethods.contains(method) {
            self.init(extension: method, params)
        } else {
            throw .unknownMethod(method)
        }
    }

    init(
        _ operation: A2AOperation, _ version: A2AVersion, _ params: JSONValue?, push: PushTargets, isREST: Bool = false
    ) throws(A2AError) {
        let read = try A2AParams(operation, version, params, push: push, isREST: isREST)
        self.operation = operation
        method = operation.rawValue
        self.version = version
        self.params = params
        message = read.message
        skill = read.skill
        taskID = read.taskID
        contextID = read.contextID
    }

    private init(extension method: String, _ params: JSONValue?) {
        operation = nil
        self.method = method
        version = method.contains("/") ? .v03 : .v10
        self.params = params
        message = nil
        skill = nil
        taskID = nil
        contextID = nil
    }

    package var attributes: A2AAttributes {
        A2AAttributes(
            method: method, skill: skill, taskID: taskID, contextID: contextID, message: message, params: params)
    }
}

/// A request over JSON-RPC.
struct A2AMessage {
    let id: RPCID
    /// As the client wrote it.
    let method: String
    let call: A2ACall

    /// The id is nil as long as it could not be read.
    static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>, limit: Int, extensionMethods: Set<String>, push: PushTargets,
        id: inout RPCID?
    ) throws(A2AError) -> A2AMessage {
        let message: RPCMessage
        do throws(RPCError) {
            message = try RPCMessage.parse(bytes, limit: limit)
        } catch { throw A2AError(error) }
        guard case .request(let request) = message else {
            throw .invalidRequest("a client sends requests, each with a method and an id")
        }
        id = request.id
        return A2AMessage(
            id: request.id, method: request.method,
            call: try A2ACall(
                method: request.method, params: request.params, extensionMethods: extensionMethods, push: push))
    }

    /// The request as the agent gets it.
    var encoded: [UInt8] {
        RPCWriter.request(id, method, params: call.params.map { params in { $0.value(params) } })
    }
}
