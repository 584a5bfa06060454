// A verification key as OpenSSL holds it, parsed and checked once when its key set is loaded.

import COpenSSL
import Glibc

/// An asymmetric public key. Immutable once made, so it may be shared by all event loops.
/// Invariant: `pointer` is owned (freed in `deinit`), never changed after `init`, and lent only inside this folder.
package final class PublicKey: @unchecked Sendable {
    let pointer: OpaquePointer
    package let kind: Kind

    package enum Kind: Hashable, Sendable {
        case rsa(bits: Int)
        case ec(Curve)
        case ed25519
    }

    package enum Curve: String, CaseIterable, Sendable {
        case p256 = "P-256"
        case p384 = "P-384"
        case p521 = "P-521"

        /// Bytes of one coordinate, and of `r` and of `s` in a JOSE signature (RFC 7518 §3.4, §6.2.1.2).
        package var coordinateSize: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }
    }

    private init(_ pointer: OpaquePointer, _ kind: Kind) {
        self.pointer = pointer
        self.kind = kind
    }

    deinit { EVP_PKEY_free(pointer) }

    /// A modulus above this costs more per verification than a request is worth; below 2,048 it is too weak
    /// (RFC 7518 §3.3).
    static let rsaBits = 2048...8192

    /// An RSA key from its modulus and public exponent, big-endian.
    static func rsa(modulus: [UInt8], exponent: [UInt8]) throws(AuthError) -> PublicKey {
        let n = modulus.drop { $0 == 0 }
        let e = exponent.drop { $0 == 0 }
        let bits = n.first.map { n.count * 8 - $0.leadingZeroBitCount } ?? 0
        guard rsaBits.contains(bits) else {
            throw .key("an RSA modulus of \(bits) bits; \(rsaBits.lowerBound) to \(rsaBits.upperBound) are accepted")
        }
        guard let last = e.last, last & 1 == 1, e.count <= 8, !(e.count == 1 && last == 1), n.last.map({ $0 & 1 }) == 1
        else {
            throw .key("an RSA exponent or modulus that no proper key has")
        }
        guard !WeakRSA.hasROCAFingerprint(modulus: n) else {
            throw .key("an RSA modulus with the ROCA weakness (CVE-2017-15361)")
        }
        let parameters = try KeyParameters()
        try parameters.add(OSSL_PKEY_PARAM_RSA_N, number: n)
        try parameters.add(OSSL_PKEY_PARAM_RSA_E, number: e)
        return PublicKey(try make("RSA", from: parameters), .rsa(bits: bits))
    }

    /// A key of a NIST curve from its affine coordinates; the point must be on the curve.
    static func ec(_ curve: Curve, x: [UInt8], y: [UInt8]) throws(AuthError) -> PublicKey {
        guard x.count == curve.coordinateSize, y.count == curve.coordinateSize else {
            throw .key("a coordinate that is not \(curve.coordinateSize) bytes long, as \(curve.rawValue) needs")
        }
        let parameters = try KeyParameters()
        try parameters.add(OSSL_PKEY_PARAM_GROUP_NAME, text: curve.rawValue)
        // The uncompressed form of a point (SEC 1 §2.3.3).
        try parameters.add(OSSL_PKEY_PARAM_PUB_KEY, bytes: [0x04] + x + y)
        let pointer = try make("EC", from: parameters)
        let key = PublicKey(pointer, .ec(curve))
        guard let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil) else { throw .crypto("no memory for a key") }
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_public_check(context) == 1 else {
            ERR_clear_error()
            throw .key("a point that is not on \(curve.rawValue)")
        }
        return key
    }

    static func ed25519(_ bytes: [UInt8]) throws(AuthError) -> PublicKey {
        guard bytes.count == 32 else { throw .key("an Ed25519 key that is not 32 bytes long") }
        guard let pointer = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count) else {
            ERR_clear_error()
            throw .key("an Ed25519 key that OpenSSL refuses")
        }
        return PublicKey(pointer, .ed25519)
    }

    private static func make(_ type: String, from builder: KeyParameters) throws(AuthError) -> OpaquePointer {
        guard let parameters = builder.parameters() else { throw .crypto("building a key failed") }
        defer { OSSL_PARAM_free(parameters) }
        guard let context = EVP_PKEY_CTX_new_from_name(nil, type, nil) else { throw .crypto("\(type) is unavailable") }
        defer { EVP_PKEY_CTX_free(context) }
        var pointer: OpaquePointer?
        // EVP_PKEY_PUBLIC_KEY, a macro that Swift does not import.
        let selection =
            OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS
            | OSSL_KEYMGMT_SELECT_OTHER_PARAMETERS
        guard EVP_PKEY_fromdata_init(context) == 1,
            EVP_PKEY_fromdata(context, &pointer, selection, parameters) == 1, let pointer
        else {
            ERR_clear_error()
            throw .key("\(type) parameters that OpenSSL refuses, such as a point that is not on its curve")
        }
        return pointer
    }
}

