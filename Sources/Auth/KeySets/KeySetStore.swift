// When to fetch a key set, and what to believe until then: a state machine without clock or network. Whoever owns it
// asks what is due, does it, and brings the result back; the layer only ever sees immutable sets.

/// One remote key set. Times are the loop's monotonic clock, since any fixed origin.
package struct KeySetStore: Sendable {
    /// A token that names an unknown key makes us look again, but not more often than this per issuer, or anyone could
    /// make us hammer the issuer with invented ids.
    package static let unknownKeyInterval = Duration.seconds(30)
    /// First and longest wait after a failure.
    package static let retryDelay = Duration.seconds(1)...Duration.seconds(60)
    /// An issuer that has been unreachable for this long may have revoked a key without our knowing.
    package static let maximumStaleness = Duration.seconds(24 * 3600)

    /// What the owner should do now.
    package enum Need: Hashable, Sendable {
        case nothing
        case fetch(KeySetRequest)
    }

    package enum FetchReason: String, Sendable { case start, refresh, unknownKey }

    /// What `/readyz` and the metrics show.
    package struct Status: Hashable, Sendable {
        package var available: Bool
        package var age: Duration?
        package var consecutiveFailures: Int
        /// Safe to log; nil after a success.
        package var lastFailure: String?
    }

    private let source: RemoteSource
    private var keys: KeySet?
    private var fetchedAt: Duration?
    private var nextFetch: Duration = .zero
    private var started = false
    private var inFlight: Stage?
    private var following: Stage?
    private var lastUnknownKeyFetch: Duration?
    private var failures = 0
    private var lastFailure: String?
    /// What was wrong at a well-known location that discovery tried before the one under way, if it says anything.
    private var candidateFailure: String?

    enum RemoteSource: Sendable {
        case url(FetchURL, KeySetFetchRules)
        case discovery(issuer: String, candidates: [FetchURL], KeySetFetchRules)
    }

    private enum Stage: Sendable {
        case keys(FetchURL)
        case metadata(candidate: Int)
    }

    /// - Throws: for a URL that the rules forbid. Inline and file sources have no store.
    package init?(_ source: KeySetSource, issuer: String) throws(AuthError) {
        switch source {
        case .inline, .file: return nil
        case .url(let text, let rules):
            let url = try FetchURL(text)
            try url.check(rules)
            self.source = .url(url, rules)
        case .discovery(let rules):
            let url = try FetchURL(issuer)
            try url.check(rules)
            self.source = .discovery(
                issuer: issuer, candidates: try AuthorizationServerMetadata.locations(of: url), rules)
        }
    }

    private var rules: KeySetFetchRules {
        switch source {
        case .url(_, let rules), .discovery(_, _, let rules): rules
        }
    }

    private var firstStage: Stage {
        switch source {
        case .url(let url, _): .keys(url)
        case .discovery: .metadata(candidate: 0)
        }
    }

    /// The set to verify with: fresh, or stale while the issuer cannot be reached.
    package func current(at now: Duration) -> KeySet? {
        guard let keys, let fetchedAt, now - fetchedAt <= Self.maximumStaleness else { return nil }
        return keys
    }

    /// True once when a set has become too old to be believed: whoever was handed it must let go of it.
    package mutating func expires(at now: Duration) -> Bool {
        guard keys != nil, current(at: now) == nil else { return false }
        keys = nil
        return true
    }

    /// Asks what is due; a fetch that is returned counts as under way until `finish`.
    package mutating func next(at now: Duration) -> Need {
        guard inFlight == nil else { return .nothing }
        if let stage = following {
            following = nil
            return begin(stage)
        }
        guard !started || now >= nextFetch else { return .nothing }
        started = true
        return begin(firstStage)
    }

    /// The moment at which `next` will have something to do; nil while a fetch is under way.
    package func wakeUp(at now: Duration) -> Duration? {
        guard inFlight == nil else { return nil }
        return following != nil || !started ? now : max(now, nextFetch)
    }

    /// A token named a key that the set does not have. True when `next` now returns a fetch, or one is under way,
    /// after which the token deserves a second look.
    package mutating func unknownKey(at now: Duration) -> Bool {
        if inFlight != nil || following != nil || !started { return true }
        if let last = lastUnknownKeyFetch, now - last < Self.unknownKeyInterval { return false }
        // How fresh the set is does not matter: an issuer may rotate its keys right after we looked.
        // After failures the back-off decides, not the token.
        guard failures == 0 || now >= nextFetch else { return false }
        lastUnknownKeyFetch = now
        nextFetch = now
        return true
    }

    private mutating func begin(_ stage: Stage) -> Need {
        inFlight = stage
        let url: FetchURL
        switch (stage, source) {
        case (.keys(let keysURL), _): url = keysURL
        case (.metadata(let index), .discovery(_, let candidates, _)): url = candidates[index]
        case (.metadata, .url(let keysURL, _)): url = keysURL
        }
        return .fetch(KeySetRequest(url: url, rules: rules))
    }

    /// Takes the result of the fetch that `next` asked for. True when there is a new set.
    package mutating func finish(_ result: Result<KeySetResponse, KeySetFetchFailure>, at now: Duration) -> Bool {
        guard let stage = inFlight else { return false }
        inFlight = nil
        let response: KeySetResponse
        switch result {
        case .failure(let failure): return fail(stage, failure.description, at: now)
        case .success(let success): response = success
        }
        guard response.status == 200 else {
            return fail(
                stage, "the reply has status \(response.status)", at: now, isInformative: response.status != 404)
        }
        guard response.body.count <= KeySetRequest.maximumBytes else {
            return fail(stage, "the reply is larger than \(KeySetRequest.maximumBytes) bytes", at: now)
        }
        do throws(AuthError) {
            switch stage {
            case .metadata:
                guard case .discovery(let issuer, _, let rules) = source else { return false }
                let metadata = try AuthorizationServerMetadata(json: response.body, issuer: issuer)
                let url = try FetchURL(try metadata.keySetLocation())
                try url.check(rules, namedBy: try FetchURL(issuer))
                following = .keys(url)
                candidateFailure = nil
                return false
            case .keys:
                let set = try KeySet(json: response.body, symmetricKeys: .refused)
                keys = set
                fetchedAt = now
                failures = 0
                lastFailure = nil
                nextFetch = now + CacheControl.lifetime(cacheControl: response.cacheControl, age: response.age)
                return true
            }
        } catch {
            return fail(stage, error.description, at: now)
        }
    }

    /// - Parameter isInformative: false for a location at which there is just nothing.
    private mutating func fail(
        _ stage: Stage, _ reason: String, at now: Duration, isInformative: Bool = true
    ) -> Bool {
        // Discovery tries the next well-known location before it counts a failure.
        if case .metadata(let index) = stage, case .discovery(_, let candidates, _) = source,
            index + 1 < candidates.count
        {
            if isInformative { candidateFailure = candidateFailure ?? reason }
            following = .metadata(candidate: index + 1)
            return false
        }
        failures += 1
        lastFailure = isInformative ? reason : candidateFailure ?? reason
        candidateFailure = nil
        let longest = Self.retryDelay.upperBound
        let delay = failures > 6 ? longest : min(longest, Self.retryDelay.lowerBound * (1 << (failures - 1)))
        nextFetch = now + delay
        return false
    }

    package func status(at now: Duration) -> Status {
        Status(
            available: current(at: now) != nil, age: fetchedAt.map { now - $0 }, consecutiveFailures: failures,
            lastFailure: lastFailure)
    }
}
