// What one event loop counts. Confined to it, so that counting takes no lock and no atomic; a scrape asks every loop for
// its numbers and adds them up. Labels come from the configuration and from the gateway's own words; what a client or an
// upstream chooses is a label only within a bound.

import Auth

/// Counts of one route, found once for each configuration.
final class RouteMetrics {
    /// Combinations of method, status and reason that a route counts apart; upstreams choose statuses.
    private static let maximumSeries = 256

    private struct Series {
        let method: HTTPMethod
        let status: Int
        let reason: String
        let backend: String
        var requests: UInt64 = 0
        var receivedBytes: UInt64 = 0
        var sentBytes: UInt64 = 0
    }

    let label: String
    private var series: [Series] = []
    private var seconds = Histogram(Histogram.seconds)

    init(label: String) { self.label = label }

    func record(_ exchange: Exchange, _ record: RequestRecord) {
        let method = exchange.request.method
        let status = exchange.sentStatus
        let reason = exchange.isAborted && record.reason.isEmpty ? "aborted" : record.reason
        var index = 0
        while index < series.count {
            if series[index].status == status, series[index].method == method, series[index].reason == reason,
                series[index].backend == record.upstream
            {
                break
            }
            index += 1
        }
        if index == series.count {
            if series.count < RouteMetrics.maximumSeries {
                series.append(Series(method: method, status: status, reason: reason, backend: record.upstream))
            } else {
                index = series.count - 1
            }
        }
        series[index].requests += 1
        series[index].receivedBytes += UInt64(exchange.receivedBodyBytes)
        series[index].sentBytes += UInt64(exchange.sentBodyBytes)
        seconds.observe(MonotonicTime.now.seconds(since: exchange.started))
    }

    func report(into report: inout MetricsReport) {
        let place = RouteLabels(label)
        for one in series {
            let labels =
                place.labels + [
                    ("backend", one.backend), ("method", one.method.label), ("status", "\(one.status)"),
                    ("reason", one.reason.isEmpty ? "upstream" : one.reason),
                ]
            report.add(.requests, labels, Double(one.requests))
            let short = place.labels + [("backend", one.backend)]
            report.add(.requestBytes, short, Double(one.receivedBytes))
            report.add(.responseBytes, short, Double(one.sentBytes))
        }
        if seconds.count > 0 { report.add(.requestSeconds, place.labels, seconds) }
    }
}

final class LoopMetrics {
    /// Combinations of labels of one metric whose values are not all the configuration's.
    private static let maximumSeries = 2000

    private struct DecisionKey: Hashable {
        let rule: ObjectIdentifier?
        let verdict: Verdict
        let phase: DecisionPhase
        let reason: DecisionReason
        let isShadow: Bool
    }

    private struct MCPKey: Hashable {
        let route: String
        let method: String
        let target: String
        let subject: String
        let isError: Bool
    }

    private struct A2AKey: Hashable {
        let route: String
        let method: String
        let isRefused: Bool
    }

    private struct TokenKey: Hashable {
        let route: String
        let provider: String
        let model: String
    }

    private struct RateLimitedKey: Hashable {
        let route: String
        let unit: RateLimitPolicy.Unit
    }

    private struct TokenSeries {
        var input = Histogram(Histogram.tokens)
        var output = Histogram(Histogram.tokens)
        var cached = Histogram(Histogram.tokens)
        var reasoning = Histogram(Histogram.tokens)

        mutating func observe(_ usage: TokenUsage) {
            if let count = usage.input { input.observe(Double(count)) }
            if let count = usage.output { output.observe(Double(count)) }
            if let count = usage.cached { cached.observe(Double(count)) }
            if let count = usage.reasoning { reasoning.observe(Double(count)) }
        }
    }

    private var routes: [String: RouteMetrics] = [:]
    /// Requests that no route took.
    let unrouted = RouteMetrics(label: "")
    private var decisions: [DecisionKey: (rule: RuleReference?, count: UInt64)] = [:]
    /// Of rules of earlier configurations.
    private var pastDecisions: [[String]: UInt64] = [:]
    private var mcp: [MCPKey: UInt64] = [:]
    private var a2a: [A2AKey: UInt64] = [:]
    private var tokens: [TokenKey: TokenSeries] = [:]
    private var connections: [UInt16: UInt64] = [:]
    private var refusedMessages: UInt64 = 0
    private var limitHits: [LimitHit: UInt64] = [:]
    private var rateLimited: [RateLimitedKey: UInt64] = [:]

    /// The counts of the route of this label, which go on over reloads.
    func route(_ label: String) -> RouteMetrics {
        if let known = routes[label] { return known }
        let new = RouteMetrics(label: label)
        routes[label] = new
        return new
    }

    /// Another configuration is in force.
    /// - Parameter labels: of its routes; the others' counts end.
    func keepRoutes(_ labels: Set<String>) {
        routes = routes.filter { labels.contains($0.key) }
        rateLimited = rateLimited.filter { labels.contains($0.key.route) }
        // Rules of the past must not be held by what they have counted.
        for (key, value) in decisions {
            let labels = LoopMetrics.labels(key, value.rule)
            guard pastDecisions.count < LoopMetrics.maximumSeries || pastDecisions[labels] != nil else { continue }
            pastDecisions[labels, default: 0] += value.count
        }
        decisions.removeAll()
    }

    func connectionOpened(port: UInt16) { connections[port, default: 0] += 1 }

