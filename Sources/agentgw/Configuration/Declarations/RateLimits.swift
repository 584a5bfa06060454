// `localRateLimit`.

import Auth
import Proxy

extension Declarations {
    /// More tokens than any bucket needs, and far from the end of the numbers.
    private static let mostTokens = 1_000_000_000_000
    /// A request asks each of them.
    private static let mostLimits = 16

    private static let rateLimit = ValueDecoder<RateLimitPolicy>.object(
        "RateLimit", "A bucket of tokens: a request takes one, or as many as it used of the model.",
        make: { _, _ in RateLimitPolicy() },
        fields: [
            .apply("maxTokens", .integer(1...mostTokens), required: true, "What the bucket holds, and begins with.") {
                owner, value, _, _ in
                owner.capacity = Int64(value)
                return true
            },
            .apply("tokensPerFill", .integer(1...mostTokens), required: true, "Added at each fill.") {
                owner, value, _, _ in
                owner.perFill = Int64(value)
                return true
            },
            .value("fillInterval", \.interval, .duration(), required: true, "Between fills."),
            .value(
                "type", \.unit, ValueDecoder<RateLimitPolicy.Unit>.word(), default: "requests",
                "`requests`, or `tokens` of the model, counted when an AI request has ended."),
            .optional(
                "key", \.key, policyExpression(.key), default: "one bucket for all",
                "CEL: requests with the same value share a bucket, those without a value share one as well."),
        ]
    ).check { policy, node, context in
        if policy.perFill > policy.capacity {
            return context.fail("tokensPerFill is more than maxTokens holds", at: node)
        }
        return policy
    }

    static let rateLimits = ValueDecoder<[RateLimitPolicy]>.list(rateLimit, atLeast: 1, of: "limit").check {
        limits, node, context in
        limits.count > mostLimits ? context.fail("more than \(mostLimits) limits on a route", at: node) : limits
    }
}
