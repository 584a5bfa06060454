// The HTTP+JSON binding: from path, query and body to the call that JSON-RPC would have made of them.

import JSON

struct RESTBinding {
    let place: RESTOperation

    /// The call for rules, and the body for the agent; nil: it gets none.
    /// - Parameter body: empty when there is none.
    func call(
        body: UnsafeBufferPointer<UInt8>, query: ByteView?, limit: Int, push: PushTargets
    ) throws(A2AError) -> (call: A2ACall, body: [UInt8]?) {
        var given: JSONValue?
        if body.count > 0 {
            guard place.takesBody else { throw .invalidRequest("'\(place.operation.rawValue)' takes no body here") }
            given = try Self.object(body, limit)
        }
        if place.operation.carriesMessage || place.operation == .setPushConfig, given == nil {
            throw .invalidRequest("a body is needed")
        }
        let fields = try Self.fields(query, allowed: Self.queryNames(place))
        if let given { try checkResource(given) }
        let params = try Self.parsed(params(given, fields))
        let call = try A2ACall(place.operation, place.version, params, push: push, isREST: true)
        return (
            call,
            given.map { value in
                var writer = JSONWriter(capacity: body.count)
                writer.value(value)
                return writer.bytes
            }
        )
    }

    private static func object(_ body: UnsafeBufferPointer<UInt8>, _ limit: Int) throws(A2AError) -> JSONValue {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(
                parsing: UnsafeRawBufferPointer(body), limits: JSONLimits(maximumDepth: 64, maximumBytes: limit))
        } catch { throw .parse("\(error)") }
        guard document.root.kind == .object else { throw .invalidRequest("a message is a JSON object") }
        return document.root
    }

    private static func parsed(_ bytes: [UInt8]) throws(A2AError) -> JSONValue {
        do throws(JSONError) { return try JSONDocument(parsing: bytes).root } catch { throw .parse("\(error)") }
    }

    // MARK: Path

    /// What the body says about the resource must be what the path says.
    private func checkResource(_ body: JSONValue) throws(A2AError) {
        guard let task = place.taskID else { return }
        let names: [StaticString] = place.operation == .setPushConfig ? ["taskId"] : ["id", "taskId"]
        for name in names {
            guard let value = body[name], !value.isNull, !value.equals("") else { continue }
            guard value.equals(task) else { throw .invalidParams("'\(name)' is not the path's") }
        }
        for holder in [body, body["config" as StaticString]] {
            for name: StaticString in ["name", "parent"] {
                guard let value = holder?[name], !value.isNull, !value.equals("") else { continue }
                let text = value.string ?? ""
                guard text == "tasks/\(task)" || text.hasPrefix("tasks/\(task)/") else {
                    throw .invalidParams("'\(name)' is not the path's")
                }
            }
        }
    }

    /// The members that JSON-RPC has in `params`.
    private func params(_ body: JSONValue?, _ fields: [(name: String, value: String)]) -> [UInt8] {
        var own: [(String, String)] = []
        if let task = place.taskID {
            switch (place.operation, place.version) {
            case (.getTask, _), (.cancelTask, _), (.resubscribe, _): own.append(("id", task))
            case (.setPushConfig, _), (_, .v10): own.append(("taskId", task))
            case (_, .v03): own.append(("id", task))
            }
        }
        if let config = place.configID {
            own.append((place.version == .v10 ? "id" : "pushNotificationConfigId", config))
        }
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in own {
                writer.name(name)
                writer.value(value)
            }
            for (name, value) in fields {
                writer.name(name)
                switch name {
                case "historyLength", "pageSize":
                    if let number = Int32(value) { writer.value(Int(number)) } else { writer.value(value) }
                case "includeArtifacts" where value == "true" || value == "false": writer.value(value == "true")
                default: writer.value(value)
                }
            }
            if let body { writer.copyMembers(of: body, except: own.map(\.0)) }
        }
        return writer.bytes
    }

    // MARK: Query

    private static func queryNames(_ place: RESTOperation) -> [String] {
        switch place.operation {
        case .getTask: ["historyLength", "tenant"]
        case .listTasks:
            [
                "contextId", "status", "pageSize", "pageToken", "historyLength", "includeArtifacts",
                "statusTimestampAfter", "lastUpdatedAfter", "tenant",
            ]
        case .listPushConfigs: ["pageSize", "pageToken", "tenant"]
        case .getPushConfig, .deletePushConfig, .getExtendedCard: ["tenant"]
        case .sendMessage, .streamMessage, .cancelTask, .resubscribe, .setPushConfig: []
        }
    }

    /// - Throws: for a field that the operation does not have; an agent might read it as a member of the request.
    private static func fields(
        _ query: ByteView?, allowed: [String]
    ) throws(A2AError) -> [(name: String, value: String)] {
        guard let query, query.count > 0 else { return [] }
        var result: [(name: String, value: String)] = []
        for pair in query.text.split(separator: "&", omittingEmptySubsequences: false) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(parts[0]), let value = decode(parts.count > 1 ? parts[1] : "") else {
                throw .invalidRequest("the query is not well-formed")
            }
            guard allowed.contains(name) else {
                throw .invalidRequest("the query has a field '\(name.prefix(64))', which this operation does not have")
            }
            guard !result.contains(where: { $0.name == name }) else {
                throw .invalidRequest("the query has more than one '\(name)'")
            }
            result.append((name, value))
        }
        return result
    }

    /// nil: a broken escape, or no UTF-8.
    private static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var at = 0
        while at < source.count {
            switch source[at] {
            case UInt8(ascii: "%"):
                guard at + 2 < source.count, let high = ASCII.hexValue(source[at + 1]),
                    let low = ASCII.hexValue(source[at + 2])
                else { return nil }
                bytes.append(UInt8(high << 4 | low))
                at += 2
            case UInt8(ascii: "+"): bytes.append(0x20)
            default: bytes.append(source[at])
            }
            at += 1
        }
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(where: { $0 < 0x20 }) else {
            return nil
        }
        return text
    }
}
