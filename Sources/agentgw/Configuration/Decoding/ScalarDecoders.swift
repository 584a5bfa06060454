// Decoders of single values: text, numbers, booleans, words of a list, durations, sizes, secrets.

import Auth

/// A scalar with the environment expanded. `text.text` may hold a secret: messages show `written` instead.
struct ExpandedScalar {
    var text: ExpandedText
    var scalar: YAMLScalar

    var wasExpanded: Bool { text.origins != nil }
    var written: String { Excerpt.of(scalar.text) }

    /// What it means in the core schema once expanded.
    var value: YAMLCoreValue { scalar.isText ? .text : YAMLCoreValue(plain: text.text) }
}

enum Scalars {
    /// Whatever scalar stands there.
    static func any(_ expected: String, _ node: YAMLNode, _ context: DecodingContext) -> ExpandedScalar? {
        guard let scalar = node.scalar else {
            return context.fail("expected \(expected), found \(NodeKind.name(of: node))", at: node)
        }
        guard let text = context.expand(scalar, of: node) else { return nil }
        return ExpandedScalar(text: text, scalar: scalar)
    }

    /// Text, with what is needed to point into it. A variable's value is text where text is wanted, even if it looks
    /// like a number.
    static func text(_ expected: String, _ node: YAMLNode, _ context: DecodingContext) -> ExpandedScalar? {
        guard let scalar = any(expected, node, context) else { return nil }
        if scalar.wasExpanded { return scalar }
        switch scalar.value {
        case .text: return scalar
        case .null: return context.fail("expected \(expected), found nothing", at: node)
        case .bool, .int, .hugeInt, .float:
            return context.fail(
                "expected \(expected), found \(NodeKind.name(of: node)); write it in quotes: \"\(scalar.written)\"",
                at: node)
        }
    }
}

extension ValueDecoder where Value == String {
    static func string(_ what: String = "text", pattern: String? = nil) -> ValueDecoder<String> {
        ValueDecoder(.text(what, pattern: pattern)) { node, context in
            Scalars.text(what, node, context)?.text.text
        }
    }

    static func nonEmptyString(_ what: String = "text", pattern: String? = nil) -> ValueDecoder<String> {
        string(what, pattern: pattern).then { text, node, context in
            if text.isEmpty { return context.fail("expected \(what), found an empty one", at: node) }
            if text.utf8.contains(0) { return context.fail("must not contain a NUL character", at: node) }
            return text
        }
    }

    /// A header field's name (RFC 9110 §5.1), in lowercase.
    static var headerName: ValueDecoder<String> {
        nonEmptyString("a header name", pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$").then { name, node, context in
            guard HeaderSyntax.isName(name) else {
                return context.fail("\(NodeKind.written(node)) is not a header name", at: node)
            }
            return name.asciiLowercased
        }
    }

    /// A header field's value: no line break or other control character can get into a head.
    static var headerValue: ValueDecoder<String> {
        string("a header value").then { value, node, context in
            if let problem = HeaderSyntax.problem(inValue: value) { return context.fail(problem, at: node) }
            return value
        }
    }
}

enum HeaderSyntax {
    static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy(isTokenByte)
    }

    /// For names that are keys of a mapping.
    static func problem(inName name: String) -> String? {
        isName(name) ? nil : "\"\(Excerpt.of(name))\" is not a header name"
    }

    static func problem(inValue value: String) -> String? {
        let isSound = value.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }
        return isSound ? nil : "a header value must not contain control characters or line breaks"
    }

    /// RFC 9110 §5.6.2, `tchar`.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension ValueDecoder where Value == Bool {
    static var boolean: ValueDecoder<Bool> { ValueDecoder(.boolean, decodeBoolean) }

    private static func decodeBoolean(_ node: YAMLNode, _ context: DecodingContext) -> Bool? {
        guard let scalar = Scalars.any("true or false", node, context) else { return nil }
        if case .bool(let value) = scalar.value { return value }
        switch scalar.wasExpanded ? "" : scalar.scalar.text.asciiLowercased {
        case "yes", "on", "y":
            return context.fail(
                "expected true or false; \"\(scalar.written)\" is text in YAML 1.2, write true", at: node)
        case "no", "off", "n":
            return context.fail(
                "expected true or false; \"\(scalar.written)\" is text in YAML 1.2, write false", at: node)
        case "true", "false":
            return context.fail("expected true or false, found text; remove the quotes", at: node)
        default:
            return context.fail("expected true or false, found \(NodeKind.name(of: node))", at: node)
        }
    }
}

