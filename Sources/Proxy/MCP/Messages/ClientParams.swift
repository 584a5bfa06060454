// The params of a client's request, taken apart: what is judged is named here, and what is sent on is written from it.

import JSON

struct ClientParams {
    /// Members that some method of the protocol gives a meaning.
    private static let known = [
        "name", "arguments", "uri", "cursor", "ref", "argument", "context", "level", "_meta", "task", "taskId",
        "requestId", "reason", "progressToken", "progress", "total", "message", "inputResponses", "requestState",
        "protocolVersion", "capabilities", "clientInfo",
    ]

    let value: JSONValue?

    /// - Throws: for a member that differs from a known one in letter case only. A server whose JSON library ignores
    ///   case would read it instead of what was judged.
    init(_ params: JSONValue?) throws(RPCError) {
        value = params
        guard let params else { return }
        for (name, _) in params.members {
            guard let name = name.string, !ClientParams.known.contains(name) else { continue }
            let lowered = ClientParams.folded(name)
            if let twin = ClientParams.known.first(where: { $0.lowercased() == lowered }) {
                throw .invalidRequest("'\(name.prefix(64))' is not '\(twin)'")
            }
        }
        if let meta = params["_meta" as StaticString], meta.kind != .object {
            throw .invalidRequest("'_meta' must be an object")
        }
    }

    /// As JSON libraries that ignore case compare names: also the long s is an s, and the Kelvin sign a k.
    private static func folded(_ name: String) -> String { name.lowercased().replacing("\u{17f}", with: "s") }

    func text(_ name: StaticString) throws(RPCError) -> String {
        guard let text = value?[name]?.string else { throw RPCError(-32602, 400, "'\(name)' must be a string") }
        return text
    }

    /// - Parameter null: stands for what is not sent: several libraries write `null` for a map that is empty.
    func object(_ name: StaticString, null: Bool = false) throws(RPCError) -> JSONValue? {
        guard let object = value?[name], !(null && object.kind == .null) else { return nil }
        guard object.kind == .object else { throw RPCError(-32602, 400, "'\(name)' must be an object") }
        return object
    }

    var progressToken: RPCID? {
        (value?["_meta" as StaticString]?["progressToken" as StaticString]).flatMap { RPCID($0) }
    }

    /// The params with one member's value replaced.
    func encoded(replacing member: String, with text: String) -> [UInt8] {
        encoded { name, writer in
            guard name.equals(member) else { return false }
            writer.value(text)
            return true
        }
    }

    /// The params as they are.
    func encoded() -> [UInt8]? { value == nil ? nil : encoded { _, _ in false } }

    /// `write` writes the value of a member in place of the one that was sent, or says no.
    func encoded(_ write: (JSONValue, inout JSONWriter) -> Bool) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            guard let value else { return }
            for (name, member) in value.members {
                if member.kind == .null, name.equals("arguments" as StaticString) { continue }
                writer.name(name.string ?? "")
                if !write(name, &writer) { writer.value(member) }
            }
        }
        return writer.bytes
    }
}
