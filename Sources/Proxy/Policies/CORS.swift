// Cross-origin resource sharing: answers preflights, and says on replies which pages may read them (Fetch standard).

extension CORSPolicy {
    /// What a request's `Origin` came to.
    struct Judgement {
        /// The value of `Access-Control-Allow-Origin`.
        var allowOrigin: String
        var varies: Bool
    }

    /// nil: no `Origin`, or one that is not allowed.
    func judge(_ origin: ByteView?) -> Judgement? {
        guard let origin else { return nil }
        let text = origin.text
        let lowercase = text.lowercased()
        guard allowOrigins.contains(where: { $0.matches(lowercase) }) else { return nil }
        // With credentials a wildcard means nothing to a browser; the origin itself must be named.
        if allowOrigins.contains(.any), !allowCredentials { return Judgement(allowOrigin: "*", varies: false) }
        return Judgement(allowOrigin: text, varies: true)
    }

    /// Whether `request` is a preflight, which is answered here and goes no further.
    static func isPreflight(_ request: RequestHead) -> Bool {
        request.method == .options && request.headers.first(.origin) != nil
            && request.headers.first(named: ByteView("access-control-request-method")) != nil
    }

    /// The fields of the answer to a preflight; empty when the origin is not allowed.
    func preflight(_ request: RequestHead) -> [(String, String)] {
        guard let judgement = judge(request.headers.first(.origin)) else { return [("vary", "origin")] }
        var fields = fields(judgement, exposing: false)
        let methods: String
        switch allowMethods {
        case .any: methods = request.headers.first(named: ByteView("access-control-request-method"))?.text ?? ""
        case .names(let names):
            // Without a list the simple methods (Fetch standard) and those of the protocols behind the gateway pass.
            methods = names.isEmpty ? "GET, HEAD, POST, DELETE, OPTIONS" : names.joined(separator: ", ")
        }
        if !methods.isEmpty { fields.append(("access-control-allow-methods", methods)) }
        let headers: String
        switch allowHeaders {
        case .any: headers = request.headers.first(named: ByteView("access-control-request-headers"))?.text ?? ""
        case .names(let names): headers = names.joined(separator: ", ")
        }
        if !headers.isEmpty { fields.append(("access-control-allow-headers", headers)) }
        if let maxAge { fields.append(("access-control-max-age", "\(maxAge.components.seconds)")) }
        return fields
    }

    /// Adds the fields that let a page read this reply.
    func apply(_ judgement: Judgement, to head: ResponseHead) {
        for name in [
            "access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers",
        ] {
            head.headers.remove(named: name)
        }
        for (name, value) in fields(judgement, exposing: true) { head.headers.append(name, value) }
    }

    private func fields(_ judgement: Judgement, exposing: Bool) -> [(String, String)] {
        var fields = [("access-control-allow-origin", judgement.allowOrigin)]
        if judgement.varies { fields.append(("vary", "origin")) }
        if allowCredentials { fields.append(("access-control-allow-credentials", "true")) }
        if exposing, !exposeHeaders.isEmpty {
            fields.append(("access-control-expose-headers", exposeHeaders.joined(separator: ", ")))
        }
        return fields
    }
}
