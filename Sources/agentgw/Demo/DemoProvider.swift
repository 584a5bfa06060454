// The AI provider of `agentgw demo`: answers in OpenAI's and in Anthropic's wire format, streaming or not, without a
// network and always the same for the same question.

import JSON
import Proxy

final class DemoProvider: RequestHandler, @unchecked Sendable {
    /// A question is text; images are not understood here.
    private static let maximumBody = 1 << 20

    let limits = ServerLimits()
    var isDraining: Bool { false }

    func handle(_ exchange: Exchange) async {
        let path = exchange.request.path.text
        switch (exchange.request.methodName.text, path) {
        case ("GET", "/v1/models"): await sendModels(exchange)
        case ("POST", "/v1/chat/completions"): await answer(exchange, OpenAIDialect())
        case ("POST", "/v1/messages"): await answer(exchange, AnthropicDialect())
        default:
            await Reply.error(
                exchange, status: 404, message: "the demo provider has no \(path)", code: "not_found", shape: .openAI)
        }
    }

    private func sendModels(_ exchange: Exchange) async {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("object")
            writer.value("list")
            writer.name("data")
            writer.array { writer in
                for model in ["demo-small", "demo-large"] {
                    writer.object { writer in
                        writer.name("id")
                        writer.value(model)
                        writer.name("object")
                        writer.value("model")
                        writer.name("created")
                        writer.value(1_700_000_000)
                        writer.name("owned_by")
                        writer.value("agentgw-demo")
                    }
                }
            }
        }
        await Reply.send(exchange, status: 200, contentType: "application/json", body: writer.bytes)
    }

    private func answer(_ exchange: Exchange, _ dialect: any DemoDialect) async {
        let body = IOBuffer(capacity: 4096)
        do throws(ExchangeError) {
            try await exchange.collectBody(limit: DemoProvider.maximumBody, into: body)
        } catch {
            return await Reply.error(
                exchange, status: 400, message: "the request body could not be read", code: "invalid_request",
                shape: dialect.shape)
        }
        guard let question = DemoQuestion(body.view.bytes) else {
            return await Reply.error(
                exchange, status: 400, message: "the request body must be JSON with 'model' and 'messages'",
                code: "invalid_request", shape: dialect.shape)
        }
        guard question.streams else {
            return await Reply.send(
                exchange, status: 200, contentType: "application/json", body: dialect.reply(question))
        }
        let head = exchange.response
        head.reset()
        head.framing = .chunked
        head.headers.append("content-type", "text/event-stream")
        head.headers.append("cache-control", "no-cache")
        do throws(ExchangeError) {
            try await exchange.start(head)
            for event in dialect.events(question) {
                let buffer = IOBuffer(capacity: event.count)
                buffer.append(event)
                try await exchange.write(buffer.view)
                try await exchange.flush()
            }
            try await exchange.finish(trailers: nil)
        } catch {
            exchange.abort()
        }
    }
}

/// What the demo understands of a question.
struct DemoQuestion {
    var model: String
    var text: String
    var streams: Bool
    var includesUsage: Bool

    init?(_ body: [UInt8]) {
        guard let root = try? JSONDocument(parsing: body).root, let model = root["model"]?.string,
            let messages = root["messages"], messages.kind == .array
        else { return nil }
        self.model = model
        streams = root["stream"]?.bool ?? false
        includesUsage = root["stream_options"]?["include_usage"]?.bool ?? false
        var text = ""
        for message in messages.elements where message["role"]?.string == "user" {
            guard let content = message["content"] else { continue }
            text = content.string ?? content.elements.compactMap { $0["text"]?.string }.joined(separator: " ")
        }
        self.text = text
    }

    var answer: String { "You asked: \(text.isEmpty ? "nothing" : text)" }
    /// The answer in pieces, as a model would stream it.
    var pieces: [String] {
        var pieces: [String] = []
        for word in answer.split(separator: " ", omittingEmptySubsequences: false) {
            pieces.append(pieces.isEmpty ? String(word) : " \(word)")
        }
        return pieces
    }
    var inputTokens: Int { max(1, text.split(separator: " ").count) }
    var outputTokens: Int { pieces.count }
}

protocol DemoDialect {
    var shape: ErrorShape { get }
    func reply(_ question: DemoQuestion) -> [UInt8]
    func events(_ question: DemoQuestion) -> [[UInt8]]
}

struct OpenAIDialect: DemoDialect {
    var shape: ErrorShape { .openAI }

    private func writeEnvelope(_ writer: inout JSONWriter, _ question: DemoQuestion, object: String) {
        for (name, value) in [("id", "chatcmpl-demo"), ("object", object), ("model", question.model)] {
            writer.name(name)
            writer.value(value)
        }
        writer.name("created")
        writer.value(1_700_000_000)
    }

