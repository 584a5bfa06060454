// One configuration, compiled: everything that can be wrong with it has been found. Immutable, shared by all loops; a
// request keeps the snapshot it started with.

import Auth

package final class Snapshot: Sendable {
    package let configuration: GatewayConfiguration
    /// By port.
    let binds: [UInt16: CompiledBind]
    let authentication: AuthPolicies
    /// Those that this configuration names.
    let upstreams: UpstreamRegistry
    let tracing: CompiledTracing?
    /// `CompiledRoute.label` by `CompiledRoute.number`.
    let routeLabels: [String]
    /// What the operator should know.
    package let warnings: [String]
    /// `CompiledMCP.signature` of every MCP backend.
    let mcpSignatures: Set<[UInt8]>
    let rateLimits: RateLimitTables
    let accessLog: CompiledAccessLog?

    /// - Parameters:
    ///   - predecessor: of the configuration in force; what it has counted goes on.
    ///   - readsCertificates: off where nothing will be served, on a machine that may not have them.
    /// - Throws: `.invalid` with a sentence for the operator.
    package init(
        _ configuration: GatewayConfiguration, upstreams: UpstreamRegistry, succeeding predecessor: Snapshot? = nil,
        readsCertificates: Bool = true,
        readFile: @escaping @Sendable (String) throws(AuthError) -> [UInt8]
    ) throws(SnapshotError) {
        var compiler = SnapshotCompiler(
            configuration: configuration, upstreams: upstreams, authentication: AuthPolicies(readFile: readFile))
        compiler.readsCertificates = readsCertificates
        compiler.previousLimits = predecessor?.rateLimits
        var binds: [UInt16: CompiledBind] = [:]
        for bind in configuration.binds { binds[bind.port] = try compiler.compile(bind) }
        self.configuration = configuration
        self.upstreams = upstreams
        routeLabels = compiler.routeLabels
        self.binds = binds
        tracing = try configuration.tracing.map { (tracing) throws(SnapshotError) in
            guard let collector = tracing.collector else {
                throw SnapshotError("tracing needs a host that takes spans", tracing.position)
            }
            return CompiledTracing(
                configuration: tracing,
                upstream: try compiler.upstream(collector, BackendPolicies(), tracing.position))
        }
        upstreams.seal()
        accessLog = try configuration.accessLog.map { (policy) throws(SnapshotError) in try CompiledAccessLog(policy) }
        rateLimits = compiler.rateLimits
        mcpSignatures = Snapshot.mcpSignatures(binds)
        authentication = compiler.authentication
        var warnings = compiler.authentication.warnings
        for bind in configuration.binds {
            for (path, position) in binds[bind.port]?.certificates?.current.expired ?? [] {
                warnings.append("\(position): warning: the certificate \(path) has expired")
            }
        }
        self.warnings = warnings
    }
}

struct CompiledTracing: Sendable {
    let configuration: TracingConfiguration
    let upstream: Upstream
}

extension Snapshot {
    private static func mcpSignatures(_ binds: [UInt16: CompiledBind]) -> Set<[UInt8]> {
        var signatures: Set<[UInt8]> = []
        for route in binds.values.flatMap(\.listeners).flatMap(\.routes) {
            for case .mcp(let mcp) in route.backends.map(\.kind) { signatures.insert(mcp.signature) }
        }
        return signatures
    }
}

package struct SnapshotError: Error, CustomStringConvertible {
    package let position: FilePosition
    /// Without the position.
    package let message: String
    package let description: String

    package init(_ message: String, _ position: FilePosition = .none) {
        self.position = position
        self.message = message
        description = position == .none ? "error: \(message)" : "\(position): error: \(message)"
    }

    /// Findings that already name their places.
    init(rendered: String, _ position: FilePosition) {
        self.position = position
        message = rendered
        description = rendered
    }
}

final class CompiledBind: Sendable {
    let port: UInt16
    let listeners: [CompiledListener]
    let hosts: HostTable
    /// nil: plain text.
    let certificates: ListenerCertificates?

