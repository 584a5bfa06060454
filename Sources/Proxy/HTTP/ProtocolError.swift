// What is wrong with a message, and the status that says so. One list, so that every refusal has a reason and a test.

/// A message that RFC 9112 forbids, or that the gateway refuses because implementations disagree about it.
package struct ProtocolError: Error, Equatable, Sendable {
    /// The status for a request; a response that is malformed is always answered with 502.
    package let status: Int
    package let reason: String

    private init(_ status: Int, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    static let requestLine = ProtocolError(400, "malformed request line")
    static let method = ProtocolError(400, "malformed method")
    static let target = ProtocolError(400, "malformed request target")
    static let targetTooLong = ProtocolError(414, "request target too long")
    static let version = ProtocolError(505, "HTTP version not supported")
    static let statusLine = ProtocolError(400, "malformed status line")
    static let bareLineFeed = ProtocolError(400, "line feed without carriage return")
    static let bareCarriageReturn = ProtocolError(400, "carriage return without line feed")
    static let fieldName = ProtocolError(400, "malformed field name")
    static let fieldValue = ProtocolError(400, "control character in a field value")
    static let folding = ProtocolError(400, "obsolete line folding")
    static let headTooLarge = ProtocolError(431, "request header fields too large")
    static let tooManyFields = ProtocolError(431, "too many header fields")
    static let missingHost = ProtocolError(400, "missing Host")
    static let duplicateHost = ProtocolError(400, "more than one Host")
    static let malformedHost = ProtocolError(400, "malformed Host")
    static let hostMismatch = ProtocolError(400, "Host differs from the request target")
    static let connect = ProtocolError(405, "CONNECT is not allowed")
    static let contentLength = ProtocolError(400, "malformed Content-Length")
    static let duplicateContentLength = ProtocolError(400, "more than one Content-Length")
    static let conflictingFraming = ProtocolError(400, "both Content-Length and Transfer-Encoding")
    static let transferEncoding = ProtocolError(501, "unsupported Transfer-Encoding")
    static let duplicateTransferEncoding = ProtocolError(400, "more than one Transfer-Encoding")
    static let transferEncodingVersion = ProtocolError(400, "Transfer-Encoding in an HTTP/1.0 message")
    static let nomination = ProtocolError(400, "Connection nominates an end-to-end field")
    static let expectation = ProtocolError(417, "unsupported expectation")
    static let chunkSize = ProtocolError(400, "malformed chunk size")
    static let chunkExtension = ProtocolError(400, "chunk extension too long")
    static let chunkEnd = ProtocolError(400, "malformed end of chunk")
    static let trailers = ProtocolError(400, "malformed trailer section")
    static let trailersTooLarge = ProtocolError(431, "trailer section too large")
    static let truncatedHead = ProtocolError(400, "message ends within its head")
    static let truncatedBody = ProtocolError(400, "message ends within its body")
    static let bodyTooLarge = ProtocolError(413, "body larger than the limit")
    static let headTimeout = ProtocolError(408, "request head not received in time")
    static let connectionField = ProtocolError(400, "a field that concerns one connection of HTTP/1.1")
    static let tooManyInterim = ProtocolError(400, "too many interim replies")
    static let unexpectedSwitch = ProtocolError(400, "unexpected 101")
}