    private func writeUsage(_ writer: inout JSONWriter, _ question: DemoQuestion) {
        writer.name("usage")
        writer.object { writer in
            writer.name("prompt_tokens")
            writer.value(question.inputTokens)
            writer.name("completion_tokens")
            writer.value(question.outputTokens)
            writer.name("total_tokens")
            writer.value(question.inputTokens + question.outputTokens)
        }
    }

    func reply(_ question: DemoQuestion) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writeEnvelope(&writer, question, object: "chat.completion")
            writer.name("choices")
            writer.array { writer in
                writer.object { writer in
                    writer.name("index")
                    writer.value(0)
                    writer.name("message")
                    writer.object { writer in
                        writer.name("role")
                        writer.value("assistant")
                        writer.name("content")
                        writer.value(question.answer)
                    }
                    writer.name("finish_reason")
                    writer.value("stop")
                }
            }
            writeUsage(&writer, question)
        }
        return writer.bytes
    }

    private func chunk(
        _ question: DemoQuestion, content: String? = nil, role: Bool = false, finish: Bool = false,
        usageOnly: Bool = false
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writeEnvelope(&writer, question, object: "chat.completion.chunk")
            writer.name("choices")
            writer.array { writer in
                guard !usageOnly else { return }
                writer.object { writer in
                    writer.name("index")
                    writer.value(0)
                    writer.name("delta")
                    writer.object { writer in
                        if role {
                            writer.name("role")
                            writer.value("assistant")
                        }
                        if let content {
                            writer.name("content")
                            writer.value(content)
                        }
                    }
                    writer.name("finish_reason")
                    if finish { writer.value("stop") } else { writer.null() }
                }
            }
            if usageOnly { writeUsage(&writer, question) }
        }
        return Array("data: ".utf8) + writer.bytes + Array("\n\n".utf8)
    }

    func events(_ question: DemoQuestion) -> [[UInt8]] {
        var events = [chunk(question, content: "", role: true)]
        events += question.pieces.map { chunk(question, content: $0) }
        events.append(chunk(question, finish: true))
        if question.includesUsage { events.append(chunk(question, usageOnly: true)) }
        return events + [Array("data: [DONE]\n\n".utf8)]
    }
}

struct AnthropicDialect: DemoDialect {
    var shape: ErrorShape { .anthropic }

    private func writeMessage(_ writer: inout JSONWriter, _ question: DemoQuestion, complete: Bool) {
        writer.object { writer in
            for (name, value) in [
                ("id", "msg_demo"), ("type", "message"), ("role", "assistant"), ("model", question.model),
            ] {
                writer.name(name)
                writer.value(value)
            }
            writer.name("content")
            writer.array { writer in
                guard complete else { return }
                writer.object { writer in
                    writer.name("type")
                    writer.value("text")
                    writer.name("text")
                    writer.value(question.answer)
                }
            }
            writer.name("stop_reason")
            if complete { writer.value("end_turn") } else { writer.null() }
            writer.name("stop_sequence")
            writer.null()
            writer.name("usage")
            writer.object { writer in
                writer.name("input_tokens")
                writer.value(question.inputTokens)
                writer.name("output_tokens")
                writer.value(complete ? question.outputTokens : 1)
            }
        }
    }

    func reply(_ question: DemoQuestion) -> [UInt8] {
        var writer = JSONWriter()
        writeMessage(&writer, question, complete: true)
        return writer.bytes
    }

    private func event(_ type: String, _ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("type")
            writer.value(type)
            body(&writer)
        }
        return Array("event: \(type)\ndata: ".utf8) + writer.bytes + Array("\n\n".utf8)
    }

    func events(_ question: DemoQuestion) -> [[UInt8]] {
        var events = [
            event("message_start") { writer in
                writer.name("message")
                writeMessage(&writer, question, complete: false)
            },
            event("content_block_start") { writer in
                writer.name("index")
                writer.value(0)
                writer.name("content_block")
                writer.object { writer in
                    writer.name("type")
                    writer.value("text")
                    writer.name("text")
                    writer.value("")
                }
            },
        ]
        for piece in question.pieces {
            events.append(
                event("content_block_delta") { writer in
                    writer.name("index")
                    writer.value(0)
                    writer.name("delta")
                    writer.object { writer in
                        writer.name("type")
                        writer.value("text_delta")
                        writer.name("text")
                        writer.value(piece)
                    }
                })
        }
        events.append(
            event("content_block_stop") { writer in
                writer.name("index")
                writer.value(0)
            })
        events.append(
            event("message_delta") { writer in
                writer.name("delta")
                writer.object { writer in
                    writer.name("stop_reason")
                    writer.value("end_turn")
                    writer.name("stop_sequence")
                    writer.null()
                }
                writer.name("usage")
                writer.object { writer in
                    writer.name("output_tokens")
                    writer.value(question.outputTokens)
                }
            })
        events.append(event("message_stop") { _ in })
        return events
    }
}
