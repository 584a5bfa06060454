// Replies that the gateway makes itself.

import Auth

/// How an error is written, so that the client's library understands it.
package enum ErrorShape: Sendable {
    /// `text/plain`
    case plain
    /// `{"error":{"message","type","code"}}`, as OpenAI's API answers.
    case openAI
    /// `{"type":"error","error":{"type","message"}}`, as Anthropic's API answers.
    case anthropic
}

package enum Reply {
    /// Sends a whole reply unless one has begun. A client that is gone is no news here: the record says so.
    package static func send(
        _ exchange: Exchange, status: Int, contentType: StaticString?, body: [UInt8],
        headers: [(String, String)] = []
    ) async {
        guard !exchange.responseStarted else { return exchange.abort() }
        let head = exchange.response
        head.reset()
        head.status = status
        for (name, value) in headers { head.headers.append(name, value) }
        if !body.isEmpty, let contentType { head.headers.append(.contentType, ByteView(contentType)) }
        head.headers.append(.date, HTTPDate.now)
        let buffer = IOBuffer(capacity: max(1, body.count))
        buffer.append(body)
        do throws(ExchangeError) {
            try await exchange.reply(head, body: buffer.view)
        } catch {
            exchange.failure = .client(error)
            exchange.abort()
        }
    }

    /// Sends an error in the shape that the client's library expects.
    package static func error(
        _ exchange: Exchange, status: Int, message: String, code: String, shape: ErrorShape = .plain,
        headers: [(String, String)] = []
    ) async {
        let buffer = IOBuffer(capacity: 256)
        shape.write(status: status, message: message, code: code, into: buffer)
        let type: StaticString = if case .plain = shape { "text/plain; charset=utf-8" } else { "application/json" }
        await send(exchange, status: status, contentType: type, body: buffer.view.bytes, headers: headers)
    }
}

extension ErrorShape {
    /// - Parameter type: OpenAI's or Anthropic's word for the kind of error; nil: what fits the status.
    func write(status: Int, message: String, code: String?, type: String? = nil, into buffer: IOBuffer) {
        switch self {
        case .plain:
            buffer.append(message)
            buffer.append(0x0a)
        case .openAI:
            buffer.append("{\"error\":{\"message\":")
            buffer.append(jsonString: message)
            buffer.append(",\"type\":")
            buffer.append(jsonString: type ?? ErrorShape.openAIType(status))
            buffer.append(",\"param\":null,\"code\":")
            if let code { buffer.append(jsonString: code) } else { buffer.append("null") }
            buffer.append("}}")
        case .anthropic:
            buffer.append("{\"type\":\"error\",\"error\":{\"type\":")
            buffer.append(jsonString: type ?? ErrorShape.anthropicType(status))
            buffer.append(",\"message\":")
            buffer.append(jsonString: message)
            buffer.append("}}")
        }
    }

    private static func openAIType(_ status: Int) -> String {
        status >= 500 ? "server_error" : status == 429 ? "rate_limit_error" : "invalid_request_error"
    }

    private static func anthropicType(_ status: Int) -> String {
        switch status {
        case 400: "invalid_request_error"
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 503, 529: "overloaded_error"
        default: status >= 500 ? "api_error" : "invalid_request_error"
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7)
enum HTTPDate {
    static var now: String { text(WallClock.nanoseconds / 1_000_000_000) }

    static func text(_ seconds: Int64) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let day = seconds / 86400
        let second = seconds % 86400
        // Howard Hinnant's civil_from_days, for days since 1970.
        let z = day + 719468
        let era = z / 146097
        let doe = z % 146097
        let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
        let mp = (5 * doy + 2) / 153
        let date = doy - (153 * mp + 2) / 5 + 1
        let month = mp < 10 ? mp + 3 : mp - 9
        let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
        return "\(days[Int(day % 7)]), \(two(date)) \(months[Int(month) - 1]) \(year) "
            + "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60)) GMT"
    }
}