extension ValueDecoder where Value == Int {
    static func integer(_ range: ClosedRange<Int>, _ what: String = "a whole number") -> ValueDecoder<Int> {
        ValueDecoder(.integer(range)) { node, context in
            guard let scalar = Scalars.any(what, node, context) else { return nil }
            switch scalar.value {
            case .int(let value):
                guard let number = Int(exactly: value), range.contains(number) else {
                    return context.fail(outOfRange(range), at: node)
                }
                return number
            case .hugeInt: return context.fail(outOfRange(range), at: node)
            case .float: return context.fail("expected \(what), found a fraction", at: node)
            case .text where scalar.scalar.isText && isInteger(scalar):
                return context.fail("expected \(what), found text; remove the quotes", at: node)
            default:
                return context.fail("expected \(what), found \(NodeKind.name(of: node))", at: node)
            }
        }
    }

    private static func isInteger(_ scalar: ExpandedScalar) -> Bool {
        switch YAMLCoreValue(plain: scalar.text.text) {
        case .int, .hugeInt: true
        default: false
        }
    }

    private static func outOfRange(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max
            ? "must be at least \(range.lowerBound)" : "must be from \(range.lowerBound) to \(range.upperBound)"
    }

    static var port: ValueDecoder<Int> { integer(1...65535, "a port number") }

    /// Bytes: a number, or one with a unit (`64KiB`, `2MB`).
    static func byteCount(_ range: ClosedRange<Int>) -> ValueDecoder<Int> {
        let number = integer(range, "a number of bytes")
        return ValueDecoder(.either([.integer(range), .text("a size", pattern: "^[0-9]+ ?([kKMG]i?)?B?$")])) {
            node, context in
            guard let scalar = Scalars.any("a number of bytes", node, context) else { return nil }
            guard case .text = scalar.value else { return number(node, context) }
            guard let value = bytes(scalar.text.text) else {
                return context.fail("expected a size such as 65536, 64KiB or 2MB", at: node)
            }
            return range.contains(value) ? value : context.fail(outOfRange(range), at: node)
        }
    }

    static func bytes(_ text: String) -> Int? {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
        var unit = String(text.dropFirst(digits.count))
        if unit.hasPrefix(" ") { unit.removeFirst() }
        let factor: Int
        switch unit {
        case "", "B": factor = 1
        case "kB", "KB", "k", "K": factor = 1000
        case "KiB", "Ki", "kiB": factor = 1 << 10
        case "MB", "M": factor = 1_000_000
        case "MiB", "Mi": factor = 1 << 20
        case "GB", "G": factor = 1_000_000_000
        case "GiB", "Gi": factor = 1 << 30
        default: return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}

extension ValueDecoder where Value == Duration {
    /// `10s`, `1h30m`, `500ms`, `1.5h`. Zero and negative ones only where `minimum` allows.
    static func duration(atLeast minimum: Duration = .milliseconds(1)) -> ValueDecoder<Duration> {
        ValueDecoder(.text("a duration such as 10s, 1h30m or 500ms", pattern: DurationText.pattern)) { node, context in
            guard let scalar = Scalars.any("a duration", node, context) else { return nil }
            switch scalar.value {
            case .text: break
            case .int(0): return minimum <= .zero ? .zero : context.fail("must be longer than zero", at: node)
            case .int, .hugeInt, .float:
                return context.fail("a duration needs a unit; write \(scalar.written)s for seconds", at: node)
            default: return context.fail("expected a duration, found \(NodeKind.name(of: node))", at: node)
            }
            guard let duration = DurationText.parse(scalar.text.text) else {
                return context.fail(
                    "expected a duration such as 10s, 1h30m or 500ms; units are h, m, s, ms, us, ns", at: node)
            }
            guard duration >= minimum else {
                return context.fail(
                    minimum == .zero ? "must not be negative" : "must be at least \(minimum)", at: node)
            }
            guard duration <= DurationText.maximum else { return context.fail("must be at most 10 years", at: node) }
            return duration
        }
    }
}

enum DurationText {
    /// Far beyond any timeout; keeps arithmetic with durations far from overflow.
    static let maximum = Duration.seconds(10 * 366 * 86400)
    static let pattern = #"^([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))+$"#

    static func parse(_ text: String) -> Duration? {
        var rest = text.utf8[...]
        guard !rest.isEmpty, rest.count <= 64 else { return nil }
        var total: Double = 0
        var exact = Duration.zero
        while !rest.isEmpty {
            let number = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) && $0 != UInt8(ascii: ".") }
            rest = rest.dropFirst(unit.count)
            let digits = String(decoding: number, as: UTF8.self)
            guard let nanoseconds = nanoseconds(in: String(decoding: unit, as: UTF8.self)),
                digits.utf8.first != UInt8(ascii: "."), digits.utf8.last != UInt8(ascii: "."),
                let value = Double(digits)
            else { return nil }
            // Bounded before it is converted: a trapping conversion must not be reachable.
            total += value * Double(nanoseconds)
            guard total <= 1e18 else { return nil }
            if let whole = Int64(digits), !whole.multipliedReportingOverflow(by: nanoseconds).overflow {
                exact += .nanoseconds(whole * nanoseconds)
            } else {
                exact += .nanoseconds(Int64((value * Double(nanoseconds)).rounded()))
            }
        }
        return exact
    }

