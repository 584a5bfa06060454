// What can go wrong between this process and a socket.

import Glibc

package enum IOError: Error, Equatable, Sendable {
    /// The peer closed the connection where more was expected.
    case closed
    /// The peer reset the connection.
    case reset
    case timedOut
    /// The wait was ended by this side: shutdown, or the other half of the exchange is gone.
    case cancelled
    case system(call: String, errno: Int32)
    case tls(String)
    case resolve(host: String, reason: String)

    static func last(_ call: String) -> IOError {
        let code = errno
        return code == ECONNRESET || code == EPIPE ? .reset : .system(call: call, errno: code)
    }
}

extension IOError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .closed: "connection closed by the peer"
        case .reset: "connection reset by the peer"
        case .timedOut: "timed out"
        case .cancelled: "cancelled"
        case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
        case .tls(let reason): "TLS: \(reason)"
        case .resolve(let host, let reason): "cannot resolve \(host): \(reason)"
        }
    }
}
