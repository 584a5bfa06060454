// The tree of a YAML document with the place of every node: what the decoder reads.

/// A node. Aliases are already replaced by what they stand for, which keeps its own place in the file.
struct YAMLNode: Sendable {
    enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping([YAMLEntry])
    }

    var content: Content
    /// The byte offset of its first character; of a scalar, the first character of its content (behind the quote).
    var offset: Int
    /// How many nodes it holds, itself included.
    var weight: Int

    /// Keys are distinct.
    var entries: [YAMLEntry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    var scalar: YAMLScalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }
}

struct YAMLEntry: Sendable {
    var key: String
    var keyOffset: Int
    var value: YAMLNode
}

struct YAMLScalar: Sendable {
    enum Style: Sendable {
        case plain, singleQuoted, doubleQuoted, literal, folded
    }

    var text: String
    var style: Style
    /// Tagged `!!str` or `!`: text whatever it looks like.
    var isTaggedString: Bool
    /// The scalar in the file, quotes and block header included.
    var source: Range<Int>

    /// Whether it is text by its notation, so that `"80"` is not a number.
    var isText: Bool { style != .plain || isTaggedString }
}

/// What a plain scalar means in YAML 1.2's core schema (§10.3.2).
enum YAMLCoreValue: Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    /// Looks like an integer but does not fit 64 bits.
    case hugeInt
    case float(Double)
    case text

    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .bool(true)
        case "false", "False", "FALSE": self = .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": self = .float(.infinity)
        case "-.inf", "-.Inf", "-.INF": self = .float(-.infinity)
        case ".nan", ".NaN", ".NAN": self = .float(.nan)
        default: self = YAMLCoreValue.number(text) ?? .text
        }
    }

    private static func number(_ text: String) -> YAMLCoreValue? {
        if text.hasPrefix("0x") || text.hasPrefix("0o") {
            let radix = text.hasPrefix("0x") ? 16 : 8
            let digits = text.dropFirst(2)
            guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0, radix: radix) }) else { return nil }
            return Int64(digits, radix: radix).map { .int($0) } ?? .hugeInt
        }
        var rest = text.utf8[...]
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix { isDigit($0, radix: 10) }
        rest = rest.dropFirst(whole.count)
        if rest.isEmpty {
            guard !whole.isEmpty else { return nil }
            return Int64(text).map { .int($0) } ?? .hugeInt
        }
        var fraction = 0
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            let digits = rest.prefix { isDigit($0, radix: 10) }
            fraction = digits.count
            rest = rest.dropFirst(digits.count)
        }
        guard !whole.isEmpty || fraction > 0 else { return nil }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
            guard !rest.isEmpty, rest.allSatisfy({ isDigit($0, radix: 10) }) else { return nil }
            rest = rest.dropFirst(rest.count)
        }
        guard rest.isEmpty else { return nil }
        // Double(_: String) needs digits on both sides of the point.
        var spelled = text
        if spelled.hasPrefix("+") { spelled.removeFirst() }
        if spelled.hasPrefix(".") { spelled = "0" + spelled }
        if spelled.hasPrefix("-.") { spelled = "-0" + spelled.dropFirst() }
        if let point = spelled.firstIndex(of: "."), spelled.index(after: point) == spelled.endIndex { spelled += "0" }
        spelled = spelled.replacing(".e", with: ".0e").replacing(".E", with: ".0E")
        return Double(spelled).map { .float($0) }
    }

    private static func isDigit(_ byte: UInt8, radix: Int) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "7"): true
        case UInt8(ascii: "8"), UInt8(ascii: "9"): radix >= 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): radix == 16
        default: false
        }
    }
}
