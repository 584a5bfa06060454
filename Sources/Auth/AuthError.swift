// What can go wrong before any request is judged: a configuration, key or rule that the layer refuses, or OpenSSL
// failing. What is wrong with one request's token is a `TokenRejection`, which is a verdict and not an error.

/// The error of this module. Its text is for operators and never holds a secret.
package enum AuthError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A JWK, PEM or stored password that is refused; the text names what it is ("an RSA modulus of 1024 bits; …").
    case key(String)
    /// A JWK set that is refused as a whole.
    case keySet(String)
    /// A configuration that contradicts itself or asks for what does not exist.
    case configuration(String, FilePosition)
    /// OpenSSL, libjwt or libcrypt failed where only lack of memory or a broken installation makes them fail.
    case crypto(String)

    /// Without the position.
    package var text: String {
        switch self {
        case .key(let text), .keySet(let text), .configuration(let text, _), .crypto(let text): text
        }
    }

    package var description: String {
        if case .configuration(let text, let position) = self, position != .none { return "\(position): \(text)" }
        return text
    }
}
