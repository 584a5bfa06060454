// Reads model and usage out of a provider's reply while it passes by: a JSON object, or server-sent events. It changes
// nothing and never fails the reply; what it could not read, it says.

import CLinux
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
    /// Events that are looked at for the model: the first ones name it, or none does.
    private static let modelEvents = 4

    /// The model that answered, as the provider names it.
    package private(set) var model: String?
    /// Something that could have held the usage was too long or malformed.
    package private(set) var isIncomplete = false
    /// Events so far: nearly every one brings a token.
    package private(set) var eventCount = 0

    /// nil while no count was seen; for JSON until `finish`.
    package var usage: TokenUsage? { members.usage }

    private let framing: Framing
    private var members = UsageMembers()
    private var object = TopLevelMembers()
    private var splitter: EventSplitter
    private let scratch = IOBuffer(capacity: 256)

    package init(_ framing: Framing, eventLimit: Int = UsageReader.eventLimit) {
        self.framing = framing
        splitter = EventSplitter(limit: eventLimit)
    }

    /// Takes the next bytes of the body, decoded of any transfer or content coding.
    package mutating func feed(_ bytes: ByteView) {
        switch framing {
        case .json: object.feed(bytes)
        case .eventStream:
            guard !isIncomplete else { return }
            var rest = bytes
            do throws(EventSplitter.Problem) {
                while let event = try splitter.next(&rest) { read(event: event) }
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
        bytes.withUnsafeBufferPointer { parse(ByteView($0)) }
    }

    private mutating func parse(_ bytes: ByteView) -> JSONDocument? {
        do throws(JSONError) {
            return try JSONDocument(parsing: UnsafeRawBufferPointer(bytes.buffer))
        } catch {
            isIncomplete = true
            return nil
        }
    }

    /// One whole event, its lines included. True: it is OpenAI's own event for the usage, which has nothing else in it.
    @discardableResult
    mutating func read(event: ByteView) -> Bool {
        // Most events carry a piece of text and no counts: those are not parsed once the model is known.
        let isEarly = model == nil && eventCount < UsageReader.modelEvents
        eventCount += 1
        guard isEarly || UsageReader.statesUsage(event) else { return false }
        guard let data = EventFields(event, scratch: scratch).data, data.first == UInt8(ascii: "{"),
            let document = parse(data)
        else { return false }
        let root = document.root
        // Anthropic's first event has a `message`, those of OpenAI responses a `response`.
        for holder in [root, root["message"], root["response"]] {
            guard let holder, holder.kind == .object else { continue }
            if let name = holder["model"]?.string { model = name }
            if let usage = holder["usage"] { members.merge(usage) }
        }
        return root["usage"]?.kind == .object && root["choices"].map { $0.kind == .array && $0.count == 0 } == true
    }

    /// Whether there is a member `usage` that is not null. OpenAI sends a null one with every other event.
    private static func statesUsage(_ event: ByteView) -> Bool {
        let needle: StaticString = "\"usage\""
        var rest = event
        while let base = rest.base, rest.count > needle.utf8CodeUnitCount,
            let found = memmem(base, rest.count, needle.utf8Start, needle.utf8CodeUnitCount)
        {
            let end = found.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(mutating: base)
            rest = rest.slice(end + needle.utf8CodeUnitCount, rest.count)
            let value = rest.drop { $0 == 0x20 || $0 == 0x09 }
            guard value.first == UInt8(ascii: ":") else { continue }
            if value.dropFirst().first(where: { $0 != 0x20 && $0 != 0x09 }) != UInt8(ascii: "n") { return true }
        }
        return false
    }
}
