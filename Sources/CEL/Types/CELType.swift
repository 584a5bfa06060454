// The types of the language, as the checker deduces them and declarations state them.

/// A CEL type (language definition, "Types").
public enum CELType: Hashable, Sendable {
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
    indirect case nullable(CELType)
    /// The type of a type; `type(dyn)` when not known which.
    indirect case type(CELType)
    indirect case list(CELType)
    indirect case map(key: CELType, value: CELType)
    /// Abstract types by name: `optional_type(T)`, `net.IP`, `net.CIDR`, …
    indirect case opaque(String, [CELType])
    /// A record whose fields are declared (`TypeRegistry`): `request`, `jwt`, `mcp.tool`, … or a protobuf message.
    case object(String)
    /// A type variable of a polymorphic declaration.
    case parameter(String)
    /// A type variable of one check, not yet known. No type of a checked expression has any.
    case variable(Int32)

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
        case .variable(let number): "_\(number)"
        }
    }
}

extension CELType {
    /// Whether a part of the type satisfies `predicate`, the type itself included.
    func contains(_ predicate: (CELType) -> Bool) -> Bool {
        if predicate(self) { return true }
        return switch self {
        case .nullable(let inner), .type(let inner), .list(let inner): inner.contains(predicate)
        case .map(let key, let value): key.contains(predicate) || value.contains(predicate)
        case .opaque(_, let arguments): arguments.contains { $0.contains(predicate) }
        default: false
        }
    }

    var hasVariables: Bool { contains { if case .variable = $0 { true } else { false } } }
}