    init(port: UInt16, listeners: [CompiledListener], certificates: ListenerCertificates?) {
        self.port = port
        self.listeners = listeners
        self.certificates = certificates
        var hosts = HostTable()
        for (index, listener) in listeners.enumerated() where hosts.value(of: listener.hostname) == nil {
            hosts.insert(listener.hostname, index)
        }
        self.hosts = hosts
    }

    func listener(for host: ByteView) -> CompiledListener? { hosts.first(for: host) { listeners[$0] } }
}

final class CompiledListener: Sendable {
    let name: String
    let hostname: HostPattern
    /// What a connection must have been made with to reach this listener; nil: plain text.
    let identity: TLSIdentity?
    let cors: CORSPolicy?
    let externalAuthorization: CompiledExternalAuthorization?
    /// nil: the listener asks for no credentials.
    let authentication: AuthPolicy?
    /// The listener's own rules, for requests that no route takes.
    let rules: RuleLevels
    let table: RouteTable
    let routes: [CompiledRoute]

    init(
        name: String, hostname: HostPattern, identity: TLSIdentity?, cors: CORSPolicy?,
        externalAuthorization: CompiledExternalAuthorization?, authentication: AuthPolicy?, rules: RuleLevels,
        table: RouteTable, routes: [CompiledRoute]
    ) {
        self.name = name
        self.hostname = hostname
        self.identity = identity
        self.cors = cors
        self.externalAuthorization = externalAuthorization
        self.authentication = authentication
        self.rules = rules
        self.table = table
        self.routes = routes
    }
}

final class CompiledRoute: Sendable {
    /// `port/listener/route`, as logs and decisions show it.
    let label: String
    /// Numbers the routes of a snapshot.
    let number: Int
    let route: Route
    let authentication: AuthPolicy?
    /// The listener's and the route's rules: every level must allow.
    let rules: RuleLevels
    let traffic: CompiledTraffic?
    let backends: [CompiledBackend]
    let totalWeight: Int
    /// A request that was made ready for one of them is ready for each.
    let hasInterchangeableBackends: Bool

    init(
        label: String, number: Int, route: Route, authentication: AuthPolicy?, rules: RuleLevels,
        traffic: CompiledTraffic?, backends: [CompiledBackend]
    ) {
        self.label = label
        self.number = number
        self.route = route
        self.authentication = authentication
        self.rules = rules
        self.traffic = traffic
        self.backends = backends
        totalWeight = backends.reduce(0) { $0 + $1.weight }
        hasInterchangeableBackends =
            backends.count > 1 && backends.allSatisfy(\.takesAnyRequest)
            && [nil, .auto].contains(route.policies.urlRewrite?.authority)
    }

    /// One of the backends, by weight; nil when there is none to choose.
    func pick(_ random: inout some RandomNumberGenerator) -> CompiledBackend? {
        if backends.count == 1, totalWeight > 0 { return backends[0] }
        guard totalWeight > 0 else { return nil }
        var ticket = Int.random(in: 0..<totalWeight, using: &random)
        for backend in backends {
            ticket -= backend.weight
            if ticket < 0 { return backend }
        }
        return nil
    }
}

final class CompiledBackend: Sendable {
    enum Kind: Sendable {
        case host(Upstream)
        case ai(CompiledProvider)
        /// Groups of AI providers, each a backend of kind `ai`; the next group is used when one fails.
        case providers([[CompiledBackend]])
        case mcp(CompiledMCP)
        case a2a(CompiledA2A)
        /// Understood, but not served by this build; the loader has said so.
        case unsupported(String)
    }

    let weight: Int
    let kind: Kind
    /// Asked once the backend is chosen, or when the request to it is understood.
    let rules: RuleLevels
    /// The rules read `llm`.
    let readsModel: Bool
    /// Asked about each MCP message: the route's and the backend's.
    let mcpRules: RuleLevels
    let policies: BackendPolicies
    let traffic: CompiledBackendTraffic?
    /// Numbers the backends of a snapshot; a loop keeps what it needs for each.
    let index: Int
    /// As rules see it.
    let name: String

