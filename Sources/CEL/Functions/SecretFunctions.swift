// Secrets: texts that are shown as `<redacted>` wherever a value is shown, compared, converted or written, and become texts
// again by `secret.unredacted()` alone. Hosts decide where that may be called; rules may not.

extension Value {
    /// A credential, UTF-8 that is known to be well-formed.
    package static func secret(_ utf8: Bytes) -> Value {
        var value = Value.string(utf8)
        value.tag = .secret
        return value
    }
}

extension CELType {
    /// A credential: `secret.unredacted()` is its text.
    public static let secret = CELType.opaque("secret", [])
}

extension FunctionLibrary {
    static let secrets: [Function] = [
        // Never folded: a program's constants hold no credential.
        Function("unredacted", .receiver, 1, foldable: false) { a, _, _ in
            a[0].tag == .secret ? .string(a[0].run) : noOverload
        }
    ]
}
