// What is checked about an MCP request before its body is read: where it comes from and what it says it carries.

import Auth

struct RequestChecks {
    let exchange: Exchange
    let backend: CompiledMCP
    /// The route's CORS policy admits the request's origin.
    let admitsOrigin: Bool
    /// The listener or the route is for named hosts, and the request's is one of them.
    let isNamedHost: Bool

    /// Against DNS rebinding: a page of another site, or one whose name was pointed at us.
    func origin() throws(RPCError) {
        let headers = exchange.request.headers
        let isLoopback = RequestChecks.isLoopback(exchange.connection.local.ip)
        let protects = backend.rebindingProtection ?? isLoopback
        let host = exchange.request.host.text
        if protects, isLoopback, !RequestChecks.isLoopback(host) {
            throw RPCError(-32600, 403, "Forbidden: this Host is not served on a loopback address")
        }
        // Whoever owns a name can point it here; an address, or a name that was configured, is nobody else's.
        // With TLS the certificate has to be for it.
        let isOurs =
            isNamedHost || exchange.connection.isSecure || RequestChecks.isLoopback(host)
            || RequestChecks.isAddress(host)
        if protects, !isOurs {
            throw RPCError(-32600, 403, "Forbidden: this Host is not one of the listener's")
        }
        guard headers.occurrences(.origin) <= 1 else { throw .invalidRequest("more than one Origin") }
        guard let origin = headers.first(.origin)?.text else { return }
        if admitsOrigin { return }
        let scheme = exchange.connection.isSecure ? "https" : "http"
        guard isOurs, origin.lowercased() == "\(scheme)://\(exchange.request.authority.text.lowercased())" else {
            throw RPCError(-32600, 403, "Forbidden: this Origin may not call")
        }
    }

    static func isLoopback(_ host: String) -> Bool {
        let host = host.lowercased()
        return host == "localhost" || host == "::1" || host == "[::1]" || host.hasPrefix("::ffff:127.")
            || isLoopbackIPv4(host)
    }

    /// An IP address, with or without brackets.
    private static func isAddress(_ host: String) -> Bool {
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        return SocketAddress(ip: bare, port: 1) != nil
    }

    /// All of 127.0.0.0/8, but not a name that only begins like it.
    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// That the body is JSON, as it stands.
    func content() throws(RPCError) {
        let headers = exchange.request.headers
        guard headers.occurrences(.contentType) == 1, let value = headers.first(.contentType) else {
            throw RPCError(-32600, 415, "Content-Type must be application/json")
        }
        let end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
        guard value.slice(0, end).trimmed.equalsIgnoringCase("application/json") else {
            throw RPCError(-32600, 415, "Content-Type must be application/json")
        }
        if let coding = headers.first(.contentEncoding), !coding.equalsIgnoringCase("identity") {
            throw RPCError(-32600, 415, "Content-Encoding is not accepted")
        }
    }

    /// That the client takes what a reply may be. Without `Accept` it takes all.
    func accept(_ types: [StaticString]) throws(RPCError) {
        let headers = exchange.request.headers
        guard headers.first(.accept) != nil else { return }
        for type in types where !accepts(type) {
            throw RPCError(-32600, 406, "Accept must list \(types.map { "\($0)" }.joined(separator: " and "))")
        }
    }

    private func accepts(_ type: StaticString) -> Bool {
        var found = false
        exchange.request.headers.forEach(named: ByteView("accept")) { value in
            for element in value.listElements() {
                let end = element.firstIndex(of: UInt8(ascii: ";")) ?? element.count
                let range = element.slice(0, end).trimmed
                if range.equalsIgnoringCase(type) || range.equalsIgnoringCase("*/*") { found = true }
                if range.equalsIgnoringCase("application/*"), ByteView(type).starts(with: "application/") {
                    found = true
                }
                if range.equalsIgnoringCase("text/*"), ByteView(type).starts(with: "text/") { found = true }
            }
        }
        return found
    }

    /// The one value of a field; a second one makes the request ambiguous.
    func single(_ header: KnownHeader) throws(RPCError) -> String? {
        guard exchange.request.headers.occurrences(header) <= 1 else {
            throw .invalidRequest("more than one \(header.name)")
        }
        return exchange.request.headers.first(header)?.text
    }

    /// Fields of the client that go on to targets.
    var travelling: Travelling {
        var fields: [(name: String, value: String)] = []
        for header in [KnownHeader.traceparent, .tracestate] {
            if let value = exchange.request.headers.first(header) { fields.append(("\(header.name)", value.text)) }
        }
        if let value = exchange.request.headers.first(named: ByteView("accept-language")) {
            fields.append(("accept-language", value.text))
        }
        var travelling = Travelling(fields: fields)
        if backend.passesCredentials, let value = exchange.request.headers.first(.authorization) {
            travelling.credential = Secret(bytes: Array(value.buffer))
        }
        return travelling
    }
}

/// What goes on from a client's request to targets beside the message.
struct Travelling: Sendable {
    var fields: [(name: String, value: String)] = []
    /// The whole `Authorization` field, for targets with `backendAuth: passthrough`; nil when there are none.
    var credential: Secret?
}
