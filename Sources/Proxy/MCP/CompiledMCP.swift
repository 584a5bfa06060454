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
    /// Clients get no sessions: the gateway keeps those with servers, one for each caller.
    let isStateless: Bool
    /// nil: on loopback binds.
    let rebindingProtection: Bool?
    let idleLimit: Duration
    /// Of a client's message.
    let bodyLimit: Int
    /// What no call may reach is answered like what does not exist.
    let hidesDenied: Bool
    /// Arguments are checked against the tool's input schema before the rules.
    let validatesArguments: Bool
    /// `mcpGuard`; nil without one.
    let toolGuard: ToolGuard?
    /// The path of its lock file.
    let pin: String?
    /// Methods that are not known and yet sent on, to the only target.
    let passthroughMethods: Set<String>
    /// Some target is shown the client's credential.
    let passesCredentials: Bool
    /// The same for two backends that reach the same servers in the same way: sessions survive a reload that keeps it.
    let signature: [UInt8]
    /// Rules of every target that has some of its own: the route's, the backend's and its.
    let rulesByTarget: [String: RuleLevels]

    /// - Parameters:
    ///   - label: names the route; must stay the same over reloads and replicas.
    ///   - rules: of the route and the backend.
    ///   - ruleSet: compiles the rules of a target.
    ///   - upstream: gives the upstream of a target over HTTP.
    package init(
        _ backend: MCPBackend, label: String, bodyLimit: Int, idleLimit: Duration, rules: [RuleSet],
        ruleSet: (AuthorizationRules) throws(SnapshotError) -> RuleSet,
        upstream: (UpstreamAddress, BackendPolicies, FilePosition) throws(SnapshotError) -> Upstream
    ) throws(SnapshotError) {
        var targets: [CompiledTarget] = []
        var rulesByTarget: [String: RuleLevels] = [:]
        for target in backend.targets {
            let kind: CompiledTarget.Kind
            switch target.transport {
            case .stdio(let command): kind = .stdio(command)
            case .streamableHTTP(let address, let path):
                kind = .http(try upstream(address, target.policies, target.position), path: path)
            case .builtin(let server): kind = .builtin(server)
            case .sse(let address, let path):
                kind = .events(try upstream(address, target.policies, target.position), path: path)
            case .openAPI(let address, let prefix, let schema):
                guard case .inline(let text) = schema else {
                    throw SnapshotError("the OpenAPI document has not been read", target.position)
                }
                let server: OpenAPIServer
                do throws(OpenAPIDocument.Problem) {
                    server = try OpenAPIServer(text, pathPrefix: prefix)
                } catch { throw SnapshotError(error.description, target.position) }
                kind = .openAPI(server, try upstream(address, target.policies, target.position), document: text)
            }
            // What would not be asked, or not be shown, must not load.
            let policies = target.policies
            guard policies.authorization == nil, policies.a2aAuthorization == nil else {
                throw SnapshotError("a target has mcpAuthorization rules only", target.position)
            }
            if let own = policies.mcpAuthorization {
                rulesByTarget[target.name] = RuleLevels(rules + [try ruleSet(own)])
            }
            if case .signedToken? = policies.backendAuthentication {
                throw SnapshotError("not supported yet: jwtSign of an MCP target", target.position)
            }
            targets.append(CompiledTarget(name: target.name, kind: kind, policies: target.policies))
        }
        guard backend.passthroughMethods.isEmpty || targets.count == 1 else {
            throw SnapshotError("passthroughMethods needs one target: nothing says which of several", backend.position)
        }
        if let guarding = backend.toolGuard {
            guard let lock = guarding.lock else {
                throw SnapshotError("the lock file \(guarding.pin) has not been read", backend.position)
            }
            toolGuard = ToolGuard(lock, guarding)
        } else {
            toolGuard = nil
        }
        pin = backend.toolGuard?.pin
        hidesDenied = backend.hideDenied
        validatesArguments = backend.validateArguments
        passthroughMethods = Set(backend.passthroughMethods)
        passesCredentials = targets.contains {
            if case .passthrough? = $0.policies.backendAuthentication { true } else { false }
        }
        self.rulesByTarget = rulesByTarget
        signature = CompiledMCP.signature(targets)
        self.label = label
        self.targets = targets
        byName = Dictionary(targets.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        isPrefixed =
            switch backend.prefixMode {
            case .always: true
            case .never: false
            case .conditional: targets.count > 1
            }
        isStateless = backend.statefulMode == .stateless
        failsOpen = backend.failureMode == .failOpen
        rebindingProtection = backend.dnsRebindingProtection
        self.idleLimit = idleLimit
        self.bodyLimit = bodyLimit
    }
}

extension CompiledMCP {
    private static func signature(_ targets: [CompiledTarget]) -> [UInt8] {
        var bytes: [UInt8] = []
        func add(_ text: String) {
            bytes += Array("\(text.utf8.count):".utf8)
            bytes += Array(text.utf8)
        }
        for target in targets {
            add(target.name)
            switch target.kind {
            case .stdio(let command):
                add("stdio")
                add(command.command)
                add("\(command.arguments.count) \(command.clearEnvironment)")
                for argument in command.arguments { add(argument) }
                for variable in command.environment {
                    add(variable.name)
                    add(variable.value.withBytes { String(decoding: $0, as: UTF8.self) })
                }
            case .http(let upstream, let path):
                add("http")
                add("\(upstream.key.endpoint) \(upstream.key.tls != nil)")
                add(path)
            case .events(let upstream, let path):
                add("sse")
                add("\(upstream.key.endpoint) \(upstream.key.tls != nil)")
                add(path)
            case .openAPI(let server, let upstream, let document):
                add("openapi")
                add("\(upstream.key.endpoint) \(upstream.key.tls != nil)")
                add(server.pathPrefix)
                add(document)
            case .builtin(let server): add("builtin \(server.rawValue)")
            }
        }
        // Without hashing there is no TLS and no session either; then every reload ends them.
        guard let digest = try? Digest.sha256(bytes.span) else { return Seal.randomBytes(16) }
        return Array(digest.bytes.prefix(16))
    }
}

struct CompiledTarget: Sendable {
    enum Kind: Sendable {
        case stdio(StdioCommand)
        case http(Upstream, path: String)
        /// The older HTTP+SSE transport.
        case events(Upstream, path: String)
        case builtin(BuiltinServer)
        case openAPI(OpenAPIServer, Upstream, document: String)
    }

    let name: String
    let kind: Kind
    let policies: BackendPolicies

    /// Lives on one loop, with a process or a stream of its own for each session.
    var isHomed: Bool {
        switch kind {
        case .stdio, .events: true
        case .http, .builtin, .openAPI: false
        }
    }

    var callTimeout: Duration { policies.requestTimeout ?? MCPLimits.callTimeout }
}
