// OpenAI's chat completion as a message of Anthropic's: whole, and chunk by chunk.

import JSON

enum ChatReplyTranslator {
    /// `stop_reason` for `finish_reason`.
    static func stopReason(_ reason: String?) -> String {
        switch reason {
        case "length": "max_tokens"
        case "tool_calls", "function_call": "tool_use"
        case "content_filter": "refusal"
        default: "end_turn"
        }
    }

    /// What a model has thought, where a server says it: a member of its own, under one of two names.
    static func thoughts(_ holder: JSONValue) -> JSONValue? {
        guard let text = holder.present("reasoning_content") ?? holder.present("reasoning"), text.kind == .string,
            !text.rawBytes.isEmpty
        else { return nil }
        return text
    }

    /// - Throws: `.unusable` when `reply` is no chat completion.
    static func translate(_ reply: JSONValue, _ call: TranslatedCall) throws(UpstreamError) -> [UInt8] {
        guard let choice = reply["choices"]?.elements.first(where: { _ in true }), let message = choice["message"]
        else {
            throw .unusable("no choice with a message")
        }
        let refusal = message.present("refusal")
        var inputs: [JSONValue] = []
        let calls = message.present("tool_calls")
        for call in calls.map({ Array($0.elements) }) ?? [] {
            let arguments = call["function"]?["arguments"]?.string ?? ""
            guard let input = ToolArguments.parse(arguments.isEmpty ? "{}" : arguments), call["id"]?.kind == .string,
                call["function"]?["name"]?.kind == .string
            else { throw .unusable("the arguments of a tool's call are no JSON object") }
            inputs.append(input)
        }
        var writer = JSONWriter(capacity: 1024)
        writer.object { writer in
            writer.member("id", reply["id"]?.string ?? "")
            writer.member("type", "message")
            writer.member("role", "assistant")
            writer.member("model", reply["model"]?.string ?? "")
            writer.name("content")
            writer.array { writer in
                if call.showsThinking, let thoughts = thoughts(message) {
                    writer.object { writer in
                        writer.member("type", "thinking")
                        writer.member("thinking", thoughts)
                        writer.member("signature", "")
                    }
                }
                for text in [message.present("content"), refusal] {
                    guard let text, text.kind == .string, !text.rawBytes.isEmpty else { continue }
                    writer.object { writer in
                        writer.member("type", "text")
                        writer.member("text", text)
                    }
                }
                guard let calls else { return }
                for (call, input) in zip(calls.elements, inputs) {
                    writer.object { writer in
                        writer.member("type", "tool_use")
                        writer.member("id", call["id"]!)
                        writer.member("name", call["function"]!["name"]!)
                        writer.member("input", input)
                    }
                }
            }
            writer.member(
                "stop_reason", refusal != nil ? "refusal" : stopReason(choice["finish_reason"]?.string))
            writer.nullMember("stop_sequence")
            var usage = UsageMembers()
            if let members = reply["usage"] { usage.merge(members) }
            writer.name("usage")
            writer.object { writeUsage(usage.usage, into: &$0) }
        }
        return writer.bytes
    }

    static func writeUsage(_ usage: TokenUsage?, into writer: inout JSONWriter) {
        let cached = usage?.cached ?? 0
        // Anthropic counts the cache beside the input.
        writer.member("input_tokens", max(0, (usage?.input ?? 0) - cached))
        writer.member("output_tokens", usage?.output ?? 0)
        writer.member("cache_creation_input_tokens", Int64(0))
        writer.member("cache_read_input_tokens", cached)
    }
}

/// A stream of chunks as Anthropic's events. Each chunk is translated when it has come.
struct ChatStreamTranslator {
    private enum Block: Equatable {
        case text, thinking
        /// The call with this number among OpenAI's.
        case call(Int64)
    }

    private let call: TranslatedCall
    private(set) var usage = UsageMembers()
    private var hasBegun = false
    /// The block that has begun and not ended; its index is `index`.
    private var block: Block?
    private var index: Int64 = -1
    private var finishReason: String?
    private var isRefusal = false
    private var lastCall: Int64 = -1
    private(set) var isComplete = false

    init(_ call: TranslatedCall) { self.call = call }

    /// The model has said why it has ended: only counts may follow.
    var isFinished: Bool { finishReason != nil }

    /// - Throws: `.unusable` when the chunk is none of OpenAI's, or reports an error.
    mutating func translate(_ chunk: JSONValue, into out: IOBuffer) throws(UpstreamError) {
        guard !isComplete else { return }
        guard chunk.kind == .object, chunk.present("error") == nil else {
            throw .unusable("the provider's stream reports an error")
        }
        if let members = chunk["usage"] { usage.merge(members) }
        guard let choice = chunk["choices"]?.elements.first(where: { _ in true }) else { return }
        if !hasBegun { begin(chunk, out) }
        if let delta = choice["delta"] { try extend(delta, out) }
        if let reason = choice["finish_reason"]?.string { finishReason = reason }
    }

