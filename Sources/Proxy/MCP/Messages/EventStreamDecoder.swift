// Server-sent events (WHATWG HTML §9.2), decoded as the bytes arrive: only `event` and `data` matter here.

struct EventStreamDecoder {
    struct Event: Equatable {
        /// Empty: `message`.
        var name: String
        var data: [UInt8]
    }

    enum Problem: Error { case tooLarge }

    /// Bytes of one event, which is one message.
    private let limit: Int
    private var line: [UInt8] = []
    private var name: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    /// The last line ended with CR: a LF right behind it belongs to it.
    private var afterCarriageReturn = false
    private var isFirstLine = true

    init(limit: Int) { self.limit = limit }

    /// Takes the next bytes and gives the events that they complete.
    mutating func feed(_ bytes: ByteView) throws(Problem) -> [Event] {
        var events: [Event] = []
        var start = 0
        for i in 0..<bytes.count {
            let byte = bytes[i]
            guard byte == 0x0a || byte == 0x0d else {
                afterCarriageReturn = false
                continue
            }
            if byte == 0x0a, afterCarriageReturn {
                afterCarriageReturn = false
                start = i + 1
                continue
            }
            line.append(contentsOf: bytes.slice(start, i).buffer)
            start = i + 1
            afterCarriageReturn = byte == 0x0d
            if let event = endLine() { events.append(event) }
            guard data.count <= limit else { throw .tooLarge }
        }
        line.append(contentsOf: bytes.slice(start, bytes.count).buffer)
        guard line.count <= limit else { throw .tooLarge }
        return events
    }

    private mutating func endLine() -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xef, 0xbb, 0xbf]) { line.removeFirst(3) }
        }
        if line.isEmpty {
            defer {
                name.removeAll(keepingCapacity: true)
                data.removeAll(keepingCapacity: true)
                hasData = false
            }
            guard hasData else { return nil }
            return Event(name: String(decoding: name, as: UTF8.self), data: data)
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.count
        var value = line[min(colon + 1, line.count)...]
        if value.first == 0x20 { value = value.dropFirst() }
        if line[..<colon].elementsEqual("data".utf8) {
            if hasData { data.append(0x0a) }
            data.append(contentsOf: value)
            hasData = true
        } else if line[..<colon].elementsEqual("event".utf8) {
            name = Array(value)
        }
        return nil
    }
}

enum EventStream {
    /// One message as an event. JSON written by us has no line break in it.
    static func append(_ message: [UInt8], to out: IOBuffer) {
        out.append("event: message\ndata: ")
        out.append(message)
        out.append("\n\n")
    }

    /// A line that carries nothing but the news that the connection lives.
    static let keepAlive: StaticString = ": keep-alive\n\n"
}
