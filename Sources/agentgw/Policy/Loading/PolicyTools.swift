// The tools that a policy is about: names, or the result of `tools/list` as a client saved it.

import Auth
import JSON

enum PolicyTools {
    /// A list of names and definitions, or a file with a saved result.
    static let list = ValueDecoder<[PolicyTool]>.byNotation(
        scalar: ValueDecoder<String>.nonEmptyString("a path").then { path, node, context in
            saved(path, node, context)
        },
        list: .list(tool, of: "tool"), expected: "a list of tools, or a file with a saved tools/list result")

    private static let tool = ValueDecoder<PolicyTool>.byNotation(
        scalar: ValueDecoder<String>.nonEmptyString("a tool's name").map { PolicyTool(name: $0) },
        mapping: ValueDecoder<PolicyTool>.object(
            "Tool", "A tool as `tools/list` shows it.", make: { _, _ in PolicyTool(name: "") },
            fields: [
                .value("name", \.name, .nonEmptyString("a tool's name"), required: true, "As clients call it."),
                .optional("inputSchema", \.inputSchema, Declarations.free, "The JSON Schema of its arguments."),
                .optional("annotations", \.annotations, Declarations.free, "The server's hints about it."),
                .apply("title", .string(), "Not used.") { _, _, _, _ in true },
                .apply("description", .string(), "Not used.") { _, _, _, _ in true },
            ]), expected: "a tool's name, or a mapping with name and inputSchema")

    /// Paths in a policy file are relative to it.
    private static func saved(_ path: String, _ node: YAMLNode, _ context: DecodingContext) -> [PolicyTool]? {
        let path = RelativePath.resolve(path, besides: context.source.file)
        switch context.files.read(path, ConfigurationFiles.maximumBytes) {
        case .failure(let failure): return context.fail("cannot read \(path): \(failure.message)", at: node)
        case .success(let bytes):
            do throws(PolicyToolsError) {
                return try parse(bytes)
            } catch {
                return context.fail("\(path): \(error.message)", at: node)
            }
        }
    }

    struct PolicyToolsError: Error {
        var message: String
    }

    /// The result (`{"tools": […]}`), a whole JSON-RPC response, or the bare list.
    static func parse(_ bytes: [UInt8]) throws(PolicyToolsError) -> [PolicyTool] {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: bytes)
        } catch {
            throw PolicyToolsError(message: "not JSON: \(error)")
        }
        let root = document.root
        let result = root["result" as StaticString] ?? root
        let list = result.kind == .array ? result : result["tools" as StaticString]
        guard let list, list.kind == .array else {
            throw PolicyToolsError(message: "not a tools/list result: there is no list \"tools\"")
        }
        var tools: [PolicyTool] = []
        for (index, item) in list.elements.enumerated() {
            guard let name = item["name" as StaticString]?.string ?? item.string else {
                throw PolicyToolsError(message: "tool \(index) has no name")
            }
            tools.append(
                PolicyTool(
                    name: name, inputSchema: item["inputSchema" as StaticString].map(MetadataValue.init),
                    annotations: item["annotations" as StaticString].map(MetadataValue.init)))
        }
        return tools
    }
}

extension MetadataValue {
    /// A parsed value as configurations hold it. Numbers that fit are integers.
    init(_ json: JSONValue) {
        switch json.kind {
        case .null: self = .null
        case .bool: self = .bool(json.bool == true)
        case .string: self = .string(json.string ?? "")
        case .number:
            if json.isIntegral, let value = json.int64 { self = .int(value) } else { self = .double(json.double ?? 0) }
        case .array: self = .list(json.elements.map(MetadataValue.init))
        case .object: self = .object(json.members.map { MetadataMember($0.name.string ?? "", MetadataValue($0.value)) })
        }
    }
}

/// Paths that files name.
enum RelativePath {
    /// A path as written in `file`: absolute, or from the folder of the file.
    static func resolve(_ path: String, besides file: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return String(file[...slash]) + path
    }
}
