// A table automaton for simple ASCII patterns (literals, classes, groups, alternatives, `* + ?`, anchors at the ends):
// `^(a|b|c)-[0-9]+$` costs a load per byte instead of a call into libre2. Anything else, and any text outside ASCII, is
// libre2's.

struct PatternTable: Sendable {
    /// More states than this and the pattern is libre2's.
    private static let maximumStates = 128
    private static let maximumNodes = 512

    /// The next state by state * 128 + byte. State 0 is dead.
    private let transitions: [UInt8]
    private let accepting: [Bool]
    private let start: UInt8
    private let anchoredEnd: Bool

    /// Nil for what this table does not cover.
    init?(_ pattern: Bytes) {
        var builder = Builder(pattern)
        guard let (start, end) = builder.parse() else { return nil }
        let nodes = builder.nodes
        let unanchored = !builder.anchoredStart
        anchoredEnd = builder.anchoredEnd

        func close(_ seeds: [Int]) -> [Int] {
            var seen = Set<Int>()
            var work = seeds
            while let node = work.popLast() {
                guard seen.insert(node).inserted else { continue }
                work.append(contentsOf: nodes[node].empty)
            }
            return seen.sorted()
        }

        let initial = close([start])
        var numbers: [[Int]: Int] = [[]: 0, initial: 1]
        var order: [[Int]] = [[], initial]
        var table = [UInt8](repeating: 0, count: 128)
        var state = 1
        while state < order.count {
            let members = order[state]
            var row = [UInt8](repeating: 0, count: 128)
            for byte in 0..<128 {
                var next = members.flatMap { nodes[$0].edge.contains(UInt8(byte)) ? [nodes[$0].target] : [] }
                if unanchored { next.append(start) }
                let closed = close(next)
                if let number = numbers[closed] {
                    row[byte] = UInt8(number)
                } else {
                    guard order.count < PatternTable.maximumStates else { return nil }
                    numbers[closed] = order.count
                    row[byte] = UInt8(order.count)
                    order.append(closed)
                }
            }
            table += row
            state += 1
        }
        transitions = table
        accepting = order.map { $0.contains(end) }
        self.start = 1
    }

    /// Nil when `text` has a byte that the table does not know.
    @inline(__always)
    func matches(_ text: Bytes) -> Bool? {
        var state = Int(start)
        return transitions.withUnsafeBufferPointer { table in
            accepting.withUnsafeBufferPointer { accepting in
                if !anchoredEnd, accepting[state] { return true }
                for byte in text {
                    if byte >= 128 { return nil }
                    state = Int(table[state << 7 | Int(byte)])
                    if state == 0 { return false }
                    if !anchoredEnd, accepting[state] { return true }
                }
                return accepting[state]
            }
        }
    }

    private struct ByteSet {
        var low: UInt64 = 0
        var high: UInt64 = 0
        func contains(_ byte: UInt8) -> Bool {
            byte < 64 ? low >> UInt64(byte) & 1 == 1 : high >> UInt64(byte - 64) & 1 == 1
        }
        mutating func insert(_ byte: UInt8) {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        mutating func insert(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }
        var isEmpty: Bool { low == 0 && high == 0 }
    }

    private struct Node {
        var edge = ByteSet()
        var target = 0
        var empty: [Int] = []
    }

    private struct Builder {
        let pattern: [UInt8]
        var position = 0
        var nodes: [Node] = []
        var anchoredStart = false
        var anchoredEnd = false
        var depth = 0

        init(_ pattern: Bytes) {
            self.pattern = Array(pattern)
        }

        typealias Fragment = (start: Int, end: Int)

        mutating func node() -> Int {
            nodes.append(Node())
            return nodes.count - 1
        }

        var next: UInt8? { position < pattern.count ? pattern[position] : nil }

        mutating func parse() -> Fragment? {
            if next == UInt8(ascii: "^") {
                anchoredStart = true
                position += 1
            }
            guard let whole = alternatives() else { return nil }
            if next == UInt8(ascii: "$") {
                anchoredEnd = true
                position += 1
            }
            // An alternative outside a group would belong to one anchor only.
            guard position == pattern.count, !(topAlternatives && (anchoredStart || anchoredEnd)) else { return nil }
            return whole
        }

