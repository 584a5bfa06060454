// The numbers of all loops added up, and their text in Prometheus's exposition format 0.0.4.

import Glibc

/// What is measured. Names are agentgateway's where it has the same thing, OpenTelemetry's otherwise.
enum Metric: Int, CaseIterable, Sendable {
    case build, configSynchronized, configReloads, configLoadedAt
    case requests, requestSeconds, requestBytes, responseBytes, refusedMessages
    case connections, openConnections
    case rateLimited, limitHits
    case retries, retriesRefused, mirrored, ejections, ejected
    case decisions
    case keySetAvailable, keySetAge, keySetFailures
    case upstreamOpened, upstreamReused, upstreamFailed, upstreamIdle
    case mcpRequests, mcpSessions, mcpChildren
    case a2aRequests
    case tokens
    case loops
    case spansExported, spansDropped
    case residentBytes, cpuSeconds, openDescriptors, startTime

    enum Kind: String { case counter, gauge, histogram }

    var name: String { description.name }
    var kind: Kind { description.kind }
    var help: String { description.help }

    private var description: (name: String, kind: Kind, help: String) {
        switch self {
        case .build: ("agentgateway_build_info", .gauge, "Always 1; the version is a label.")
        case .configSynchronized:
            (
                "agentgateway_config_synchronized", .gauge,
                "1 when the file as it is now is in force, 0 when it was not taken."
            )
        case .configReloads:
            ("agentgateway_config_reloads_total", .counter, "Configurations read again, by what became of them.")
        case .configLoadedAt:
            (
                "agentgateway_config_last_reload_success_timestamp_seconds", .gauge,
                "When the configuration in force was taken."
            )
        case .requests:
            (
                "agentgateway_requests_total", .counter,
                "Requests answered. The reason says why the gateway answered by itself, or upstream."
            )
        case .requestSeconds:
            ("agentgateway_request_duration_seconds", .histogram, "From a request's head to the end of its reply.")
        case .requestBytes: ("agentgateway_request_bytes_total", .counter, "Bytes of request bodies.")
        case .responseBytes: ("agentgateway_response_bytes_total", .counter, "Bytes of reply bodies.")
        case .refusedMessages:
            (
                "agentgateway_malformed_requests_total", .counter,
                "What was sent and is no request, or a too large or slow one."
            )
        case .connections:
            ("agentgateway_downstream_connections_total", .counter, "Connections of clients that were accepted.")
        case .openConnections: ("agentgateway_downstream_connections", .gauge, "Connections of clients that are open.")
        case .limitHits:
            ("agentgateway_limit_hits_total", .counter, "What was refused because a bound on clients was reached.")
        case .rateLimited:
            ("agentgateway_rate_limited_total", .counter, "Requests that a local rate limit has refused.")
        case .retries: ("agentgateway_retries_total", .counter, "Further tries of requests to upstreams.")
        case .retriesRefused:
            (
                "agentgateway_retries_refused_total", .counter,
                "Tries that were not made, because the upstream fails too often for them."
            )
        case .mirrored:
            ("agentgateway_mirrored_requests_total", .counter, "Copies of requests, by what became of them.")
        case .ejections:
            ("agentgateway_backend_ejections_total", .counter, "Backends left out for a while, counted on each loop.")
        case .ejected: ("agentgateway_backend_ejected", .gauge, "Loops that leave the backend out now.")
        case .decisions:
            (
                "agentgateway_authz_decisions_total", .counter,
                "Decisions by the rule that made them; mode shadow counts what would have been denied."
            )
        case .keySetAvailable: ("agentgateway_jwks_available", .gauge, "1 when tokens of the issuer can be verified.")
        case .keySetAge: ("agentgateway_jwks_age_seconds", .gauge, "Since the issuer's keys were fetched.")
        case .keySetFailures:
            ("agentgateway_jwks_consecutive_failures", .gauge, "Fetches that failed since the last that did not.")
        case .upstreamOpened: ("agentgateway_upstream_connections_total", .counter, "Connections opened to upstreams.")
        case .upstreamReused:
            ("agentgateway_upstream_connections_reused_total", .counter, "Requests sent on a connection that was kept.")
        case .upstreamFailed:
            (
                "agentgateway_upstream_connect_failures_total", .counter,
                "Connections to upstreams that could not be made."
            )
        case .upstreamIdle: ("agentgateway_upstream_connections_idle", .gauge, "Connections that wait for a request.")
        case .mcpRequests:
            (
                "agentgateway_mcp_requests_total", .counter,
                "MCP messages by method and target; resource is the tool or prompt of those that were answered."
            )
        case .mcpSessions: ("agentgateway_mcp_sessions", .gauge, "Sessions that live in this process.")
        case .mcpChildren: ("agentgateway_mcp_child_processes", .gauge, "Child processes of stdio targets.")
        case .a2aRequests:
            (
                "agentgateway_a2a_requests_total", .counter,
                "Requests to A2A agents by method; error: refused by the gateway."
            )
        case .tokens: ("agentgateway_gen_ai_client_token_usage", .histogram, "Tokens that a call to a provider took.")
        case .loops: ("agentgateway_event_loops", .gauge, "Event loops, each a thread.")
        case .spansExported: ("agentgateway_trace_spans_exported_total", .counter, "Spans that the collector took.")
        case .spansDropped:
            (
                "agentgateway_trace_spans_dropped_total", .counter,
                "Spans lost: the queue was full or the collector away."
            )
        case .residentBytes: ("process_resident_memory_bytes", .gauge, "Resident memory.")
        case .cpuSeconds: ("process_cpu_seconds_total", .counter, "User and system time.")
        case .openDescriptors: ("process_open_fds", .gauge, "Open file descriptors.")
        case .startTime: ("process_start_time_seconds", .gauge, "When the process started.")
        }
    }
}