    /// Bytes that were no request.
    func messageRefused() { refusedMessages += 1 }

    func limitHit(_ hit: LimitHit) { limitHits[hit, default: 0] += 1 }

    /// A request that a `localRateLimit` has refused.
    func rateLimited(route: String, _ unit: RateLimitPolicy.Unit) {
        rateLimited[RateLimitedKey(route: route, unit: unit), default: 0] += 1
    }

    func record(_ decision: Decision) {
        add(
            DecisionKey(
                rule: decision.rule.map { ObjectIdentifier($0) }, verdict: decision.verdict, phase: decision.phase,
                reason: decision.reason, isShadow: false), decision.rule)
        if let shadow = decision.shadow {
            add(
                DecisionKey(
                    rule: shadow.rule.map { ObjectIdentifier($0) }, verdict: .deny, phase: decision.phase,
                    reason: shadow.reason, isShadow: true), shadow.rule)
        }
    }

    private func add(_ key: DecisionKey, _ rule: RuleReference?) {
        // The rule is held beside its count, so that its identity stays its own.
        if decisions[key]?.count != nil { decisions[key]!.count += 1 } else { decisions[key] = (rule, 1) }
    }

    /// One request to an MCP backend.
    /// - Parameter subject: the tool or prompt; counted apart only when the target knows it, since clients choose names.
    func recordMCP(route: String, _ record: MCPRecord) {
        let isError = record.errorCode != 0
        let method = MCPMethod(rawValue: record.method) == nil && record.method != "GET" ? "other" : record.method
        var key = MCPKey(
            route: route, method: method, target: record.target, subject: isError ? "" : record.subject,
            isError: isError)
        if mcp[key] == nil, mcp.count >= LoopMetrics.maximumSeries {
            key = MCPKey(route: route, method: method, target: record.target, subject: "other", isError: isError)
        }
        mcp[key, default: 0] += 1
    }

    /// One request to an A2A agent.
    func recordA2A(route: String, _ record: A2AHandler.Record) {
        let method = record.isKnown ? record.method : "other"
        let key = A2AKey(route: route, method: method.isEmpty ? "none" : method, isRefused: record.isRefused)
        a2a[key, default: 0] += 1
    }

    /// The tokens that one call to a provider took.
    /// - Parameter model: as asked of the provider; a client may choose it.
    package func record(_ usage: TokenUsage, route: String, provider: String, model: String) {
        var key = TokenKey(route: route, provider: provider, model: model)
        if tokens[key] == nil, tokens.count >= LoopMetrics.maximumSeries {
            key = TokenKey(route: route, provider: provider, model: "other")
        }
        tokens[key, default: TokenSeries()].observe(usage)
    }

    // MARK: Scrape

    private static func labels(_ key: DecisionKey, _ rule: RuleReference?) -> [String] {
        [
            rule?.ruleSet ?? "", rule?.id ?? "", key.verdict.rawValue, key.phase.rawValue, key.reason.code,
            key.isShadow ? "shadow" : "enforced",
        ]
    }

    func report(into report: inout MetricsReport) {
        for route in routes.values { route.report(into: &report) }
        unrouted.report(into: &report)
        var decided = pastDecisions
        for (key, value) in decisions { decided[LoopMetrics.labels(key, value.rule), default: 0] += value.count }
        for (values, count) in decided {
            let names = ["rule_set", "rule", "verdict", "phase", "reason", "mode"]
            report.add(.decisions, Array(zip(names, values)), Double(count))
        }
        for (key, count) in mcp {
            let labels =
                RouteLabels(key.route).labels + [
                    ("method", key.method), ("server", key.target), ("resource", key.subject),
                    ("error", key.isError ? "true" : "false"),
                ]
            report.add(.mcpRequests, labels, Double(count))
        }
        for (key, count) in a2a {
            let labels =
                RouteLabels(key.route).labels + [
                    ("method", key.method), ("error", key.isRefused ? "true" : "false"),
                ]
            report.add(.a2aRequests, labels, Double(count))
        }
        for (key, series) in tokens {
            let types = [
                ("input", series.input), ("output", series.output), ("cached", series.cached),
                ("reasoning", series.reasoning),
            ]
            for (type, histogram) in types where histogram.count > 0 {
                let labels =
                    RouteLabels(key.route).labels + [
                        ("gen_ai_token_type", type), ("gen_ai_system", key.provider),
                        ("gen_ai_request_model", key.model),
                    ]
                report.add(.tokens, labels, histogram)
            }
        }
        for (port, count) in connections { report.add(.connections, [("bind", "\(port)")], Double(count)) }
        report.add(.refusedMessages, [], Double(refusedMessages))
        for hit in LimitHit.allCases {
            report.add(.limitHits, [("limit", hit.rawValue)], Double(limitHits[hit] ?? 0))
        }
        for (key, count) in rateLimited {
            let labels = RouteLabels(key.route).labels + [("type", key.unit.rawValue)]
            report.add(.rateLimited, labels, Double(count))
        }
    }
}

/// `port/listener/route` as three labels.
struct RouteLabels {
    let labels: [(String, String)]

    init(_ label: String) {
        let parts = label.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        labels = zip(["bind", "listener", "route"], parts.count == 3 ? parts : ["", "", ""]).map { ($0, $1) }
    }
}

extension HTTPMethod {
    fileprivate var label: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other: "other"
        }
    }
}
