// Anthropic's reply as a chat completion: whole, and event by event.

import JSON

enum MessageReplyTranslator {
    /// `finish_reason` for `stop_reason`.
    static func finishReason(_ reason: String?) -> String {
        switch reason {
        case "max_tokens", "model_context_window_exceeded": "length"
        case "tool_use": "tool_calls"
        case "refusal": "content_filter"
        default: "stop"
        }
    }

    /// - Returns: nil when `reply` is no message.
    static func translate(_ reply: JSONValue, _ call: TranslatedCall) -> [UInt8]? {
        guard reply["type"]?.equals("message") == true, let content = reply["content"], content.kind == .array else {
            return nil
        }
        var text: String?
        var thoughts: String?
        var calls: [JSONValue] = []
        for block in content.elements {
            switch block["type"]?.string {
            case "text": text = (text ?? "") + (block["text"]?.string ?? "")
            case "thinking": thoughts = (thoughts ?? "") + (block["thinking"]?.string ?? "")
            case "tool_use":
                guard let input = block["input"], block["id"]?.kind == .string, block["name"]?.kind == .string else {
                    return nil
                }
                if call.answersByTool { text = ToolArguments.text(of: input) } else { calls.append(block) }
            default: break
            }
        }
        var writer = JSONWriter(capacity: 1024)
        writer.object { writer in
            writer.member("id", reply["id"]?.string ?? "")
            writer.member("object", "chat.completion")
            writer.member("created", call.created)
            writer.member("model", reply["model"]?.string ?? "")
            writer.name("choices")
            writer.array { writer in
                writer.object { writer in
                    writer.member("index", Int64(0))
                    writer.name("message")
                    writer.object { writer in
                        writer.member("role", "assistant")
                        if let text { writer.member("content", text) } else { writer.nullMember("content") }
                        writer.nullMember("refusal")
                        if let thoughts { writer.member("reasoning_content", thoughts) }
                        if !calls.isEmpty {
                            writer.name("tool_calls")
                            writer.array { writer in for call in calls { write(call, into: &writer) } }
                        }
                    }
                    writer.nullMember("logprobs")
                    let reason = finishReason(reply["stop_reason"]?.string)
                    writer.member("finish_reason", call.answersByTool && reason == "tool_calls" ? "stop" : reason)
                }
            }
            var usage = UsageMembers()
            if let members = reply["usage"] { usage.merge(members) }
            writer.name("usage")
            write(usage.usage, into: &writer)
        }
        return writer.bytes
    }

    private static func write(_ block: JSONValue, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", block["id"]!)
            writer.member("type", "function")
            writer.name("function")
            writer.object { writer in
                writer.member("name", block["name"]!)
                writer.member("arguments", ToolArguments.text(of: block["input"]!))
            }
        }
    }

    static func write(_ usage: TokenUsage?, into writer: inout JSONWriter) {
        let input = usage?.input ?? 0
        let output = usage?.output ?? 0
        writer.object { writer in
            writer.member("prompt_tokens", input)
            writer.member("completion_tokens", output)
            writer.member("total_tokens", input.addingReportingOverflow(output).partialValue)
            writer.name("prompt_tokens_details")
            writer.object { $0.member("cached_tokens", usage?.cached ?? 0) }
        }
    }
}

/// A stream of Anthropic's events as chunks of a chat completion. Each event is translated when it has come.
struct MessageStreamTranslator {
    private enum Block {
        case text, thinking, other
        /// A call of a tool: its number among the calls, and whether arguments have come.
        case call(Int64, hasArguments: Bool)
        /// The answer in the form of a schema.
        case answer
    }

    private let call: TranslatedCall
    private var id = ""
    private var model = ""
    private var blocks: [Int64: Block] = [:]
    private var calls: Int64 = 0
    private var stopReason: String?
    private(set) var usage = UsageMembers()
    private var hasBegun = false
    private(set) var isComplete = false

    /// Blocks of one answer. Each is remembered until the end of the stream.
    private static let maximumBlocks = 4096

    init(_ call: TranslatedCall) { self.call = call }

    /// - Throws: `.unusable` when the event is none of Anthropic's, or reports an error.
    mutating func translate(_ event: JSONValue, into out: IOBuffer) throws(UpstreamError) {
        guard !isComplete else { return }
        switch event["type"]?.string {
        case "message_start":
            guard !hasBegun, let message = event["message"] else {
                throw .unusable("a second message_start, or one without a message")
            }
            hasBegun = true
            id = message["id"]?.string ?? ""
            model = message["model"]?.string ?? ""
            if let members = message["usage"] { usage.merge(members) }
            chunk(into: out) { writer in
                writer.member("role", "assistant")
                writer.member("content", "")
            }
        case "content_block_start": try begin(event, out)
        case "content_block_delta": try extend(event, out)
        case "content_block_stop":
            if case .call(let number, false)? = blocks[try index(event)] {
                // A tool without parameters: its arguments have to be JSON all the same.
                arguments("{}", number, out)
            }
        case "message_delta":
            if let reason = event["delta"]?["stop_reason"]?.string { stopReason = reason }
            if let members = event["usage"] { usage.merge(members) }
        case "message_stop": try end(out)
        case "ping": out.append(": ping\n\n")
        case "error":
            throw .unusable("the provider's stream reports an error: \(event["error"]?["type"]?.string ?? "")")
        case nil: throw .unusable("an event without a type")
        default: break
        }
    }