struct MetricsReport: Sendable {
    private var values: [Metric: [String: Double]] = [:]
    private var histograms: [Metric: [String: Histogram]] = [:]

    mutating func add(_ metric: Metric, _ labels: [(String, String)], _ value: Double) {
        values[metric, default: [:]][MetricsReport.text(labels), default: 0] += value
    }

    mutating func add(_ metric: Metric, _ labels: [(String, String)], _ histogram: Histogram) {
        histograms[metric, default: [:]][MetricsReport.text(labels), default: Histogram(histogram.bounds)]
            .add(histogram)
    }

    mutating func add(_ other: MetricsReport) {
        for (metric, series) in other.values {
            for (labels, value) in series { values[metric, default: [:]][labels, default: 0] += value }
        }
        for (metric, series) in other.histograms {
            for (labels, histogram) in series {
                histograms[metric, default: [:]][labels, default: Histogram(histogram.bounds)].add(histogram)
            }
        }
    }

    // MARK: Text

    /// `name="value",…` with the format's three escapes; the names are ours.
    private static func text(_ labels: [(String, String)]) -> String {
        var text = ""
        for (name, value) in labels {
            if !text.isEmpty { text += "," }
            text += name
            text += "=\""
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
            text += "\""
        }
        return text
    }

    private static func number(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }

    /// The whole exposition; series in a fixed order.
    var text: String {
        var out = ""
        for metric in Metric.allCases {
            let series = values[metric] ?? [:]
            let distributions = histograms[metric] ?? [:]
            if series.isEmpty, distributions.isEmpty { continue }
            out += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            for (labels, value) in series.sorted(by: { $0.key < $1.key }) {
                out += labels.isEmpty ? metric.name : "\(metric.name){\(labels)}"
                out += " \(MetricsReport.number(value))\n"
            }
            for (labels, histogram) in distributions.sorted(by: { $0.key < $1.key }) {
                let prefix = labels.isEmpty ? "" : labels + ","
                var total: UInt64 = 0
                for (bound, count) in zip(histogram.bounds.map(MetricsReport.number) + ["+Inf"], histogram.counts) {
                    total += count
                    out += "\(metric.name)_bucket{\(prefix)le=\"\(bound)\"} \(total)\n"
                }
                let braces = labels.isEmpty ? "" : "{\(labels)}"
                out += "\(metric.name)_sum\(braces) \(MetricsReport.number(histogram.sum))\n"
                out += "\(metric.name)_count\(braces) \(total)\n"
            }
        }
        return out
    }

    // MARK: The process

    /// What the kernel knows of this process.
    mutating func addProcess() {
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            add(.cpuSeconds, [], seconds + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6)
        }
        let pages = ProcFile.read("/proc/self/statm").split(separator: " ").dropFirst().first.flatMap { Double($0) }
        if let pages { add(.residentBytes, [], pages * Double(sysconf(Int32(_SC_PAGESIZE)))) }
        if let directory = opendir("/proc/self/fd") {
            var count = -3.0  // ".", ".." and the directory itself
            while readdir(directory) != nil { count += 1 }
            closedir(directory)
            add(.openDescriptors, [], count)
        }
    }
}

private enum ProcFile {
    static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
