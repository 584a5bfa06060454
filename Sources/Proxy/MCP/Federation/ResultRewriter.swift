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
        case .toolsCall, .tasksResult: object(value, "content", &writer) { contentBlock($0, &$1) }
        case .resourcesRead: object(value, "contents", &writer) { withURI($0, &$1) }
        case .promptsGet:
            object(value, "messages", &writer) { message, writer in
                writer.object { writer in
                    for (name, member) in message.members {
                        guard name.equals("content" as StaticString), member.kind == .object else {
                            writer.member(name, member)
                            continue
                        }
                        writer.name("content")
                        contentBlock(member, &writer)
                    }
                }
            }
        default: writer.value(value)
        }
    }

    /// Params of a target's notification; nil params stay away.
    func notificationParams(_ value: JSONValue, of method: ServerNotification, _ writer: inout JSONWriter) {
        if method == .resourceUpdated { withURI(value, &writer) } else { writer.value(value) }
    }

    /// Copies an object, its array `member` element by element.
    private func object(
        _ value: JSONValue, _ member: StaticString, _ writer: inout JSONWriter,
        _ element: (JSONValue, inout JSONWriter) -> Void
    ) {
        writer.object { writer in
            for (name, inner) in value.members {
                guard name.equals(member), inner.kind == .array else {
                    writer.member(name, inner)
                    continue
                }
                writer.name(name.string ?? "")
                writer.array { writer in for item in inner.elements { element(item, &writer) } }
            }
        }
    }

    private func contentBlock(_ block: JSONValue, _ writer: inout JSONWriter) {
        guard block.kind == .object, let type = block["type" as StaticString] else { return writer.value(block) }
        if type.equals("resource_link" as StaticString) {
            withURI(block, &writer)
        } else if type.equals("resource" as StaticString) {
            writer.object { writer in
                for (name, member) in block.members {
                    guard name.equals("resource" as StaticString), member.kind == .object else {
                        writer.member(name, member)
                        continue
                    }
                    writer.name("resource")
                    withURI(member, &writer)
                }
            }
        } else {
            writer.value(block)
        }
    }

    private func withURI(_ value: JSONValue, _ writer: inout JSONWriter) {
        guard value.kind == .object else { return writer.value(value) }
        writer.object { writer in
            for (name, member) in value.members {
                guard name.equals("uri" as StaticString), let uri = member.string else {
                    writer.member(name, member)
                    continue
                }
                writer.name("uri")
                writer.value(names.uri(uri, of: target))
            }
        }
    }
}