        private var topAlternatives = false

        mutating func alternatives() -> Fragment? {
            guard nodes.count < PatternTable.maximumNodes, var result = sequence() else { return nil }
            while next == UInt8(ascii: "|") {
                if depth == 0 { topAlternatives = true }
                position += 1
                guard let other = sequence() else { return nil }
                let (start, end) = (node(), node())
                nodes[start].empty = [result.start, other.start]
                nodes[result.end].empty.append(end)
                nodes[other.end].empty.append(end)
                result = (start, end)
            }
            return result
        }

        mutating func sequence() -> Fragment? {
            let start = node()
            var end = start
            while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
                if byte == UInt8(ascii: "$"), depth == 0, position == pattern.count - 1 { break }
                guard nodes.count < PatternTable.maximumNodes, let item = item() else { return nil }
                nodes[end].empty.append(item.start)
                end = item.end
            }
            return (start, end)
        }

        mutating func item() -> Fragment? {
            guard var result = atom() else { return nil }
            switch next {
            case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
                let (start, end) = (node(), node())
                nodes[start].empty = [result.start]
                nodes[result.end].empty.append(end)
                if next != UInt8(ascii: "?") { nodes[result.end].empty.append(result.start) }
                if next != UInt8(ascii: "+") { nodes[start].empty.append(end) }
                result = (start, end)
                position += 1
                // Lazy and possessive forms, double repetition: libre2's.
                switch next {
                case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"): return nil
                default: return result
                }
            case UInt8(ascii: "{"): return nil
            default: return result
            }
        }

        mutating func atom() -> Fragment? {
            guard let byte = next else { return nil }
            position += 1
            var set = ByteSet()
            switch byte {
            case UInt8(ascii: "("):
                if next == UInt8(ascii: "?") {
                    guard position + 1 < pattern.count, pattern[position + 1] == UInt8(ascii: ":") else { return nil }
                    position += 2
                }
                depth += 1
                guard depth < 32, let inner = alternatives(), next == UInt8(ascii: ")") else { return nil }
                depth -= 1
                position += 1
                return inner
            case UInt8(ascii: "["):
                guard let found = bracket() else { return nil }
                set = found
            case UInt8(ascii: "."):
                set.insert(0...127)
                set.low &= ~(1 << 10)
            case UInt8(ascii: "\\"):
                guard let found = escape() else { return nil }
                set = found
            case UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"),
                UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x80...:
                return nil
            default: set.insert(byte)
            }
            let (start, end) = (node(), node())
            nodes[start].edge = set
            nodes[start].target = end
            return (start, end)
        }

        mutating func escape() -> ByteSet? {
            guard let byte = next else { return nil }
            position += 1
            var set = ByteSet()
            switch byte {
            case UInt8(ascii: "d"): set.insert(0x30...0x39)
            case UInt8(ascii: "w"):
                set.insert(0x30...0x39)
                set.insert(0x41...0x5a)
                set.insert(0x61...0x7a)
                set.insert(0x5f)
            case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "+"),
                UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["),
                UInt8(ascii: "]"), UInt8(ascii: "$"), UInt8(ascii: "^"), UInt8(ascii: "|"), UInt8(ascii: "{"),
                UInt8(ascii: "}"):
                set.insert(byte)
            default: return nil
            }
            return set
        }

        /// Ranges and single characters; negation would match beyond ASCII, which the caller leaves to libre2 anyway.
        mutating func bracket() -> ByteSet? {
            var set = ByteSet()
            if next == UInt8(ascii: "^") { return nil }
            while let byte = next {
                position += 1
                if byte == UInt8(ascii: "]") { return set.isEmpty ? nil : set }
                guard byte < 0x80, byte != UInt8(ascii: "["), byte != UInt8(ascii: "\\") else { return nil }
                if next == UInt8(ascii: "-"), position + 1 < pattern.count, pattern[position + 1] != UInt8(ascii: "]") {
                    let upper = pattern[position + 1]
                    guard upper < 0x80, upper >= byte, upper != UInt8(ascii: "["), upper != UInt8(ascii: "\\") else {
                        return nil
                    }
                    position += 2
                    set.insert(byte...upper)
                } else {
                    set.insert(byte)
                }
            }
            return nil
        }
    }
}
