// OpenAPI documents that targets name, read and brought into JSON when the configuration is loaded.

import Auth
import JSON
import Proxy

enum OpenAPIFiles {
    static let maximumBytes = 8 << 20

    struct Problem: Error { var message: String }

    static func read(_ source: DocumentSource, _ files: FileReader) throws(Problem) -> String {
        switch source {
        case .inline(let text): return try json(Array(text.utf8), "openapi.schema")
        case .file(let path):
            switch files.read(path, maximumBytes) {
            case .failure(let failure): throw Problem(message: "cannot read \(path): \(failure.message)")
            case .success(let bytes): return try json(bytes, path)
            }
        case .url: throw Problem(message: "not supported yet: an OpenAPI document by URL; write it into a file")
        }
    }

    private static func json(_ bytes: [UInt8], _ name: String) throws(Problem) -> String {
        let first = bytes.first { $0 > 0x20 }
        if first == UInt8(ascii: "{") { return String(decoding: bytes, as: UTF8.self) }
        let source = YAMLSource(file: name, bytes: bytes)
        let (root, issues) = YAMLComposer.compose(source)
        if let issue = issues.first {
            throw Problem(message: "\(source.position(at: issue.offset)): \(issue.message)")
        }
        guard let root else { throw Problem(message: "\(name) is empty") }
        var writer = JSONWriter()
        write(root, &writer)
        return writer.text
    }

    private static func write(_ node: YAMLNode, _ writer: inout JSONWriter) {
        switch node.content {
        case .mapping(let entries):
            writer.beginObject()
            for entry in entries {
                writer.name(entry.key)
                write(entry.value, &writer)
            }
            writer.endObject()
        case .sequence(let nodes):
            writer.beginArray()
            for node in nodes { write(node, &writer) }
            writer.endArray()
        case .scalar(let scalar):
            switch scalar.isText ? .text : YAMLCoreValue(plain: scalar.text) {
            case .null: writer.null()
            case .bool(let value): writer.value(value)
            case .int(let value): writer.value(value)
            case .float(let value) where value.isFinite: writer.value(value)
            case .float, .hugeInt, .text: writer.value(scalar.text)
            }
        }
    }
}

extension GatewayConfiguration {
    /// Puts every document in place. - Returns: what is wrong with them.
    mutating func readOpenAPIDocuments(_ files: FileReader) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        updateMCPBackends { backend in
            for index in backend.targets.indices {
                guard case .openAPI(let address, let prefix, let schema) = backend.targets[index].transport else {
                    continue
                }
                do throws(OpenAPIFiles.Problem) {
                    let text = try OpenAPIFiles.read(schema, files)
                    backend.targets[index].transport = .openAPI(address, pathPrefix: prefix, schema: .inline(text))
                } catch {
                    diagnostics.append(
                        Diagnostic(
                            position: backend.targets[index].position, path: "openapi.schema", message: error.message))
                }
            }
        }
        return diagnostics
    }
}
