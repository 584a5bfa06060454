// Cross-site request forgery: what changes something must not have been sent by another site's page. A browser says where
// a request comes from in `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (Fetch standard), which pages cannot forge; what
// sends neither is no browser, and has no user's cookies to ride on.

extension CSRFPolicy {
    func admits(_ request: RequestHead) -> Bool {
        switch request.method {
        // Safe by definition (RFC 9110 §9.2.1); a switch to WebSocket opens a way to change things, whatever its method.
        case .get, .head, .options:
            if request.upgrade == .none { return true }
        default: break
        }
        let site = single(request, "sec-fetch-site")
        if case .one(let value) = site, value == "same-origin" || value == "none" { return true }
        switch single(request, "origin") {
        case .none:
            if case .none = site { return true }
            return false
        case .several: return false
        case .one(let origin): return isOwn(origin, request) || isListed(origin)
        }
    }

    private enum Occurrence {
        case none
        case one(ByteView)
        case several
    }

    private func single(_ request: RequestHead, _ name: StaticString) -> Occurrence {
        var found = Occurrence.none
        request.headers.forEach(named: ByteView(name)) { value in
            if case .none = found { found = .one(value) } else { found = .several }
        }
        return found
    }

    private func isListed(_ origin: ByteView) -> Bool {
        let text = origin.text.lowercased()
        return text != "null" && additionalOrigins.contains { $0.matches(text) }
    }

    /// The origin's host and port are the request's. Its scheme is not compared: a proxy in front may speak TLS for us.
    private func isOwn(_ origin: ByteView, _ request: RequestHead) -> Bool {
        let text = origin.text.lowercased()
        let parts = text.split(separator: "://", maxSplits: 1)
        guard parts.count == 2 else { return false }
        let (scheme, host) = (parts[0], String(parts[1]))
        let own = request.authority.text.lowercased()
        guard !own.isEmpty, !host.isEmpty else { return false }
        func bare(_ authority: String) -> String {
            let port = scheme == "https" ? ":443" : ":80"
            return authority.hasSuffix(port) ? String(authority.dropLast(port.count)) : authority
        }
        return bare(host) == bare(own)
    }
}
