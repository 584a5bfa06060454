// The strict parser: one pass, no recursion, escapes resolved in place.
// Invariant: reads bytes[position] only after comparing position with the count; writes only behind the read position.

#if canImport(Glibc)
import Glibc
#endif

struct JSONParser {
    private let document: JSONDocument
    private let limits: JSONLimits
    private let bytes: UnsafeMutablePointer<UInt8>
    private let count: Int
    private var position = 0
    /// The innermost open array or object: its node, negative when there is none, and how many values it has so far.
    private var current: (node: Int, count: UInt32) = (-1, 0)
    /// Those around it.
    private var outer: [(node: Int, count: UInt32)] = []
    private var depth = 0
    private var names = MemberNames()

    init(document: JSONDocument, limits: JSONLimits) {
        self.document = document
        self.limits = limits
        bytes = document.bytes
        count = document.byteCount
        outer.reserveCapacity(8)
    }

    private func failure(_ reason: JSONError.Reason) -> JSONError { JSONError(reason, at: position) }

    @inline(__always)
    private mutating func skipSpace() {
        while position < count, bytes[position] <= 0x20 {
            switch bytes[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            default: return
            }
            document.isCompact = false
        }
    }

    mutating func parse() throws(JSONError) {
        if count >= 3, bytes[0] == 0xef, bytes[1] == 0xbb, bytes[2] == 0xbf { throw failure(.byteOrderMark) }
        skipSpace()
        guard position < count else { throw failure(.emptyInput) }
        // Each turn parses one value, then closes what ends after it.
        while true {
            if try value() { continue }  // opened an array or object that is not empty: its first value is next
            while true {
                let node = current.node
                guard node >= 0 else {
                    skipSpace()
                    guard position == count else { throw failure(.trailingBytes) }
                    return
                }
                current.count += 1
                skipSpace()
                guard position < count else { throw failure(.unexpectedEnd) }
                let isObject = document.nodes[node].kind == .object
                let byte = bytes[position]
                if byte == UInt8(ascii: ",") {
                    position += 1
                    skipSpace()
                    if isObject { try memberName() }
                    break
                }
                guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw failure(.unexpectedByte(byte))
                }
                position += 1
                document.nodes[node].length = current.count
                document.nodes[node].next = UInt32(truncatingIfNeeded: document.nodeCount)
                depth -= 1
                current = outer.removeLast()
                if isObject, let duplicate = names.duplicate(in: document, object: node) {
                    throw JSONError(
                        .duplicateMember(document.text(duplicate)), at: Int(document.nodes[duplicate].start))
                }
            }
        }
    }

    /// `"name" :`
    private mutating func memberName() throws(JSONError) {
        guard position < count else { throw failure(.unexpectedEnd) }
        guard bytes[position] == UInt8(ascii: "\"") else { throw failure(.unexpectedByte(bytes[position])) }
        try string()
        skipSpace()
        guard position < count else { throw failure(.unexpectedEnd) }
        guard bytes[position] == UInt8(ascii: ":") else { throw failure(.unexpectedByte(bytes[position])) }
        position += 1
    }

    /// Parses a value. True when it opened an array or object with something in it.
    private mutating func value() throws(JSONError) -> Bool {
        skipSpace()
        guard position < count else { throw failure(.unexpectedEnd) }
        let byte = bytes[position]
        switch byte {
        case UInt8(ascii: "\""):
            try string()
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < limits.maximumDepth else { throw failure(.tooDeep(limit: limits.maximumDepth)) }
            let isObject = byte == UInt8(ascii: "{")
            let node = document.nodeCount
            document.append(isObject ? .object : .array, start: position, length: 0)
            position += 1
            skipSpace()
            guard position < count else { throw failure(.unexpectedEnd) }
            if bytes[position] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                position += 1
                return false
            }
            outer.append(current)
            current = (node, 0)
            depth += 1
            if isObject { try memberName() }
            return true
        case UInt8(ascii: "t"): try literal("true", .true)
        case UInt8(ascii: "f"): try literal("false", .false)
        case UInt8(ascii: "n"): try literal("null", .null)
        case UInt8(ascii: "-"), 0x30...0x39: try number()
        default: throw failure(.unexpectedByte(byte))
        }
        return false
    }

    private mutating func literal(_ text: StaticString, _ kind: JSONDocument.Node.Kind) throws(JSONError) {
        let length = text.utf8CodeUnitCount
        guard count - position >= length, memcmp(bytes + position, text.utf8Start, length) == 0 else {
            throw failure(.malformedLiteral)
        }
        document.append(kind, start: position, length: length)
        position += length
    }

    private mutating func digits() -> Int {
        let start = position
        while position < count, bytes[position] &- 0x30 < 10 { position += 1 }
        return position - start
    }

    private mutating func number() throws(JSONError) {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        guard position < count else { throw failure(.unexpectedEnd) }
        if bytes[position] == UInt8(ascii: "0") {
            position += 1
            if position < count, bytes[position] &- 0x30 < 10 { throw failure(.malformedNumber) }
        } else if digits() == 0 {
            throw failure(.malformedNumber)
        }
        var kind = JSONDocument.Node.Kind.integer
        if position < count, bytes[position] == UInt8(ascii: ".") {
            kind = .number
            position += 1
            if digits() == 0 { throw failure(.malformedNumber) }
        }
        if position < count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            kind = .number
            position += 1
            if position < count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            if digits() == 0 { throw failure(.malformedNumber) }
        }
        document.append(kind, start: start, length: position - start)
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) {
        position += 1
        let start = position
        // The common case: nothing to resolve.
        position += PlainText.asciiPrefix(bytes + position, count - position)
        var write = position
        while true {
            guard position < count else { throw failure(.unexpectedEnd) }
            let byte = bytes[position]
            if byte == 0x22 {
                document.append(.string, start: start, length: write - start)
                position += 1
                return
            } else if byte == 0x5c {
                try escape(&write)
            } else if byte < 0x20 {
                throw failure(.controlCharacterInString)
            } else if byte < 0x80 {
                let run = PlainText.asciiPrefix(bytes + position, count - position)
                if write != position { memmove(bytes + write, bytes + position, run) }
                write += run
                position += run
            } else {
                let length = try utf8Length()
                if write != position { memmove(bytes + write, bytes + position, length) }
                write += length
                position += length
            }
        }
    }

    /// The length of the well-formed UTF-8 sequence at `position` (Unicode, table 3-7).
    private func utf8Length() throws(JSONError) -> Int {
        let first = bytes[position]
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xbf
        switch first {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, low) = (3, 0xa0)
        case 0xed: (length, high) = (3, 0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, low) = (4, 0x90)
        case 0xf4: (length, high) = (4, 0x8f)
        case 0xf1...0xf3: length = 4
        default: throw failure(.malformedUTF8)
        }
        guard count - position >= length, bytes[position + 1] >= low, bytes[position + 1] <= high else {
            throw failure(.malformedUTF8)
        }
        var i = 2
        while i < length {
            guard bytes[position + i] & 0xc0 == 0x80 else { throw failure(.malformedUTF8) }
            i += 1
        }
        return length
    }

    private mutating func escape(_ write: inout Int) throws(JSONError) {
        guard position + 1 < count else { throw failure(.unexpectedEnd) }
        let resolved: UInt8
        switch bytes[position + 1] {
        case UInt8(ascii: "\""): resolved = 0x22
        case UInt8(ascii: "\\"): resolved = 0x5c
        case UInt8(ascii: "/"):
            resolved = 0x2f
            document.isCompact = false
        case UInt8(ascii: "b"): resolved = 0x08
        case UInt8(ascii: "f"): resolved = 0x0c
        case UInt8(ascii: "n"): resolved = 0x0a
        case UInt8(ascii: "r"): resolved = 0x0d
        case UInt8(ascii: "t"): resolved = 0x09
        case UInt8(ascii: "u"): return try unicodeEscape(&write)
        default: throw failure(.malformedEscape)
        }
        bytes[write] = resolved
        write += 1
        position += 2
    }

    private func hexUnit(at start: Int) throws(JSONError) -> UInt32 {
        guard start + 4 <= count else { throw failure(.unexpectedEnd) }
        var unit: UInt32 = 0
        var i = start
        while i < start + 4 {
            let byte = bytes[i]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw failure(.malformedEscape)
            }
            unit = unit << 4 | UInt32(digit)
            i += 1
        }
        return unit
    }

    private mutating func unicodeEscape(_ write: inout Int) throws(JSONError) {
        // Some control characters have no shorter escape; they are too rare to be told apart.
        document.isCompact = false
        var scalar = try hexUnit(at: position + 2)
        var length = 6
        if scalar & 0xfc00 == 0xd800 {
            guard position + 7 < count, bytes[position + 6] == 0x5c, bytes[position + 7] == UInt8(ascii: "u") else {
                throw failure(.loneSurrogate)
            }
            let low = try hexUnit(at: position + 8)
            guard low & 0xfc00 == 0xdc00 else { throw failure(.loneSurrogate) }
            scalar = 0x10000 + (scalar & 0x3ff) << 10 + (low & 0x3ff)
            length = 12
        } else if scalar & 0xfc00 == 0xdc00 {
            throw failure(.loneSurrogate)
        }
        // At most 4 bytes for 12, or 3 for 6: never past the read position.
        if scalar < 0x80 {
            bytes[write] = UInt8(scalar)
            write += 1
        } else if scalar < 0x800 {
            bytes[write] = UInt8(0xc0 | scalar >> 6)
            bytes[write + 1] = UInt8(0x80 | scalar & 0x3f)
            write += 2
        } else if scalar < 0x10000 {
            bytes[write] = UInt8(0xe0 | scalar >> 12)
            bytes[write + 1] = UInt8(0x80 | scalar >> 6 & 0x3f)
            bytes[write + 2] = UInt8(0x80 | scalar & 0x3f)
            write += 3
        } else {
            bytes[write] = UInt8(0xf0 | scalar >> 18)
            bytes[write + 1] = UInt8(0x80 | scalar >> 12 & 0x3f)
            bytes[write + 2] = UInt8(0x80 | scalar >> 6 & 0x3f)
            bytes[write + 3] = UInt8(0x80 | scalar & 0x3f)
            write += 4
        }
        position += length
    }
}

