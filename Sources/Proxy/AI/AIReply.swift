// A provider's reply on its way to the client: usage is read from it as it passes by.

/// Of one call.
final class AIReply: ResponseFilter {
    /// OpenAI's event for the usage, which the gateway asked for and the client did not, is taken out.
    private let hidesUsage: Bool
    private var reader: UsageReader?
    private var splitter: EventSplitter?
    private var status = 0
    private var bodyBytes = 0
    private var isComplete = false

    init(hidesUsage: Bool) {
        self.hidesUsage = hidesUsage
    }

    private(set) var holdsBack = false

    func head(_ head: ResponseHead) throws(UpstreamError) {
        status = head.status
        guard (200..<300).contains(status) else { return }
        if let coding = head.headers.first(.contentEncoding), !coding.equalsIgnoringCase("identity") { return }
        let type = head.headers.first(.contentType) ?? .empty
        if type.isMediaType("text/event-stream") {
            reader = UsageReader(.eventStream)
            if hidesUsage {
                splitter = EventSplitter(limit: UsageReader.eventLimit)
                // What is taken out is not known beforehand.
                if case .length = head.framing { head.framing = .chunked }
            }
        } else if type.isMediaType("application/json") {
            reader = UsageReader(.json)
        }
    }

    func body(_ piece: ByteView, into out: IOBuffer) throws(UpstreamError) -> ByteView {
        bodyBytes += piece.count
        guard splitter != nil else {
            reader?.feed(piece)
            return piece
        }
        var rest = piece
        do throws(EventSplitter.Problem) {
            while let event = try splitter!.next(&rest) {
                if reader?.read(event: event) != true { out.append(event) }
            }
        } catch {
            // No event of a token is that long: it passes by as it is, and the rest unread.
            reader = nil
            out.append(splitter!.rest)
            out.append(rest)
            splitter = nil
        }
        return out.view
    }

    func end(into out: IOBuffer) throws(UpstreamError) {
        isComplete = true
        reader?.finish()
        if let splitter { out.append(splitter.rest) }
    }

    func cut(_ error: UpstreamError, into out: IOBuffer) {}

    // MARK: Usage

    /// Bytes of text that a token stands for, in guesses.
    private static let bytesPerToken = 4

    /// What the call took; nil: it failed.
    /// - Parameter requestBytes: of the body that was sent.
    func usage(requestBytes: Int) -> TokenUsage? {
        guard (200..<300).contains(status) else { return nil }
        let read = reader?.usage
        if let read, isComplete { return read }
        var guess = read ?? TokenUsage()
        guess.isEstimated = true
        guess.input = guess.input ?? Int64(requestBytes / AIReply.bytesPerToken)
        let events = reader?.eventCount ?? 0
        guess.output = max(guess.output ?? 0, Int64(events > 0 ? events : bodyBytes / AIReply.bytesPerToken))
        return guess
    }
}

extension ByteView {
    /// Compares a `Content-Type` without its parameters (RFC 9110 §8.3.1).
    func isMediaType(_ type: StaticString) -> Bool {
        let end = firstIndex(of: UInt8(ascii: ";")) ?? count
        return slice(0, end).trimmed.equalsIgnoringCase(type)
    }
}
