// What targets have listed, kept for a while: to look up a called tool's definition, and to answer lists again when a
// target has said for how long, or that it will tell of changes. One per loop; kept per session, because a server may show
// different things in different sessions.

import JSON

/// One kind of list of one target, complete.
struct TargetList: Sendable {
    let values: [JSONValue]
    let fetchedAt: MonotonicTime
    /// Until when a client may be shown it again without asking the target.
    let freshUntil: MonotonicTime
    private let places: [[UInt8]: Int]
    /// What the lock file says of the tools; empty without one.
    private let verdicts: [ToolVerdict]

    init(
        _ values: [JSONValue], _ kind: ListKind, verdicts: [ToolVerdict] = [], fetchedAt: MonotonicTime,
        freshUntil: MonotonicTime
    ) {
        self.values = values
        self.verdicts = verdicts
        self.fetchedAt = fetchedAt
        self.freshUntil = freshUntil
        // Names are compared by their bytes: String would take canonically equivalent ones for the same.
        var places: [[UInt8]: Int] = [:]
        places.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard let name = value[kind.key]?.withUTF8({ Array($0) }), places[name] == nil else { continue }
            places[name] = index
        }
        self.places = places
    }

    /// The item of this name, byte by byte; the first when a target lists it twice, as in the list that clients get.
    func item(_ name: String) -> (value: JSONValue, verdict: ToolVerdict?)? {
        places[Array(name.utf8)].map { (values[$0], verdict($0)) }
    }

    /// nil without a lock file.
    func verdict(_ index: Int) -> ToolVerdict? { verdicts.isEmpty ? nil : verdicts[index] }
}

final class ListCache {
    struct Key: Hashable {
        let session: [UInt8]
        let target: String
        let kind: ListKind
    }

    /// How long a definition may be looked up again for calls when the target has not said anything about it. A target
    /// that changes its tools without a word is noticed after this at the latest.
    static let definitionLife = Duration.seconds(60)
    /// A name that is not there is asked for again after this; earlier, clients that guess names would cost the target
    /// a list each time.
    static let absenceLife = Duration.seconds(2)
    /// The longest life that a target can give a list.
    static let longestLife = Duration.seconds(3600)
    /// Items of all lists of one loop. Beyond it everything is forgotten, which costs each session one list.
    private static let capacity = 50_000

    private var entries: [Key: TargetList] = [:]
    private var itemCount = 0
    /// Counts forgetting: a list that was asked for before is not kept.
    private(set) var epoch = 0

    subscript(key: Key) -> TargetList? { entries[key] }

    func keep(_ list: TargetList, for key: Key, askedIn epoch: Int) {
        guard epoch == self.epoch else { return }
        if let old = entries[key] { itemCount -= old.values.count }
        if itemCount + list.values.count > ListCache.capacity || entries.count >= ListCache.capacity / 16 {
            entries.removeAll()
            itemCount = 0
        }
        guard list.values.count <= ListCache.capacity else { return }
        entries[key] = list
        itemCount += list.values.count
    }

    func forget(_ key: Key) {
        epoch += 1
        if let old = entries.removeValue(forKey: key) { itemCount -= old.values.count }
    }

    func forget(session: [UInt8]) {
        for key in entries.keys.filter({ $0.session == session }) { forget(key) }
    }

    /// What was judged by another configuration's lock files is not shown under this one's.
    func forgetAll() {
        epoch += 1
        entries.removeAll()
        itemCount = 0
    }
}
