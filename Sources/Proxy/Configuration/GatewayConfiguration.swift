// The configuration as the gateway runs on it: validated, references resolved, environment expanded, every default filled
// in. The executable reads it from YAML; nothing here knows a file format.

import Auth

/// One configuration. Immutable once loaded; a reload makes another.
package struct GatewayConfiguration: Sendable {
    package var process: ProcessConfiguration
    package var limits: HTTPLimits
    /// nil: nothing is traced, and trace fields pass as they come.
    package var tracing: TracingConfiguration?
    /// nil: every line with every field, on standard error.
    package var accessLog: AccessLogPolicy?
    /// A file for decisions; nil: standard error.
    package var decisionLog: String?
    /// Ports are distinct.
    package var binds: [Bind]
    /// What the loader has to say without refusing the load.
    package var warnings: [ConfigurationWarning]

    package init(
        process: ProcessConfiguration = ProcessConfiguration(), limits: HTTPLimits = HTTPLimits(),
        tracing: TracingConfiguration? = nil, binds: [Bind] = [],
        warnings: [ConfigurationWarning] = []
    ) {
        self.process = process
        self.limits = limits
        self.tracing = tracing
        self.binds = binds
        self.warnings = warnings
    }
}

package struct ConfigurationWarning: Hashable, Sendable, CustomStringConvertible {
    package var position: FilePosition
    package var message: String

    package init(_ message: String, at position: FilePosition) {
        self.message = message
        self.position = position
    }

    package var description: String { "\(position): warning: \(message)" }
}

/// `config:`, what is read once at start.
package struct ProcessConfiguration: Sendable {
    package var adminAddress: ListenAddress
    package var statsAddress: ListenAddress
    package var readinessAddress: ListenAddress
    package var workerThreads: WorkerThreads
    /// The longest that connections live on after SIGTERM.
    package var drainDeadline: Duration
    /// How long new connections are still accepted after SIGTERM.
    package var minimumDrain: Duration
    package var upstream: UpstreamPoolSettings
    package var logging: LoggingConfiguration
    /// `mcp.sessionTtl`: a stateful MCP session without traffic for this long ends.
    package var mcpSessionIdleLimit: Duration
    /// 32 bytes that seal MCP session identifiers; nil: random per process.
    package var sessionKey: Secret?
    /// Lowercase names of headers whose values are redacted beside the built-in ones.
    package var sensitiveHeaders: [String]

    package init(
        adminAddress: ListenAddress = .tcp(host: "127.0.0.1", port: 15000),
        statsAddress: ListenAddress = .tcp(host: "127.0.0.1", port: 15020),
        readinessAddress: ListenAddress = .tcp(host: "0.0.0.0", port: 15021),
        workerThreads: WorkerThreads = .perCore, drainDeadline: Duration = .seconds(5),
        minimumDrain: Duration = .zero, upstream: UpstreamPoolSettings = UpstreamPoolSettings(),
        logging: LoggingConfiguration = LoggingConfiguration(), mcpSessionIdleLimit: Duration = .seconds(1800),
        sessionKey: Secret? = nil, sensitiveHeaders: [String] = []
    ) {
        self.adminAddress = adminAddress
        self.statsAddress = statsAddress
        self.readinessAddress = readinessAddress
        self.workerThreads = workerThreads
        self.drainDeadline = drainDeadline
        self.minimumDrain = minimumDrain
        self.upstream = upstream
        self.logging = logging
        self.mcpSessionIdleLimit = mcpSessionIdleLimit
        self.sessionKey = sessionKey
        self.sensitiveHeaders = sensitiveHeaders
    }
}

