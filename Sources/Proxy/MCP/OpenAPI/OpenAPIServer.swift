// A REST service as an MCP server: tools are answered from its OpenAPI document, calls become HTTP requests that are written
// from the judged arguments, piece by piece.

import JSON

struct OpenAPIServer: Sendable {
    private let document: OpenAPIDocument
    private let byName: [String: OpenAPIOperation]
    /// Before every operation's path; no slash at its end.
    let pathPrefix: String

    /// - Parameter pathPrefix: as configured; empty: what the document says.
    init(_ text: String, pathPrefix: String) throws(OpenAPIDocument.Problem) {
        document = try OpenAPIDocument(text)
        byName = Dictionary(document.operations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.pathPrefix = pathPrefix.isEmpty || pathPrefix == "/" ? document.basePath : pathPrefix
    }

    // MARK: Answers of the gateway

    func greeting() throws(TargetFailure) -> JSONValue { try GatewayAnswer.greeting(name: document.title) }

    /// nil: a call, which is the service's to answer.
    func answer(_ request: TargetRequest) throws(TargetFailure) -> RPCResponse? {
        switch MCPMethod(rawValue: request.method) {
        case .toolsCall: return nil
        case .toolsList:
            let result = try GatewayAnswer.value { writer in
                writer.object { writer in
                    writer.name("tools")
                    writer.array { writer in for operation in document.operations { writer.raw(operation.tool) } }
                }
            }
            return RPCResponse(id: request.id, outcome: .result(result))
        case .ping: return RPCResponse(id: request.id, outcome: .result(try GatewayAnswer.value { $0.object { _ in } }))
        default: return try refusal(request.id, .unknownMethod(request.method))
        }
    }

    // MARK: Calls

    struct Call {
        var method: String
        var target: String
        var fields: [(name: String, value: String)]
        var body: [UInt8]?
        var isRepeatable: Bool
    }

    /// The HTTP request of a call, or the error that it is answered with.
    func call(_ request: TargetRequest) throws(TargetFailure) -> Result<Call, RPCError> {
        guard let params = request.params.flatMap({ try? JSONDocument(parsing: $0).root }),
            let name = params["name" as StaticString]?.string, let operation = byName[name],
            operation.name.utf8.elementsEqual(name.utf8)
        else { return .failure(.unknownTool("")) }
        do throws(RPCError) {
            return .success(try write(operation, params["arguments" as StaticString]))
        } catch { return .failure(error) }
    }

    private func write(_ operation: OpenAPIOperation, _ arguments: JSONValue?) throws(RPCError) -> Call {
        // What would not be sent must not be there: rules have judged all of it.
        for (name, group) in arguments?.members.map({ $0 }) ?? [] {
            let text = name.string ?? ""
            if text == "body", operation.takesBody { continue }
            guard let place = OpenAPIOperation.Place(rawValue: text), group.kind == .object else {
                throw .invalidParams("there is no argument '\(text.prefix(64))'")
            }
            for (name, _) in group.members {
                let text = name.string ?? ""
                guard operation.parameters.contains(where: { $0.place == place && name.equals($0.name) }) else {
                    throw .invalidParams("there is no \(place.rawValue) parameter '\(text.prefix(64))'")
                }
            }
        }
        var path = operation.path
        var query: [String] = []
        var fields: [(name: String, value: String)] = []
        for parameter in operation.parameters {
            let value = arguments?[parameter.place.rawValue]?[parameter.name]
            guard let value, !value.isNull else {
                guard !parameter.isRequired else {
                    throw .invalidParams("the \(parameter.place.rawValue) parameter '\(parameter.name)' is required")
                }
                continue
            }
            let texts = try self.texts(value, parameter)
            switch parameter.place {
            case .path:
                let text = texts.joined(separator: ",")
                // A dot segment would make another path of it.
                guard !text.isEmpty, text != ".", text != ".." else {
                    throw .invalidParams("the path parameter '\(parameter.name)' cannot be that")
                }
                path = path.replacing("{\(parameter.name)}", with: texts.map(Self.encoded).joined(separator: ","))
            case .query: query += texts.map { "\(Self.encoded(parameter.name))=\(Self.encoded($0))" }
            case .header:
                let text = texts.joined(separator: ",")
                guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }), text.utf8.count <= 4096 else {
                    throw .invalidParams("the header parameter '\(parameter.name)' cannot be that")
                }
                fields.append((parameter.name.lowercased(), text))
            }
        }
        var body: [UInt8]?
        if operation.takesBody {
            if let value = arguments?["body" as StaticString] {
                var writer = JSONWriter()
                writer.value(value)
                body = writer.bytes
            } else if operation.requiresBody {
                throw .invalidParams("'body' is required")
            }
        }
        let target = pathPrefix + path + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        return Call(
            method: operation.method, target: target, fields: fields, body: body, isRepeatable: operation.isRepeatable)
    }

    /// Scalars as they are; the elements of an array one by one (`style: form`, `simple`).
    private func texts(_ value: JSONValue, _ parameter: OpenAPIOperation.Parameter) throws(RPCError) -> [String] {
        func scalar(_ value: JSONValue) throws(RPCError) -> String {
            if let text = value.string ?? value.numberText { return text }
            if let flag = value.bool { return flag ? "true" : "false" }
            throw .invalidParams("the \(parameter.place.rawValue) parameter '\(parameter.name)' must be a simple value")
        }
        guard value.kind == .array else { return [try scalar(value)] }
        var texts: [String] = []
        for element in value.elements { texts.append(try scalar(element)) }
        return texts
    }

    /// Everything but RFC 3986's unreserved characters is percent-encoded.
    static func encoded(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default: out += "%" + [byte].hexadecimal.uppercased()
            }
        }
        return out
    }

    // MARK: Results

    /// What the service has answered, as the result of a tool.
    func result(_ id: RPCID, status: Int, body: [UInt8], isJSON: Bool) throws(TargetFailure) -> RPCResponse {
        guard let text = String(validating: body, as: UTF8.self) else { throw .badAnswer("not text") }
        let parsed = isJSON ? try? JSONDocument(parsing: body).root : nil
        let isFine = (200...299).contains(status)
        let result = try GatewayAnswer.value { writer in
            writer.object { writer in
                writer.name("content")
                writer.array { writer in
                    writer.object { writer in
                        writer.name("type")
                        writer.value("text")
                        writer.name("text")
                        writer.value(isFine ? text : "HTTP status \(status)\(text.isEmpty ? "" : ": \(text)")")
                    }
                }
                if isFine, let parsed, parsed.kind == .object {
                    writer.name("structuredContent")
                    writer.value(parsed)
                }
                if !isFine {
                    writer.name("isError")
                    writer.value(true)
                }
            }
        }
        return RPCResponse(id: id, outcome: .result(result))
    }

    func refusal(_ id: RPCID, _ error: RPCError) throws(TargetFailure) -> RPCResponse {
        RPCResponse(id: id, outcome: .error(try GatewayAnswer.value { error.write(&$0) }))
    }
}
