// What an expression may name: variables with their types, records with their fields, functions, and the container that
// short names are looked up in. Built once, shared by all compilations.

/// A record: a value with declared fields, such as `request` or `jwt`.
public struct RecordType: Sendable {
    public struct Field: Sendable {
        public var type: CELType
        /// The field exists, but not where this environment is used; the text says where it does.
        public var unavailable: String?

        public init(_ type: CELType, unavailable: String? = nil) {
            self.type = type
            self.unavailable = unavailable
        }
    }

    public var name: String
    public var fields: [String: Field]
    /// Fields that are not declared may be there and are `dyn`.
    public var isOpen: Bool

    public init(_ name: String, fields: [String: Field], isOpen: Bool = false) {
        self.name = name
        self.fields = fields
        self.isOpen = isOpen
    }
}

public final class Environment: Sendable {
    /// The namespace of the expression, without dots at its ends: names are looked up in it and in its parents.
    public let container: String
    public let variables: [String: CELType]
    /// By name; roots that exist in other phases only, with the text that says where.
    public let unavailableVariables: [String: String]
    public let records: [String: RecordType]
    public let functions: [String: [Overload]]
    /// The variables in the order of their slots in an `EvaluationContext`.
    package let roots: [String]
    /// The place of each variable in `roots`.
    package let slots: [String: Int]
    /// The first parts of the declared names that have several.
    private let namespaces: Set<String>

    public init(
        container: String = "", variables: [String: CELType] = [:], unavailableVariables: [String: String] = [:],
        records: [RecordType] = [], functions: [String: [Overload]] = [:]
    ) {
        self.container = container
        self.variables = variables
        roots = variables.keys.sorted()
        slots = Dictionary(uniqueKeysWithValues: roots.enumerated().map { ($1, $0) })
        self.unavailableVariables = unavailableVariables
        self.records = Dictionary(records.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.functions = functions.isEmpty ? Environment.library : Environment.library.merging(functions) { $0 + $1 }
        namespaces = Environment.libraryNamespaces.union(Environment.firstParts(variables.keys))
            .union(Environment.firstParts(functions.keys))
    }

    private static let libraryNamespaces = firstParts(library.keys).union(firstParts(typeNames.keys))

    private static func firstParts(_ names: some Sequence<String>) -> Set<String> {
        Set(names.compactMap { name in name.firstIndex(of: ".").map { String(name[..<$0]) } })
    }

    /// Whether a declared name may be `first` and more parts behind it.
    func mayBeginName(_ first: String) -> Bool {
        !container.isEmpty || first.utf8.first == UInt8(ascii: ".") || namespaces.contains(first)
    }

    /// Every function of the language and its libraries.
    public static let library: [String: [Overload]] = {
        var functions: [String: [Overload]] = [:]
        for table in [StandardDeclarations.signatures] + ExtensionDeclarations.all {
            for (name, overload) in table.overloads { functions[name, default: []].append(overload) }
        }
        return functions
    }()

    /// The names that `name` may stand for, the innermost namespace first; a leading dot means the root.
    func candidates(_ name: String) -> [String] {
        if name.hasPrefix(".") { return [String(name.dropFirst())] }
        guard !container.isEmpty else { return [name] }
        var result: [String] = []
        var scope = container[...]
        while true {
            result.append("\(scope).\(name)")
            guard let dot = scope.lastIndex(of: ".") else { break }
            scope = scope[..<dot]
        }
        result.append(name)
        return result
    }

    /// The types that have names of their own.
    static let typeNames: [String: CELType] = [
        "bool": .bool, "int": .int, "uint": .uint, "double": .double, "string": .string, "bytes": .bytes,
        "list": .list(.dyn), "map": .map(key: .dyn, value: .dyn), "null_type": .null, "type": .type(.dyn),
        "google.protobuf.Timestamp": .timestamp, "google.protobuf.Duration": .duration,
        "optional_type": .optional(.dyn), "net.IP": .ip, "net.CIDR": .cidr,
    ]
}
