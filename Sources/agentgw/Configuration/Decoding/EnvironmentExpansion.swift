// `$NAME`, `${NAME}` and `${NAME:-default}` in values. Expansion happens after parsing, scalar by scalar: what a variable
// holds can change a value and never the structure of the file.

/// The text after expansion, and from which byte of the text before each of its bytes came.
struct ExpandedText {
    var text: String
    /// Per byte of `text`; nil: nothing was expanded, bytes are where they were.
    var origins: [Int]?

    /// The byte before expansion that byte `offset` of `text` came from.
    func origin(of offset: Int) -> Int {
        guard let origins, let last = origins.last else { return offset }
        return offset < origins.count ? origins[offset] : last
    }
}

extension ExpandedText {
    /// Whether a variable put bytes there; `$$` and a dollar that begins no name do not.
    func hasVariables(of original: String) -> Bool {
        guard let origins else { return false }
        let (before, after) = (Array(original.utf8), Array(text.utf8))
        // A variable that holds nothing leaves no byte, but fewer than there were.
        let dollars = before.count { $0 == UInt8(ascii: "$") }
        return zip(origins, after).contains { before[$0] == UInt8(ascii: "$") && $1 != UInt8(ascii: "$") }
            || after.count + dollars < before.count
    }

    /// Whether byte `offset` of `text` was put there by a variable of `original`.
    func comesFromVariable(_ offset: Int, in original: String) -> Bool {
        guard let origins, origins.indices.contains(offset) else { return false }
        let before = Array(original.utf8.dropFirst(origins[offset]).prefix(2))
        return before.count == 2 && before[0] == UInt8(ascii: "$") && before[1] != UInt8(ascii: "$")
            && Array(text.utf8.dropFirst(offset).prefix(1)) != [UInt8(ascii: "$")]
    }
}

struct ExpansionError: Error, Equatable {
    var message: String
    /// Of the dollar, in bytes of the text.
    var offset: Int
}

struct Environment: Sendable {
    /// Of one value after expansion. A variable may be long (a key, a certificate); this is for accidents.
    static let maximumLength = 1 << 20

    var lookup: @Sendable (String) -> String?
    /// False: a dollar is a dollar, as in files that are data and not configuration.
    var expands = true

    /// For files in which nothing is expanded.
    static let none: Environment = {
        var environment = Environment([:])
        environment.expands = false
        return environment
    }()

    init(_ variables: [String: String]) {
        lookup = { variables[$0] }
    }

    init(lookup: @escaping @Sendable (String) -> String?) {
        self.lookup = lookup
    }

    /// The text that `expand` turns into `text`.
    static func escaped(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            out.append(byte)
            guard byte == UInt8(ascii: "$") else { continue }
            let next = index + 1 < bytes.count ? bytes[index + 1] : byte
            if isNamePart(next) || next == UInt8(ascii: "$") || next == UInt8(ascii: "{") { out.append(byte) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// `$$` is a dollar; a dollar that begins no name stays, as in the regular expression `^/v1$`.
    func expand(_ text: String) throws(ExpansionError) -> ExpandedText {
        let bytes = Array(text.utf8)
        guard expands, bytes.contains(UInt8(ascii: "$")) else { return ExpandedText(text: text, origins: nil) }
        var out: [UInt8] = []
        var origins: [Int] = []
        var at = 0
        func put(_ more: some Sequence<UInt8>, from origin: Int) {
            for byte in more {
                out.append(byte)
                origins.append(origin)
            }
        }
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "$"), at + 1 < bytes.count else {
                put([bytes[at]], from: at)
                at += 1
                continue
            }
            switch bytes[at + 1] {
            case UInt8(ascii: "$"):
                put([UInt8(ascii: "$")], from: at)
                at += 2
            case UInt8(ascii: "{"):
                guard let close = bytes[at...].firstIndex(of: UInt8(ascii: "}")) else {
                    throw ExpansionError(message: "\"${\" without \"}\"; write $$ for a dollar", offset: at)
                }
                put(try braced(bytes[(at + 2)..<close], at: at), from: at)
                at = close + 1
            case let next where Self.isNameStart(next):
                let end = bytes[(at + 1)...].firstIndex { !Self.isNamePart($0) } ?? bytes.count
                put(try value(of: String(decoding: bytes[(at + 1)..<end], as: UTF8.self), at: at).utf8, from: at)
                at = end
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                throw ExpansionError(
                    message: "a variable's name does not begin with a digit; write $$ for a dollar", offset: at)
            default:
                put([UInt8(ascii: "$")], from: at)
                at += 1
            }
            if out.count > Self.maximumLength {
                throw ExpansionError(message: "longer than \(Self.maximumLength) bytes once expanded", offset: at)
            }
        }
        return ExpandedText(text: String(decoding: out, as: UTF8.self), origins: origins)
    }

    private func braced(_ inside: ArraySlice<UInt8>, at offset: Int) throws(ExpansionError) -> [UInt8] {
        let name = inside.prefix { Self.isNamePart($0) }
        let rest = inside.dropFirst(name.count)
        guard let first = name.first, Self.isNameStart(first), rest.isEmpty || rest.starts(with: ":-".utf8) else {
            throw ExpansionError(
                message: "\"${\(Excerpt.of(String(decoding: inside, as: UTF8.self)))}\" names no variable; "
                    + "write ${NAME} or ${NAME:-default}, or $$ for a dollar", offset: offset)
        }
        let text = String(decoding: name, as: UTF8.self)
        guard !rest.isEmpty else { return Array(try value(of: text, at: offset).utf8) }
        // As a shell does: the default also stands for an empty variable.
        if let value = lookup(text), !value.isEmpty { return Array(value.utf8) }
        return Array(rest.dropFirst(2))
    }

    private func value(of name: String, at offset: Int) throws(ExpansionError) -> String {
        guard let value = lookup(name) else {
            throw ExpansionError(
                message: "the environment variable \(name) is not set (write $$ for a literal dollar)", offset: offset)
        }
        return value
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        isNameStart(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
