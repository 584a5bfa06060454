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

    /// Finds the number of a name in any letter case. Written out by length: a table would be reached through an
    /// initialisation check and a reference count for every field of every message.
    static func find(_ name: ByteView) -> KnownHeader {
        switch name.count {
        case 2:
            if name.equalsIgnoringCase("te") { return .te }
        case 3:
            if name.equalsIgnoringCase("age") { return .age }
        case 4:
            if name.equalsIgnoringCase("date") { return .date }
            if name.equalsIgnoringCase("host") { return .host }
        case 6:
            if name.equalsIgnoringCase("accept") { return .accept }
            if name.equalsIgnoringCase("cookie") { return .cookie }
            if name.equalsIgnoringCase("expect") { return .expect }
            if name.equalsIgnoringCase("origin") { return .origin }
            if name.equalsIgnoringCase("server") { return .server }
        case 7:
            if name.equalsIgnoringCase("api-key") { return .apiKey }
            if name.equalsIgnoringCase("trailer") { return .trailer }
            if name.equalsIgnoringCase("upgrade") { return .upgrade }
        case 8:
            if name.equalsIgnoringCase("location") { return .location }
        case 9:
            if name.equalsIgnoringCase("forwarded") { return .forwarded }
            if name.equalsIgnoringCase("x-api-key") { return .xApiKey }
        case 10:
            if name.equalsIgnoringCase("connection") { return .connection }
            if name.equalsIgnoringCase("keep-alive") { return .keepAlive }
            if name.equalsIgnoringCase("set-cookie") { return .setCookie }
            if name.equalsIgnoringCase("user-agent") { return .userAgent }
            if name.equalsIgnoringCase("tracestate") { return .tracestate }
        case 11:
            if name.equalsIgnoringCase("retry-after") { return .retryAfter }
            if name.equalsIgnoringCase("traceparent") { return .traceparent }
        case 12:
            if name.equalsIgnoringCase("content-type") { return .contentType }
            if name.equalsIgnoringCase("x-request-id") { return .xRequestID }
        case 13:
            if name.equalsIgnoringCase("authorization") { return .authorization }
            if name.equalsIgnoringCase("cache-control") { return .cacheControl }
        case 14:
            if name.equalsIgnoringCase("content-length") { return .contentLength }
            if name.equalsIgnoringCase("x-goog-api-key") { return .xGoogAPIKey }
            if name.equalsIgnoringCase("mcp-session-id") { return .mcpSessionID }
        case 15:
            if name.equalsIgnoringCase("accept-encoding") { return .acceptEncoding }
            if name.equalsIgnoringCase("x-forwarded-for") { return .xForwardedFor }
        case 16:
            if name.equalsIgnoringCase("content-encoding") { return .contentEncoding }
            if name.equalsIgnoringCase("proxy-connection") { return .proxyConnection }
            if name.equalsIgnoringCase("www-authenticate") { return .wwwAuthenticate }
            if name.equalsIgnoringCase("x-forwarded-host") { return .xForwardedHost }
            if name.equalsIgnoringCase("x-forwarded-port") { return .xForwardedPort }
        case 17:
            if name.equalsIgnoringCase("transfer-encoding") { return .transferEncoding }
            if name.equalsIgnoringCase("x-forwarded-proto") { return .xForwardedProto }
        case 18:
            if name.equalsIgnoringCase("proxy-authenticate") { return .proxyAuthenticate }
        case 19:
            if name.equalsIgnoringCase("proxy-authorization") { return .proxyAuthorization }
        case 20:
            if name.equalsIgnoringCase("mcp-protocol-version") { return .mcpProtocolVersion }
        default: break
        }
        return .other
    }
}
