// One configuration, compiled: everything that can be wrong with it has been found. Immutable, shared by all loops; a
// request keeps the snapshot it started with.

import Auth

package final class Snapshot: Sendable {
    package let configuration: GatewayConfiguration
    /// By port.
    let binds: [UInt16: CompiledBind]
    let authentication: AuthPolicies
    /// What the operator should know.
    package let warnings: [String]

    /// - Throws: `.invalid` with a sentence for the operator.
    package init(
        _ configuration: GatewayConfiguration, upstreams: UpstreamRegistry,
        readFile: @escaping @Sendable (String) throws(AuthError) -> [UInt8]
    ) throws(SnapshotError) {
        var compiler = SnapshotCompiler(
            configuration: configuration, upstreams: upstreams, authentication: AuthPolicies(readFile: readFile))
        var binds: [UInt16: CompiledBind] = [:]
        for bind in configuration.binds { binds[bind.port] = try compiler.compile(bind) }
        self.configuration = configuration
        self.binds = binds
        authentication = compiler.authentication
        warnings = compiler.authentication.warnings
    }
}

package struct SnapshotError: Error, CustomStringConvertible {
    package let position: FilePosition
    package let message: String

    init(_ message: String, _ position: FilePosition = .none) {
        self.message = message
        self.position = position
    }

    package var description: String { "\(position): error: \(message)" }
}

final class CompiledBind: Sendable {
    let port: UInt16
    let listeners: [CompiledListener]
    let hosts: HostTable

    init(port: UInt16, listeners: [CompiledListener]) {
        self.port = port
        self.listeners = listeners
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
    let cors: CORSPolicy?
    /// nil: the listener asks for no credentials.
    let authentication: AuthPolicy?
    let table: RouteTable
    let routes: [CompiledRoute]

    init(
        name: String, hostname: HostPattern, cors: CORSPolicy?, authentication: AuthPolicy?, table: RouteTable,
        routes: [CompiledRoute]
    ) {
        self.name = name
        self.hostname = hostname
        self.cors = cors
        self.authentication = authentication
        self.table = table
        self.routes = routes
    }
}

final class CompiledRoute: Sendable {
    /// `port/listener/route`, as logs and decisions show it.
    let label: String
    let route: Route
    let authentication: AuthPolicy?
    let backends: [CompiledBackend]
    let totalWeight: Int

