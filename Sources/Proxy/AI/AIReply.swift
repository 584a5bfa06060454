// A provider's reply on its way to the client: tokens are counted as it passes by, another format becomes the client's, and
// errors never show the key that was sent.

import Auth
import JSON

/// Of one call, of which there may be several tries.
final class AIReply: ResponseFilter {
    /// Bytes of a reply that has to be whole to be translated.
    static let replyLimit = 32 << 20
    /// Bytes of an error that is looked through for the key.
    static let errorLimit = 1 << 20

    /// What the call was, as far as its reply depends on it.
    struct Facts {
        /// The API of the client.
        var shape: ErrorShape
        /// nil: the client's format is the provider's.
        var translated: TranslatedCall?
        /// OpenAI's event for the usage, which the gateway asked for and the client did not, is taken out.
        var hidesUsage = false
        /// Replies say how many tokens they took.
        var countsTokens = true
        /// What was shown to the provider.
        var key: Secret?
        var isHead = false
        /// Names of the members that a translation lost.
        var losses: String?
    }

    private enum Mode {
        /// Passed on as it is, read by `reader` if there is one.
        case passed
        /// Passed on without the event that `hidesUsage` means.
        case filtered(EventSplitter)
        /// Held back: an error, or a reply to be translated.
        case whole(limit: Int)
        case translated(TranslatedStream)
    }

    private let facts: Facts
    private var mode = Mode.passed
    private var reader: UsageReader?
    private var collected: IOBuffer?
    private var translatedUsage: TokenUsage?
    private(set) var status = 0
    private var bodyBytes = 0
    private var isComplete = false

    init(_ facts: Facts) { self.facts = facts }

    /// The model that answered, when the reply has named one.
    var model: String? { reader?.model }

    private var isSuccess: Bool { (200..<300).contains(status) }

    var holdsBack: Bool {
        if case .whole = mode { return true }
        return false
    }

    // MARK: Head

    func head(_ head: ResponseHead) throws(UpstreamError) {
        status = head.status
        mode = .passed
        reader = nil
        bodyBytes = 0
        isComplete = false
        let isCoded = head.headers.first(.contentEncoding).map { !$0.equalsIgnoringCase("identity") } ?? false
        if status >= 400, !facts.isHead {
            if !isCoded || facts.translated != nil { mode = .whole(limit: AIReply.errorLimit) }
            collected = IOBuffer(capacity: 1024)
            if facts.translated != nil {
                head.headers.remove(.contentEncoding)
                head.headers.set(.contentType, ByteView("application/json"))
                // Only Anthropic has this status.
                if status == 529, case .openAI = facts.shape { head.status = 503 }
            }
        } else if isSuccess {
            if let translated = facts.translated {
                guard !isCoded else { throw .unusable("it is compressed, which was not asked for") }
                try begin(translated, head)
            } else if !isCoded, facts.countsTokens {
                count(head)
            }
        }
        if facts.translated != nil { AIReply.rename(head.headers, facts.shape) }
        if let losses = facts.losses { head.headers.set(TranslationLosses.fieldName, losses) }
    }

    private func count(_ head: ResponseHead) {
        let type = head.headers.first(.contentType) ?? .empty
        if type.isMediaType("text/event-stream") {
            reader = UsageReader(.eventStream)
            if facts.hidesUsage {
                mode = .filtered(EventSplitter(limit: UsageReader.eventLimit))
                // What is taken out is not known beforehand.
                if case .length = head.framing { head.framing = .chunked }
            }
        } else if type.isMediaType("application/json") {
            reader = UsageReader(.json)
        }
    }

    private func begin(_ call: TranslatedCall, _ head: ResponseHead) throws(UpstreamError) {
        let type = head.headers.first(.contentType) ?? .empty
        guard type.isMediaType(call.streams ? "text/event-stream" : "application/json") else {
            throw .unusable("its content type is not what was asked for")
        }
        guard call.streams else {
            collected = IOBuffer(capacity: 4096)
            mode = .whole(limit: AIReply.replyLimit)
            return
        }
        head.framing = .chunked
        mode = .translated(TranslatedStream(call))
    }

    /// The id of a request has a field of its own in each API.
    private static func rename(_ headers: HeaderBlock, _ shape: ErrorShape) {
        let (old, new): (StaticString, StaticString) =
            if case .openAI = shape { ("request-id", "x-request-id") } else { ("x-request-id", "request-id") }
        guard let id = headers.first(named: ByteView(old))?.text else { return }
        headers.remove(named: ByteView(old))
        headers.set("\(new)", id)
    }

    // MARK: Body

    func body(_ piece: ByteView, into out: IOBuffer) throws(UpstreamError) -> ByteView {
        bodyBytes += piece.count
        switch mode {
        case .passed:
            reader?.feed(piece)
            return piece
        case .filtered(var splitter):
            filter(piece, &splitter, out)
        case .whole(let limit):
            guard let collected, collected.readableBytes + piece.count <= limit else {
                throw .unusable("it is longer than \(limit) bytes")
            }
            collected.append(piece)
        case .translated(let stream):
            try stream.feed(piece, into: out)
        }
        return out.view
    }

    private func filter(_ piece: ByteView, _ splitter: inout EventSplitter, _ out: IOBuffer) {
        var rest = piece
        do throws(EventSplitter.Problem) {
            while let event = try splitter.next(&rest) {
                if reader?.read(event: event) != true { out.append(event) }
            }
            mode = .filtered(splitter)
        } catch {
            // No event of a token is that long: it passes by as it is, and the rest unread.
            reader = nil
            out.append(splitter.rest)
            out.append(rest)
            mode = .passed
        }
    }

