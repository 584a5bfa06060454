// Finds the ends of server-sent events (WHATWG HTML §9.2) in a stream that passes by, so that whole events can be looked
// at, held back or changed while all others go on as the bytes they were. An event that lies within one piece is not copied.

/// Confined to one reply.
struct EventSplitter {
    enum Problem: Error { case tooLong }

    /// Bytes of one event, its lines of every kind included.
    private let limit: Int
    /// The beginning of an event whose end has not arrived.
    private let pending = IOBuffer(capacity: 512)
    /// `pending` was given away as a whole event.
    private var isGiven = false
    private var lineIsEmpty = true
    /// A line ended with CR: a LF right behind it belongs to it.
    private var afterCarriageReturn = false

    init(limit: Int) { self.limit = limit }

    /// Bytes that no event's end has followed yet.
    var rest: ByteView { isGiven ? .empty : pending.view }

    /// The next whole event, with the empty line that ends it, is taken off the front of `piece`. Valid until the next
    /// call, or until `piece`'s owner reads on. nil: the rest of `piece` is kept for later.
    mutating func next(_ piece: inout ByteView) throws(Problem) -> ByteView? {
        if isGiven {
            pending.clear()
            isGiven = false
        }
        guard let base = piece.base else { return nil }
        let count = piece.count
        var position = 0
        while position < count {
            switch base[position] {
            case 0x0a:
                position += 1
                if afterCarriageReturn {
                    afterCarriageReturn = false
                } else if lineIsEmpty {
                    return try take(position, of: &piece)
                } else {
                    lineIsEmpty = true
                }
            case 0x0d:
                position += 1
                afterCarriageReturn = true
                if lineIsEmpty {
                    if position < count, base[position] == 0x0a {
                        position += 1
                        afterCarriageReturn = false
                    }
                    return try take(position, of: &piece)
                }
                lineIsEmpty = true
            default:
                afterCarriageReturn = false
                lineIsEmpty = false
                position += EventSplitter.distanceToLineEnd(base + position, count - position)
            }
        }
        pending.append(piece)
        piece = .empty
        guard pending.readableBytes <= limit else { throw .tooLong }
        return nil
    }

    private mutating func take(_ length: Int, of piece: inout ByteView) throws(Problem) -> ByteView {
        lineIsEmpty = true
        let front = piece.slice(0, length)
        piece = piece.slice(length, piece.count)
        guard pending.readableBytes > 0 else {
            guard length <= limit else { throw .tooLong }
            return front
        }
        pending.append(front)
        guard pending.readableBytes <= limit else { throw .tooLong }
        isGiven = true
        return pending.view
    }

    /// The number of bytes before the next CR or LF, eight at a time: an event is one long line.
    /// Invariant: loads of eight bytes begin only where eight are left.
    @inline(__always)
    private static func distanceToLineEnd(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var position = 0
        while count - position >= 8 {
            let word = UInt64(littleEndian: UnsafeRawPointer(text + position).loadUnaligned(as: UInt64.self))
            let feed = word ^ (ones &* 0x0a)
            let carriage = word ^ (ones &* 0x0d)
            let found =
                (((feed &- ones) & ~feed) | ((carriage &- ones) & ~carriage)) & (ones &* 0x80)
            if found != 0 { return position + found.trailingZeroBitCount >> 3 }
            position += 8
        }
        while position < count, text[position] != 0x0a, text[position] != 0x0d { position += 1 }
        return position
    }
}

/// The fields of one event that matter here.
struct EventFields {
    /// Empty: `message`.
    private(set) var name = ByteView.empty
    /// nil: the event has no data, and so is none.
    private(set) var data: ByteView?

    /// - Parameters:
    ///   - event: from its first line to the empty one.
    ///   - scratch: where data of several lines is put together; valid as long as it is not used again.
    init(_ event: ByteView, scratch: IOBuffer) {
        var rest = event
        if rest.count >= 3, rest[0] == 0xef, rest[1] == 0xbb, rest[2] == 0xbf { rest = rest.slice(3, rest.count) }
        var isJoined = false
        while rest.count > 0 {
            let length = rest.firstIndex { $0 == 0x0a || $0 == 0x0d } ?? rest.count
            let line = rest.slice(0, length)
            rest = rest.slice(min(length + 1, rest.count), rest.count)
            if let value = EventFields.value(of: "data", line) {
                if let first = data {
                    if !isJoined {
                        scratch.clear()
                        scratch.append(first)
                        isJoined = true
                    }
                    scratch.append(0x0a)
                    scratch.append(value)
                    data = scratch.view
                } else {
                    data = value
                }
            } else if let value = EventFields.value(of: "event", line) {
                name = value
            }
        }
    }

    private static func value(of field: StaticString, _ line: ByteView) -> ByteView? {
        let length = field.utf8CodeUnitCount
        guard line.starts(with: field) else { return nil }
        if line.count == length { return .empty }
        guard line[length] == UInt8(ascii: ":") else { return nil }
        let start = line.count > length + 1 && line[length + 1] == 0x20 ? length + 2 : length + 1
        return line.slice(start, line.count)
    }
}
