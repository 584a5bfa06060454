// A snapshot at work on one loop, with what the loop has learnt under it: verified tokens, makers of tokens. A request takes
// hold of the active one at its beginning and keeps it to its end, whatever reloads happen meanwhile, so that indices of
// one configuration never meet the state of another.

import Auth

final class ActiveSnapshot: @unchecked Sendable {
    let snapshot: Snapshot
    let auth: AuthLayer
    /// By `CompiledRoute.number`.
    let metrics: [RouteMetrics]
    /// nil: standard error.
    let accessFile: LogFile?
    let decisionFile: LogFile?
    /// By the number of the backend.
    private var minters: [Int: TokenMinter] = [:]
    /// Of backends with several providers.
    private var selectors: [Int: ProviderState] = [:]

    /// On the loop whose it is to be, or before the loop runs.
    init(
        _ snapshot: Snapshot, _ metrics: LoopMetrics, succeeding predecessor: ActiveSnapshot? = nil
    ) throws(AuthError) {
        self.snapshot = snapshot
        self.metrics = snapshot.routeLabels.map { metrics.route($0) }
        accessFile = try snapshot.accessLog?.file.map { (path) throws(AuthError) in try LogFile(path, .none) }
        decisionFile = try snapshot.configuration.decisionLog.map { (path) throws(AuthError) in
            try LogFile(path, .none)
        }
        auth = try AuthLayer(snapshot.authentication, succeeding: predecessor?.auth)
    }

    /// What has been learnt of the providers of a backend.
    func selector(of backend: CompiledBackend) -> ProviderState {
        if let state = selectors[backend.index] { return state }
        var weights: [[UInt32]] = []
        if case .providers(let groups) = backend.kind {
            weights = groups.map { $0.map { UInt32(clamping: $0.weight) } }
        }
        let state = ProviderState(ProviderSelector(weights: weights))
        selectors[backend.index] = state
        return state
    }

    /// The maker of tokens for a backend that is shown ours.
    func minter(_ signing: JWTSigning, backend: Int) throws(AuthError) -> TokenMinter {
        if let minter = minters[backend] { return minter }
        let minter = try TokenMinter(signing)
        minters[backend] = minter
        return minter
    }
}