    init(
        name: String?, weight: Int, kind: Kind, rules: RuleLevels, mcpRules: RuleLevels, policies: BackendPolicies,
        traffic: CompiledBackendTraffic?, index: Int
    ) {
        self.weight = weight
        self.kind = kind
        self.rules = rules
        self.mcpRules = mcpRules
        self.policies = policies
        self.traffic = traffic
        self.index = index
        readsModel = rules.reads("llm")
        let ownName: String =
            switch kind {
            case .host(let upstream): upstream.key.endpoint.description
            case .ai(let provider): provider.name
            case .providers(let groups): groups.first?.first?.name ?? "ai"
            case .mcp: "mcp"
            case .a2a(let agent): agent.upstream.key.endpoint.description
            case .unsupported(let kind): kind
            }
        self.name = name ?? ownName
    }

    /// What the client showed the gateway is shown to the upstream as it came.
    var passesCredentials: Bool {
        if case .passthrough? = policies.backendAuthentication { return true }
        return false
    }

    var typeName: String {
        switch kind {
        case .host: "http"
        case .ai, .providers: "ai"
        case .mcp: "mcp"
        case .a2a: "a2a"
        case .unsupported(let name): name
        }
    }
}

/// Compiles the parts of one configuration.
struct SnapshotCompiler {
    let configuration: GatewayConfiguration
    let upstreams: UpstreamRegistry
    var authentication: AuthPolicies
    private var backendCount = 0
    var readsCertificates = true
    var rateLimits = RateLimitTables()
    var previousLimits: RateLimitTables?
    private(set) var routeLabels: [String] = []

    init(configuration: GatewayConfiguration, upstreams: UpstreamRegistry, authentication: AuthPolicies) {
        self.configuration = configuration
        self.upstreams = upstreams
        self.authentication = authentication
    }

    /// The number of a backend.
    mutating func nextBackend() -> Int {
        defer { backendCount += 1 }
        return backendCount
    }

    mutating func compile(_ bind: Bind) throws(SnapshotError) -> CompiledBind {
        var listeners: [CompiledListener] = []
        for listener in bind.listeners { listeners.append(try compile(listener, port: bind.port)) }
        let secure = readsCertificates && bind.listeners.contains { $0.tls != nil }
        return CompiledBind(
            port: bind.port, listeners: listeners,
            certificates: secure ? try ListenerCertificates(bind.listeners, protocols: ["h2", "http/1.1"]) : nil)
    }

    private mutating func compile(_ listener: Listener, port: UInt16) throws(SnapshotError) -> CompiledListener {
        let policies = listener.policies
        let authentication = try authenticationPolicy(
            jwt: policies.jwtAuthentication, mcp: nil, apiKey: policies.apiKeyAuthentication,
            basic: policies.basicAuthentication, at: listener.position)
        let rules = try ruleSet(policies.authorization, claims: authentication?.claims)
        var routes: [CompiledRoute] = []
        for route in listener.routes {
            routes.append(try compile(route, label: "\(port)/\(listener.name)/\(route.name)", outer: rules))
        }
        let table: RouteTable
        do throws(RoutingError) {
            table = try RouteTable(listener.routes)
        } catch { throw SnapshotError(error.description, listener.position) }
        return CompiledListener(
            name: listener.name, hostname: listener.hostname,
            identity: listener.tls.map { TLSIdentity(listener, $0) }, cors: policies.cors,
            externalAuthorization: try policies.externalAuthorization.map { (policy) throws(SnapshotError) in
                try externalAuthorization(policy)
            },
            authentication: authentication,
            rules: RuleLevels(rules.map { [$0] } ?? []), table: table, routes: routes)
    }

    private mutating func compile(
        _ route: Route, label: String, outer: RuleSet?
    ) throws(SnapshotError) -> CompiledRoute {
        let policies = route.policies
        let authentication = try authenticationPolicy(
            jwt: policies.jwtAuthentication, mcp: policies.mcpAuthentication, apiKey: policies.apiKeyAuthentication,
            basic: policies.basicAuthentication, at: route.position)
        let outerMCP = try ruleSet(policies.mcpAuthorization, claims: authentication?.claims)
        let outerA2A = try ruleSet(policies.a2aAuthorization, claims: authentication?.claims)
        var backends: [CompiledBackend] = []
        for backend in route.backends {
            backends.append(
                try compile(
                    backend, label: label, claims: authentication?.claims, outerMCP: outerMCP, outerA2A: outerA2A,
                    a2a: policies.a2a))
        }
        let rules = try ruleSet(policies.authorization, claims: authentication?.claims)
        let traffic = try CompiledTraffic.compile(route, label: label, &self)
        routeLabels.append(label)
        return CompiledRoute(
            label: label, number: routeLabels.count - 1, route: route, authentication: authentication,
            rules: RuleLevels([outer, rules].compactMap { $0 }), traffic: traffic, backends: backends)
    }

