// A value inside a parsed document: a reference and an index, cheap to copy. Nothing is converted until it is asked for.

#if canImport(Glibc)
import Glibc
#endif

public struct JSONValue: Sendable {
    public let document: JSONDocument
    let index: Int

    public enum Kind: Hashable, Sendable {
        case null, bool, number, string, array, object
    }

    init(document: JSONDocument, index: Int) {
        self.document = document
        self.index = index
    }

    private var node: JSONDocument.Node { document.nodes[index] }

    public var kind: Kind {
        switch node.kind {
        case .null: .null
        case .true, .false: .bool
        case .integer, .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    public var isNull: Bool { node.kind == .null }

    public var bool: Bool? {
        switch node.kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    // MARK: Strings

    /// Lends the UTF-8 of a string, escapes resolved; nil when this is no string. Valid during `body`.
    public func withUTF8<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        guard node.kind == .string else { return nil }
        return withExtendedLifetime(document) { body(rawBytes) }
    }

    public var string: String? {
        guard node.kind == .string else { return nil }
        return document.text(index)
    }

    /// Whether this is the string `text`, compared by bytes.
    public func equals(_ text: StaticString) -> Bool {
        node.kind == .string && Int(node.length) == text.utf8CodeUnitCount
            && memcmp(document.bytes + Int(node.start), text.utf8Start, Int(node.length)) == 0
    }

    public func equals(_ text: String) -> Bool {
        guard node.kind == .string, Int(node.length) == text.utf8.count else { return false }
        return rawBytes.elementsEqual(text.utf8)
    }

    /// The resolved bytes of a string or the text of a number. Valid while the document lives.
    public var rawBytes: UnsafeBufferPointer<UInt8> {
        switch node.kind {
        case .string, .integer, .number:
            UnsafeBufferPointer(start: document.bytes + Int(node.start), count: Int(node.length))
        default: UnsafeBufferPointer(start: nil, count: 0)
        }
    }

    // MARK: Numbers

    /// Written without fraction and exponent.
    public var isIntegral: Bool { node.kind == .integer }

    /// The number as it was written.
    public var numberText: String? {
        node.kind == .integer || node.kind == .number ? document.text(index) : nil
    }

    /// An integral literal that fits.
    public var int64: Int64? { integer() }
    /// An integral literal that fits.
    public var uint64: UInt64? { integer() }

    private func integer<T: FixedWidthInteger>() -> T? {
        guard node.kind == .integer else { return nil }
        var digits = rawBytes[...]
        let negative = digits.first == UInt8(ascii: "-")
        if negative { digits = digits.dropFirst() }
        var value: T = 0
        for digit in digits {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let step = T(truncatingIfNeeded: digit - 0x30)
            let (sum, carry) =
                negative ? scaled.subtractingReportingOverflow(step) : scaled.addingReportingOverflow(step)
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// The nearest double; infinite when the literal is beyond the range.
    public var double: Double? {
        guard let text = numberText else { return nil }
        return Double(text) ?? strtod(text, nil)
    }

    // MARK: Arrays and objects

    /// Elements of an array, or members of an object; 0 for anything else.
    public var count: Int {
        node.kind == .array || node.kind == .object ? Int(node.length) : 0
    }

    /// The elements of an array; empty for anything else.
    public var elements: Elements { Elements(value: self) }

    /// The members of an object in their order; empty for anything else.
    public var members: Members { Members(value: self) }

    public subscript(name: String) -> JSONValue? {
        var name = name
        return name.withUTF8 { member(named: $0) }
    }

    public subscript(name: StaticString) -> JSONValue? {
        member(named: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    public func member(named name: UnsafeBufferPointer<UInt8>) -> JSONValue? {
        guard node.kind == .object else { return nil }
        let nodes = document.nodes
        let end = Int(node.next)
        var key = index + 1
        while key < end {
            if Int(nodes[key].length) == name.count,
                name.count == 0 || memcmp(document.bytes + Int(nodes[key].start), name.baseAddress!, name.count) == 0
            {
                return JSONValue(document: document, index: key + 1)
            }
            key = Int(nodes[key + 1].next)
        }
        return nil
    }

    public struct Elements: Sequence, IteratorProtocol, Sendable {
        private let document: JSONDocument
        private var next_: Int
        private let end: Int

        init(value: JSONValue) {
            document = value.document
            let isArray = value.node.kind == .array
            next_ = value.index + 1
            end = isArray ? Int(value.node.next) : next_
        }

        public mutating func next() -> JSONValue? {
            guard next_ < end else { return nil }
            defer { next_ = Int(document.nodes[next_].next) }
            return JSONValue(document: document, index: next_)
        }
    }

    public struct Members: Sequence, IteratorProtocol, Sendable {
        private let document: JSONDocument
        private var next_: Int
        private let end: Int

        init(value: JSONValue) {
            document = value.document
            next_ = value.index + 1
            end = value.node.kind == .object ? Int(value.node.next) : next_
        }

        /// `name` is a string value.
        public mutating func next() -> (name: JSONValue, value: JSONValue)? {
            guard next_ < end else { return nil }
            let name = next_
            next_ = Int(document.nodes[name + 1].next)
            return (JSONValue(document: document, index: name), JSONValue(document: document, index: name + 1))
        }
    }
}
