// An OpenAPI 3 document as tools: each operation with an `operationId` is one, its parameters grouped by where they travel.

import JSON

/// One operation that can be called.
struct OpenAPIOperation: Sendable {
    enum Place: String, CaseIterable, Sendable { case path, query, header }

    struct Parameter: Sendable {
        let name: String
        let place: Place
        let isRequired: Bool
    }

    /// `operationId`
    let name: String
    /// Uppercase.
    let method: String
    /// With `{name}` where a parameter goes.
    let path: String
    let parameters: [Parameter]
    let takesBody: Bool
    let requiresBody: Bool
    /// The tool as `tools/list` shows it, encoded.
    let tool: [UInt8]

    /// GET and HEAD may be sent again when a connection breaks (RFC 9110 §9.2.2 names more; these change nothing).
    var isRepeatable: Bool { method == "GET" || method == "HEAD" }
}

struct OpenAPIDocument: Sendable {
    struct Problem: Error { var description: String }

    private static let methods = ["get", "put", "post", "delete", "patch", "head"]
    /// Fields that are the gateway's or the connection's; a parameter of this name is not for clients to set (OpenAPI
    /// 3.1, "Parameter Object", ignores the first three).
    private static let reserved: Set<String> = [
        "accept", "content-type", "authorization", "cookie", "host", "content-length", "transfer-encoding",
        "connection",
        "upgrade", "te", "trailer", "keep-alive", "proxy-authorization", "forwarded", "x-forwarded-for",
        "x-forwarded-host", "x-forwarded-proto",
    ]
    private static let maximumOperations = 2000

    let operations: [OpenAPIOperation]
    let title: String
    /// The path of the only server that the document names; empty without one.
    let basePath: String

    init(_ text: String) throws(Problem) {
        let root: JSONValue
        do throws(JSONError) {
            root = try JSONDocument(parsing: text, limits: JSONLimits(maximumDepth: 128, maximumBytes: 32 << 20)).root
        } catch { throw Problem(description: "the OpenAPI document is not JSON: \(error)") }
        guard root["openapi" as StaticString]?.string?.hasPrefix("3.") == true else {
            throw Problem(description: "the document is not OpenAPI 3")
        }
        title = root["info" as StaticString]?["title" as StaticString]?.string ?? "openapi"
        basePath = try OpenAPIDocument.base(root)
        var operations: [OpenAPIOperation] = []
        var names: Set<String> = []
        for (path, item) in root["paths" as StaticString]?.members.map({ $0 }) ?? [] {
            guard let path = path.string, path.hasPrefix("/") else { continue }
            let item = try OpenAPIDocument.resolved(item, root)
            for method in OpenAPIDocument.methods {
                guard let operation = item[method], let name = operation["operationId" as StaticString]?.string,
                    !name.isEmpty, name.utf8.count <= 128
                else { continue }
                guard names.insert(name).inserted else {
                    throw Problem(description: "two operations are named '\(name)'")
                }
                guard operations.count < OpenAPIDocument.maximumOperations else {
                    throw Problem(description: "more than \(OpenAPIDocument.maximumOperations) operations")
                }
                if let made = try OpenAPIDocument.operation(name, method, path, item, operation, root) {
                    operations.append(made)
                }
            }
        }
        guard !operations.isEmpty else { throw Problem(description: "no operation has an operationId") }
        self.operations = operations
    }

    private static func base(_ root: JSONValue) throws(Problem) -> String {
        let servers = root["servers" as StaticString]?.elements.map { $0 } ?? []
        guard servers.count <= 1 else { throw Problem(description: "the document names several servers") }
        guard var url = servers.first?["url" as StaticString]?.string else { return "" }
        if let scheme = url.firstRange(of: "://") {
            let rest = url[scheme.upperBound...]
            url = rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? ""
        }
        while url.hasSuffix("/") { url.removeLast() }
        guard !url.contains("{") else { throw Problem(description: "the server's URL has variables") }
        return url.isEmpty || url.hasPrefix("/") ? url : "/" + url
    }

    // MARK: One operation

