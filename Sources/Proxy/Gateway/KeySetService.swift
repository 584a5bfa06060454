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
        /// Tasks that wait for the fetch under way.
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    init(loop: EventLoop, resolver: Resolver, log: ProcessLog) {
        self.loop = loop
        self.log = log
        fetcher = HTTPFetch(loop: loop, resolver: resolver)
    }

    private var now: Duration { MonotonicTime.now.since(origin) }

    /// Takes up the key sets of `snapshot`; those that an earlier one had as well keep what they know.
    func adopt(_ snapshot: Snapshot, workers: [LoopWorker]) throws(AuthError) {
        loop.assertOnLoop()
        self.workers = workers
        let wanted = snapshot.authentication.remoteKeySets
        for keySet in stores.keys where !wanted.contains(keySet) {
            let waiters = stores.removeValue(forKey: keySet)?.waiters ?? []
            waiters.forEach { $0.resume() }
        }
        for (index, keySet) in wanted.enumerated() {
            if stores[keySet] == nil { stores[keySet] = Entry(store: try keySet.makeStore()) }
            publish(keySet, at: index, of: snapshot)
            loop.spawn { [self] in await maintain(keySet, snapshot) }
        }
    }

    /// Fetches when due, for as long as the key set is wanted by `snapshot`'s successor line.
    private func maintain(_ keySet: RemoteKeySet, _ snapshot: Snapshot) async {
        while !stopped, workers.first?.snapshot === snapshot, stores[keySet] != nil {
            await fetchIfDue(keySet)
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
            let result = await fetcher.fetch(request)
            guard stores[keySet] != nil else { return }
            let changed = stores[keySet]?.store.finish(result, at: now) ?? false
            if let status = stores[keySet]?.store.status(at: now), let failure = status.lastFailure {
                log.warn("keys of \(keySet.issuer): \(request.url): \(failure)")
            }
            if changed {
                log.info("keys of \(keySet.issuer) fetched from \(request.url)")
                if let snapshot = workers.first?.snapshot,
                    let index = snapshot.authentication.remoteKeySets.firstIndex(of: keySet)
                {
                    publish(keySet, at: index, of: snapshot)
                }
            }
        }
        // Nothing is due: whoever waited can look again.
        let waiters = stores[keySet]?.waiters ?? []
        stores[keySet]?.waiters = []
        waiters.forEach { $0.resume() }
    }

    private func publish(_ keySet: RemoteKeySet, at index: Int, of snapshot: Snapshot) {
        let keys = stores[keySet]?.store.current(at: now)
        let id = snapshot.authentication.id(at: index)
        for worker in workers {
            worker.loop.spawn { worker.install(keys, for: id, of: snapshot) }
        }
    }

    /// A token names a key that is not known: looks again, if that is not too soon, and waits for the result. Called from
    /// any loop.
    func refresh(_ id: KeySetID, of snapshot: Snapshot, for worker: LoopWorker) async {
        let task = Task(executorPreference: loop) { [self] in
            let keySet = snapshot.authentication.remoteKeySets[id.index]
            guard stores[keySet] != nil, stores[keySet]?.store.unknownKey(at: now) == true else { return }
            if stores[keySet]?.store.wakeUp(at: now) == nil {
                await withUnsafeContinuation { stores[keySet]?.waiters.append($0) }
            } else {
                await fetchIfDue(keySet)
            }
        }
        await task.value
        // The set is installed by a message to this loop that was sent before the task ended.
        await Task.yield()
    }

    /// For `/readyz`: what is not available, nil when all is well.
    func problems() -> [String] {
        stores.compactMap { keySet, entry in
            let status = entry.store.status(at: now)
            return status.available ? nil : "keys of \(keySet.issuer): \(status.lastFailure ?? "not fetched yet")"
        }.sorted()
    }

    func stop() { stopped = true }
}
