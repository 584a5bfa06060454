// The metadata of authorization servers that the gateway stands in front of, kept for a while: its endpoints answer anybody,
// and what strangers ask of them must not become as many requests to the authorization server.

import Auth

/// Of one loop.
final class AuthorizationServerCache {
    /// What clients are told the document may be kept for.
    private static let lifetime = Duration.seconds(300)
    /// After a failure: long enough that an outage is not made worse, short enough that nobody notices its end.
    private static let failureLifetime = Duration.seconds(2)
    /// Resources of a configuration; those of an earlier one go when there are more.
    private static let maximumEntries = 256

    private struct Entry {
        /// Kept, so that its identity is not another's.
        let resource: ProtectedResource
        var result: Result<AuthorizationServerProxy, AuthError>?
        var until = MonotonicTime.now
        /// Those that wait for the fetch under way.
        var waiters: [UnsafeContinuation<Void, Never>] = []
        var isFetching = false
    }

    private var entries: [ObjectIdentifier: Entry] = [:]

    /// The server of a resource; fetched once, however many ask.
    func proxy(for resource: ProtectedResource, _ fetch: HTTPFetch) async throws(AuthError) -> AuthorizationServerProxy
    {
        let id = ObjectIdentifier(resource)
        while true {
            if let entry = entries[id] {
                if let result = entry.result, MonotonicTime.now < entry.until { return try result.get() }
                if entry.isFetching {
                    await withUnsafeContinuation { entries[id]?.waiters.append($0) }
                    continue
                }
            }
            if entries.count >= Self.maximumEntries { entries = entries.filter { $0.value.isFetching } }
            entries[id, default: Entry(resource: resource)].isFetching = true
            let result = await Self.fetched(resource, fetch)
            let isFailure = if case .failure = result { true } else { false }
            entries[id]?.result = result
            entries[id]?.until = .now + (isFailure ? Self.failureLifetime : Self.lifetime)
            entries[id]?.isFetching = false
            let waiters = entries[id]?.waiters ?? []
            entries[id]?.waiters = []
            waiters.forEach { $0.resume() }
            return try result.get()
        }
    }

    private static func fetched(
        _ resource: ProtectedResource, _ fetch: HTTPFetch
    ) async -> Result<AuthorizationServerProxy, AuthError> {
        do throws(AuthError) {
            var failure = AuthError.keySet("no metadata location")
            for request in try AuthorizationServerProxy.metadataRequests(for: resource, rules: resource.fetchRules) {
                switch await fetch.fetch(request) {
                case .failure(let reason): failure = .keySet(reason.description)
                case .success(let response):
                    do throws(AuthError) {
                        return .success(try AuthorizationServerProxy(resource, response: response))
                    } catch {
                        failure = error
                    }
                }
            }
            return .failure(failure)
        } catch { return .failure(error) }
    }
}
