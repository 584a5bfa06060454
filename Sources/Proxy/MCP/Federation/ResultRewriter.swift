// Targets' results and notifications with the names that clients know. Everything but names passes as it was parsed.

import JSON

struct ResultRewriter {
    let names: ExposedNames
    let target: Int

    /// An item of a list, under its exposed name or URI.
    func item(_ value: JSONValue, _ kind: ListKind, exposed: String, _ writer: inout JSONWriter) {
        writer.object { writer in
            for (name, member) in value.members {
                guard name.equals(kind.key) else {
                    writer.member(name, member)
                    continue
                }
                writer.name(name.string ?? "")
                writer.value(exposed)
            }
        }
    }

    /// A result of the modern era as one of the legacy era, which has no types of results.
    static func withoutType(_ result: JSONValue) -> JSONValue {
        guard result["resultType" as StaticString] != nil else { return result }
        var writer = JSONWriter()
        writer.object { $0.copyMembers(of: result, except: ["resultType", "ttlMs", "cacheScope"]) }
        return (try? JSONDocument(parsing: writer.bytes).root) ?? result
    }

    /// The result of a call.
    func result(_ value: JSONValue, of method: MCPMethod, _ writer: inout JSONWriter) {
        switch method {
        case .toolsCall where value["task" as StaticString] != nil:
            // What the call has begun (2025-11-25, "Tasks").
            object(value, &writer) { name, member, writer in
                guard name.equals("task" as StaticString) else { return false }
                writer.name("task")
                task(member, &writer)
                return true
            }
        case .toolsCall: array(value, "content", &writer) { contentBlock($0, &$1) }
        case .tasksResult:
            // The result of the call that the task was: only a call of a tool can be one.
            array(value, "content", &writer) { contentBlock($0, &$1) }
        case .tasksGet, .tasksCancel: task(value, &writer)
        case .resourcesRead: array(value, "contents", &writer) { withURI($0, &$1) }
        case .promptsGet:
            array(value, "messages", &writer) { message, writer in
                object(message, &writer) { name, member, writer in
                    guard name.equals("content" as StaticString), member.kind == .object else { return false }
                    writer.name("content")
                    contentBlock(member, &writer)
                    return true
                }
            }
        default: writer.value(value)
        }
    }

    /// Params of a target's notification.
    func notificationParams(_ value: JSONValue, of method: ServerNotification, _ writer: inout JSONWriter) {
        switch method {
        case .resourceUpdated: withURI(value, &writer)
        case .taskStatus: task(value, &writer)
        default: requestParams(value, &writer)
        }
    }

    /// Params of a target's request.
    func requestParams(_ value: JSONValue, _ writer: inout JSONWriter) {
        object(value, &writer) { _, _, _ in false }
    }

    /// A task, or what is said about one.
    func task(_ value: JSONValue, _ writer: inout JSONWriter) {
        object(value, &writer) { name, member, writer in
            guard name.equals("taskId" as StaticString), let id = member.string else { return false }
            writer.name("taskId")
            writer.value(names.uri(id, of: target))
            return true
        }
    }

    // MARK: Parts

    /// Copies an object: `change` writes a member, name and value, or says no.
    private func object(
        _ value: JSONValue, _ writer: inout JSONWriter,
        _ change: (_ name: JSONValue, _ member: JSONValue, inout JSONWriter) -> Bool
    ) {
        guard value.kind == .object else { return writer.value(value) }
        writer.object { writer in
            for (name, member) in value.members {
                if change(name, member, &writer) { continue }
                guard names.wrapsURIs, name.equals("_meta" as StaticString), RelatedTask.id(in: member) != nil else {
                    writer.member(name, member)
                    continue
                }
                writer.name("_meta")
                RelatedTask.write(member, &writer) { names.uri($0, of: target) }
            }
        }
    }

    /// Copies an object, its array `list` element by element.
    private func array(
        _ value: JSONValue, _ list: StaticString, _ writer: inout JSONWriter,
        _ element: (JSONValue, inout JSONWriter) -> Void
    ) {
        object(value, &writer) { name, member, writer in
            guard name.equals(list), member.kind == .array else { return false }
            writer.name(name.string ?? "")
            writer.array { writer in for item in member.elements { element(item, &writer) } }
            return true
        }
    }

    private func contentBlock(_ block: JSONValue, _ writer: inout JSONWriter) {
        guard block.kind == .object, let type = block["type" as StaticString] else { return writer.value(block) }
        if type.equals("resource_link" as StaticString) {
            withURI(block, &writer)
        } else if type.equals("resource" as StaticString) {
            object(block, &writer) { name, member, writer in
                guard name.equals("resource" as StaticString), member.kind == .object else { return false }
                writer.name("resource")
                withURI(member, &writer)
                return true
            }
        } else {
            writer.value(block)
        }
    }

    private func withURI(_ value: JSONValue, _ writer: inout JSONWriter) {
        object(value, &writer) { name, member, writer in
            guard name.equals("uri" as StaticString), let uri = member.string else { return false }
            writer.name("uri")
            writer.value(names.uri(uri, of: target))
            return true
        }
    }
}

/// The task that a message belongs to: a member of its `_meta` (2025-11-25, "Related Task Metadata").
enum RelatedTask {
    private static let key: StaticString = "io.modelcontextprotocol/related-task"

    static func id(in meta: JSONValue) -> String? { meta[key]?["taskId" as StaticString]?.string }

    /// Writes `_meta` with another name for the task.
    static func write(_ meta: JSONValue, _ writer: inout JSONWriter, _ rename: (String) -> String) {
        writer.object { writer in
            for (name, value) in meta.members {
                guard name.equals(key), let id = id(in: meta) else {
                    writer.member(name, value)
                    continue
                }
                writer.name("\(key)")
                writer.object { writer in
                    writer.copyMembers(of: value, except: ["taskId"])
                    writer.name("taskId")
                    writer.value(rename(id))
                }
            }
        }
    }
}
