// The types of the language, as the checker deduces them and declarations state them.

/// A CEL type (language definition, "Types").
public indirect enum CELType: Hashable, Sendable {
    case dyn
    case error
    case null
    case bool
    case int
    case uint
    case double
    case string
    case bytes
    case timestamp
    case duration
    /// A value of a primitive type or null (google.protobuf wrappers, or a claim that may be absent).
    case nullable(CELType)
    /// The type of a type; `type(dyn)` when not known which.
    case type(CELType)
    case list(CELType)
    case map(key: CELType, value: CELType)
    /// Abstract types by name: `optional_type(T)`, `net.IP`, `net.CIDR`, …
    case opaque(String, [CELType])
    /// A record whose fields are declared (`TypeRegistry`): `request`, `jwt`, `mcp.tool`, … or a protobuf message.
    case object(String)
    /// A type variable of a polymorphic declaration.
    case parameter(String)

    public static func optional(_ wrapped: CELType) -> CELType { .opaque("optional_type", [wrapped]) }
    public static let ip = CELType.opaque("net.IP", [])
    public static let cidr = CELType.opaque("net.CIDR", [])
    public static let jsonMap = CELType.map(key: .string, value: .dyn)
}

extension CELType: CustomStringConvertible {
    /// As the specification's tests and error messages spell it: `map(string, list(int))`.
    public var description: String {
        switch self {
        case .dyn: "dyn"
        case .error: "error"
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .nullable(let inner): "wrapper(\(inner))"
        case .type(let inner): "type(\(inner))"
        case .list(let element): "list(\(element))"
        case .map(let key, let value): "map(\(key), \(value))"
        case .opaque(let name, let arguments):
            arguments.isEmpty ? name : "\(name)(\(arguments.map(\.description).joined(separator: ", ")))"
        case .object(let name), .parameter(let name): name
        }
    }
}