    init(label: String, route: Route, authentication: AuthPolicy?, backends: [CompiledBackend]) {
        self.label = label
        self.route = route
        self.authentication = authentication
        self.backends = backends
        totalWeight = backends.reduce(0) { $0 + $1.weight }
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

struct CompiledBackend: Sendable {
    enum Kind: Sendable {
        case host(Upstream)
        case ai(CompiledProvider)
        case mcp(CompiledMCP)
        /// Understood, but not served by this build; the loader has said so.
        case unsupported(String)
    }

    let weight: Int
    let kind: Kind
    let policies: BackendPolicies
}

/// Compiles the parts of one configuration.
struct SnapshotCompiler {
    let configuration: GatewayConfiguration
    let upstreams: UpstreamRegistry
    var authentication: AuthPolicies

    mutating func compile(_ bind: Bind) throws(SnapshotError) -> CompiledBind {
        var listeners: [CompiledListener] = []
        for listener in bind.listeners { listeners.append(try compile(listener, port: bind.port)) }
        return CompiledBind(port: bind.port, listeners: listeners)
    }

    private mutating func compile(_ listener: Listener, port: UInt16) throws(SnapshotError) -> CompiledListener {
        let policies = listener.policies
        try refuseRules(policies.authorization, listener.position)
        let authentication = try authenticationPolicy(
            jwt: policies.jwtAuthentication, mcp: nil, apiKey: policies.apiKeyAuthentication,
            basic: policies.basicAuthentication, at: listener.position)
        var routes: [CompiledRoute] = []
        for route in listener.routes {
            routes.append(try compile(route, label: "\(port)/\(listener.name)/\(route.name)"))
        }
        let table: RouteTable
        do throws(RoutingError) {
            table = try RouteTable(listener.routes)
        } catch { throw SnapshotError(error.description, listener.position) }
        return CompiledListener(
            name: listener.name, hostname: listener.hostname, cors: policies.cors, authentication: authentication,
            table: table, routes: routes)
    }

    private mutating func compile(_ route: Route, label: String) throws(SnapshotError) -> CompiledRoute {
        let policies = route.policies
        try refuseRules(policies.authorization, route.position)
        try refuseRules(policies.mcpAuthorization, route.position)
        try refuseRules(policies.a2aAuthorization, route.position)
        let authentication = try authenticationPolicy(
            jwt: policies.jwtAuthentication, mcp: policies.mcpAuthentication, apiKey: policies.apiKeyAuthentication,
            basic: policies.basicAuthentication, at: route.position)
        var backends: [CompiledBackend] = []
        for backend in route.backends { backends.append(try compile(backend, label: label)) }
        return CompiledRoute(label: label, route: route, authentication: authentication, backends: backends)
    }

    private mutating func authenticationPolicy(
        jwt: JWTAuthentication?, mcp: MCPAuthentication?, apiKey: APIKeyAuthentication?, basic: BasicAuthentication?,
        at position: FilePosition
    ) throws(SnapshotError) -> AuthPolicy? {
        guard jwt != nil || mcp != nil || apiKey != nil || basic != nil else { return nil }
        do throws(AuthError) {
            return try authentication.add(jwt: jwt, mcp: mcp, apiKey: apiKey, basic: basic)
        } catch {
            throw SnapshotError(error.description, position)
        }
    }

    /// Until the engine is wired in, a rule that would not be asked must not load.
    private func refuseRules(_ rules: AuthorizationRules?, _ position: FilePosition) throws(SnapshotError) {
        guard rules == nil else { throw SnapshotError("authorization rules are not supported yet", position) }
    }

    private func compile(_ backend: RouteBackend, label: String) throws(SnapshotError) -> CompiledBackend {
        try refuseRules(backend.policies.authorization, backend.position)
        try refuseRules(backend.policies.mcpAuthorization, backend.position)
        try refuseRules(backend.policies.a2aAuthorization, backend.position)
        let kind: CompiledBackend.Kind
        switch backend.kind {
        case .host(let address):
            kind = .host(try upstream(address, backend.policies, backend.position))
        case .ai(let ai):
            guard ai.groups.count == 1, ai.groups[0].count == 1, let provider = ai.primary else {
                throw SnapshotError("several providers in one backend are not supported yet", backend.position)
            }
            let traits = ProviderTraits(provider.provider)
            let address =
                provider.hostOverride ?? UpstreamAddress(.tcp(host: traits.host, port: traits.port), tls: true)
            // The provider's own policies are complete: the loader has filled in what backend and route say.
            return CompiledBackend(
                weight: backend.weight,
                kind: .ai(
                    CompiledProvider(
                        provider, traits: traits, upstream: try upstream(address, provider.policies, provider.position))),
                policies: provider.policies)
        case .mcp(let mcp):
            kind = .mcp(
                try CompiledMCP(
                    mcp, label: label, bodyLimit: configuration.limits.bufferedBody,
                    idleLimit: configuration.process.mcpSessionIdleLimit,
                    upstream: { (address, policies, position) throws(SnapshotError) in
                        try upstream(address, policies, position)
                    }))
        }
        return CompiledBackend(weight: backend.weight, kind: kind, policies: backend.policies)
    }

    func upstream(
        _ address: UpstreamAddress, _ policies: BackendPolicies, _ position: FilePosition
    ) throws(SnapshotError) -> Upstream {
        let settings = configuration.process.upstream
        let key = Upstream.Key(
            endpoint: address.endpoint, tls: policies.backendTLS ?? (address.tls ? BackendTLS() : nil),
            connectTimeout: policies.connectTimeout ?? settings.connectTimeout, idleTimeout: settings.idleTimeout,
            maximumIdle: settings.maximumIdle ?? 256)
        do throws(IOError) {
            return try upstreams.upstream(key)
        } catch { throw SnapshotError("\(error)", position) }
    }
}