    private mutating func authenticationPolicy(
        jwt: JWTAuthentication?, mcp: MCPAuthentication?, apiKey: APIKeyAuthentication?, basic: BasicAuthentication?,
        at position: FilePosition
    ) throws(SnapshotError) -> AuthPolicy? {
        guard jwt != nil || mcp != nil || apiKey != nil || basic != nil else { return nil }
        do throws(AuthError) {
            return try authentication.add(jwt: jwt, mcp: mcp, apiKey: apiKey, basic: basic)
        } catch {
            if case .configuration(_, let place) = error, place != .none { throw SnapshotError(error.text, place) }
            throw SnapshotError(error.text, position)
        }
    }

    private mutating func compile(
        _ backend: RouteBackend, label: String, claims: ClaimsSchema?, outerMCP: RuleSet?, outerA2A: RuleSet?,
        a2a: A2APolicy?
    ) throws(SnapshotError) -> CompiledBackend {
        if case .ai(let ai) = backend.kind { return try compile(ai, of: backend, claims: claims) }
        let sets = try [ruleSet(backend.policies.authorization, claims: claims)].compactMap { $0 }
        let rules = RuleLevels(sets)
        try refuseModelRules(sets)
        let innerMCP = try ruleSet(backend.policies.mcpAuthorization, claims: claims)
        let mcpRules = RuleLevels([outerMCP, innerMCP].compactMap { $0 })
        let innerA2A = try ruleSet(backend.policies.a2aAuthorization, claims: claims)
        let kind: CompiledBackend.Kind
        switch backend.kind {
        case .host(let address):
            try checkSigning(backend.policies, backend.position)
            let upstream = try upstream(address, backend.policies, backend.position)
            if let policy = backend.policies.a2a ?? a2a {
                kind = .a2a(
                    CompiledA2A(
                        policy, upstream: upstream, rules: RuleLevels([outerA2A, innerA2A].compactMap { $0 }),
                        bodyLimit: configuration.limits.bufferedBody))
            } else {
                kind = .host(upstream)
            }
        case .ai: preconditionFailure("compiled above")
        case .mcp(let mcp):
            kind = .mcp(
                try CompiledMCP(
                    mcp, label: label, bodyLimit: configuration.limits.bufferedBody,
                    idleLimit: configuration.process.mcpSessionIdleLimit, rules: mcpRules.sets,
                    ruleSet: { (rules) throws(SnapshotError) in
                        do throws(RuleSetError) {
                            return try RuleSet(rules, claims: claims)
                        } catch {
                            throw SnapshotError(rendered: error.description, rules.position)
                        }
                    },
                    upstream: { (address, policies, position) throws(SnapshotError) in
                        try upstream(address, policies, position)
                    }))
        }
        return CompiledBackend(
            name: backend.name, weight: backend.weight, kind: kind, rules: rules, mcpRules: mcpRules,
            policies: backend.policies, traffic: try .compile(backend.policies),
            index: nextBackend())
    }

    func upstream(
        _ address: UpstreamAddress, _ policies: BackendPolicies, _ position: FilePosition
    ) throws(SnapshotError) -> Upstream {
        let settings = configuration.process.upstream
        let key = Upstream.Key(
            endpoint: address.endpoint, tls: policies.backendTLS ?? (address.tls ? BackendTLS() : nil),
            connectTimeout: policies.connectTimeout ?? settings.connectTimeout,
            idleTimeout: Nanoseconds(settings.idleTimeout), maximumIdle: settings.maximumIdle ?? 256,
            httpVersion: policies.httpVersion, keepalive: policies.keepalive ?? settings.keepalive)
        do throws(IOError) {
            return try upstreams.upstream(key)
        } catch { throw SnapshotError("\(error)", position) }
    }
}
