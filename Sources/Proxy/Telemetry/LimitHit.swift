// The bounds on what clients may send and hold, as metrics name them when one is reached.

package enum LimitHit: String, Sendable, CaseIterable {
    case headerBytes = "header_bytes"
    case headerCount = "header_count"
    case headerTimeout = "header_timeout"
    /// Of a body that a policy or a protocol layer must hold.
    case bufferedBody = "buffered_body"
    case connections
    /// TLS handshakes under way at once.
    case handshakes
    case streams
    /// Cheap HTTP/2 frames without end.
    case http2Flood = "http2_flood"
    case requestsPerConnection = "requests_per_connection"

    /// nil: the message is malformed, not too large.
    init?(_ error: ProtocolError) {
        switch error {
        case .headTooLarge, .targetTooLong, .trailersTooLarge: self = .headerBytes
        case .tooManyFields: self = .headerCount
        case .headTimeout: self = .headerTimeout
        case .bodyTooLarge: self = .bufferedBody
        default: return nil
        }
    }
}
