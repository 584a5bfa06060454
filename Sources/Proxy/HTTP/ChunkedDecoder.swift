// Takes the chunked transfer coding apart as bytes arrive (RFC 9112 §7.1), strictly.
// Invariant: reads only bytes[0..<count] of the view it is given.

/// A state machine: give it what is in the buffer, it says how many bytes are framing and how many are data.
struct ChunkedDecoder {
    enum Step: Equatable {
        /// `skip` bytes of framing, then `count` bytes of body.
        case data(skip: Int, count: Int)
        /// The body is over after `skip` bytes; a trailer section may follow, its first line begins there.
        case trailers(skip: Int)
        /// `skip` bytes are dealt with, more are needed.
        case needMore(skip: Int)
    }

    /// A chunk size of 15 hex digits is beyond any body; longer ones are attempts to overflow.
    private static let maximumSizeDigits = 15
    /// Extensions mean nothing to a proxy; a bound keeps one from being used to send bytes without end.
    private static let maximumExtension = 256

    private enum State {
        case size
        case data(remaining: Int)
        case dataEnd
    }
    private var state = State.size

    /// Looks at what follows in the stream. Never consumes a part of a size line.
    mutating func next(_ bytes: ByteView) throws(ProtocolError) -> Step {
        var position = 0
        if case .dataEnd = state {
            guard bytes.count >= 1 else { return .needMore(skip: 0) }
            guard bytes[0] == 0x0d else { throw .chunkEnd }
            guard bytes.count >= 2 else { return .needMore(skip: 0) }
            guard bytes[1] == 0x0a else { throw .chunkEnd }
            position = 2
            state = .size
        }
        if case .size = state {
            guard let (size, end) = try sizeLine(bytes, position) else { return .needMore(skip: position) }
            if size == 0 { return .trailers(skip: end) }
            position = end
            state = .data(remaining: size)
        }
        guard case .data(let remaining) = state else { preconditionFailure("no other state is left") }
        let available = min(remaining, bytes.count - position)
        if available == 0 { return .needMore(skip: position) }
        state = remaining == available ? .dataEnd : .data(remaining: remaining - available)
        return .data(skip: position, count: available)
    }

    /// chunk-size [ chunk-ext ] CRLF
    private func sizeLine(_ bytes: ByteView, _ start: Int) throws(ProtocolError) -> (size: Int, end: Int)? {
        var position = start
        var size = 0
        while position < bytes.count, let digit = ASCII.hexValue(bytes[position]) {
            guard position - start < ChunkedDecoder.maximumSizeDigits else { throw .chunkSize }
            size = size << 4 | digit
            position += 1
        }
        guard position < bytes.count else { return nil }
        guard position > start else { throw .chunkSize }
        let extensionStart = position
        if bytes[position] != 0x0d {
            // BWS before the semicolon is the only white space the grammar knows; it has been used to smuggle.
            guard bytes[position] == UInt8(ascii: ";") else { throw .chunkSize }
            while position < bytes.count, bytes[position] != 0x0d {
                guard bytes[position] >= 0x20 || bytes[position] == 0x09, bytes[position] != 0x7f else {
                    throw .chunkSize
                }
                position += 1
                guard position - extensionStart <= ChunkedDecoder.maximumExtension else { throw .chunkExtension }
            }
        }
        guard position + 1 < bytes.count else { return nil }
        guard bytes[position + 1] == 0x0a else { throw .chunkSize }
        return (size, position + 2)
    }
}

enum Trailers {
    /// A trailer section is a few fields (gRPC status, checksums).
    static let maximumBytes = 8 * 1024
    static let maximumFields = 32

    /// RFC 9110 §6.5.1: fields for framing, routing, authentication, and request modifiers have no place in a trailer,
    /// and a receiver that merges them into the head would see what no rule has judged.
    static func isForbidden(_ known: KnownHeader, _ name: ByteView) -> Bool {
        switch known {
        case .other: name.equalsIgnoringCase("content-range") || name.equalsIgnoringCase("range")
        default: true
        }
    }
}
