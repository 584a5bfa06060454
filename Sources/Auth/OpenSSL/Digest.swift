// SHA-2 through OpenSSL's EVP with the context kept: hashing a token for the cache and for its signature is on every
// request's way, and setting up a context costs more than hashing 500 bytes.

import COpenSSL

/// A hash function and its working state; belongs to one event loop, is not Sendable.
/// Invariant: `context` is initialised for `algorithm` and freed in `deinit`; neither pointer leaves this file.
package final class Digest {
    package enum Algorithm: Int, CaseIterable, Sendable {
        case sha256, sha384, sha512

        /// In bytes.
        package var size: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }
    }

    package let algorithm: Algorithm
    private let context: OpaquePointer

    package init(_ algorithm: Algorithm) throws(AuthError) {
        guard let context = EVP_MD_CTX_new() else { throw .crypto("no memory for a hash context") }
        self.algorithm = algorithm
        self.context = context
        guard EVP_DigestInit_ex2(context, algorithm.method, nil) == 1 else {
            throw .crypto("the hash function \(algorithm) is not available in OpenSSL")
        }
    }

    deinit { EVP_MD_CTX_free(context) }

    /// The hash of `bytes` in the first `algorithm.size` bytes of the returned block.
    package func hash(_ bytes: borrowing Span<UInt8>) throws(AuthError) -> DigestBytes {
        var result = DigestBytes()
        let fine = bytes.withUnsafeBufferPointer { input in
            withUnsafeMutableBytes(of: &result.words) { output in
                EVP_DigestInit_ex2(context, nil, nil) == 1
                    && EVP_DigestUpdate(context, input.baseAddress, input.count) == 1
                    && EVP_DigestFinal_ex(
                        context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
            }
        }
        guard fine else { throw .crypto("hashing failed") }
        return result
    }

    /// For loading, where a context is not at hand.
    package static func sha256(_ bytes: borrowing Span<UInt8>) throws(AuthError) -> SHA256Value {
        try Digest(.sha256).hash(bytes).sha256
    }
}

extension Digest.Algorithm {
    fileprivate var method: OpaquePointer? {
        switch self {
        case .sha256: EVP_sha256()
        case .sha384: EVP_sha384()
        case .sha512: EVP_sha512()
        }
    }
}

/// Room for the longest hash, on the stack.
package struct DigestBytes {
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)

    package var sha256: SHA256Value {
        SHA256Value(words: (words.0, words.1, words.2, words.3))
    }
}

/// A SHA-256 value as a key of tables: uniformly distributed, so any 64 bits of it are its hash.
package struct SHA256Value: Hashable, Sendable {
    var words: (UInt64, UInt64, UInt64, UInt64)

    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// nil unless there are exactly 32 bytes.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        words = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
    }

    package static func == (a: SHA256Value, b: SHA256Value) -> Bool {
        (a.words.0 ^ b.words.0) | (a.words.1 ^ b.words.1) | (a.words.2 ^ b.words.2) | (a.words.3 ^ b.words.3) == 0
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    /// Lowercase hexadecimal.
    package var hex: String { bytes.hexadecimal }
}

extension Sequence where Element == UInt8 {
    /// Two lowercase digits a byte.
    package var hexadecimal: String {
        var text = ""
        for byte in self {
            text.unicodeScalars.append(Unicode.Scalar(Self.digit(byte >> 4)))
            text.unicodeScalars.append(Unicode.Scalar(Self.digit(byte & 15)))
        }
        return text
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
