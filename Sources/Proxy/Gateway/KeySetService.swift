// Keeps the key sets of identity providers fresh. It lives on one loop; the others ask it and are handed immutable sets.

import Auth

final class KeySetService: @unchecked Sendable {
    private let loop: EventLoop
    private let fetcher: HTTPFetch
    private let log: ProcessLog
    private let origin = MonotonicTime.now
    private var workers: [LoopWorker] = []
    private var stores: [RemoteKeySet: Entry] = [:]
    private var stopped = false

    private struct Entry {
        var store: KeySetStore
        /// Tells this life of the key set from an earlier one, for the task that maintains it.
        let number: Int
        /// Tasks that wait for the fetch under way.
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }
    private var lastNumber = 0

    init(loop: EventLoop, resolver: Resolver, log: ProcessLog) {
        self.loop = loop
        self.log = log
        fetcher = HTTPFetch(loop: loop, resolver: resolver)
    }

    private var now: Duration { MonotonicTime.now.since(origin) }

    func begin(_ workers: [LoopWorker]) {
        loop.assertOnLoop()
        self.workers = workers
    }

    /// Begins to fetch the key sets of `snapshot`; those that an earlier one had as well keep what they know.
    func adopt(_ snapshot: Snapshot) throws(AuthError) {
        loop.assertOnLoop()
        for keySet in snapshot.authentication.remoteKeySets where stores[keySet] == nil {
            lastNumber += 1
            let number = lastNumber
            stores[keySet] = Entry(store: try keySet.makeStore(), number: number)
            loop.spawn { [self] in await maintain(keySet, number) }
        }
    }

    /// Forgets the key sets that `snapshot`, which is in force now, does not have.
    func release(allBut snapshot: Snapshot) {
        loop.assertOnLoop()
        let wanted = Set(snapshot.authentication.remoteKeySets)
        for keySet in stores.keys where !wanted.contains(keySet) {
            let waiters = stores.removeValue(forKey: keySet)?.waiters ?? []
            waiters.forEach { $0.resume() }
        }
    }

    /// Fetches when due, for as long as the key set is wanted.
    private func maintain(_ keySet: RemoteKeySet, _ number: Int) async {
        while !stopped, stores[keySet]?.number == number {
            await fetchIfDue(keySet)
            if stores[keySet]?.store.expires(at: now) == true {
                log.warn("keys of \(keySet.issuer): too old to be believed, and no newer ones to be had")
                publish(keySet)
            }
            guard let wake = stores[keySet]?.store.wakeUp(at: now) else {
                await loop.sleep(for: .milliseconds(200))
                continue
            }
            // Short naps, so that an unknown key or a reload never waits long for this task.
            await loop.sleep(for: min(max(wake - now, .milliseconds(50)), .seconds(1)))
        }
    }

    private func fetchIfDue(_ keySet: RemoteKeySet) async {
        while case .fetch(let request)? = stores[keySet]?.store.next(at: now) {
            let number = stores[keySet]?.number
            let result = await fetcher.fetch(request)
            // Removed, and perhaps added again, meanwhile: the answer is not this life's.
            guard stores[keySet]?.number == number else { return }
            let changed = stores[keySet]?.store.finish(result, at: now) ?? false
            if let status = stores[keySet]?.store.status(at: now), let failure = status.lastFailure {
                log.warn("keys of \(keySet.issuer): \(request.url): \(failure)")
            }
            if changed {
                log.info("keys of \(keySet.issuer) fetched from \(request.url)")
                publish(keySet)
            }
        }
        // Nothing is due: whoever waited can look again.
        let waiters = stores[keySet]?.waiters ?? []
        stores[keySet]?.waiters = []
        waiters.forEach { $0.resume() }
    }

    private func publish(_ keySet: RemoteKeySet) {
        let keys = stores[keySet]?.store.current(at: now)
        for worker in workers {
            worker.loop.spawn { worker.install(keys, of: keySet) }
        }
    }

    /// A token names a key that is not known: looks again, if that is not too soon, and waits for the result. Called from
    /// any loop.
    /// - Returns: the set as it is known now, for the snapshot of the request that waits, which may not be in force any
    ///   longer.
    func refresh(_ id: KeySetID, of snapshot: Snapshot) async -> KeySet? {
        await loop.perform { [self] in
            let keySet = snapshot.authentication.remoteKeySets[id.index]
            if stores[keySet]?.store.unknownKey(at: now) == true {
                if stores[keySet]?.store.wakeUp(at: now) == nil {
                    await withUnsafeContinuation { continuation in
                        if stores[keySet] == nil {
                            continuation.resume()
                        } else {
                            stores[keySet]?.waiters.append(continuation)
                        }
                    }
                } else {
                    await fetchIfDue(keySet)
                }
            }
            return stores[keySet]?.store.current(at: now)
        }
    }

    /// For `/readyz`: what is not available, nil when all is well.
    func problems() -> [String] {
        stores.compactMap { keySet, entry in
            let status = entry.store.status(at: now)
            return status.available ? nil : "keys of \(keySet.issuer): \(status.lastFailure ?? "not fetched yet")"
        }.sorted()
    }

    func states() -> [Gateway.KeySetState] {
        stores.map { keySet, entry in
            let status = entry.store.status(at: now)
            return Gateway.KeySetState(
                issuer: keySet.issuer, isAvailable: status.available, ageSeconds: status.age?.inSeconds,
                failure: status.lastFailure)
        }.sorted { $0.issuer < $1.issuer }
    }

    func report(into report: inout MetricsReport) {
        for (keySet, entry) in stores {
            let status = entry.store.status(at: now)
            let labels = [("issuer", keySet.issuer)]
            report.add(.keySetAvailable, labels, status.available ? 1 : 0)
            if let age = status.age { report.add(.keySetAge, labels, age.inSeconds) }
            report.add(.keySetFailures, labels, Double(status.consecutiveFailures))
        }
    }

    func stop() { stopped = true }
}
