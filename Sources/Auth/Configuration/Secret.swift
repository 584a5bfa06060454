// A value that must never be seen: an API key, a signing key, a token. It has no way out except `withBytes`, so that a
// log line, an error text, a configuration dump or a debugger's `Mirror` shows `<redacted>` and nothing else.

import COpenSSL

/// Secret bytes. Not `Encodable`, not `Equatable` (compare with `constantTimeEquals`); overwritten when released.
package struct Secret: Sendable {
    private let storage: SecretStorage

    /// Copies the UTF-8 of `text`. The caller's string is the caller's to forget.
    package init(_ text: String) {
        storage = SecretStorage(Array(text.utf8))
    }

    package init(bytes: [UInt8]) {
        storage = SecretStorage(bytes)
    }

    /// The number of bytes. An attacker learns lengths from the wire anyway.
    package var count: Int { storage.bytes.count }
    package var isEmpty: Bool { storage.bytes.isEmpty }

    /// Lends the bytes for the duration of `body`; they must not be stored or printed.
    package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try storage.bytes.withUnsafeBytesTyped(body)
    }

    /// Compares without a data-dependent branch. Different lengths are unequal at once.
    package func constantTimeEquals(_ other: UnsafeRawBufferPointer) -> Bool {
        withBytes { ConstantTime.equal($0, other) }
    }

    package func constantTimeEquals(_ other: Secret) -> Bool {
        other.withBytes { constantTimeEquals($0) }
    }
}

/// Owns the bytes of one or more copies of a `Secret` and overwrites them in `deinit`.
/// Invariant: `bytes` is never handed out, so the array's buffer is unique and cleansing it in place reaches the data.
private final class SecretStorage: @unchecked Sendable {
    private(set) var bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        // A copy of our own: the array that came in may share its buffer with the caller.
        self.bytes = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            count = buffer.initialize(fromContentsOf: bytes)
        }
    }

    deinit {
        bytes.withUnsafeMutableBytes { buffer in
            if let base = buffer.baseAddress { OPENSSL_cleanse(base, buffer.count) }
        }
    }
}

/// Comparison whose duration depends on the lengths only.
package enum ConstantTime {
    package static func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        guard let left = a.baseAddress, let right = b.baseAddress else { return true }
        return CRYPTO_memcmp(left, right, a.count) == 0
    }
}

extension Array where Element == UInt8 {
    /// `withUnsafeBytes` with the closure's error type kept.
    func withUnsafeBytesTyped<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let result = withUnsafeBytes { buffer -> Result<R, E> in
            do throws(E) {
                return .success(try body(buffer))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package static let placeholder = "<redacted>"
    package var description: String { Secret.placeholder }
    package var debugDescription: String { Secret.placeholder }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
