// What the auth layer reads of a request: views into memory that the request's owner keeps alive. The proxy's request
// head adopts this without building a string; the offline tool adopts it over saved requests.
// Invariant: a `ByteRun` is valid only during the call into the layer that it was handed to.

/// Borrowed bytes.
package typealias ByteRun = UnsafeBufferPointer<UInt8>

/// The name of a header field as lookups use it: lowercase, made once at load.
package struct HeaderKey: Hashable, Sendable, CustomStringConvertible {
    package let name: String
    package let bytes: [UInt8]

    /// Lowercases ASCII letters. Whether the name is a token (RFC 9110 §5.1) is the configuration's concern.
    package init(_ name: String) {
        bytes = name.utf8.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        self.name = String(decoding: bytes, as: UTF8.self)
    }

    package var description: String { name }

    /// Whether a field name in any letter case is this one.
    package func matches(_ other: ByteRun) -> Bool {
        guard other.count == bytes.count else { return false }
        for index in bytes.indices {
            let byte = other[index]
            guard (byte &- 0x41 < 26 ? byte | 0x20 : byte) == bytes[index] else { return false }
        }
        return true
    }

    package static let authorization = HeaderKey("authorization")
    package static let cookie = HeaderKey("cookie")
}

/// The header fields of a message.
package protocol HeaderAttributes {
    /// Slots of header fields, those of removed fields included.
    var headerCount: Int { get }
    /// nil for a removed field.
    func header(at index: Int) -> (name: ByteRun, value: ByteRun)?
}

/// What policies read of a reply.
package protocol ResponseAttributes: HeaderAttributes {
    var code: Int { get }
}

package protocol RequestAttributes: HeaderAttributes {
    var method: ByteRun { get }
    /// As routed: what the rules judge is what is forwarded.
    var path: ByteRun { get }
    /// Without the question mark; nil when the target has none.
    var query: ByteRun? { get }
    /// `http` or `https`.
    var scheme: ByteRun { get }
    /// Host and port as sent.
    var authority: ByteRun { get }
    /// `HTTP/1.1`, `HTTP/2`
    var protocolVersion: ByteRun { get }

    /// The first field of that name at or after slot `start`.
    func header(_ key: HeaderKey, from start: Int) -> (index: Int, value: ByteRun)?

    /// The client's address as text, without port or zone.
    var sourceAddress: ByteRun { get }
    var sourcePort: Int { get }
    /// The address and port that the client connected to.
    var destinationAddress: ByteRun { get }
    var destinationPort: Int { get }
    /// nil on a connection without TLS.
    var tls: TLSAttributes? { get }
}

extension RequestAttributes {
    package func header(_ key: HeaderKey, from start: Int) -> (index: Int, value: ByteRun)? {
        var index = start
        while index < headerCount {
            if let field = header(at: index), key.matches(field.name) { return (index, field.value) }
            index += 1
        }
        return nil
    }
}

/// What a TLS handshake established; made once per connection.
package final class TLSAttributes: Sendable {
    /// `TLSv1.3`
    package let version: String
    package let serverName: String?
    /// Of a verified client certificate only.
    package let clientCertificate: ClientCertificate?

    package init(version: String, serverName: String? = nil, clientCertificate: ClientCertificate? = nil) {
        self.version = version
        self.serverName = serverName
        self.clientCertificate = clientCertificate
    }
}

/// The names in a verified client certificate.
package struct ClientCertificate: Hashable, Sendable {
    package var commonName: String?
    package var dnsNames: [String]
    package var uris: [String]
    package var sha256: [UInt8]

    package init(commonName: String? = nil, dnsNames: [String] = [], uris: [String] = [], sha256: [UInt8] = []) {
        self.commonName = commonName
        self.dnsNames = dnsNames
        self.uris = uris
        self.sha256 = sha256
    }

    /// The one URI of the form `spiffe://trust-domain/path` (SPIFFE X.509-SVID §2: exactly one); nil otherwise.
    package var spiffeID: String? {
        let ids = uris.filter { $0.hasPrefix("spiffe://") }
        return ids.count == 1 ? ids[0] : nil
    }
}