/// Finds a member name that occurs twice in an object.
struct MemberNames {
    /// Up to this many members every pair is compared; beyond it a table is built, so that a hostile object costs no more
    /// than its length.
    private static let pairwiseLimit = 16
    private var table: [Int32] = []
    /// Random for each process: nobody outside can choose names that collide. Drawn once, because drawing is a system
    /// call.
    private static let seed = UInt64.random(in: .min ... .max)

    init() {}

    /// - Returns: the node of the second occurrence.
    mutating func duplicate(in document: JSONDocument, object: Int) -> Int? {
        let nodes = document.nodes
        let members = Int(nodes[object].length)
        let end = Int(nodes[object].next)
        if members < 2 { return nil }
        if members <= MemberNames.pairwiseLimit {
            var second = Int(nodes[object + 1].next)
            second = Int(nodes[second].next)
            while second < end {
                var first = object + 1
                while first < second {
                    if document.sameText(first, second) { return second }
                    first = Int(nodes[first + 1].next)
                }
                second = Int(nodes[second + 1].next)
            }
            return nil
        }
        var size = 64
        while size < members * 2 { size *= 2 }
        table.removeAll(keepingCapacity: true)
        table.append(contentsOf: repeatElement(-1, count: size))
        var name = object + 1
        while name < end {
            var hash = MemberNames.seed
            for i in 0..<Int(nodes[name].length) {
                hash = (hash ^ UInt64(document.bytes[Int(nodes[name].start) + i])) &* 0x9e37_79b9_7f4a_7c15
                hash ^= hash >> 29
            }
            var slot = Int(truncatingIfNeeded: hash >> 17) & (size - 1)
            while table[slot] >= 0 {
                if document.sameText(Int(table[slot]), name) { return name }
                slot = (slot + 1) & (size - 1)
            }
            table[slot] = Int32(truncatingIfNeeded: name)
            name = Int(nodes[name + 1].next)
        }
        return nil
    }
}

extension JSONDocument {
    func text(_ node: Int) -> String {
        String(
            decoding: UnsafeBufferPointer(start: bytes + Int(nodes[node].start), count: Int(nodes[node].length)),
            as: UTF8.self)
    }

    func sameText(_ a: Int, _ b: Int) -> Bool {
        nodes[a].length == nodes[b].length
            && memcmp(bytes + Int(nodes[a].start), bytes + Int(nodes[b].start), Int(nodes[a].length)) == 0
    }
}
