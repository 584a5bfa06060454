// The A2A message of a case: the parameters that a client would send, read as the gateway reads them.

import Auth
import JSON
import Proxy

struct AgentMessageBuilder {
    private let message: CaseAgentMessage

    init(_ message: CaseAgentMessage) { self.message = message }

    /// - Throws: for a message that no client could write.
    func call(
        _ destination: GatewayTrial.Destination, backend: Int
    ) throws(BrokenCase) -> Result<A2ACall, A2AError>? {
        let params = try self.params.map(Self.json)
        do throws(A2AError) {
            return try destination.agentCall(method: message.method, params: params, backend: backend).map {
                .success($0)
            }
        } catch { return .failure(error) }
    }

    /// nil: none are sent.
    private var params: MetadataValue? {
        get throws(BrokenCase) {
            if let params = message.params { return params }
            guard let (operation, version) = A2AOperation.named(message.method) else {
                return message.message.map { .object([MetadataMember("message", $0)]) }
            }
            switch operation {
            case .sendMessage, .streamMessage: return .object([MetadataMember("message", .object(content(version)))])
            case .listTasks, .getExtendedCard:
                return .object(message.contextID.map { [MetadataMember("contextId", .string($0))] } ?? [])
            default:
                guard let task = message.taskID else {
                    throw BrokenCase(message: "\(message.method) is about a task: write `taskId`")
                }
                return .object([MetadataMember(Self.taskName(operation, version), .string(task))])
            }
        }
    }

    /// What a message has, where the case does not say otherwise.
    private func content(_ version: A2AVersion) -> [MetadataMember] {
        var members: [MetadataMember] = []
        var text: String?
        switch message.message {
        case .object(let own)?: members = own
        case .string(let written)?: text = written
        default: break
        }
        func fill(_ name: String, _ value: MetadataValue) {
            if !members.contains(where: { $0.name == name }) { members.append(MetadataMember(name, value)) }
        }
        var part = [MetadataMember("text", .string(text ?? "hello"))]
        if version == .v03 {
            part.insert(MetadataMember("kind", .string("text")), at: 0)
            fill("kind", .string("message"))
        }
        fill("messageId", .string("message-1"))
        fill("role", .string(version == .v03 ? "user" : "ROLE_USER"))
        fill("parts", .list([.object(part)]))
        if let task = message.taskID { fill("taskId", .string(task)) }
        if let context = message.contextID { fill("contextId", .string(context)) }
        if let skill = message.skill { fill("metadata", .object([MetadataMember("skillId", .string(skill))])) }
        return members
    }

    private static func taskName(_ operation: A2AOperation, _ version: A2AVersion) -> String {
        switch (operation, version) {
        case (.getTask, _), (.cancelTask, _), (.resubscribe, _): "id"
        case (.setPushConfig, _), (_, .v10): "taskId"
        case (_, .v03): "id"
        }
    }

    private static func json(_ value: MetadataValue) throws(BrokenCase) -> JSONValue {
        var writer = JSONWriter()
        writer.value(value)
        do throws(JSONError) {
            return try JSONDocument(parsing: writer.bytes).root
        } catch { throw BrokenCase(message: "the parameters are not JSON: \(error)") }
    }
}
