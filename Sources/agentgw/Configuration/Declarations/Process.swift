// `config:`, read once at start, and `frontendPolicies:`, the bounds on what clients may send.

import Auth
import Proxy

struct FrontendDraft: Sendable {
    var http = HTTPLimits()
    var tracing: TracingConfiguration?
    var accessLog: AccessLogPolicy?
    var decisionLog: String?
}

extension Declarations {
    private static let workerThreads = ValueDecoder<WorkerThreads>(
        .either([.integer(1...1024), .text("a share of the cores such as 50%", pattern: "^[0-9]+%$")])
    ) { node, context in
        guard let scalar = Scalars.any("a number of threads", node, context) else { return nil }
        guard case .text = scalar.value, scalar.text.text.hasSuffix("%") else {
            return ValueDecoder.integer(1...1024, "a number of threads, or a share such as \"50%\"")(node, context)
                .map { .count($0) }
        }
        guard let percent = Int(scalar.text.text.dropLast()), (1...100).contains(percent) else {
            return context.fail("must be from 1% to 100%", at: node)
        }
        return .percent(percent)
    }

    private static let logLevel = ValueDecoder<LoggingConfiguration.Level>.word()

    private static let logging = ValueDecoder<LoggingConfiguration>.object(
        "Logging", "The gateway's own log.", make: { _, _ in LoggingConfiguration() },
        fields: [
            .value("level", \.level, logLevel, default: "info", "The least level that is written."),
            .value(
                "format", \.format, ValueDecoder<LoggingConfiguration.Format>.word(), default: "text",
                "Lines of `text` or `json`."),
            .notYet("database", "a request database"),
            .notYet("filter", "access log settings here; agentgateway moved them to frontendPolicies.accessLog"),
            .notYet("fields", "access log settings here; agentgateway moved them to frontendPolicies.accessLog"),
        ])

    static let keepalive = ValueDecoder<TCPKeepalive>.object(
        "TCPKeepalive", "TCP keepalive of upstream connections.", make: { _, _ in TCPKeepalive() },
        fields: [
            .value("enabled", \.enabled, .boolean, default: "true", "Whether probes are sent."),
            .value("time", \.time, .duration(atLeast: .seconds(1)), default: "180s", "Silence before the first probe."),
            .value("interval", \.interval, .duration(atLeast: .seconds(1)), default: "180s", "Between probes."),
            .value("retries", \.retries, .integer(1...127), default: "9", "Probes without an answer."),
        ])

    private static let upstreamPool = ValueDecoder<UpstreamPoolSettings>.object(
        "UpstreamPool", "Defaults of upstream connections.", make: { _, _ in UpstreamPoolSettings() },
        fields: [
            .value("keepalives", \.keepalive, keepalive, "TCP keepalive."),
            .value("connectTimeout", \.connectTimeout, .duration(), default: "5s", "Of connecting."),
            .value(
                "poolIdleTimeout", \.idleTimeout, .duration(), default: "90s",
                "An idle connection is closed after this."),
            .optional("poolMaxSize", \.maximumIdle, .integer(0...1_000_000), "Idle connections kept per upstream."),
        ])

    private struct SessionDraft {
        var key: Secret?
    }

    private static let session = ValueDecoder<SessionDraft>.object(
        "Session", "Sealing of MCP session identifiers.", make: { _, _ in SessionDraft() },
        fields: [
            .optional("key", \.key, sessionKey, default: "random per process", "32 bytes as 64 hex digits.")
        ]
    ).map(\.key)

    private static let sessionKey = ValueDecoder<Secret>.secretOrFile("64 hexadecimal digits").then {
        (secret, node, context) -> Secret? in
        let bytes = secret.withBytes { digits -> [UInt8]? in
            guard digits.count == 64 else { return nil }
            var bytes: [UInt8] = []
            for i in stride(from: 0, to: 64, by: 2) {
                guard let high = Hexadecimal.value(digits[i]), let low = Hexadecimal.value(digits[i + 1]) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            }
            return bytes
        }
        guard let bytes else { return context.fail("expected 64 hexadecimal digits (32 bytes)", at: node) }
        return Secret(bytes: bytes)
    }

