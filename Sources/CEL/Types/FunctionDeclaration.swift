// The signatures that the checker resolves calls against, and the compact notation in which the library tables are written.

/// One way of calling a function.
public struct Overload: Hashable, Sendable {
    /// Called as `first.f(rest…)`.
    public let isMember: Bool
    /// The receiver first, when there is one.
    public let parameters: [CELType]
    public let result: CELType
    /// Whether the types have variables, which stand for other types at each call.
    let isPolymorphic: Bool

    public init(isMember: Bool, parameters: [CELType], result: CELType) {
        self.isMember = isMember
        self.parameters = parameters
        self.result = result
        isPolymorphic = (parameters + [result]).contains { type in
            type.contains { if case .parameter = $0 { true } else { false } }
        }
    }
}

/// A table of signatures in the notation `name(int, list(A)) -> A` and `string.name(string) -> bool`, one a line. Capital
/// letters are type variables.
struct Signatures {
    let overloads: [(name: String, overload: Overload)]

    init(_ table: String) {
        overloads = table.split(separator: "\n").compactMap { line in
            let line = line.filter { $0 != " " }
            return line.isEmpty ? nil : Signatures.parse(Array(line.utf8))
        }
    }

    private static func parse(_ line: [UInt8]) -> (name: String, overload: Overload) {
        var reader = Reader(bytes: line)
        // A receiver is a type followed by ".name("; names of functions have dots of their own ("math.ceil").
        var receiver: CELType?
        if line.first == UInt8(ascii: "<") {
            reader.skip("<")
            receiver = reader.type()
            reader.skip(">")
            reader.skip(".")
        }
        let name = reader.name()
        reader.skip("(")
        var parameters = receiver.map { [$0] } ?? []
        while reader.peek != UInt8(ascii: ")") {
            parameters.append(reader.type())
            if reader.peek == UInt8(ascii: ",") { reader.skip(",") }
        }
        reader.skip(")->")
        return (name, Overload(isMember: receiver != nil, parameters: parameters, result: reader.type()))
    }

    /// The tables are part of the program, so that a mistake in one stops the first test that builds an environment.
    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var peek: UInt8 { position < bytes.count ? bytes[position] : 0 }

        mutating func skip(_ text: String) {
            for byte in text.utf8 {
                precondition(peek == byte, "signature table: \(String(decoding: bytes, as: UTF8.self)) at \(position)")
                position += 1
            }
        }

        /// Up to the parenthesis; operators have other signs in their names.
        mutating func name() -> String { read(until: "(") }

        private mutating func read(until stops: String) -> String {
            let start = position
            while peek != 0, !stops.utf8.contains(peek) { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }

        mutating func type() -> CELType {
            let name = read(until: "(),>")
            var arguments: [CELType] = []
            if peek == UInt8(ascii: "(") {
                skip("(")
                while peek != UInt8(ascii: ")") {
                    arguments.append(type())
                    if peek == UInt8(ascii: ",") { skip(",") }
                }
                skip(")")
            }
            switch name {
            case "dyn": return .dyn
            case "null": return .null
            case "bool": return .bool
            case "int": return .int
            case "uint": return .uint
            case "double": return .double
            case "string": return .string
            case "bytes": return .bytes
            case "timestamp": return .timestamp
            case "duration": return .duration
            case "list": return .list(arguments.first ?? .dyn)
            case "map":
                return .map(key: arguments.first ?? .dyn, value: arguments.count > 1 ? arguments[1] : .dyn)
            case "optional": return .optional(arguments.first ?? .dyn)
            case "type": return .type(arguments.first ?? .dyn)
            case "ip": return .ip
            case "cidr": return .cidr
            case "secret": return .secret
            default: return .parameter(name)
            }
        }
    }
}
