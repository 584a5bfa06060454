// Types and declarations of checked.proto, in the engine's form.

@testable import CEL

extension CELType {
    struct Unknown: Error, CustomStringConvertible { var description: String }

    init(_ proto: TextProto) throws(Unknown) {
        guard let (name, value) = proto.fields.first else { throw Unknown(description: "a type without a kind") }
        switch (name, value) {
        case ("dyn", _): self = .dyn
        case ("null", _): self = .null
        case ("primitive", .scalar(let kind)): self = try CELType.primitive(kind)
        case ("wrapper", .scalar(let kind)): self = .nullable(try CELType.primitive(kind))
        case ("well_known", .scalar("TIMESTAMP")): self = .timestamp
        case ("well_known", .scalar("DURATION")): self = .duration
        case ("well_known", .scalar("ANY")): self = .dyn
        case ("list_type", .message(let inner)):
            self = .list(try inner.message("elem_type").map { proto throws(Unknown) in try CELType(proto) } ?? .dyn)
        case ("map_type", .message(let inner)):
            self = .map(
                key: try inner.message("key_type").map { proto throws(Unknown) in try CELType(proto) } ?? .dyn,
                value: try inner.message("value_type").map { proto throws(Unknown) in try CELType(proto) } ?? .dyn)
        case ("message_type", .quoted(let bytes)):
            switch String(decoding: bytes, as: UTF8.self) {
            case "google.protobuf.Timestamp": self = .timestamp
            case "google.protobuf.Duration": self = .duration
            case let other: self = .object(other)
            }
        case ("type_param", .quoted(let bytes)): self = .parameter(String(decoding: bytes, as: UTF8.self))
        case ("type", .message(let inner)): self = .type(inner.fields.isEmpty ? .dyn : try CELType(inner))
        case ("abstract_type", .message(let inner)):
            var parameters: [CELType] = []
            for parameter in inner.messages("parameter_types") { parameters.append(try CELType(parameter)) }
            self = .opaque(inner.string("name") ?? "", parameters)
        default: throw Unknown(description: "unknown kind of type '\(name)'")
        }
    }

    private static func primitive(_ kind: String) throws(Unknown) -> CELType {
        switch kind {
        case "BOOL": .bool
        case "INT64": .int
        case "UINT64": .uint
        case "DOUBLE": .double
        case "STRING": .string
        case "BYTES": .bytes
        default: throw Unknown(description: "unknown primitive '\(kind)'")
        }
    }
}

extension ConformanceTest {
    /// What the test's expression may name. A binding that is not declared is `dyn`.
    func environment() throws(CELType.Unknown) -> Environment {
        var variables: [String: CELType] = [:]
        var functions: [String: [Overload]] = [:]
        for (name, _) in bindings { variables[name] = .dyn }
        for declaration in declarations {
            let name = declaration.string("name") ?? ""
            if let type = declaration.message("ident")?.message("type") { variables[name] = try CELType(type) }
            for overload in declaration.message("function")?.messages("overloads") ?? [] {
                var parameters: [CELType] = []
                for parameter in overload.messages("params") { parameters.append(try CELType(parameter)) }
                let result = try overload.message("result_type").map { proto throws(CELType.Unknown) in
                    try CELType(proto)
                }
                functions[name, default: []].append(
                    Overload(
                        isMember: overload.bool("is_instance_function"), parameters: parameters,
                        result: result ?? .dyn))
            }
        }
        return Environment(container: container, variables: variables, functions: functions)
    }
}
