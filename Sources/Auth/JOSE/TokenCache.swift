// Tokens that were verified, by the SHA-256 of their text, so that only a token's first request pays for its signature.
// One per event loop and policy; no locks.

/// A bounded map in two generations: when the young one is full it becomes the old one, and what was in the old one and
/// not asked for since is forgotten. Inserting and looking up touch nothing else.
struct GenerationalCache<Value> {
    private var young: [SHA256Value: Value] = [:]
    private var old: [SHA256Value: Value] = [:]
    private let limit: Int

    /// - Parameter capacity: the most entries that are kept.
    init(capacity: Int) { limit = max(1, capacity / 2) }

    mutating func find(_ key: SHA256Value) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        insert(value, for: key)
        return value
    }

    mutating func insert(_ value: Value, for key: SHA256Value) {
        if young.count >= limit, young[key] == nil {
            old = young
            young = Dictionary(minimumCapacity: old.count)
        }
        young[key] = value
    }

    mutating func remove(_ key: SHA256Value) {
        young.removeValue(forKey: key)
        old.removeValue(forKey: key)
    }

    mutating func removeAll() {
        young.removeAll()
        old.removeAll()
    }

    var count: Int { young.count + old.count }
}
