// One JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2) as a verification key.

import JSON

enum JWK {
    /// - Returns: nil for a key that is not for verifying signatures: another `use`, other `key_ops`, an encryption
    ///   algorithm, an unknown key type or curve.
    /// - Throws: `.key` for a key that is, and is broken.
    static func parse(
        _ value: JSONValue, _ symmetricKeys: KeySet.SymmetricKeys, warn: (String) -> Void
    ) throws(AuthError) -> VerificationKey? {
        guard value.kind == .object else { throw .key("it is not an object") }
        guard let type = try text(value, "kty") else { throw .key("it has no kty") }
        let id = try text(value, "kid")
        if let id, id.utf8.count > JOSEHeader.maximumKeyIDBytes { throw .key("its kid is too long") }
        guard try isForVerification(value) else { return nil }
        var declared: JWSAlgorithm?
        if let name = try text(value, "alg") {
            guard let algorithm = JWSAlgorithm(rawValue: name) else {
                warn("alg '\(name.prefix(32))' is not a signature algorithm that is supported; not used")
                return nil
            }
            declared = algorithm
        }
        let material: VerificationKey.Material
        switch type {
        case "RSA":
            let modulus = try bytes(value, "n")
            // RFC 7518 §6.3.1.1: no leading zero octets. Some libraries write one; the number is the same.
            material = .asymmetric(try .rsa(modulus: modulus, exponent: try bytes(value, "e")))
        case "EC":
            guard let name = try text(value, "crv") else { throw .key("it has no crv") }
            guard let curve = PublicKey.Curve(rawValue: name) else {
                warn("the curve is not supported; not used")
                return nil
            }
            material = .asymmetric(try .ec(curve, x: try bytes(value, "x"), y: try bytes(value, "y")))
        case "OKP":
            guard let name = try text(value, "crv") else { throw .key("it has no crv") }
            guard name == "Ed25519" else {
                warn("the curve is not supported; not used")
                return nil
            }
            material = .asymmetric(try .ed25519(try bytes(value, "x")))
        case "oct":
            guard case .accepted = symmetricKeys else {
                throw .key("symmetric keys are accepted only inline in the configuration")
            }
            material = .symmetric(Secret(bytes: try bytes(value, "k")))
        default:
            warn("the key type is not supported; not used")
            return nil
        }
        if type != "oct", value["d"] != nil {
            warn("the private key is published with it; whoever reads the set can sign tokens")
        }
        return try VerificationKey(id: id, material: material, declared: declared)
    }

    /// `use` and `key_ops` (RFC 7517 §4.2, §4.3).
    private static func isForVerification(_ value: JSONValue) throws(AuthError) -> Bool {
        if let use = try text(value, "use"), use != "sig" { return false }
        guard let operations = value["key_ops"] else { return true }
        guard operations.kind == .array else { throw .key("its key_ops are not a list") }
        var names: [String] = []
        for operation in operations.elements {
            guard let name = operation.string, !names.contains(name) else {
                throw .key("its key_ops are not distinct strings")
            }
            names.append(name)
        }
        return names.contains("verify")
    }

    private static func text(_ value: JSONValue, _ name: String) throws(AuthError) -> String? {
        guard let member = value[name] else { return nil }
        guard let text = member.string else { throw .key("its \(name) is not a string") }
        return text
    }

    private static func bytes(_ value: JSONValue, _ name: String) throws(AuthError) -> [UInt8] {
        guard let text = try text(value, name) else { throw .key("it has no \(name)") }
        guard text.utf8.count <= 4096, let bytes = Base64URL.decode(text), !bytes.isEmpty else {
            throw .key("its \(name) is not base64url")
        }
        return bytes
    }
}
