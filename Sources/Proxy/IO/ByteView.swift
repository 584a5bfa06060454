// A borrowed run of bytes: how the layers above look into read buffers without copying and without raw pointers.
// Invariant: a view is valid only until its owner reads again, is reset or is freed; it is never stored across an await
// that lets the owner do so.

import Glibc

package struct ByteView: RandomAccessCollection, @unchecked Sendable {
    package let base: UnsafePointer<UInt8>?
    package let count: Int

    @inlinable
    package init(_ base: UnsafePointer<UInt8>?, _ count: Int) {
        self.base = base
        self.count = count
    }

    @inlinable
    package init(_ buffer: UnsafeBufferPointer<UInt8>) {
        self.init(buffer.baseAddress, buffer.count)
    }

    /// The bytes of a literal, which live as long as the program.
    @inlinable
    package init(_ literal: StaticString) {
        self.init(literal.utf8Start, literal.utf8CodeUnitCount)
    }

    package static let empty = ByteView(nil, 0)

    @inlinable package var startIndex: Int { 0 }
    @inlinable package var endIndex: Int { count }

    @inlinable
    package subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count)
        return base.unsafelyUnwrapped[index]
    }

    /// A part of the view; the bounds are checked.
    @inlinable
    package func slice(_ start: Int, _ end: Int) -> ByteView {
        precondition(start >= 0 && start <= end && end <= count)
        return ByteView(base.map { $0 + start }, end - start)
    }

    @inlinable package var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    /// The bytes as text; malformed UTF-8 becomes U+FFFD.
    package var text: String { String(decoding: buffer, as: UTF8.self) }

    package var bytes: [UInt8] { Array(buffer) }

    package static func == (a: ByteView, b: ByteView) -> Bool {
        a.count == b.count && (a.count == 0 || memcmp(a.base.unsafelyUnwrapped, b.base.unsafelyUnwrapped, a.count) == 0)
    }

    package static func == (a: ByteView, b: StaticString) -> Bool { a == ByteView(b) }

    package static func == (a: ByteView, b: [UInt8]) -> Bool {
        b.withUnsafeBufferPointer { a == ByteView($0) }
    }

    package func starts(with prefix: StaticString) -> Bool {
        count >= prefix.utf8CodeUnitCount && slice(0, prefix.utf8CodeUnitCount) == prefix
    }

    /// ASCII case-insensitive comparison, as header names, hosts and codings are compared.
    package func equalsIgnoringCase(_ other: ByteView) -> Bool {
        guard count == other.count, count > 0 else { return count == other.count }
        let a = base.unsafelyUnwrapped
        let b = other.base.unsafelyUnwrapped
        var i = 0
        while i < count {
            if a[i] != b[i], ASCII.lowercase(a[i]) != ASCII.lowercase(b[i]) { return false }
            i += 1
        }
        return true
    }

    @inline(__always)
    package func equalsIgnoringCase(_ other: StaticString) -> Bool {
        // The last byte tells most names of one length apart.
        guard count == other.utf8CodeUnitCount, count > 0,
            ASCII.lowercase(self[count - 1]) == ASCII.lowercase(other.utf8Start[count - 1])
        else { return count == 0 && other.utf8CodeUnitCount == 0 }
        return equalsIgnoringCase(ByteView(other))
    }

    /// Without spaces and tabs at both ends (OWS, RFC 9110 §5.6.3).
    package var trimmed: ByteView {
        var start = 0
        var end = count
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return slice(start, end)
    }

    /// The elements of a comma-separated list (RFC 9110 §5.6.1), trimmed, empty ones left out.
    package func listElements() -> [ByteView] {
        var result: [ByteView] = []
        var start = 0
        for i in 0...count where i == count || self[i] == UInt8(ascii: ",") {
            let element = slice(start, i).trimmed
            if element.count > 0 { result.append(element) }
            start = i + 1
        }
        return result
    }
}

/// Character classes of RFC 9110 and 9112.
package enum ASCII {
    @inlinable
    package static func lowercase(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// A `tchar` (RFC 9110 §5.6.2).
    @inlinable
    package static func isToken(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? tokenLow : tokenHigh) & (1 << UInt64(byte & 63)) != 0
    }

    // As literals, because a lazily initialised constant is checked at every use.
    /// ! # $ % & ' * + - . 0-9
    @usableFromInline static var tokenLow: UInt64 { 0x03ff6cfa00000000 }
    /// A-Z ^ _ ` a-z | ~
    @usableFromInline static var tokenHigh: UInt64 { 0x57ffffffc7fffffe }

    @inlinable package static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    @inlinable
    package static func hexValue(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x41 + 10
        case 0x61...0x66: Int(byte) - 0x61 + 10
        default: nil
        }
    }
}
