// A map: its entries in insertion order, and for more than a few of them a hash index behind.
// Invariant: `entries` has `count` initialised entries; `index` (when present) has `mask + 1` slots, each an entry's number
// plus one, or zero; both live in the arena that the map was built in.

/// A seed of this process: whoever sends the keys cannot choose those that collide.
private let hashSeed: UInt64 = .random(in: .min ... .max) | 1

struct MapEntry {
    var key: Value
    var value: Value
}

struct MapStorage {
    var count: Int
    var entries: UnsafeMutablePointer<MapEntry>
    var index: UnsafeMutablePointer<UInt32>?
    var mask: Int

    /// Below this, comparing lengths one after the other beats hashing.
    static let linearLimit = 8
}

extension Value {
    /// Equal keys hash alike, also across the numeric types.
    var keyHash: UInt64 {
        switch tag {
        case .string, .bytes, .type: return Value.hash(run)
        case .double:
            let value = asDouble
            if let int = Int64(exactly: value) { return Value.mix(UInt64(bitPattern: int) ^ hashSeed) }
            if let uint = UInt64(exactly: value) { return Value.mix(uint ^ hashSeed) }
            return Value.mix(payload ^ hashSeed)
        case .bool: return Value.mix(payload &+ 0x1234_5678 ^ hashSeed)
        default: return Value.mix(payload ^ hashSeed)
        }
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return high ^ low
    }

    private static func hash(_ bytes: Bytes) -> UInt64 {
        var hash = hashSeed ^ UInt64(bytes.count)
        guard let base = bytes.baseAddress else { return mix(hash) }
        let raw = UnsafeRawPointer(base)
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &+ hashSeed
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = tail << 8 | UInt64(bytes[offset])
            offset += 1
        }
        return mix(hash ^ tail)
    }

    /// Keys as maps compare them: numbers by value, anything else by kind and value.
    @inline(__always)
    static func sameKey(_ a: Value, _ b: Value) -> Bool {
        if a.tag == b.tag {
            switch a.tag {
            case .string: return sameRun(a, b)
            case .int, .uint, .bool: return a.payload == b.payload
            default: break
            }
        }
        return Equality.areEqualScalars(a, b)
    }

    // MARK: Lookup

    /// The value under `key`, absent when there is none. Only for maps.
    func member(_ key: Value) -> Value {
        guard let storage = mapStorage else { return .absent }
        let entries = storage.pointee.entries
        guard storage.pointee.index != nil else {
            var position = 0
            let count = storage.pointee.count
            if key.tag == .string {
                while position < count {
                    let entry = entries + position
                    if entry.pointee.key.length == key.length, entry.pointee.key.tag == .string,
                        Value.sameRun(entry.pointee.key, key)
                    {
                        return entry.pointee.value
                    }
                    position += 1
                }
                return .absent
            }
            while position < count {
                if Value.sameKey(entries[position].key, key) { return entries[position].value }
                position += 1
            }
            return .absent
        }
        return hashedMember(key, key.keyHash)
    }

    /// As `member`, the key's hash known.
    @inline(__always)
    func member(_ key: Value, hash: UInt64) -> Value {
        guard let storage = mapStorage else { return .absent }
        guard storage.pointee.index == nil, key.tag == .string else { return hashedMember(key, hash) }
        var entry = storage.pointee.entries
        let end = entry + storage.pointee.count
        while entry < end {
            if entry.pointee.key.length == key.length, entry.pointee.key.tag == .string,
                Value.sameRun(entry.pointee.key, key)
            {
                return entry.pointee.value
            }
            entry += 1
        }
        return .absent
    }

    private func hashedMember(_ key: Value, _ hash: UInt64) -> Value {
        guard let storage = mapStorage else { return .absent }
        guard let index = storage.pointee.index else { return member(key) }
        let mask = storage.pointee.mask
        var slot = Int(truncatingIfNeeded: hash) & mask
        while index[slot] != 0 {
            let entry = storage.pointee.entries + Int(index[slot] - 1)
            if Value.sameKey(entry.pointee.key, key) { return entry.pointee.value }
            slot = (slot + 1) & mask
        }
        return .absent
    }

    /// The entries of a map.
    var entries: UnsafeBufferPointer<MapEntry> {
        guard let storage = mapStorage else { return UnsafeBufferPointer(start: nil, count: 0) }
        return UnsafeBufferPointer(start: storage.pointee.entries, count: storage.pointee.count)
    }
}