    func end(into out: IOBuffer) throws(UpstreamError) {
        isComplete = true
        switch mode {
        case .passed: reader?.finish()
        case .filtered(let splitter): out.append(splitter.rest)
        case .whole:
            guard let collected else { return }
            if isSuccess, let call = facts.translated {
                try translate(collected.view, call, into: out)
            } else {
                ProviderError(status: status, body: collected.view).write(for: facts, into: out)
            }
        case .translated(let stream): try stream.end(into: out)
        }
    }

    private func translate(
        _ body: ByteView, _ call: TranslatedCall, into out: IOBuffer
    ) throws(UpstreamError) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: UnsafeRawBufferPointer(body.buffer))
        } catch { throw .unusable("it is not JSON: \(error)") }
        var members = UsageMembers()
        if let usage = document.root["usage"] { members.merge(usage) }
        translatedUsage = members.usage
        switch call.translation {
        case .chatToMessages:
            guard let reply = MessageReplyTranslator.translate(document.root, call) else {
                throw .unusable("it is no message of Anthropic's")
            }
            out.append(reply)
        case .messagesToChat: out.append(try ChatReplyTranslator.translate(document.root, call))
        }
    }

    func cut(_ error: UpstreamError, into out: IOBuffer) {
        guard case .translated(let stream) = mode, !stream.isComplete else { return }
        if case .anthropic = facts.shape { out.append("event: error\n") }
        out.append("data: ")
        facts.shape.write(
            status: error.status, message: error.clientMessage, code: "upstream_error", into: out)
        out.append("\n\n")
    }

    // MARK: Usage

    /// Bytes of text that a token stands for, in guesses.
    private static let bytesPerToken = 4

    /// What the call took; nil: it failed.
    /// - Parameter requestBytes: of the body that was sent.
    func usage(requestBytes: Int) -> TokenUsage? {
        guard isSuccess, facts.countsTokens else { return nil }
        var read = reader?.usage ?? translatedUsage
        var events = reader?.eventCount ?? 0
        if case .translated(let stream) = mode { (read, events) = (stream.usage, stream.eventCount) }
        if let read, isComplete { return read }
        var guess = read ?? TokenUsage()
        guess.isEstimated = true
        guess.input = guess.input ?? Int64(requestBytes / AIReply.bytesPerToken)
        guess.output = max(guess.output ?? 0, Int64(events > 0 ? events : bodyBytes / AIReply.bytesPerToken))
        return guess
    }
}

/// A stream in one format that becomes one in the other, event by event.
final class TranslatedStream {
    private enum Translator {
        case toChat(MessageStreamTranslator)
        case toMessages(ChatStreamTranslator)
    }

    private var translator: Translator
    private var splitter = EventSplitter(limit: UsageReader.eventLimit)
    private let scratch = IOBuffer(capacity: 256)
    private(set) var eventCount = 0

    init(_ call: TranslatedCall) {
        switch call.translation {
        case .chatToMessages: translator = .toChat(MessageStreamTranslator(call))
        case .messagesToChat: translator = .toMessages(ChatStreamTranslator(call))
        }
    }

    var usage: TokenUsage? {
        switch translator {
        case .toChat(let translator): translator.usage.usage
        case .toMessages(let translator): translator.usage.usage
        }
    }

    var isComplete: Bool {
        switch translator {
        case .toChat(let translator): translator.isComplete
        case .toMessages(let translator): translator.isComplete
        }
    }

    /// Takes the next bytes of the provider's stream, and appends what they mean to the client.
    /// - Throws: `.unusable`; what came before is in `out`.
    func feed(_ piece: ByteView, into out: IOBuffer) throws(UpstreamError) {
        var rest = piece
        while true {
            let event: ByteView?
            do throws(EventSplitter.Problem) { event = try splitter.next(&rest) } catch {
                throw .unusable("an event is longer than \(UsageReader.eventLimit) bytes")
            }
            guard let event else { return }
            try translate(event, into: out)
        }
    }

    private func translate(_ event: ByteView, into out: IOBuffer) throws(UpstreamError) {
        guard let data = EventFields(event, scratch: scratch).data, data.count > 0 else { return }
        eventCount += 1
        if case .toMessages(var chat) = translator, data == "[DONE]" {
            try chat.end(into: out)
            translator = .toMessages(chat)
            return
        }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: UnsafeRawBufferPointer(data.buffer))
        } catch { throw .unusable("an event is not JSON: \(error)") }
        switch translator {
        case .toChat(var messages):
            try messages.translate(document.root, into: out)
            translator = .toChat(messages)
        case .toMessages(var chat):
            try chat.translate(document.root, into: out)
            translator = .toMessages(chat)
        }
    }

    /// The provider's stream has ended.
    /// - Throws: when that was too early.
    func end(into out: IOBuffer) throws(UpstreamError) {
        if case .toMessages(var chat) = translator, chat.isFinished {
            // Some servers leave out the last event.
            try chat.end(into: out)
            translator = .toMessages(chat)
        }
        guard isComplete else { throw .unusable("the stream ended before the answer") }
    }
}

extension ByteView {
    /// Compares a `Content-Type` without its parameters (RFC 9110 §8.3.1).
    func isMediaType(_ type: StaticString) -> Bool {
        let end = firstIndex(of: UInt8(ascii: ";")) ?? count
        return slice(0, end).trimmed.equalsIgnoringCase(type)
    }
}
