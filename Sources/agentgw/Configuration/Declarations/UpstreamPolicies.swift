// Policies of what happens between the gateway and upstreams: time, tries, choice, copies.

import Auth
import Proxy

extension Declarations {
    static let timeouts = ValueDecoder<Timeouts>.object(
        "Timeout", "How long a request may take.", make: { _, _ in Timeouts() },
        fields: [
            .optional(
                "requestTimeout", \.request, .duration(),
                "From the request's head to the end of the answer, tries included."),
            .optional(
                "backendRequestTimeout", \.backendRequest, .duration(), default: "the backend's `http.requestTimeout`",
                "Of one attempt."),
        ])

    static let retry = ValueDecoder<RetryPolicy>.object(
        "Retry",
        "Tries again when connecting fails, and, for requests that may be repeated, when the upstream fails otherwise.",
        make: { _, _ in RetryPolicy() },
        fields: [
            .value("attempts", \.attempts, .integer(1...10), default: "1", "Further tries after the first."),
            .optional("backoff", \.backoff, .duration(), "Pause before the second try; doubles from there."),
            .value("codes", \.statusCodes, .list(.integer(400...599)), "Statuses that are tried again."),
            .optional(
                "precondition", \.precondition, policyExpression(.condition),
                "CEL, asked before the first try: true makes a request repeatable whatever its method, false never so."),
            .optional(
                "condition", \.condition, policyExpression(ExpressionUse(.response, .condition)),
                "CEL, asked of a reply with one of the codes: only when true it is tried again."),
        ]
    ).check { retry, node, context in
        if retry.condition != nil, retry.statusCodes.isEmpty {
            return context.fail("condition would never be asked: there are no codes", at: node)
        }
        return retry
    }

    private struct MirrorDraft {
        var policy: MirrorPolicy?
        var share: Double?
        var position: FilePosition
    }

    static let requestMirror = ValueDecoder<MirrorDraft>.object(
        "RequestMirror",
        "A copy of a share of the requests, without credentials, to a service whose answers are dropped.",
        make: { node, context in MirrorDraft(position: context.position(of: node)) },
        fields: [
            .apply("backend", mirrorBackend, required: true, "Where copies go.") { owner, address, _, _ in
                owner.policy = MirrorPolicy(address: address)
                return true
            },
            .optional("percentage", \.share, share, default: "1", "The share of requests, from 0 to 1."),
        ]
    ).then { draft, _, _ -> MirrorPolicy? in
        guard var policy = draft.policy else { return nil }
        policy.share = draft.share ?? 1
        policy.position = draft.position
        return policy
    }

    private static let share = ValueDecoder<Double>(.number(0...1)) { node, context in
        guard let scalar = Scalars.any("a share from 0 to 1", node, context) else { return nil }
        switch scalar.value {
        case .int(let number) where number == 0 || number == 1: return Double(number)
        case .float(let share) where (0...1).contains(share): return share
        default: return context.fail("expected a share from 0 to 1, found \(NodeKind.written(node))", at: node)
        }
    }

    private struct HostDraft {
        var address: UpstreamAddress?
    }

    private static let mirrorBackend = ValueDecoder<HostDraft>.object(
        "MirrorBackend", "A service.", make: { _, _ in HostDraft() },
        fields: [
            .apply("host", upstream(allowsPath: false), required: true, "`host:port`, or a URL without a path.") {
                owner, text, _, _ in
                owner.address = text.address
                return true
            },
            .notYet("service", "services of a registry"),
            .notYet("backend", "a named backend; write its host"),
        ]
    ).then { draft, _, _ -> UpstreamAddress? in draft.address }

    private struct AffinityDraft {
        var source: PolicyExpressionSource?
    }

    static let sessionAffinity = ValueDecoder<AffinityDraft>.object(
        "SessionAffinity",
        "Requests with the same key go to the same backend of the route, as long as it is not left out.",
        make: { _, _ in AffinityDraft() },
        fields: [
            .optional(
                "source", \.source, policyExpression(.key), "CEL, required: the key. Without a value: any backend.")
        ]
    ).then { draft, node, context -> PolicyExpressionSource? in
        draft.source ?? context.fail("missing field \"source\"", at: node)
    }

    private struct EvictionDraft {
        var duration: Duration?
        var failures: Int?
    }

    private static let eviction = ValueDecoder<EvictionDraft>.object(
        "Eviction", "When a failing backend is left out, and for how long.", make: { _, _ in EvictionDraft() },
        fields: [
            .optional(
                "duration", \.duration, .duration(), default: "3s",
                "Of the first time; the second in a row lasts twice as long, and so on up to 5m."),
            .optional("consecutiveFailures", \.failures, .integer(1...1000), default: "1", "Failures in a row."),
            .notYet("restoreHealth", "partial health"),
            .notYet("healthThreshold", "partial health"),
        ])

    static let health = ValueDecoder<HealthPolicy>.object(
        "Health", "A backend that fails is left out for a while, unless all of the route's are.",
        make: { _, _ in HealthPolicy() },
        fields: [
            .optional(
                "unhealthyExpression", \.unhealthy, policyExpression(ExpressionUse(.response, .condition)),
                default: "`response.code >= 500`",
                "CEL: which replies are failures. No reply always is."),
            .apply("eviction", eviction, "When it is left out, and for how long.") { owner, eviction, _, _ in
                owner.duration = eviction.duration ?? owner.duration
                owner.consecutiveFailures = eviction.failures ?? owner.consecutiveFailures
                return true
            },
        ])

    private struct BufferDraft {
        var request: Int?
    }

    private static let bufferSide = ValueDecoder<HostlessLimit>.object(
        "BufferLimit", "How much is held.", make: { _, _ in HostlessLimit() },
        fields: [
            .value(
                "maxBytes", \.maximum, .byteCount(1...(1 << 30)), required: true, "A longer body is refused with 413."),
            .notYet("failureMode", "passing on what does not fit"),
        ])

    private struct HostlessLimit {
        var maximum = 0
    }

    static let buffer = ValueDecoder<BufferDraft>.object(
        "Buffer", "Bodies are held until they are complete.", make: { _, _ in BufferDraft() },
        fields: [
            .apply("request", bufferSide, required: true, "Request bodies.") { owner, side, _, _ in
                owner.request = side.maximum
                return true
            },
            .notYet("response", "holding replies"),
        ]
    ).then { draft, _, _ -> Int? in draft.request }
}
