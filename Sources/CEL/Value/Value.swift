// The value of the hot path: sixteen trivial bytes, copied without reference counting.
// Invariant: a pointer inside a value refers to memory that outlives every use of the value: the evaluation's arena, a
// program's constants, a `ValueTree`, or memory that the host keeps alive while it evaluates. Nothing is freed singly.

#if canImport(Glibc)
import Glibc
#endif

package typealias Bytes = UnsafeBufferPointer<UInt8>

package struct Value {
    package enum Tag: UInt8 {
        /// No value: an empty slot, a member that is not there.
        case absent
        case null, bool, int, uint, double, string, bytes, timestamp, duration, type, list, map, optional, ip, cidr,
            secret
        /// An object of the host, its fields read when asked for.
        case record
        /// Not known yet (partial evaluation).
        case unknown
        case error
    }

    package var tag: Tag
    /// IP: 4 or 6. Errors: the raw value of the code.
    var flag: UInt8 = 0
    /// CIDR: the prefix length. Errors with a static text: its length.
    var aux: UInt16 = 0
    /// Strings, bytes: bytes. Lists: elements. Timestamps: nanoseconds. Errors, unknowns: the node.
    var length: UInt32 = 0
    var payload: UInt64 = 0

    @inline(__always)
    init(_ tag: Tag, payload: UInt64 = 0, length: UInt32 = 0, flag: UInt8 = 0, aux: UInt16 = 0) {
        self.tag = tag
        self.payload = payload
        self.length = length
        self.flag = flag
        self.aux = aux
    }

    // MARK: Scalars

    package static var absent: Value { Value(.absent) }
    package static var null: Value { Value(.null) }
    package static var unknown: Value { Value(.unknown, length: .max) }
    @inline(__always) package static func bool(_ value: Bool) -> Value { Value(.bool, payload: value ? 1 : 0) }
    package static func int(_ value: Int64) -> Value { Value(.int, payload: UInt64(bitPattern: value)) }
    package static func int(_ value: Int) -> Value { Value(.int, payload: UInt64(bitPattern: Int64(value))) }
    package static func uint(_ value: UInt64) -> Value { Value(.uint, payload: value) }
    package static func double(_ value: Double) -> Value { Value(.double, payload: value.bitPattern) }
    /// Nanoseconds.
    package static func duration(_ nanoseconds: Int64) -> Value {
        Value(.duration, payload: UInt64(bitPattern: nanoseconds))
    }
    /// Seconds since 1970 and the nanoseconds after them (0..<1e9).
    package static func timestamp(seconds: Int64, nanoseconds: UInt32) -> Value {
        Value(.timestamp, payload: UInt64(bitPattern: seconds), length: nanoseconds)
    }

    @inline(__always) package var isTrue: Bool { tag == .bool && payload != 0 }
    @inline(__always) package var isFalse: Bool { tag == .bool && payload == 0 }
    @inline(__always) var asBool: Bool { payload != 0 }
    @inline(__always) var asInt: Int64 { Int64(bitPattern: payload) }
    @inline(__always) var asUInt: UInt64 { payload }
    @inline(__always) var asDouble: Double { Double(bitPattern: payload) }

    var isNumber: Bool { tag == .int || tag == .uint || tag == .double }
    /// Neither an error nor unknown.
    @inline(__always) package var isKnown: Bool { tag.rawValue < Tag.unknown.rawValue }

    // MARK: Bytes

    /// UTF-8 that is known to be well-formed.
    @inline(__always) package static func string(_ utf8: Bytes) -> Value { run(.string, utf8) }
    @inline(__always) package static func bytes(_ bytes: Bytes) -> Value { run(.bytes, bytes) }
    static func string(_ text: StaticString) -> Value {
        run(.string, Bytes(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    static func type(named name: Bytes) -> Value { run(.type, name) }
    static func type(_ name: StaticString) -> Value {
        run(.type, Bytes(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    @inline(__always) private static func run(_ tag: Tag, _ bytes: Bytes) -> Value {
        Value(
            tag, payload: UInt64(UInt(bitPattern: bytes.baseAddress)), length: UInt32(truncatingIfNeeded: bytes.count))
    }

    /// The bytes of a string, bytes, type name or secret.
    @inline(__always) package var run: Bytes {
        Bytes(start: UnsafePointer(bitPattern: UInt(payload)), count: Int(length))
    }

    package var text: String { String(decoding: run, as: UTF8.self) }

    @inline(__always) static func sameRun(_ a: Value, _ b: Value) -> Bool {
        guard a.length == b.length else { return false }
        guard a.payload != b.payload, a.length != 0,
            let x = UnsafeRawPointer(bitPattern: UInt(a.payload)), let y = UnsafeRawPointer(bitPattern: UInt(b.payload))
        else { return true }
        return sameBytes(x, y, Int(a.length))
    }

    /// Names are short: two overlapping loads from either end cost a fifth of a call of memcmp.
    @inline(__always)
    static func sameBytes(_ x: UnsafeRawPointer, _ y: UnsafeRawPointer, _ count: Int) -> Bool {
        @inline(__always) func same<T: FixedWidthInteger>(_ offset: Int, _: T.Type) -> Bool {
            x.loadUnaligned(fromByteOffset: offset, as: T.self) == y.loadUnaligned(fromByteOffset: offset, as: T.self)
        }
        if count > 16 { return memcmp(x, y, count) == 0 }
        if count >= 8 { return same(0, UInt64.self) && same(count - 8, UInt64.self) }
        if count >= 4 { return same(0, UInt32.self) && same(count - 4, UInt32.self) }
        if count >= 2 { return same(0, UInt16.self) && same(count - 2, UInt16.self) }
        return count == 0 || same(0, UInt8.self)
    }

    // MARK: Aggregates

    package static func list(_ elements: UnsafeBufferPointer<Value>) -> Value {
        Value(
            .list, payload: UInt64(UInt(bitPattern: elements.baseAddress)),
            length: UInt32(truncatingIfNeeded: elements.count))
    }

    @inline(__always) var elements: UnsafeBufferPointer<Value> {
        UnsafeBufferPointer(start: UnsafePointer(bitPattern: UInt(payload)), count: Int(length))
    }

    static func map(_ storage: UnsafePointer<MapStorage>) -> Value {
        Value(
            .map, payload: UInt64(UInt(bitPattern: storage)), length: UInt32(truncatingIfNeeded: storage.pointee.count))
    }

    /// Only for a map that is not empty.
    @inline(__always) var mapStorage: UnsafePointer<MapStorage>? { UnsafePointer(bitPattern: UInt(payload)) }

    static var emptyMap: Value { Value(.map) }
    static var emptyList: Value { Value(.list) }
    static var none: Value { Value(.optional) }

    /// What an optional holds; absent for none.
    var wrapped: Value {
        guard let pointer = UnsafePointer<Value>(bitPattern: UInt(payload)) else { return .absent }
        return pointer.pointee
    }

    // MARK: Errors

    /// A node's number is filled in by the node that sees the error first.
    static func error(_ code: EvaluationError.Kind, _ message: StaticString) -> Value {
        Value(
            .error, payload: UInt64(UInt(bitPattern: message.utf8Start)) | Value.staticMessage, length: .max,
            flag: code.rawValue, aux: UInt16(truncatingIfNeeded: message.utf8CodeUnitCount))
    }
    /// Set in the payload when it points to a static text rather than to a value that says more.
    private static var staticMessage: UInt64 { 1 << 63 }

    static func error(_ code: EvaluationError.Kind, detail: UnsafePointer<Value>?) -> Value {
        Value(.error, payload: UInt64(UInt(bitPattern: detail)), length: .max, flag: code.rawValue)
    }

    var errorKind: EvaluationError.Kind { EvaluationError.Kind(rawValue: flag) ?? .invalidArgument }

    var errorText: String {
        if payload & Value.staticMessage != 0 {
            let bytes = Bytes(start: UnsafePointer(bitPattern: UInt(payload & ~Value.staticMessage)), count: Int(aux))
            return String(decoding: bytes, as: UTF8.self)
        }
        guard let detail = UnsafePointer<Value>(bitPattern: UInt(payload))?.pointee else {
            return errorKind.description
        }
        if errorKind == .noSuchKey { return "no such key: \(CELValue(detail).debugText)" }
        return detail.text
    }

    /// The name of a value's type as `type()` gives it.
    var typeName: StaticString {
        switch tag {
        case .absent, .unknown: "unknown"
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .type: "type"
        case .list: "list"
        case .map: "map"
        case .record: "map"
        case .optional: "optional_type"
        case .ip: "net.IP"
        case .cidr: "net.CIDR"
        case .secret: "secret"
        case .error: "error"
        }
    }
}
