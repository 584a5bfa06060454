// An A2A agent behind a route, compiled: where it is, what passes, and the rules that are asked about each message.

import Auth

final class CompiledA2A: Sendable {
    let upstream: Upstream
    /// Asked about each message: the route's and the backend's.
    let rules: RuleLevels
    let extensionMethods: Set<String>
    let push: PushTargets
    /// The gateway's own origin in cards; nil: the request's scheme and host.
    let publicOrigin: String?
    let bodyLimit: Int

    init(_ policy: A2APolicy, upstream: Upstream, rules: RuleLevels, bodyLimit: Int) {
        self.upstream = upstream
        self.rules = rules
        extensionMethods = Set(policy.extensionMethods)
        push = PushTargets(policy.pushTargets)
        publicOrigin = policy.publicOrigin
        self.bodyLimit = bodyLimit
    }

    /// `http://agent.internal:9999`, as URLs in a card are compared.
    var origin: String {
        let scheme = upstream.key.tls == nil ? "http" : "https"
        switch upstream.key.endpoint {
        case .tcp(let host, let port): return "\(scheme)://\(host.lowercased()):\(port)"
        default: return "\(scheme)://\(upstream.authority)"
        }
    }
}
