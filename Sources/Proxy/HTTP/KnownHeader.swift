// The field names that the core itself reads, as small numbers: found once while parsing, compared as integers after.

package enum KnownHeader: UInt8, CaseIterable, Sendable {
    case other = 0
    case accept, acceptEncoding, age, apiKey, authorization, cacheControl, connection, contentEncoding, contentLength
    case contentType, cookie, date, expect, forwarded, host, keepAlive, location, origin, proxyAuthenticate
    case proxyAuthorization, proxyConnection, retryAfter, server, setCookie, te, trailer, transferEncoding, upgrade
    case userAgent, wwwAuthenticate, xApiKey, xForwardedFor, xForwardedHost, xForwardedProto, xForwardedPort
    case xGoogAPIKey, mcpSessionID, mcpProtocolVersion, traceparent, tracestate, xRequestID

    package var name: StaticString {
        switch self {
        case .other: ""
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .age: "age"
        case .apiKey: "api-key"
        case .authorization: "authorization"
        case .cacheControl: "cache-control"
        case .connection: "connection"
        case .contentEncoding: "content-encoding"
        case .contentLength: "content-length"
        case .contentType: "content-type"
        case .cookie: "cookie"
        case .date: "date"
        case .expect: "expect"
        case .forwarded: "forwarded"
        case .host: "host"
        case .keepAlive: "keep-alive"
        case .location: "location"
        case .origin: "origin"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyConnection: "proxy-connection"
        case .retryAfter: "retry-after"
        case .server: "server"
        case .setCookie: "set-cookie"
        case .te: "te"
        case .trailer: "trailer"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .userAgent: "user-agent"
        case .wwwAuthenticate: "www-authenticate"
        case .xApiKey: "x-api-key"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedProto: "x-forwarded-proto"
        case .xForwardedPort: "x-forwarded-port"
        case .xGoogAPIKey: "x-goog-api-key"
        case .mcpSessionID: "mcp-session-id"
        case .mcpProtocolVersion: "mcp-protocol-version"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .xRequestID: "x-request-id"
        }
    }

    /// Headers that concern one connection only (RFC 9110 §7.6.1) and are never forwarded.
    var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .te,
            .transferEncoding, .upgrade:
            true
        default: false
        }
    }

    /// Names that `Connection` must not nominate: removing them would change what was judged, framed or routed.
    var mayBeNominated: Bool {
        switch self {
        case .authorization, .apiKey, .xApiKey, .xGoogAPIKey, .host, .contentLength, .contentType, .contentEncoding,
            .cookie, .origin,
            .cacheControl, .xForwardedFor, .xForwardedHost, .xForwardedProto, .forwarded, .mcpSessionID,
            .mcpProtocolVersion:
            false
        default: true
        }
    }

    /// Finds the number of a name in any letter case.
    static func find(_ name: ByteView) -> KnownHeader {
        guard name.count < byLength.count else { return .other }
        for candidate in byLength[name.count] where name.equalsIgnoringCase(candidate.name) { return candidate }
        return .other
    }

    private static let byLength: [[KnownHeader]] = {
        let longest = allCases.map(\.name.utf8CodeUnitCount).max() ?? 0
        var table = [[KnownHeader]](repeating: [], count: longest + 1)
        for header in allCases where header != .other { table[header.name.utf8CodeUnitCount].append(header) }
        return table
    }()
}
