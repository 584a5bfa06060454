// The heads of requests and responses, independent of the version of HTTP they came by.

package enum HTTPVersion: UInt8, Comparable, Sendable {
    case http10, http11, http2

    package static func < (a: HTTPVersion, b: HTTPVersion) -> Bool { a.rawValue < b.rawValue }

    package var text: String {
        switch self {
        case .http10: "HTTP/1.0"
        case .http11: "HTTP/1.1"
        case .http2: "HTTP/2"
        }
    }
}

/// How the end of a body is known.
package enum BodyFraming: Equatable, Sendable {
    case none
    case length(Int)
    case chunked
    /// The upstream closes the connection (responses only).
    case untilClose
}

package enum HTTPMethod: UInt8, Sendable {
    case get, head, post, put, delete, options, patch, trace, connect, other

    init(_ token: ByteView) {
        switch token.count {
        case 3: self = token == "GET" ? .get : token == "PUT" ? .put : .other
        case 4: self = token == "POST" ? .post : token == "HEAD" ? .head : .other
        case 5: self = token == "PATCH" ? .patch : token == "TRACE" ? .trace : .other
        case 6: self = token == "DELETE" ? .delete : .other
        case 7: self = token == "OPTIONS" ? .options : token == "CONNECT" ? .connect : .other
        default: self = .other
        }
    }

    /// RFC 9110 §9.2.2: may be sent again when the connection broke before an answer.
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .patch, .connect, .other: false
        }
    }
}

/// A request's head. Views into it live as long as the exchange.
package final class RequestHead {
    package var version = HTTPVersion.http11
    package var method = HTTPMethod.get
    package let headers = HeaderBlock()
    package var framing = BodyFraming.none
    package var keepAlive = true
    package var expectsContinue = false
    /// `Upgrade`, when `Connection` names it; other protocols than WebSocket are not taken up (RFC 9110 §7.8).
    package var upgrade = UpgradeRequest.none

    var methodRange = 0..<0
    var pathRange = 0..<0
    /// Without the question mark; nil when the target has none.
    var queryRange: Range<Int>?
    /// The authority: from `Host`, or from an absolute-form target.
    var hostRange: Range<Int>?
    private var replacedPath: IOBuffer?
    private var replacedQuery: IOBuffer?

    package init() {}

    func reset() {
        headers.reset()
        framing = .none
        expectsContinue = false
        upgrade = .none
        keepAlive = true
        queryRange = nil
        hostRange = nil
        replacedPath = nil
        replacedQuery = nil
    }

    private func view(_ range: Range<Int>) -> ByteView {
        ByteView(headers.base.map { $0 + range.lowerBound }, range.count)
    }

    package var methodName: ByteView { view(methodRange) }
    /// The path as it was sent, or as `replacePath` has set it.
    package var path: ByteView { replacedPath.map { $0.view } ?? view(pathRange) }
    package var query: ByteView? { replacedQuery.map { $0.view } ?? queryRange.map { view($0) } }

    /// From here on, what is judged, logged and forwarded.
    package func replacePath(_ bytes: [UInt8]) {
        let buffer = IOBuffer(capacity: bytes.count)
        buffer.append(bytes)
        replacedPath = buffer
    }

    package func replaceQuery(_ bytes: [UInt8]) {
        let buffer = IOBuffer(capacity: bytes.count)
        buffer.append(bytes)
        replacedQuery = buffer
    }

    /// Appends path and query.
    package func appendTarget(to out: IOBuffer) {
        out.append(path)
        if let query {
            out.append(UInt8(ascii: "?"))
            out.append(query)
        }
    }
    /// Host and port as sent; empty for an HTTP/1.0 request without `Host`.
    package var authority: ByteView { hostRange.map { view($0) } ?? .empty }

    /// The authority without its port.
    package var host: ByteView {
        let authority = authority
        var end = authority.count
        while end > 0, ASCII.isDigit(authority[end - 1]) { end -= 1 }
        if end > 0, authority[end - 1] == UInt8(ascii: ":") { return authority.slice(0, end - 1) }
        return authority
    }
}

/// A response's head as received from an upstream, or as built by the gateway.
package final class ResponseHead {
    package var version = HTTPVersion.http11
    package var status = 200
    package let headers = HeaderBlock()
    package var framing = BodyFraming.none
    package var keepAlive = true

    package init() {}

    package func reset() {
        headers.reset()
        status = 200
        framing = .none
        keepAlive = true
    }

    /// A status that never has a body (RFC 9112 §6.3).
    package var statusForbidsBody: Bool { status == 204 || status == 304 || status < 200 }
}

package enum ReasonPhrase {
    package static func of(_ status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 103: "Early Hints"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