/// The parameters of a key under construction. OpenSSL's builder keeps the pointers that it is given and reads through
/// them at the end, so everything lives here, at one address, until then.
private final class KeyParameters {
    private let builder: OpaquePointer
    private var strings: [UnsafeMutablePointer<CChar>] = []
    private var buffers: [UnsafeMutableBufferPointer<UInt8>] = []
    private var numbers: [OpaquePointer] = []

    init() throws(AuthError) {
        guard let builder = OSSL_PARAM_BLD_new() else { throw .crypto("no memory for a key") }
        self.builder = builder
    }

    deinit {
        OSSL_PARAM_BLD_free(builder)
        for string in strings { free(string) }
        for buffer in buffers { buffer.deallocate() }
        for number in numbers { BN_free(number) }
    }

    func add(_ name: String, number: ArraySlice<UInt8>) throws(AuthError) {
        guard let number = BN_bin2bn(Array(number), Int32(number.count), nil) else {
            throw .crypto("no memory for a key")
        }
        numbers.append(number)
        guard OSSL_PARAM_BLD_push_BN(builder, try keep(name), number) == 1 else {
            throw .crypto("building a key failed")
        }
    }

    func add(_ name: String, text: String) throws(AuthError) {
        guard OSSL_PARAM_BLD_push_utf8_string(builder, try keep(name), try keep(text), 0) == 1 else {
            throw .crypto("building a key failed")
        }
    }

    func add(_ name: String, bytes: [UInt8]) throws(AuthError) {
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = buffer.initialize(from: bytes)
        buffers.append(buffer)
        guard OSSL_PARAM_BLD_push_octet_string(builder, try keep(name), buffer.baseAddress, buffer.count) == 1 else {
            throw .crypto("building a key failed")
        }
    }

    /// A copy that the caller frees.
    func parameters() -> UnsafeMutablePointer<OSSL_PARAM>? { OSSL_PARAM_BLD_to_param(builder) }

    private func keep(_ text: String) throws(AuthError) -> UnsafeMutablePointer<CChar> {
        guard let copy = strdup(text) else { throw .crypto("no memory for a key") }
        strings.append(copy)
        return copy
    }
}

/// Weaknesses of RSA moduli that can be seen from outside.
enum WeakRSA {
    /// Keys of the faulty Infineon library have primes of the form k·M + (65537^a mod M), M a primorial. So their
    /// modulus is, modulo each small prime, a power of 65537. A random modulus passes all these tests with a
    /// probability below 2⁻²⁷.
    static func hasROCAFingerprint(modulus: ArraySlice<UInt8>) -> Bool {
        for (prime, powers) in subgroups {
            var residue: UInt32 = 0
            for byte in modulus { residue = (residue << 8 | UInt32(byte)) % prime }
            guard powers.contains(residue) else { return false }
        }
        return true
    }

    /// For each prime up to 167, the powers of 65537 modulo that prime.
    private static let subgroups: [(prime: UInt32, powers: Set<UInt32>)] = {
        (3...167).compactMap { candidate -> (prime: UInt32, powers: Set<UInt32>)? in
            guard !(2..<candidate).contains(where: { candidate % $0 == 0 }) else { return nil }
            let prime = UInt32(candidate)
            var powers: Set<UInt32> = []
            var power: UInt32 = 1
            while powers.insert(power).inserted { power = power * (65537 % prime) % prime }
            return (prime, powers)
        }
    }()
}
