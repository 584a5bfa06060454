// The compiled routes of one listener. Immutable; part of the configuration snapshot that all loops share.

/// Finds the route of a request, with the precedence of the Gateway API:
///
/// 1. host: the exact name, then the longest wildcard, then routes without host names. The next bucket is tried when no
///    route of the more specific one takes the request.
/// 2. path: exact, then the longest prefix, then regular expressions, then the prefix `/`, which says nothing.
/// 3. a method, then more headers, then more query parameters.
/// 4. the order of the file.
package final class RouteTable: Sendable {
    /// What takes a request.
    package struct Match: Hashable, Sendable {
        /// Index into `routes`.
        package var route: Int
        /// Index into the route's `matches`.
        package var match: Int
        /// The bytes of the path that a prefix matched, without a trailing slash (0 for `/`); nil: it was no prefix.
        package var prefixLength: Int?
    }

    package let routes: [Route]
    private let hosts: HostTable
    private let buckets: [PathTrie]

    package init(_ routes: [Route]) throws(RoutingError) {
        var hosts = HostTable()
        var buckets: [PathTrie] = []
        for (index, route) in routes.enumerated() {
            for pattern in route.hostnames.isEmpty ? [HostPattern.any] : Array(Set(route.hostnames)) {
                let bucket: Int
                if let known = hosts.value(of: pattern) {
                    bucket = known
                } else {
                    bucket = buckets.count
                    buckets.append(PathTrie())
                    hosts.insert(pattern, bucket)
                }
                for (matchIndex, match) in route.matches.enumerated() {
                    let candidate = try RouteCandidate(match, route: index, index: matchIndex)
                    try buckets[bucket].insert(match.path, candidate)
                }
            }
        }
        for index in buckets.indices { buckets[index].seal() }
        self.routes = routes
        self.hosts = hosts
        self.buckets = buckets
    }

    /// nil: no route takes the request, which is a 404.
    package func match(_ request: RoutableRequest) -> Match? {
        hosts.first(for: request.host) { bucket in
            buckets[bucket].first(request).map { found in
                Match(route: found.candidate.route, match: found.candidate.match, prefixLength: found.prefixLength)
            }
        }
    }
}