    private struct MCPProcessDraft {
        var sessionTTL = Duration.seconds(1800)
    }

    private static let mcpProcess = ValueDecoder<MCPProcessDraft>.object(
        "MCPProcess", "MCP sessions.", make: { _, _ in MCPProcessDraft() },
        fields: [
            .value(
                "sessionTtl", \.sessionTTL, .duration(atLeast: .seconds(1)), default: "30m",
                "A session without traffic for this long ends.")
        ]
    ).map(\.sessionTTL)

    static let process = ValueDecoder<ProcessConfiguration>.object(
        "Process", "What is read once at start; a reload does not change it.", make: { _, _ in ProcessConfiguration() },
        fields: [
            .value("adminAddr", \.adminAddress, listenAddress, default: "127.0.0.1:15000", "The admin page."),
            .value("statsAddr", \.statsAddress, listenAddress, default: "127.0.0.1:15020", "Prometheus metrics."),
            .value("readinessAddr", \.readinessAddress, listenAddress, default: "0.0.0.0:15021", "Health checks."),
            .value(
                "workerThreads", \.workerThreads, workerThreads, default: "one per core",
                "Event loops: a number or `\"50%\"`."),
            .value(
                "connectionTerminationDeadline", \.drainDeadline, .duration(atLeast: .zero), default: "5s",
                "The longest that connections live on after SIGTERM."),
            .value(
                "connectionMinTerminationDeadline", \.minimumDrain, .duration(atLeast: .zero), default: "0s",
                "How long new connections are accepted after SIGTERM."),
            .value("backend", \.upstream, upstreamPool, "Defaults of upstream connections."),
            .value("logging", \.logging, logging, "The gateway's own log."),
            .value("mcp", \.mcpSessionIdleLimit, mcpProcess, "MCP sessions."),
            .apply("session", session, "Sealing of MCP session identifiers.") { owner, key, _, _ in
                owner.sessionKey = key
                return true
            },
            .apply("customFunctions", customFunctions, "Functions for rules, each `name(parameters) { body }`.") {
                // Kept by the context, for the rules of the whole file.
                _, _, _, _ in true
            },
            .value("sensitiveHeaders", \.sensitiveHeaders, .list(.headerName), "Headers whose values are never shown.")
                .pending(),
        ] + unsupportedProcessFields)

    private static let unsupportedProcessFields: [Field<ProcessConfiguration>] =
        [
            .notYet("enableIpv6", "switching IPv6 off"),
            .notYet("dns", "resolver settings"),
            .notYet("tracing", "tracing here; agentgateway moved it to frontendPolicies.tracing"),
            .notYet("metrics", "metric labels"),
            .notYet("histograms", "the kind of histograms"),
            .notYet("hbone", "HBONE tunnels"),
            .notYet("standardAttributes", "standard attributes"),
            .notYet("database", "a database"),
            .notYet("storage", "configuration storage"),
            .notYet("modelCatalog", "a price catalog"),
            .notYet("spiffe", "SPIFFE identities"),
        ]
        + [
            "trustDomain", "additionalTrustDomains", "skipValidateTrustDomain", "caAddress", "caAuthToken",
            "xdsAddress",
            "xdsAuthToken", "localXdsPath", "namespace", "gateway", "serviceAccount", "clusterId", "network",
        ].map { .notYet($0, "mesh and xDS settings") }

    // MARK: frontendPolicies

