// Server-sent events, however the bytes are cut; and values mirrored into headers.

import Testing

@testable import Proxy

struct EventStreamDecoderTests {
    private func decode(_ text: String, pieces: Int) throws -> [EventStreamDecoder.Event] {
        var decoder = EventStreamDecoder(limit: 1000)
        var events: [EventStreamDecoder.Event] = []
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
            try piece.withUnsafeBufferPointer { events += try decoder.feed(ByteView($0)) }
            start += pieces
        }
        return events
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func eventsAreTheSameHoweverTheyArrive(_ pieces: Int) throws {
        let text =
            "\u{feff}: comment\nevent: message\ndata: {\"a\":\ndata:1}\nid: 7\n\ndata\r\n\r\nevent: x\rdata:  y\r\rdata: cut"
        let events = try decode(text, pieces: pieces)
        #expect(
            events == [
                .init(name: "message", data: Array("{\"a\":\n1}".utf8)), .init(name: "", data: []),
                .init(name: "x", data: Array(" y".utf8)),
            ])
    }

    @Test(arguments: [1, 1000])
    func endlessEventIsRefused(_ pieces: Int) {
        #expect(throws: EventStreamDecoder.Problem.self) {
            try decode("data: " + String(repeating: "x", count: 1001), pieces: pieces)
        }
        #expect(throws: EventStreamDecoder.Problem.self) {
            try decode(String(repeating: "data: xxxxxxxxx\n", count: 200), pieces: pieces)
        }
    }

    @Test(arguments: ["us-west1", "Hello, 世界", " padded ", "line1\nline2", "=?base64?literal?=", "", "a"])
    func mirroredValueSurvivesItsEncoding(_ value: String) {
        #expect(MirroredValue.decode(MirroredValue.encode(value)) == value)
    }

    @Test func mirroredValuesAreThoseOfTheSpecification() {
        #expect(MirroredValue.encode("Hello, 世界") == "=?base64?SGVsbG8sIOS4lueVjA==?=")
        #expect(MirroredValue.encode("us-west1") == "us-west1")
        #expect(MirroredValue.decode("=?base64?SGVsbG8?=") == nil)
        #expect(MirroredValue.decode("=?base64?/w==?=") == nil)
        #expect(MirroredValue.decode("=?BASE64?YQ==?=") == "=?BASE64?YQ==?=")
    }
}
