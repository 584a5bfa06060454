// Reads model and usage out of a provider's reply while it passes by: a JSON object, or server-sent events. It changes
// nothing and never fails the reply; what it could not read, it says.

import JSON

package struct UsageReader {
    package enum Framing: Sendable {
        /// OpenAI chat completions, responses, embeddings; Anthropic messages.
        case json
        /// The streams of the same.
        case eventStream
    }

    /// Bytes of one event. The last event of an OpenAI response repeats the whole answer.
    package static let eventLimit = 4 << 20

    /// The model that answered, as the provider names it.
    package private(set) var model: String?
    /// Something that could have held the usage was too long or malformed.
    package private(set) var isIncomplete = false

    /// nil while no count was seen; for JSON until `finish`.
    package var usage: TokenUsage? { members.usage }

    private let framing: Framing
    private var members = UsageMembers()
    private var object = TopLevelMembers()
    private var events: EventStreamDecoder

    package init(_ framing: Framing, eventLimit: Int = UsageReader.eventLimit) {
        self.framing = framing
        events = EventStreamDecoder(limit: eventLimit)
    }

    /// Takes the next bytes of the body, decoded of any transfer or content coding.
    package mutating func feed(_ bytes: ByteView) {
        switch framing {
        case .json: object.feed(bytes)
        case .eventStream:
            guard !isIncomplete else { return }
            do throws(EventStreamDecoder.Problem) {
                for event in try events.feed(bytes) { read(event.data) }
            } catch {
                // Lost from here on: later events cannot be told apart from the rest of this one.
                isIncomplete = true
            }
        }
    }

    /// The body has ended.
    package mutating func finish() {
        guard case .json = framing else { return }
        isIncomplete = isIncomplete || object.isTruncated
        if let bytes = object.model, let document = parse(bytes) { model = document.root.string ?? model }
        if let bytes = object.usage, let document = parse(bytes) { members.merge(document.root) }
    }

    private mutating func parse(_ bytes: [UInt8]) -> JSONDocument? {
        do throws(JSONError) {
            return try JSONDocument(parsing: bytes)
        } catch {
            isIncomplete = true
            return nil
        }
    }

    private mutating func read(_ data: [UInt8]) {
        // Most events carry a piece of text and no counts: those are not parsed once the model is known.
        guard data.first == UInt8(ascii: "{"), model == nil || Self.mentionsUsage(data) else { return }
        guard let document = parse(data) else { return }
        let root = document.root
        // Anthropic's first event has a `message`, those of OpenAI responses a `response`.
        for holder in [root, root["message"], root["response"]] {
            guard let holder, holder.kind == .object else { continue }
            if let name = holder["model"]?.string { model = name }
            if let usage = holder["usage"] { members.merge(usage) }
        }
    }

    private static func mentionsUsage(_ data: [UInt8]) -> Bool {
        let needle: StaticString = "\"usage\""
        return data.withUnsafeBufferPointer { bytes in
            let length = needle.utf8CodeUnitCount
            guard bytes.count >= length else { return false }
            for start in 0...(bytes.count - length)
            where bytes[start] == UInt8(ascii: "\"") && bytes[start + 1] == UInt8(ascii: "u") {
                if (2..<length).allSatisfy({ bytes[start + $0] == needle.utf8Start[$0] }) { return true }
            }
            return false
        }
    }
}
