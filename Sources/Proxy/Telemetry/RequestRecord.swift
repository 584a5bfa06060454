// What is known of a request at its end, and the line of the access log that says so.

import Auth
import JSON

/// Filled in on the way of a request.
struct RequestRecord {
    /// Nanoseconds since the epoch.
    let startedAt: Int64
    var route = ""
    var upstream = ""
    /// Of an AI request, as sent to the provider.
    var model = ""
    /// Of a request to an A2A agent.
    var a2a: A2AHandler.Record?
    /// A word for metrics: why the gateway answered by itself. Empty when the upstream's reply was passed on.
    var reason = ""
    /// A sentence for operators, without secrets.
    var detail = ""
    var principal: Principal?
    /// Of the decision that refused.
    var decision: DecisionID?

    /// The tokens that a call to an AI provider took; nil: none was made, or it failed.
    var usage: TokenUsage?
    /// The request as expressions of the log read it; nil: they read nothing, or no route was looked for.
    var logged: RuleInputs?
    /// The last MCP message of the request.
    var mcp: MCPRecord?
    /// nil: no limit was asked.
    var limits: RateLimitOutcome?

    /// nil: traces are off.
    var trace: TraceContext?
    /// Where the request is counted; nil: no route took it.
    var metrics: RouteMetrics?

    init(startedAt: Int64) { self.startedAt = startedAt }
}

extension LoopWorker {
    /// One line a decision, allow and deny alike.
    func writeDecisionLine(
        _ decision: Decision, _ inputs: RuleInputs, _ levels: RuleLevels, label: String, startedAt: Int64
    ) {
        metrics.record(decision)
        let isLogged = processLog.writes(.info)
        guard isLogged || decisions.isEnabled else { return }
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("log")
            writer.value("decision")
            writer.name("time")
            let time = IOBuffer(capacity: 32)
            time.append(timestamp: startedAt)
            writer.value(time.view.text)
            writer.name("route")
            writer.value(label)
            decision.writeMembers(into: &writer, inputs: inputs, paths: levels.attributePaths)
        }
        if decisions.isEnabled { decisions.append(writer.bytes) }
        guard isLogged else { return }
        // Where both go to one place, a request's decisions stand before its access line: readers of the log count on it.
        let log = active.decisionFile === active.accessFile ? accessLog : decisionLog
        log.line { $0.append(writer.bytes) }
    }

    /// One line a request, allowed or refused.
    func writeAccessLine(_ exchange: Exchange, _ record: RequestRecord, _ policy: CompiledAccessLog?) {
        guard processLog.writes(.info) else { return }
        if let policy, let inputs = record.logged {
            inputs.response = SentReply(code: exchange.sentStatus)
            guard policy.admits(inputs, authorizer) else { return }
        }
        func keeps(_ field: AccessField) -> Bool { policy?.keeps(field) ?? true }
        let request = exchange.request
        accessLog.line { line in
            line.append("{\"log\":\"access\",\"time\":\"")
            line.append(timestamp: record.startedAt)
            line.append("\"")
            if keeps(.source) {
                line.append(",\"source\":\"")
                line.append(exchange.connection.peerIPView)
                line.append("\"")
            }
            if keeps(.method) {
                line.append(",\"method\":")
                line.append(jsonString: request.methodName)
            }
            if keeps(.host) {
                line.append(",\"host\":")
                line.append(jsonString: request.authority)
            }
            if keeps(.path) {
                line.append(",\"path\":")
                line.append(jsonString: request.path)
            }
            if keeps(.protocol) {
                line.append(",\"protocol\":\"")
                line.append(request.version.text)
                line.append("\"")
            }
            if keeps(.route) {
                line.append(",\"route\":")
                line.append(jsonString: record.route)
            }
            if keeps(.status) {
                line.append(",\"status\":")
                line.append(decimal: exchange.sentStatus)
            }
            if keeps(.bytesIn) {
                line.append(",\"bytes_in\":")
                line.append(decimal: exchange.receivedBodyBytes)
            }
            if keeps(.bytesOut) {
                line.append(",\"bytes_out\":")
                line.append(decimal: exchange.sentBodyBytes)
            }
            if keeps(.duration) {
                line.append(",\"duration_us\":")
                line.append(decimal: Int((MonotonicTime.now.nanoseconds - exchange.started.nanoseconds) / 1000))
            }
            if !record.upstream.isEmpty, keeps(.upstream) {
                line.append(",\"upstream\":")
                line.append(jsonString: record.upstream)
            }
            if !record.model.isEmpty, keeps(.model) {
                line.append(",\"model\":")
                line.append(jsonString: record.model)
            }
            if let a2a = record.a2a, !a2a.method.isEmpty, keeps(.a2a) {
                line.append(",\"a2a\":{\"method\":")
                line.append(jsonString: a2a.method)
                if !a2a.taskID.isEmpty {
                    line.append(",\"task\":")
                    line.append(jsonString: a2a.taskID)
                }
                line.append("}")
            }
            if let usage = record.usage, keeps(.tokens) { line.append(usage) }
            if let principal = record.principal, !principal.isAnonymous, keeps(.principal) {
                line.append(",\"principal\":")
                line.append(jsonString: principal.identity)
            }
            if !record.reason.isEmpty, keeps(.reason) {
                line.append(",\"reason\":")
                line.append(jsonString: record.reason)
            }
            if let trace = record.trace, keeps(.trace) {
                line.append(",\"trace\":\"")
                line.append(trace.traceText)
                line.append("\"")
            }
            if let decision = record.decision, keeps(.decision) {
                line.append(",\"decision\":\"")
                line.append(decision.description)
                line.append("\"")
            }
            if !record.detail.isEmpty, keeps(.detail) {
                line.append(",\"detail\":")
                line.append(jsonString: record.detail)
            }
            if exchange.isAborted, keeps(.aborted) {
                line.append(",\"aborted\":true")
                if let failure = exchange.failure, keeps(.failure) {
                    line.append(",\"failure\":")
                    line.append(jsonString: failure.description)
                }
            }
            if let policy, let inputs = record.logged { policy.append(to: line, inputs, authorizer) }
            line.append("}")
        }
    }
}

extension IOBuffer {
    /// Members of the access line.
    fileprivate func append(_ usage: TokenUsage) {
        func member(_ name: StaticString, _ count: Int64?) {
            guard let count else { return }
            append(name)
            append(decimal: Int(count))
        }
        member(",\"input_tokens\":", usage.input)
        member(",\"output_tokens\":", usage.output)
        member(",\"cached_tokens\":", usage.cached)
        member(",\"reasoning_tokens\":", usage.reasoning)
        if usage.isEstimated { append(",\"tokens_estimated\":true") }
    }
}
