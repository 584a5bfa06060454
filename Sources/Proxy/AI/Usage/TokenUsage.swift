// How many tokens a call took, in one meaning for all providers, whatever they call it.

import JSON

package struct TokenUsage: Hashable, Sendable {
    /// Everything the model read, what came from or went to a prompt cache included.
    package var input: Int64?
    /// Everything the model wrote, reasoning included.
    package var output: Int64?
    /// The part of `input` that was read from a prompt cache.
    package var cached: Int64?
    /// The part of `output` that was reasoning.
    package var reasoning: Int64?
    /// The reply ended before the provider said, or it never did: `input` and `output` are guesses from lengths, so that
    /// nobody escapes a limit by leaving early.
    package var isEstimated = false

    package init(input: Int64? = nil, output: Int64? = nil, cached: Int64? = nil, reasoning: Int64? = nil) {
        self.input = input
        self.output = output
        self.cached = cached
        self.reasoning = reasoning
    }
}

/// The `usage` objects of one reply, merged: a stream may spread the counts over several events, each cumulative, so that
/// the latest value of a member is the one that counts.
struct UsageMembers {
    private var input: Int64?
    private var output: Int64?
    private var cached: Int64?
    private var reasoning: Int64?
    /// Anthropic counts these beside `input_tokens`, not within.
    private var cacheRead: Int64?
    private var cacheWritten: Int64?

    /// nil until a count was found.
    var usage: TokenUsage? {
        guard input != nil || output != nil || cacheRead != nil || cacheWritten != nil else { return nil }
        var total = input
        for extra in [cacheRead, cacheWritten] {
            guard let extra else { continue }
            let (sum, overflow) = (total ?? 0).addingReportingOverflow(extra)
            total = overflow ? .max : sum
        }
        return TokenUsage(input: total, output: output, cached: cacheRead ?? cached, reasoning: reasoning)
    }

    /// Takes what `usage` states; members that are null, negative or no integers state nothing.
    mutating func merge(_ usage: JSONValue) {
        func take(_ value: JSONValue?, _ into: inout Int64?) {
            if let count = value?.int64, count >= 0 { into = count }
        }
        take(usage["prompt_tokens"] ?? usage["input_tokens"], &input)
        take(usage["completion_tokens"] ?? usage["output_tokens"], &output)
        take((usage["prompt_tokens_details"] ?? usage["input_tokens_details"])?["cached_tokens"], &cached)
        take((usage["completion_tokens_details"] ?? usage["output_tokens_details"])?["reasoning_tokens"], &reasoning)
        take(usage["cache_read_input_tokens"], &cacheRead)
        take(usage["cache_creation_input_tokens"], &cacheWritten)
    }
}
