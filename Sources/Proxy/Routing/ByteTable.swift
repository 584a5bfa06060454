// A small immutable hash table with byte strings as keys: host names and path segments are looked up straight from the
// read buffer.

/// Maps (tag, bytes) to an index. Built once from the configuration; look-ups allocate nothing.
struct ByteTable: Sendable {
    private struct Slot: Sendable {
        var hash: UInt64
        var tag: Int32
        var start: Int32
        var count: Int32
        /// -1: the slot is empty.
        var value: Int32
    }

    private static let empty = Slot(hash: 0, tag: 0, start: 0, count: 0, value: -1)

    private let ignoresCase: Bool
    private var slots: [Slot] = Array(repeating: ByteTable.empty, count: 8)
    private var keys: [UInt8] = []
    private var used = 0

    /// - Parameter ignoresCase: ASCII letters are equal in either case; keys are then stored in lowercase.
    init(ignoresCase: Bool) {
        self.ignoresCase = ignoresCase
    }

    func find(tag: Int32 = 0, _ bytes: ByteView) -> Int32? {
        let hash = hash(tag, bytes)
        var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[at].value >= 0 {
            if slots[at].hash == hash, slots[at].tag == tag, equals(slots[at], bytes) { return slots[at].value }
            at = (at + 1) & (slots.count - 1)
        }
        return nil
    }

    func find(tag: Int32 = 0, _ bytes: [UInt8]) -> Int32? {
        bytes.withUnsafeBufferPointer { find(tag: tag, ByteView($0)) }
    }

    /// The key must not be there yet.
    mutating func insert(tag: Int32 = 0, _ key: [UInt8], _ value: Int32) {
        let key = ignoresCase ? key.map { ASCII.lowercase($0) } : key
        // At most half full: probes stay short, and the loop in `find` always ends.
        if (used + 1) * 2 > slots.count { grow() }
        let slot = Slot(
            hash: key.withUnsafeBufferPointer { hash(tag, ByteView($0)) }, tag: tag, start: Int32(keys.count),
            count: Int32(key.count), value: value)
        keys += key
        used += 1
        place(slot)
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: ByteTable.empty, count: old.count * 2)
        for slot in old where slot.value >= 0 { place(slot) }
    }

    private mutating func place(_ slot: Slot) {
        var at = Int(truncatingIfNeeded: slot.hash) & (slots.count - 1)
        while slots[at].value >= 0 { at = (at + 1) & (slots.count - 1) }
        slots[at] = slot
    }

    private func equals(_ slot: Slot, _ bytes: ByteView) -> Bool {
        guard Int(slot.count) == bytes.count else { return false }
        let start = Int(slot.start)
        for i in 0..<bytes.count {
            let byte = ignoresCase ? ASCII.lowercase(bytes[i]) : bytes[i]
            if keys[start + i] != byte { return false }
        }
        return true
    }

    /// FNV-1a with a final mix. Keys come from the configuration, so a client who knows the function can lengthen the
    /// probes of its own look-ups only, and by no more than the longest run of occupied slots.
    private func hash(_ tag: Int32, _ bytes: ByteView) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(UInt32(bitPattern: tag))
        hash &*= 0x100_0000_01b3
        for byte in bytes {
            hash ^= UInt64(ignoresCase ? ASCII.lowercase(byte) : byte)
            hash &*= 0x100_0000_01b3
        }
        return hash ^ (hash >> 29)
    }
}