extension ProcessConfiguration {
    /// The settings that a running process keeps though `other` has changed them.
    func differences(from other: ProcessConfiguration) -> [String] {
        var names: [String] = []
        if adminAddress != other.adminAddress { names.append("adminAddr") }
        if statsAddress != other.statsAddress { names.append("statsAddr") }
        if readinessAddress != other.readinessAddress { names.append("readinessAddr") }
        if workerThreads != other.workerThreads { names.append("workerThreads") }
        if drainDeadline != other.drainDeadline { names.append("connectionTerminationDeadline") }
        if minimumDrain != other.minimumDrain { names.append("connectionMinTerminationDeadline") }
        if logging != other.logging { names.append("logging") }
        let sameKey =
            switch (sessionKey, other.sessionKey) {
            case (nil, nil): true
            case (let a?, let b?): a.constantTimeEquals(b)
            default: false
            }
        if !sameKey { names.append("session.key") }
        return names
    }
}

/// How many event loops run.
package enum WorkerThreads: Hashable, Sendable {
    case perCore
    case count(Int)
    /// Of the cores, rounded up to at least one loop.
    case percent(Int)

    package func resolved(cores: Int) -> Int {
        switch self {
        case .perCore: max(1, cores)
        case .count(let n): max(1, n)
        case .percent(let p): max(1, (cores * p + 99) / 100)
        }
    }
}

/// `config.backend`: defaults of upstream connections.
package struct UpstreamPoolSettings: Hashable, Sendable {
    package var connectTimeout: Duration
    package var idleTimeout: Duration
    /// Idle connections kept per upstream and loop; nil: the pool's own bound.
    package var maximumIdle: Int?
    package var keepalive: TCPKeepalive

    package init(
        connectTimeout: Duration = .seconds(5), idleTimeout: Duration = .seconds(90), maximumIdle: Int? = nil,
        keepalive: TCPKeepalive = TCPKeepalive()
    ) {
        self.connectTimeout = connectTimeout
        self.idleTimeout = idleTimeout
        self.maximumIdle = maximumIdle
        self.keepalive = keepalive
    }
}

package struct TCPKeepalive: Hashable, Sendable {
    package var enabled: Bool
    package var time: Duration
    package var interval: Duration
    package var retries: Int

    package init(
        enabled: Bool = true, time: Duration = .seconds(180), interval: Duration = .seconds(180), retries: Int = 9
    ) {
        self.enabled = enabled
        self.time = time
        self.interval = interval
        self.retries = retries
    }
}

package struct LoggingConfiguration: Hashable, Sendable {
    package enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, warn, error, off
    }

    package enum Format: String, Sendable, CaseIterable {
        case text, json
    }

    package var level: Level
    package var format: Format

    package init(level: Level = .info, format: Format = .text) {
        self.level = level
        self.format = format
    }
}

/// `frontendPolicies.http`: bounds on what a client may send, each with a metric when hit.
package struct HTTPLimits: Hashable, Sendable {
    /// Of one request head, in bytes.
    package var headerBytes: Int
    package var headerCount: Int
    /// Of a body that a policy or protocol layer must hold, in bytes.
    package var bufferedBody: Int
    /// From a connection's first byte of a request to the end of its head.
    package var headerTimeout: Duration
    /// Without a request on a kept-alive connection.
    package var idleTimeout: Duration
    package var maximumConnectionAge: Duration?
    /// From accepting a connection to the end of its TLS handshake.
    package var handshakeTimeout: Duration
    /// Of clients, at once, of the whole process. Each costs memory and a descriptor.
    package var connections = 65_536
    /// That one connection takes; nil: any number.
    package var requestsPerConnection: Int?
    package var http2 = HTTP2Settings()

    package init(
        headerBytes: Int = 64 << 10, headerCount: Int = 100, bufferedBody: Int = 2 << 20,
        headerTimeout: Duration = .seconds(10), idleTimeout: Duration = .seconds(60),
        maximumConnectionAge: Duration? = nil, handshakeTimeout: Duration = .seconds(15)
    ) {
        self.headerBytes = headerBytes
        self.headerCount = headerCount
        self.bufferedBody = bufferedBody
        self.headerTimeout = headerTimeout
        self.idleTimeout = idleTimeout
        self.maximumConnectionAge = maximumConnectionAge
        self.handshakeTimeout = handshakeTimeout
    }
}
