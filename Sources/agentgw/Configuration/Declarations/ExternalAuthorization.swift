// `extAuthz`.

import Auth
import Proxy

extension Declarations {
    private struct ProtocolDraft {
        var http: ExternalAuthorization?
    }

    private static let httpProtocol = ValueDecoder<ExternalAuthorization>.object(
        "ExtAuthzHTTP", "How the service is asked: with the request's method and, unless told otherwise, its path.",
        make: { node, context in ExternalAuthorization(position: context.position(of: node)) },
        fields: [
            .optional(
                "path", \.path, policyExpression(.key), default: "the request's path and query",
                "CEL: the path that is asked for."),
            .optional(
                "redirect", \.redirect, policyExpression(.key),
                "CEL: where a client is sent (302) to whom the service says 401 or 403."),
            .value(
                "includeResponseHeaders", \.includeResponseHeaders, .list(changeableHeader),
                "Fields of the service's reply for the backend. The client's own of these names never pass."),
            .value(
                "addRequestHeaders", \.addRequestHeaders, computedFields(.request), "Fields for the service, by CEL."),
            .notYet("body", "a body computed by CEL"),
            .notYet("metadata", "metadata of the service's reply"),
        ])

    private static let extAuthzProtocol = ValueDecoder<ProtocolDraft>.object(
        "ExtAuthzProtocol", "How the service is spoken to.", make: { _, _ in ProtocolDraft() },
        fields: [
            .optional("http", \.http, httpProtocol, "HTTP: 2xx allows, everything else is the client's answer."),
            .notYet("grpc", "Envoy's gRPC service; use protocol: {http: {}}"),
        ], rules: [.exactlyOne(["http", "grpc"])])

    private static let failureMode = ValueDecoder<ExternalAuthorization.FailureMode>.byNotation(
        scalar: ValueDecoder<ExternalAuthorization.FailureMode>(.choice(["deny", "allow"])) { node, context in
            guard let scalar = Scalars.text("deny or allow", node, context) else { return nil }
            switch scalar.text.text {
            case "deny": return .deny(403)
            case "allow":
                context.warn("failureMode allow: requests pass unjudged while the service is away", at: node)
                return .allow
            default: return context.fail("\"\(scalar.written)\" is not one of deny, allow", at: node)
            }
        },
        mapping: ValueDecoder<ExternalAuthorization.FailureMode>.object(
            "DenyWithStatus", "A refusal of its own.", make: { _, _ in .deny(403) },
            fields: [
                .apply("denyWithStatus", .integer(400...599), required: true, "The status.") { owner, status, _, _ in
                    owner = .deny(status)
                    return true
                }
            ]), expected: "deny, allow or {denyWithStatus: …}")

    private struct BodyDraft {
        var maximum = 0
    }

    private static let includedBody = ValueDecoder<BodyDraft>.object(
        "ExtAuthzBody", "The request's body, held and sent to the service as well.", make: { _, _ in BodyDraft() },
        fields: [
            .value(
                "maxRequestBytes", \.maximum, .byteCount(1...(16 << 20)), required: true,
                "A request with a longer body is refused with 413."),
            .notYet("allowPartialMessage", "sending the beginning of a body: the rest would pass unjudged"),
            .notYet("packAsBytes", "an option of gRPC"),
        ])

    static let extAuthz = ValueDecoder<ExternalAuthorization>.object(
        "ExtAuthz",
        "A service is asked about each request, after credentials and before rules. When it does not answer, the request is "
            + "refused.",
        make: { node, context in ExternalAuthorization(position: context.position(of: node)) },
        fields: [
            .apply(
                "host", upstream(allowsPath: false), required: true,
                "The service: `host:port`, or a URL without a path."
            ) { owner, text, _, _ in
                owner.address = text.address
                return true
            },
            .apply(
                "protocol", extAuthzProtocol, required: true,
                "`http: {}`. It must be said: agentgateway's default is gRPC."
            ) { owner, draft, _, _ in
                guard let http = draft.http else { return false }
                owner.path = http.path
                owner.redirect = http.redirect
                owner.includeResponseHeaders = http.includeResponseHeaders
                owner.addRequestHeaders = http.addRequestHeaders
                return true
            },
            .value(
                "failureMode", \.failureMode, failureMode, default: "deny",
                "What a service that is away means: `deny`, `allow` or `{denyWithStatus: …}`."),
            .value(
                "includeRequestHeaders", \.includeRequestHeaders, .list(changeableHeader), default: "authorization",
                "Fields of the request for the service."),
            .apply("includeRequestBody", includedBody, "The request's body for the service.") { owner, body, _, _ in
                owner.bodyLimit = body.maximum
                return true
            },
            .value("timeout", \.timeout, .duration(), default: "2s", "For the service to answer."),
            .notYet("policies", "policies of the service"),
            .notYet("cache", "keeping the service's answers"),
            .notYet("service", "services of a registry"),
            .notYet("backend", "a named backend; write its host"),
            .notYet("conditional", "asking by condition"),
        ])
}
