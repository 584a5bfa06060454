// Where the gateway listens and where it connects to.

/// A socket the gateway listens on.
package enum ListenAddress: Hashable, Sendable, CustomStringConvertible {
    case off
    /// `host` is an address literal without brackets, or `localhost`.
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    package var description: String {
        switch self {
        case .off: "off"
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// An upstream's socket.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// `host` is a lowercase name or an address literal without brackets.
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// An upstream as written: an endpoint, and whether its URL asked for TLS. `backendTLS` turns TLS on as well.
package struct UpstreamAddress: Hashable, Sendable, CustomStringConvertible {
    package var endpoint: Endpoint
    /// The URL said `https`.
    package var tls: Bool

    package init(_ endpoint: Endpoint, tls: Bool = false) {
        self.endpoint = endpoint
        self.tls = tls
    }

    /// The value of `Host` for requests sent there: the port is left out when it is the scheme's own. A Unix socket
    /// has no name of its own and says `localhost`.
    package var authority: String {
        switch endpoint {
        case .unix: return "localhost"
        case .tcp(let host, let port):
            let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
            return port == (tls ? 443 : 80) ? name : "\(name):\(port)"
        }
    }

    package var description: String { tls ? "https://\(endpoint)" : "http://\(endpoint)" }
}