    /// nil for one that cannot be called with JSON.
    private static func operation(
        _ name: String, _ method: String, _ path: String, _ item: JSONValue, _ operation: JSONValue, _ root: JSONValue
    ) throws(Problem) -> OpenAPIOperation? {
        var parameters: [(OpenAPIOperation.Parameter, JSONValue)] = []
        // The operation's own come last and win.
        for holder in [item, operation] {
            for parameter in holder["parameters" as StaticString]?.elements.map({ $0 }) ?? [] {
                let parameter = try resolved(parameter, root)
                guard let name = parameter["name" as StaticString]?.string,
                    let place = parameter["in" as StaticString]?.string.flatMap(OpenAPIOperation.Place.init)
                else { continue }
                if place == .header, reserved.contains(name.lowercased()) || !isToken(name) { continue }
                parameters.removeAll { $0.0.name == name && $0.0.place == place }
                let isRequired = place == .path || parameter["required" as StaticString]?.bool == true
                parameters.append(
                    (OpenAPIOperation.Parameter(name: name, place: place, isRequired: isRequired), parameter))
            }
        }
        for name in placeholders(path) where !parameters.contains(where: { $0.0.name == name && $0.0.place == .path }) {
            throw Problem(description: "\(method) \(path): the parameter '\(name)' is not declared")
        }
        var body: JSONValue?
        var requiresBody = false
        if let declared = operation["requestBody" as StaticString] {
            let declared = try resolved(declared, root)
            requiresBody = declared["required" as StaticString]?.bool == true
            let content = declared["content" as StaticString]?.members.first { name, _ in
                name.string?.split(separator: ";").first?.lowercased() == "application/json"
            }
            guard let content else { return nil }
            body = content.value["schema" as StaticString] ?? content.value
            if content.value["schema" as StaticString] == nil { body = nil }
        }
        let takesBody = operation["requestBody" as StaticString] != nil
        let tool = try tool(name, method, path, operation, parameters, body, takesBody, requiresBody, root)
        return OpenAPIOperation(
            name: name, method: method.uppercased(), path: path, parameters: parameters.map(\.0), takesBody: takesBody,
            requiresBody: requiresBody, tool: tool)
    }

    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
    }

    static func placeholders(_ path: String) -> [String] {
        path.split(separator: "{").dropFirst().compactMap { part in
            part.firstIndex(of: "}").map { String(part[..<$0]) }
        }
    }

    // MARK: As a tool

    private static func tool(
        _ name: String, _ method: String, _ path: String, _ operation: JSONValue,
        _ parameters: [(OpenAPIOperation.Parameter, JSONValue)], _ body: JSONValue?, _ takesBody: Bool,
        _ requiresBody: Bool, _ root: JSONValue
    ) throws(Problem) -> [UInt8] {
        var needed: [String] = []
        var schemas = JSONWriter()
        schemas.beginObject()
        var required: [String] = []
        for place in OpenAPIOperation.Place.allCases {
            let group = parameters.filter { $0.0.place == place }
            guard !group.isEmpty else { continue }
            if group.contains(where: { $0.0.isRequired }) { required.append(place.rawValue) }
            schemas.name(place.rawValue)
            schemas.object { writer in
                writer.name("type")
                writer.value("object")
                writer.name("properties")
                writer.object { writer in
                    for (parameter, declared) in group {
                        writer.name(parameter.name)
                        schema(declared, &writer, &needed)
                    }
                }
                let names = group.filter { $0.0.isRequired }.map(\.0.name)
                if !names.isEmpty {
                    writer.name("required")
                    writer.array { writer in for name in names { writer.value(name) } }
                }
                writer.name("additionalProperties")
                writer.value(false)
            }
        }
        if takesBody {
            if requiresBody { required.append("body") }
            schemas.name("body")
            if let body { copy(body, &schemas, &needed) } else { schemas.object { _ in } }
        }
        schemas.endObject()

        var writer = JSONWriter()
        let properties = schemas.bytes
        let definitions = try definitions(needed, root)
        writer.object { writer in
            writer.name("name")
            writer.value(name)
            let texts = ["summary", "description"].compactMap { operation[$0]?.string }.filter { !$0.isEmpty }
            writer.name("description")
            writer.value(texts.isEmpty ? "\(method.uppercased()) \(path)" : texts.joined(separator: "\n\n"))
            writer.name("inputSchema")
            writer.object { writer in
                writer.name("type")
                writer.value("object")
                writer.name("properties")
                writer.raw(properties)
                if !required.isEmpty {
                    writer.name("required")
                    writer.array { writer in for name in required { writer.value(name) } }
                }
                writer.name("additionalProperties")
                writer.value(false)
                if let definitions {
                    writer.name("$defs")
                    writer.raw(definitions)
                }
            }
            writer.name("annotations")
            writer.object { writer in
                writer.name("readOnlyHint")
                writer.value(method == "get" || method == "head")
                writer.name("destructiveHint")
                writer.value(method == "delete" || method == "put" || method == "patch")
                writer.name("idempotentHint")
                writer.value(method != "post" && method != "patch")
            }
        }
        return writer.bytes
    }

    /// A parameter's schema, with what the document says about the parameter.
    private static func schema(_ parameter: JSONValue, _ writer: inout JSONWriter, _ needed: inout [String]) {
        let description = parameter["description" as StaticString]?.string
        guard let schema = parameter["schema" as StaticString], schema.kind == .object else {
            return writer.object { writer in
                guard let description else { return }
                writer.name("description")
                writer.value(description)
            }
        }
        guard let description, schema["description" as StaticString] == nil, schema["$ref" as StaticString] == nil
        else { return copy(schema, &writer, &needed) }
        writer.beginObject()
        for (name, value) in schema.members {
            writer.name(name.string ?? "")
            copy(value, &writer, &needed)
        }
        writer.name("description")
        writer.value(description)
        writer.endObject()
    }

    private static let components = "#/components/schemas/"

    /// Copies a schema; references to the document's schemas become references to the tool's own `$defs`.
    private static func copy(_ value: JSONValue, _ writer: inout JSONWriter, _ needed: inout [String]) {
        switch value.kind {
        case .object:
            writer.beginObject()
            for (name, member) in value.members {
                writer.name(name.string ?? "")
                if name.equals("$ref" as StaticString), let target = member.string, target.hasPrefix(components) {
                    let name = String(target.dropFirst(components.count))
                    if !needed.contains(name) { needed.append(name) }
                    writer.value("#/$defs/\(name)")
                } else {
                    copy(member, &writer, &needed)
                }
            }
            writer.endObject()
        case .array:
            writer.beginArray()
            for element in value.elements { copy(element, &writer, &needed) }
            writer.endArray()
        default: writer.value(value)
        }
    }

    private static func definitions(_ names: [String], _ root: JSONValue) throws(Problem) -> [UInt8]? {
        guard !names.isEmpty else { return nil }
        var needed = names
        var writer = JSONWriter()
        writer.beginObject()
        var index = 0
        while index < needed.count {
            let name = needed[index]
            index += 1
            let key = name.replacing("~1", with: "/").replacing("~0", with: "~")
            guard let schema = root["components" as StaticString]?["schemas" as StaticString]?[key] else {
                throw Problem(description: "the schema '\(name)' is not there")
            }
            writer.name(key)
            copy(schema, &writer, &needed)
        }
        writer.endObject()
        return writer.bytes
    }

    /// What a `$ref` in place of a parameter, a body or a path stands for.
    private static func resolved(_ value: JSONValue, _ root: JSONValue) throws(Problem) -> JSONValue {
        var value = value
        for _ in 0..<16 {
            guard let reference = value["$ref" as StaticString] else { return value }
            guard let text = reference.string, text.hasPrefix("#/") else {
                throw Problem(description: "a reference leads to another document, which is not read")
            }
            var place = root
            for part in text.dropFirst(2).split(separator: "/") {
                let name = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
                guard let member = place[name] else {
                    throw Problem(description: "the reference \(text.prefix(128)) leads nowhere")
                }
                place = member
            }
            value = place
        }
        throw Problem(description: "references go round in circles")
    }
}
