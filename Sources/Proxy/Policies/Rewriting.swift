// Header modifiers, URL rewriting and redirects (Gateway API's HTTPRoute filters).

extension HeaderModifier {
    func apply(to headers: HeaderBlock) {
        for name in remove { headers.remove(named: name) }
        for field in set { headers.set(field.name, field.value) }
        for field in add { headers.append(field.name, field.value) }
    }
}

extension PathRewrite {
    /// The new path for `path`, of which the route's prefix matched `prefixLength` bytes (nil: it was no prefix).
    func apply(to path: ByteView, prefixLength: Int?) -> [UInt8] {
        switch self {
        case .full(let replacement):
            return Array(replacement.utf8)
        case .prefix(let replacement):
            guard let prefixLength else { return path.bytes }
            var result = Array(replacement.utf8)
            while result.last == UInt8(ascii: "/") { result.removeLast() }
            let rest = path.slice(min(prefixLength, path.count), path.count)
            if rest.count > 0, rest[0] != UInt8(ascii: "/") { result.append(UInt8(ascii: "/")) }
            result.append(contentsOf: rest)
            return result.isEmpty ? [UInt8(ascii: "/")] : result
        }
    }
}

extension AuthorityRewrite {
    /// The authority for a request that was sent to `client` and goes to `upstream`.
    func apply(client: String, upstream: String) -> String {
        func split(_ authority: String) -> (host: String, port: String?) {
            guard let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") else { return (authority, nil) }
            return (String(authority[..<colon]), String(authority[authority.index(after: colon)...]))
        }
        switch self {
        case .auto: return upstream
        case .none: return client.isEmpty ? upstream : client
        case .full(let authority): return authority
        case .host(let host):
            return split(client).port.map { "\(host):\($0)" } ?? host
        case .port(let port):
            return "\(split(client).host):\(port)"
        }
    }
}

extension RequestRedirect {
    /// The value of `Location`.
    func location(_ request: RequestHead, isSecure: Bool, prefixLength: Int?) -> String {
        let scheme = self.scheme ?? (isSecure ? "https" : "http")
        let client = request.authority.text
        var authority = self.authority.map { $0.apply(client: client, upstream: client) } ?? client
        // A port that belongs to the other scheme does not follow a change of scheme (Gateway API).
        if self.scheme != nil, self.authority == nil, let colon = authority.lastIndex(of: ":"),
            !authority.hasSuffix("]")
        {
            authority = String(authority[..<colon])
        }
        let path = self.path.map { $0.apply(to: request.path, prefixLength: prefixLength) } ?? request.path.bytes
        let query = request.query.map { "?\($0.text)" } ?? ""
        return "\(scheme)://\(authority)\(String(decoding: path, as: UTF8.self))\(query)"
    }
}