    private static func nanoseconds(in unit: String) -> Int64? {
        switch unit {
        case "h": 3_600_000_000_000
        case "m": 60_000_000_000
        case "s": 1_000_000_000
        case "ms": 1_000_000
        case "us", "µs": 1000
        case "ns": 1
        default: nil
        }
    }
}

extension ValueDecoder where Value: RawRepresentable, Value.RawValue == String, Value: CaseIterable & Sendable {
    /// One of the words of an enum. `unsupported` are words of the format that are refused.
    static func word(
        aliases: [String: Value] = [:], unsupported: [String] = [], except: [Value] = []
    ) -> ValueDecoder<Value> {
        let refused = Set(except.map(\.rawValue)).union(unsupported)
        let names = Value.allCases.map(\.rawValue).filter { !refused.contains($0) }
        return ValueDecoder(.choice(names)) { node, context in
            guard let scalar = Scalars.any("one of \(names.joined(separator: ", "))", node, context) else { return nil }
            let text = scalar.text.text
            if refused.contains(text) { return context.fail("not supported yet: \(text)", at: node) }
            if let value = Value(rawValue: text) ?? aliases[text] { return value }
            return context.fail(
                "\"\(scalar.written)\" is not one of \(names.joined(separator: ", "))"
                    + Suggestion.hint(for: scalar.scalar.text, among: names), at: node)
        }
    }
}

extension ValueDecoder where Value == Secret {
    /// Of a secret in a file, in bytes. The longest are PEM chains.
    static var maximumLength: Int { 64 << 10 }

    /// Text that no message shows.
    static func secret(_ what: String) -> ValueDecoder<Secret> {
        ValueDecoder(.text(what)) { node, context in
            guard let scalar = Scalars.any(what, node, context) else { return nil }
            if !scalar.wasExpanded, case .null = scalar.value {
                return context.fail("expected \(what), found nothing", at: node)
            }
            if !scalar.wasExpanded, scalar.value != .text {
                return context.fail("expected \(what), found \(NodeKind.name(of: node)); write it in quotes", at: node)
            }
            if scalar.text.text.isEmpty { return context.fail("expected \(what), found an empty one", at: node) }
            return Secret(scalar.text.text)
        }
    }

    /// In place, or `{file: PATH}`, whose content is trimmed.
    static func secretOrFile(_ what: String) -> ValueDecoder<Secret> {
        let inline = secret(what)
        return .byNotation(scalar: inline, mapping: secretFile(what), expected: "\(what) or {file: …}")
    }

    static func secretFile(_ what: String) -> ValueDecoder<Secret> {
        ValueDecoder<String>.object(
            "SecretFile", "A secret kept in a file of its own.", make: { _, _ in "" },
            fields: [
                .value(
                    "file", \.self, .nonEmptyString("a path"), required: true,
                    "Path of the file, relative to the working directory. White space at both ends is dropped.")
            ]
        ).then { path, node, context in .file(path, node, context) }
    }
}

extension String {
    /// ASCII letters only; the rest stays, as protocols compare.
    var asciiLowercased: String {
        String(
            decoding: utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}

extension Array where Element == UInt8 {
    var trimmingASCIIWhitespace: [UInt8] {
        func isWhite(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = firstIndex(where: { !isWhite($0) }), let last = lastIndex(where: { !isWhite($0) }) else {
            return []
        }
        return Array(self[first...last])
    }
}
