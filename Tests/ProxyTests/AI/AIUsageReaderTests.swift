// Usage read out of replies as providers send them, however the bytes are cut.

import Testing

@testable import Proxy

@Suite struct AIUsageReaderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var framing: UsageReader.Framing
        var body: String
        var model: String?
        var usage: TokenUsage?
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "chat completion", framing: .json,
            body: """
                {"id":"c1","object":"chat.completion","model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":
                "assistant","content":"\\"usage\\":{\\"prompt_tokens\\":9}","usage":{"prompt_tokens":8}}}],
                "usage":{"prompt_tokens":12,"completion_tokens":30,"total_tokens":42,"prompt_tokens_details":
                {"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":20}}}
                """,
            model: "gpt-4o-mini", usage: TokenUsage(input: 12, output: 30, cached: 4, reasoning: 20)),
        Case(
            name: "embeddings", framing: .json,
            body: """
                {"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"embed","usage":{"prompt_tokens":5,
                "total_tokens":5}}
                """,
            model: "embed", usage: TokenUsage(input: 5)),
        Case(
            name: "response", framing: .json,
            body: """
                {"id":"r","model":"gpt-5","usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":0},
                "output_tokens":9,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":16}}
                """,
            model: "gpt-5", usage: TokenUsage(input: 7, output: 9, cached: 0, reasoning: 3)),
        Case(
            name: "message counts its cache beside the input", framing: .json,
            body: """
                {"type":"message","model":"claude","content":[],"usage":{"input_tokens":10,"output_tokens":2,
                "cache_creation_input_tokens":100,"cache_read_input_tokens":1000}}
                """,
            model: "claude", usage: TokenUsage(input: 1110, output: 2, cached: 1000)),
        Case(
            name: "counts that are none are left out", framing: .json,
            body: #"{"model":null,"usage":{"prompt_tokens":-1,"completion_tokens":"7","total_tokens":1.5}}"#),
        Case(name: "error", framing: .json, body: #"{"error":{"message":"no","usage":{"prompt_tokens":1}}}"#),
        Case(name: "no object", framing: .json, body: #"["usage",{"usage":{"prompt_tokens":1}}]"#),
        Case(
            name: "chat stream with byte order mark", framing: .eventStream,
            body: "\u{feff}data: {\"model\":\"gpt-4o\",\"choices\":[{\"delta\":{\"content\":\"é\"}}],"
                + "\"usage\":null}\n\n"
                + ": comment\n\ndata: {\"model\":\"gpt-4o\",\"choices\":[],\n"
                + "data: \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n",
            model: "gpt-4o", usage: TokenUsage(input: 3, output: 4)),
        Case(
            name: "message stream with CRLF", framing: .eventStream,
            body: "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude\","
                + "\"usage\":"
                + "{\"input_tokens\":25,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\r\n\r\n"
                + "event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\","
                + "\"delta\":{\"text\":\"hi\"}}\r\n\r\n"
                + "event: message_delta\r\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\r\n\r\n",
            model: "claude", usage: TokenUsage(input: 30, output: 15, cached: 5)),
        Case(
            name: "response stream with CR", framing: .eventStream,
            body: "data: {\"type\":\"response.created\",\"response\":{\"model\":\"gpt-5\",\"usage\":null}}\r\r"
                + "data: {\"type\":\"response.completed\",\"response\":{\"model\":\"gpt-5\",\"usage\":{\"input_tokens\":1,"
                + "\"output_tokens\":2}}}\r\r",
            model: "gpt-5", usage: TokenUsage(input: 1, output: 2)),
    ]

    private func read(_ pieces: [[UInt8]], _ framing: UsageReader.Framing, limit: Int = 4096) -> UsageReader {
        var reader = UsageReader(framing, eventLimit: limit)
        for piece in pieces { piece.withUnsafeBufferPointer { reader.feed(ByteView($0)) } }
        reader.finish()
        return reader
    }

    @Test(arguments: cases)
    func usageIsFoundWhereverTheBytesAreCut(_ example: Case) {
        let body = Array(example.body.utf8)
        var cuts = (0...body.count).map { [Array(body[..<$0]), Array(body[$0...])] }
        cuts.append(body.map { [$0] })
        for pieces in cuts {
            let reader = read(pieces, example.framing)
            #expect(reader.model == example.model)
            #expect(reader.usage == example.usage)
            #expect(!reader.isIncomplete)
        }
    }

    @Test func anEventBeyondTheLimitIsReported() {
        let body = Array(("data: {\"pad\":\"" + String(repeating: "x", count: 200) + "\"}\n\n").utf8)
        #expect(read([body], .eventStream, limit: 100).isIncomplete)
        #expect(!read([body], .eventStream, limit: 1000).isIncomplete)
    }

    @Test func aUsageBeyondTheLimitIsReported() {
        let pad = String(repeating: "1", count: TopLevelMembers.valueLimit)
        let reader = read([Array("{\"usage\":{\"x\":\(pad)},\"model\":\"m\"}".utf8)], .json)
        #expect(reader.isIncomplete)
        #expect(reader.usage == nil)
        #expect(reader.model == "m")
    }

    @Test(arguments: [#"{"usage":{"prompt_tokens":1,"prompt_tokens":2}}"#, #"{"usage":{"prompt_tokens":01}}"#])
    func aMalformedUsageIsReported(_ body: String) {
        let reader = read([Array(body.utf8)], .json)
        #expect(reader.isIncomplete)
        #expect(reader.usage == nil)
    }

    @Test func countsThatDoNotFitSaturate() {
        let body = #"{"usage":{"input_tokens":9223372036854775807,"cache_read_input_tokens":9223372036854775807}}"#
        #expect(read([Array(body.utf8)], .json).usage?.input == .max)
    }
}
