// The reply to a request that authentication refused, ready to be sent, with the reason kept apart for our logs.

package struct Rejection: Sendable {
    package var status: Int
    /// Names are lowercase; values are checked.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// For logs and decision records; holds no part of a credential.
    package var reason: String
    /// For metrics.
    package var code: String

    /// Two credentials in one request.
    static func ambiguous(_ what: String) -> Rejection {
        text(400, "the request has more than one \(what)", reason: "more than one \(what)", code: "several_credentials")
    }

    static func text(
        _ status: Int, _ body: String, challenges: [Challenge] = [], reason: String, code: String
    ) -> Rejection {
        make(status, "text/plain; charset=utf-8", body, challenges, reason, code)
    }

    /// The body that MCP and OAuth clients expect.
    static func oauth(
        _ status: Int, error: String, description: String, challenges: [Challenge], reason: String, code: String
    ) -> Rejection {
        // Both texts are ours: ASCII without quotes.
        let body = "{\"error\":\"\(error)\",\"error_description\":\"\(description)\"}"
        return make(status, "application/json", body, challenges, reason, code)
    }

    private static func make(
        _ status: Int, _ contentType: String, _ body: String, _ challenges: [Challenge], _ reason: String,
        _ code: String
    ) -> Rejection {
        var headers = [("content-type", contentType), ("cache-control", "no-store")]
        for challenge in challenges { headers.append(("www-authenticate", challenge.fieldValue)) }
        return Rejection(status: status, headers: headers, body: Array(body.utf8), reason: reason, code: code)
    }
}