/// Builds a map whose size is not known before.
struct MapBuilder {
    private let arena: Arena
    private var entries: UnsafeMutablePointer<MapEntry>
    private var capacity: Int
    private(set) var count = 0
    private var index: UnsafeMutablePointer<UInt32>?
    private var mask = 0

    init(arena: Arena, capacity: Int = 4) {
        self.arena = arena
        self.capacity = max(1, capacity)
        entries = MapBuilder.entries(self.capacity, in: arena)
    }

    private static func entries(_ count: Int, in arena: Arena) -> UnsafeMutablePointer<MapEntry> {
        arena.allocate(count * MemoryLayout<MapEntry>.stride).bindMemory(to: MapEntry.self, capacity: count)
    }

    /// The position of `key`, or nil.
    func position(of key: Value) -> Int? {
        guard let index else {
            for position in 0..<count where Value.sameKey(entries[position].key, key) { return position }
            return nil
        }
        var slot = Int(truncatingIfNeeded: key.keyHash) & mask
        while index[slot] != 0 {
            let position = Int(index[slot] - 1)
            if Value.sameKey(entries[position].key, key) { return position }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Adds an entry whose key is known to be new.
    mutating func append(_ key: Value, _ value: Value) {
        if count == capacity {
            let grown = MapBuilder.entries(capacity * 2, in: arena)
            grown.update(from: entries, count: count)
            entries = grown
            capacity *= 2
        }
        entries[count] = MapEntry(key: key, value: value)
        count += 1
        if index != nil, count * 2 <= mask + 1 {
            insert(count - 1)
        } else if count > MapStorage.linearLimit {
            reindex()
        }
    }

    /// False when the key is there already.
    mutating func insert(_ key: Value, _ value: Value) -> Bool {
        if position(of: key) != nil { return false }
        append(key, value)
        return true
    }

    mutating func set(_ key: Value, _ value: Value) {
        if let position = position(of: key) {
            entries[position].value = value
        } else {
            append(key, value)
        }
    }

    private mutating func reindex() {
        let size = max(32, (count * 4).nextPowerOfTwo)
        let slots = arena.allocate(size * 4).bindMemory(to: UInt32.self, capacity: size)
        slots.initialize(repeating: 0, count: size)
        index = slots
        mask = size - 1
        for position in 0..<count { insert(position) }
    }

    private func insert(_ position: Int) {
        guard let index else { return }
        var slot = Int(truncatingIfNeeded: entries[position].key.keyHash) & mask
        while index[slot] != 0 { slot = (slot + 1) & mask }
        index[slot] = UInt32(truncatingIfNeeded: position + 1)
    }

    func finish() -> Value {
        if count == 0 { return .emptyMap }
        let storage = arena.allocate(MemoryLayout<MapStorage>.stride).bindMemory(to: MapStorage.self, capacity: 1)
        storage.initialize(to: MapStorage(count: count, entries: entries, index: index, mask: mask))
        return .map(UnsafePointer(storage))
    }
}

extension Int {
    fileprivate var nextPowerOfTwo: Int { 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}

/// Builds a list whose length is not known before.
struct ListBuilder {
    private let arena: Arena
    private var elements: UnsafeMutablePointer<Value>
    private var capacity: Int
    private(set) var count = 0

    init(arena: Arena, capacity: Int = 8) {
        self.arena = arena
        self.capacity = Swift.max(1, capacity)
        elements = arena.values(self.capacity)
    }

    mutating func append(_ value: Value) {
        if count == capacity {
            let grown = arena.values(capacity * 2)
            grown.update(from: elements, count: count)
            elements = grown
            capacity *= 2
        }
        elements[count] = value
        count += 1
    }

    func finish() -> Value {
        count == 0 ? .emptyList : .list(UnsafeBufferPointer(start: elements, count: count))
    }
}
