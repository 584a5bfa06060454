// One key that may verify tokens: its id, its material, and the algorithms that the key itself allows. A token's `alg`
// is only ever looked up in this list, never believed.

/// Immutable; shared by all event loops.
package final class VerificationKey: Sendable {
    package enum Material: Sendable {
        case asymmetric(PublicKey)
        case symmetric(Secret)
    }

    /// `kid`, an opaque string (RFC 7517 §4.5).
    package let id: String?
    package let material: Material
    package let algorithms: Set<JWSAlgorithm>

    /// - Parameter declared: the JWK's `alg`; nil allows everything that fits the key type.
    /// - Throws: `.key` when `declared` does not fit the key, or a symmetric key is shorter than its hash.
    package init(id: String?, material: Material, declared: JWSAlgorithm?) throws(AuthError) {
        self.id = id
        self.material = material
        let possible = try Self.algorithms(for: material)
        if let declared {
            guard possible.contains(declared) else { throw .key("alg \(declared.rawValue) does not fit the key") }
            algorithms = [declared]
        } else {
            algorithms = possible
        }
    }

    private static func algorithms(for material: Material) throws(AuthError) -> Set<JWSAlgorithm> {
        switch material {
        case .asymmetric(let key):
            switch key.kind {
            case .rsa: return [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
            case .ec(.p256): return [.es256]
            case .ec(.p384): return [.es384]
            case .ec(.p521): return [.es512]
            case .ed25519: return [.edDSA]
            }
        case .symmetric(let secret):
            // A key shorter than the hash weakens it (RFC 7518 §3.2).
            let possible = [JWSAlgorithm.hs256, .hs384, .hs512].filter { secret.count >= $0.digest?.size ?? .max }
            guard !possible.isEmpty else { throw .key("a symmetric key of \(secret.count) bytes; 32 is the least") }
            return Set(possible)
        }
    }

    package var isSymmetric: Bool {
        if case .symmetric = material { true } else { false }
    }
}
