// An `mcp` backend, compiled with its snapshot: targets with their upstreams, names decided. Immutable, shared by loops.

import Auth

package final class CompiledMCP: Sendable {
    /// Of the route; sessions are bound to it.
    let label: String
    let targets: [CompiledTarget]
    let byName: [String: Int]
    /// Exposed names carry their target's.
    let isPrefixed: Bool
    let failsOpen: Bool
    /// nil: on loopback binds.
    let rebindingProtection: Bool?
    let idleLimit: Duration
    /// Of a client's message.
    let bodyLimit: Int

    /// - Parameters:
    ///   - label: names the route; must stay the same over reloads and replicas.
    ///   - upstream: gives the upstream of a target over HTTP.
    package init(
        _ backend: MCPBackend, label: String, bodyLimit: Int, idleLimit: Duration,
        upstream: (UpstreamAddress, BackendPolicies, FilePosition) throws(SnapshotError) -> Upstream
    ) throws(SnapshotError) {
        var targets: [CompiledTarget] = []
        for target in backend.targets {
            let kind: CompiledTarget.Kind
            switch target.transport {
            case .stdio(let command): kind = .stdio(command)
            case .streamableHTTP(let address, let path):
                kind = .http(try upstream(address, target.policies, target.position), path: path)
            case .builtin(let server): kind = .builtin(server)
            case .sse:
                throw SnapshotError(
                    "targets with the older HTTP+SSE transport are not supported yet", target.position)
            case .openAPI:
                throw SnapshotError("openapi targets are not supported yet", target.position)
            }
            // What would not be asked, or not be shown, must not load.
            let policies = target.policies
            guard policies.authorization == nil, policies.mcpAuthorization == nil, policies.a2aAuthorization == nil
            else {
                throw SnapshotError("authorization rules on one target are not supported yet", target.position)
            }
            switch policies.backendAuthentication {
            case nil, .key: break
            default: throw SnapshotError("a target's backendAuth can only be a key yet", target.position)
            }
            targets.append(CompiledTarget(name: target.name, kind: kind, policies: target.policies))
        }
        self.label = label
        self.targets = targets
        byName = Dictionary(targets.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        isPrefixed =
            switch backend.prefixMode {
            case .always: true
            case .never: false
            case .conditional: targets.count > 1
            }
        failsOpen = backend.failureMode == .failOpen
        rebindingProtection = backend.dnsRebindingProtection
        self.idleLimit = idleLimit
        self.bodyLimit = bodyLimit
    }
}

struct CompiledTarget: Sendable {
    enum Kind: Sendable {
        case stdio(StdioCommand)
        case http(Upstream, path: String)
        case builtin(BuiltinServer)
    }

    let name: String
    let kind: Kind
    let policies: BackendPolicies

    /// Lives on one loop, with a process or a connection of its own for each session.
    var isHomed: Bool {
        switch kind {
        case .stdio: true
        case .http, .builtin: false
        }
    }

    var callTimeout: Duration { policies.requestTimeout ?? MCPLimits.callTimeout }
}
