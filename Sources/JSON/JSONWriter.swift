// Writes JSON without building a tree: commas and quotes come by themselves, and parsed values are re-encoded with their
// numbers as they were written.

public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    /// For each open array or object: whether a value has been written into it.
    private var hasValue: [Bool] = [false]
    private var afterName = false

    /// - Parameter capacity: the number of bytes that the text will probably have.
    public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    private mutating func separate() {
        if afterName {
            afterName = false
        } else if hasValue[hasValue.count - 1] {
            bytes.append(UInt8(ascii: ","))
        }
        hasValue[hasValue.count - 1] = true
    }

    // MARK: Structure

    public mutating func beginObject() { begin(UInt8(ascii: "{")) }
    public mutating func endObject() { end(UInt8(ascii: "}")) }
    public mutating func beginArray() { begin(UInt8(ascii: "[")) }
    public mutating func endArray() { end(UInt8(ascii: "]")) }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        hasValue.append(false)
    }

    private mutating func end(_ bracket: UInt8) {
        precondition(hasValue.count > 1 && !afterName, "unbalanced JSON")
        hasValue.removeLast()
        bytes.append(bracket)
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        beginObject()
        body(&self)
        endObject()
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        beginArray()
        body(&self)
        endArray()
    }

    /// The name of the next value.
    public mutating func name(_ name: String) {
        precondition(!afterName, "two names in a row")
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        afterName = true
    }

    // MARK: Values

    public mutating func null() { literal("null") }
    public mutating func value(_ value: Bool) { literal(value ? "true" : "false") }
    public mutating func value(_ value: Int) { self.value(Int64(value)) }

    public mutating func value(_ value: Int64) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    public mutating func value(_ value: UInt64) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    /// NaN and infinities, which JSON lacks, become null.
    public mutating func value(_ value: Double) {
        separate()
        guard value.isFinite else { return bytes.append(contentsOf: "null".utf8) }
        if value == value.rounded(), abs(value) < 1e15 {
            bytes.append(contentsOf: String(Int64(value)).utf8)
        } else {
            bytes.append(contentsOf: String(value).utf8)
        }
    }

    public mutating func value(_ value: String) {
        separate()
        quote(value)
    }

    /// UTF-8 that is known to be well-formed.
    public mutating func value(utf8: UnsafeBufferPointer<UInt8>) {
        separate()
        quote(utf8)
    }

    /// Re-encodes a parsed value.
    public mutating func value(_ value: JSONValue) {
        switch value.kind {
        case .null: null()
        case .bool: self.value(value.bool == true)
        case .number:
            separate()
            bytes.append(contentsOf: value.rawBytes)
        case .string: self.value(utf8: value.rawBytes)
        case .array:
            beginArray()
            for element in value.elements { self.value(element) }
            endArray()
        case .object:
            beginObject()
            copyMembers(of: value)
            endObject()
        }
    }

    /// Writes the members of `object` into the open object, in order, but for those named in `names`.
    public mutating func copyMembers(of object: JSONValue, except names: [String] = []) {
        for (name, value) in object.members where !names.contains(where: { name.equals($0) }) {
            member(name, value)
        }
    }

    /// Writes a member whose name comes from a parsed document.
    public mutating func member(_ name: JSONValue, _ value: JSONValue) {
        separate()
        quote(name.rawBytes)
        bytes.append(UInt8(ascii: ":"))
        afterName = true
        self.value(value)
    }

    /// JSON text that is already encoded.
    public mutating func raw(_ json: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    // MARK: Text

    private mutating func quote(_ text: String) {
        var text = text
        text.withUTF8 { quote($0) }
    }

    private mutating func quote(_ utf8: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var position = 0
        while let base = utf8.baseAddress, position < utf8.count {
            let run = PlainText.unescapedPrefix(base + position, utf8.count - position)
            bytes.append(contentsOf: UnsafeBufferPointer(start: base + position, count: run))
            position += run
            if position < utf8.count {
                escape(utf8[position])
                position += 1
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(0x5c)
        if let letter = JSONText.short(byte) { return bytes.append(letter) }
        bytes.append(contentsOf: "u00".utf8)
        bytes.append(byte >> 4 + 0x30)
        let low = byte & 15
        bytes.append(low < 10 ? low + 0x30 : low + 0x57)
    }
}