    private mutating func begin(_ chunk: JSONValue, _ out: IOBuffer) {
        hasBegun = true
        send("message_start", out) { writer in
            writer.name("message")
            writer.object { writer in
                writer.member("id", chunk["id"]?.string ?? "")
                writer.member("type", "message")
                writer.member("role", "assistant")
                writer.member("model", chunk["model"]?.string ?? "")
                writer.name("content")
                writer.array { _ in }
                writer.nullMember("stop_reason")
                writer.nullMember("stop_sequence")
                writer.name("usage")
                // OpenAI counts at the end.
                writer.object { ChatReplyTranslator.writeUsage(nil, into: &$0) }
            }
        }
    }

    private mutating func extend(_ delta: JSONValue, _ out: IOBuffer) throws(UpstreamError) {
        if call.showsThinking, let text = ChatReplyTranslator.thoughts(delta) {
            open(.thinking, out) { writer in
                writer.member("type", "thinking")
                writer.member("thinking", "")
                writer.member("signature", "")
            }
            send(delta: "thinking_delta", "thinking", text, out)
        }
        let refusal = delta.present("refusal")
        if refusal != nil { isRefusal = true }
        for text in [delta.present("content"), refusal] {
            guard let text, text.kind == .string, !text.rawBytes.isEmpty else { continue }
            open(.text, out) { writer in
                writer.member("type", "text")
                writer.member("text", "")
            }
            send(delta: "text_delta", "text", text, out)
        }
        guard let calls = delta.present("tool_calls") else { return }
        for call in calls.elements { try extend(call: call, out) }
    }

    private mutating func extend(call: JSONValue, _ out: IOBuffer) throws(UpstreamError) {
        let number = call["index"]?.int64 ?? lastCall
        guard number >= 0 else { throw .unusable("a tool's call without an index") }
        if number > lastCall {
            guard let id = call["id"], id.kind == .string, let name = call["function"]?["name"], name.kind == .string
            else { throw .unusable("a tool's call that begins without id and name") }
            lastCall = number
            open(.call(number), out) { writer in
                writer.member("type", "tool_use")
                writer.member("id", id)
                writer.member("name", name)
                writer.name("input")
                writer.object { _ in }
            }
        } else if block != .call(number) {
            throw .unusable("a tool's call goes on after another has begun")
        }
        if let text = call["function"]?["arguments"], text.kind == .string, !text.rawBytes.isEmpty {
            send(delta: "input_json_delta", "partial_json", text, out)
        }
    }

    // MARK: Blocks

    private mutating func open(_ kind: Block, _ out: IOBuffer, _ content: (inout JSONWriter) -> Void) {
        guard block != kind else { return }
        close(out)
        block = kind
        index += 1
        let index = index
        send("content_block_start", out) { writer in
            writer.member("index", index)
            writer.name("content_block")
            writer.object { content(&$0) }
        }
    }

    private mutating func close(_ out: IOBuffer) {
        guard block != nil else { return }
        block = nil
        let index = index
        send("content_block_stop", out) { $0.member("index", index) }
    }

    private func send(delta type: String, _ name: String, _ text: JSONValue, _ out: IOBuffer) {
        send("content_block_delta", out) { writer in
            writer.member("index", index)
            writer.name("delta")
            writer.object { writer in
                writer.member("type", type)
                writer.member(name, text)
            }
        }
    }

    /// `[DONE]`, or the end of a stream that says why it has ended.
    mutating func end(into out: IOBuffer) throws(UpstreamError) {
        guard !isComplete else { return }
        guard hasBegun else { throw .unusable("the stream ended before it began") }
        isComplete = true
        close(out)
        let reason = isRefusal ? "refusal" : ChatReplyTranslator.stopReason(finishReason)
        let counted = usage.usage
        send("message_delta", out) { writer in
            writer.name("delta")
            writer.object { writer in
                writer.member("stop_reason", reason)
                writer.nullMember("stop_sequence")
            }
            writer.name("usage")
            writer.object { ChatReplyTranslator.writeUsage(counted, into: &$0) }
        }
        send("message_stop", out) { _ in }
    }

    private func send(_ type: String, _ out: IOBuffer, _ members: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(capacity: 256)
        writer.object { writer in
            writer.member("type", type)
            members(&writer)
        }
        out.append("event: ")
        out.append(type)
        out.append("\ndata: ")
        out.append(writer.bytes)
        out.append("\n\n")
    }
}