    private static let frontendHTTP = ValueDecoder<HTTPLimits>.object(
        "FrontendHTTP", "Bounds on what clients may send.", make: { _, _ in HTTPLimits() },
        fields: [
            .value(
                "maxBufferSize", \.bufferedBody, .byteCount(1...(1 << 30)), default: "2MiB",
                "Of a body that a policy must hold; a larger one is refused."),
            .value(
                "http1MaxHeaders", \.headerCount, .integer(1...10_000), default: "100", "Header lines of a request."),
            .value(
                "maxHeaderBytes", \.headerBytes, .byteCount(1024...(1 << 20)), default: "64KiB", "Of a request's head."),
            .value("headerTimeout", \.headerTimeout, .duration(), default: "10s", "For a request's head to arrive."),
            .value("http1IdleTimeout", \.idleTimeout, .duration(), default: "60s", "Between requests of a connection."),
            .optional(
                "maxConnectionDuration", \.maximumConnectionAge, .duration(),
                "A connection's longest life; it takes no request after."),
            .notYet("http1HeaderCase", "the letter case of headers"),
            .value(
                "maxConnections", \.connections, .integer(1...10_000_000), default: "65536",
                "Connections of clients at once; further ones are closed."),
            .optional(
                "maxRequestsPerConnection", \.requestsPerConnection, .integer(1...1_000_000_000),
                "After so many a connection takes no more."),
            .value(
                "http2MaxConcurrentStreams", \.http2.concurrentStreams, .integer(1...10_000), default: "128",
                "Requests at once on an HTTP/2 connection."),
            .value(
                "http2WindowSize", \.http2.streamWindow, .byteCount(65_535...(16 << 20)), default: "64KiB",
                "Bytes of a request that may wait in the gateway."),
            .value(
                "http2ConnectionWindowSize", \.http2.connectionWindow, .byteCount(65_535...(256 << 20)),
                default: "1MiB",
                "The same for all requests of an HTTP/2 connection together."),
            .notYet("http2FrameSize", "HTTP/2 settings"),
            .notYet("http2MaxHeaderSize", "HTTP/2 settings"),
            .notYet("http2KeepaliveInterval", "HTTP/2 settings"),
            .notYet("http2KeepaliveTimeout", "HTTP/2 settings"),
        ])

    private struct FrontendTLSDraft {
        var handshakeTimeout = Duration.seconds(15)
    }

    private static let frontendTLS = ValueDecoder<FrontendTLSDraft>.object(
        "FrontendTLS", "TLS of clients, for all listeners.", make: { _, _ in FrontendTLSDraft() },
        fields: [
            .value(
                "handshakeTimeout", \.handshakeTimeout, .duration(), default: "15s", "For a handshake to be complete."),
            .notYet("alpn", "a choice of application protocols"),
            .notYet("minVersion", "TLS versions here; a listener's tls has them"),
            .notYet("maxVersion", "TLS versions here; a listener's tls has them"),
            .notYet("cipherSuites", "a choice of cipher suites"),
            .notYet("keyExchangeGroups", "a choice of key exchange groups"),
        ])

    static let frontendPolicies = ValueDecoder<FrontendDraft>.object(
        "FrontendPolicies", "Policies of client connections, for all listeners.", make: { _, _ in FrontendDraft() },
        fields: [
            .value("http", \.http, frontendHTTP, "Bounds on what clients may send."),
            .apply("tls", frontendTLS, "TLS of clients.") { owner, tls, _, _ in
                owner.http.handshakeTimeout = tls.handshakeTimeout
                return true
            },
            .notYet("tcp", "TCP settings of clients"),
            .notYet("networkAuthorization", "rules for connections"),
            .notYet("networkExtAuthz", "an external authorization service for connections"),
            .notYet("proxyProtocol", aliases: ["proxy"], "the PROXY protocol"),
            .notYet("connect", "CONNECT"),
            .optional("accessLog", aliases: ["logging"], \.accessLog, accessLog, "The line that every request leaves."),
            .optional(
                "decisionLog", \.decisionLog, decisionLog, default: "standard error", "The line of every decision."),
            .optional("tracing", \.tracing, tracing, default: "off", "Traces, sent by OTLP over HTTP."),
        ])
}