    private func index(_ event: JSONValue) throws(UpstreamError) -> Int64 {
        guard hasBegun, let index = event["index"]?.int64, index >= 0 else {
            throw .unusable("a block without an index, or before the message")
        }
        return index
    }

    private mutating func begin(_ event: JSONValue, _ out: IOBuffer) throws(UpstreamError) {
        let index = try index(event)
        guard let block = event["content_block"], blocks[index] == nil,
            blocks.count < MessageStreamTranslator.maximumBlocks
        else { throw .unusable("a block that is none, is there already, or is one too many") }
        switch block["type"]?.string {
        case "text":
            blocks[index] = .text
            if let text = block["text"], !text.rawBytes.isEmpty {
                chunk(into: out) { $0.member("content", text) }
            }
        case "thinking": blocks[index] = .thinking
        case "tool_use" where call.answersByTool: blocks[index] = .answer
        case "tool_use":
            guard let id = block["id"], let name = block["name"] else { throw .unusable("a call without a name") }
            let number = calls
            calls += 1
            let input = block["input"].flatMap { $0.count > 0 ? ToolArguments.text(of: $0) : nil }
            blocks[index] = .call(number, hasArguments: input != nil)
            chunk(into: out) { writer in
                writer.name("tool_calls")
                writer.array { writer in
                    writer.object { writer in
                        writer.member("index", number)
                        writer.member("id", id)
                        writer.member("type", "function")
                        writer.name("function")
                        writer.object { writer in
                            writer.member("name", name)
                            writer.member("arguments", input ?? "")
                        }
                    }
                }
            }
        default: blocks[index] = .other
        }
    }

    private mutating func extend(_ event: JSONValue, _ out: IOBuffer) throws(UpstreamError) {
        let index = try index(event)
        guard let block = blocks[index], let delta = event["delta"] else {
            throw .unusable("a delta of a block that has not begun")
        }
        switch (block, delta["type"]?.string) {
        case (.text, "text_delta"):
            if let text = delta["text"], text.kind == .string { chunk(into: out) { $0.member("content", text) } }
        case (.thinking, "thinking_delta"):
            if let text = delta["thinking"], text.kind == .string {
                chunk(into: out) { $0.member("reasoning_content", text) }
            }
        case (.call(let number, _), "input_json_delta"):
            guard let text = delta["partial_json"]?.string, !text.isEmpty else { return }
            blocks[index] = .call(number, hasArguments: true)
            arguments(text, number, out)
        case (.answer, "input_json_delta"):
            if let text = delta["partial_json"], !text.rawBytes.isEmpty {
                chunk(into: out) { $0.member("content", text) }
            }
        default: break
        }
    }

    private func arguments(_ text: String, _ number: Int64, _ out: IOBuffer) {
        chunk(into: out) { writer in
            writer.name("tool_calls")
            writer.array { writer in
                writer.object { writer in
                    writer.member("index", number)
                    writer.name("function")
                    writer.object { $0.member("arguments", text) }
                }
            }
        }
    }

    private mutating func end(_ out: IOBuffer) throws(UpstreamError) {
        guard hasBegun else { throw .unusable("message_stop before message_start") }
        isComplete = true
        let reason = MessageReplyTranslator.finishReason(stopReason)
        chunk(into: out, finish: call.answersByTool && reason == "tool_calls" ? "stop" : reason) { _ in }
        if call.includesUsage {
            send(out) { writer in
                writer.name("choices")
                writer.array { _ in }
                writer.name("usage")
                MessageReplyTranslator.write(usage.usage, into: &writer)
            }
        }
        out.append("data: [DONE]\n\n")
    }

    private func chunk(into out: IOBuffer, finish: String? = nil, _ delta: (inout JSONWriter) -> Void) {
        send(out) { writer in
            writer.name("choices")
            writer.array { writer in
                writer.object { writer in
                    writer.member("index", Int64(0))
                    writer.name("delta")
                    writer.object { delta(&$0) }
                    writer.nullMember("logprobs")
                    if let finish { writer.member("finish_reason", finish) } else { writer.nullMember("finish_reason") }
                }
            }
            if call.includesUsage { writer.nullMember("usage") }
        }
    }

    private func send(_ out: IOBuffer, _ members: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(capacity: 256)
        writer.object { writer in
            writer.member("id", id)
            writer.member("object", "chat.completion.chunk")
            writer.member("created", call.created)
            writer.member("model", model)
            members(&writer)
        }
        out.append("data: ")
        out.append(writer.bytes)
        out.append("\n\n")
    }
}
