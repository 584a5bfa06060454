// `retry`: tries again what failed or was refused, as long as that cannot do anything twice, time is left, and the
// upstream is not failing so often that tries would be its ruin.

import Auth

/// What may be sent a second time.
struct ReplayRules {
    /// The request's body is at hand.
    var hasBody: Bool
    /// Doing it twice does no more than doing it once: by its method (RFC 9110 §9.2.2), by what it is, or because the
    /// policy's precondition says so.
    var isIdempotent: Bool

    /// - Parameter error: the try's end; nothing of a reply has been sent.
    func admits(_ error: UpstreamError) -> Bool {
        switch error {
        // Nothing was sent, and nothing of the client's body was read.
        case .connect: true
        case .broken, .timedOut: hasBody && isIdempotent
        // It was asked for at the head of the reply, where `admits(status:)` has answered.
        case .rejected: true
        case .malformed, .unusable, .client: false
        }
    }

    /// 429 says that the request was not served (RFC 6585 §4); no other status does.
    func admits(status: Int) -> Bool { hasBody && (isIdempotent || status == 429) }
}

/// Tries that an upstream's health allows: each request earns a share of one, so that a failing upstream gets a fifth
/// more traffic at most, not a multiple. One per loop and upstream.
struct RetryBudget {
    /// Earned by a request.
    private static let share = 0.2
    /// What an idle upstream begins with, and the most that can be saved.
    private static let reserve = 10.0

    private var saved = reserve

    mutating func earn() { saved = min(RetryBudget.reserve, saved + RetryBudget.share) }

    mutating func spend() -> Bool {
        guard saved >= 1 else { return false }
        saved -= 1
        return true
    }
}

/// The budgets of one loop. Confined to it.
final class RetryBudgets {
    private var budgets: [ObjectIdentifier: RetryBudget] = [:]
    private(set) var retries: UInt64 = 0
    private(set) var exhausted: UInt64 = 0

    func earn(_ upstream: Upstream) { budgets[ObjectIdentifier(upstream), default: RetryBudget()].earn() }

    func spend(_ upstream: Upstream) -> Bool {
        guard budgets[ObjectIdentifier(upstream), default: RetryBudget()].spend() else {
            exhausted += 1
            return false
        }
        retries += 1
        return true
    }

    /// Another configuration is in force.
    func keepOnly(_ upstreams: Set<ObjectIdentifier>) { budgets = budgets.filter { upstreams.contains($0.key) } }

    func report(into report: inout MetricsReport) {
        report.add(.retries, [], Double(retries))
        report.add(.retriesRefused, [], Double(exhausted))
    }
}

final class CompiledRetry: Sendable {
    let policy: RetryPolicy
    let precondition: PolicyExpression?
    let condition: PolicyExpression?

    init?(_ policy: RetryPolicy?) throws(SnapshotError) {
        guard let policy else { return nil }
        self.policy = policy
        precondition = try policy.precondition.map { (source) throws(SnapshotError) in try .compiled(source) }
        condition = try policy.condition.map { (source) throws(SnapshotError) in try .compiled(source) }
    }
}

/// The tries of one request.
struct RetryingForwarder {
    /// Bytes of a body that are held to be sent again; a longer one is sent once.
    static let bodyLimit = 64 * 1024
    /// Pauses grow no further.
    private static let longestPause = Duration.seconds(10)

    let context: RouteContext
    let timeouts: Timeouts
    /// Where the first try goes.
    var backend: CompiledBackend
    /// Doing the request twice does no more than doing it once, whatever its method.
    var isReplayable = false
    /// Chooses where a further try goes; nil: where the first went.
    var another: (() -> (backend: CompiledBackend, upstream: Upstream, authority: ByteView)?)?

    private var worker: LoopWorker { context.worker }

    /// As `Forwarder.forward`, with the route's tries.
    func forward(
        _ exchange: Exchange, _ first: OutgoingRequest, filter: (any ResponseFilter)? = nil,
        onHead: (ResponseHead) -> Void
    ) async throws(UpstreamError) {
        let total = first.deadline
        var request = first
        request.deadline = attemptDeadline(total)
        guard let retry = context.route?.traffic?.retry else {
            return try await attempt(exchange, request, backend, filter, onHead)
        }
        let inputs = context.inputs(exchange)
        let isWanted = retry.precondition.map { worker.authorizer.holds($0, inputs) }
        let attempts = isWanted == false ? 0 : retry.policy.attempts
        if request.body == nil { request.body = try await replayable(exchange, holds: attempts > 0) }
        let rules = ReplayRules(
            hasBody: request.body != nil,
            isIdempotent: isReplayable || isWanted == true || exchange.request.method.isIdempotent)
        request.connectRetries = 0
        var backend = backend
        var tries = 0
        while true {
            let upstream = request.upstream
            worker.budgets.earn(upstream)
            let mayRetry = tries < attempts
            request.rejects = mayRetry ? refusal(retry, rules, backend, upstream, inputs) : first.rejects
            do throws(UpstreamError) {
                return try await attempt(exchange, request, backend, filter, onHead)
            } catch {
                guard mayRetry, rules.admits(error), MonotonicTime.now < total else { throw error }
                if case .rejected = error {} else if !worker.budgets.spend(upstream) { throw error }
                tries += 1
                try await pause(before: tries, retry.policy, exchange, until: total, else: error)
                if let next = another?() {
                    (backend, request.upstream, request.authority) = (next.backend, next.upstream, next.authority)
                }
                request.deadline = attemptDeadline(total)
                exchange.request.headers.set("x-retry-attempt", "\(tries)")
            }
        }
    }

    private func attemptDeadline(_ total: MonotonicTime) -> MonotonicTime {
        timeouts.backendRequest.map { min(total, .now + $0) } ?? total
    }

    /// One try, whose outcome is the backend's as well.
    private func attempt(
        _ exchange: Exchange, _ request: OutgoingRequest, _ backend: CompiledBackend,
        _ filter: (any ResponseFilter)?, _ onHead: (ResponseHead) -> Void
    ) async throws(UpstreamError) {
        do throws(UpstreamError) {
            try await Forwarder.forward(exchange, request, core: worker.core, filter: filter) { head in
                observe(head, backend, request.upstream, exchange)
                onHead(head)
            }
        } catch {
            switch error {
            case .connect, .broken, .timedOut, .malformed, .unusable: observe(nil, backend, request.upstream, exchange)
            // Of a status, `refusal` has taken note; what the client does is not the backend's doing.
            case .rejected, .client: break
            }
            throw error
        }
    }

    /// - Parameter head: nil: there was no reply.
    private func observe(_ head: ResponseHead?, _ backend: CompiledBackend, _ upstream: Upstream, _ exchange: Exchange)
    {
        guard let health = backend.traffic?.health else { return }
        var failed = head.map { $0.status >= 500 } ?? true
        if let head, let unhealthy = health.unhealthy {
            let inputs = context.inputs(exchange)
            inputs.response = HeadAttributes(head: head)
            failed = worker.authorizer.holds(unhealthy, inputs)
            inputs.response = nil
        }
        worker.health.note(upstream, health.policy, failed: failed, at: worker.loop.now)
    }

    /// Says of a reply's head whether it is given up for another try.
    private func refusal(
        _ retry: CompiledRetry, _ rules: ReplayRules, _ backend: CompiledBackend, _ upstream: Upstream,
        _ inputs: RuleInputs
    ) -> ((ResponseHead) -> Bool)? {
        if retry.policy.statusCodes.isEmpty { return nil }
        let worker = worker
        return { head in
            guard retry.policy.statusCodes.contains(head.status), rules.admits(status: head.status) else {
                return false
            }
            if let condition = retry.condition {
                inputs.response = HeadAttributes(head: head)
                defer { inputs.response = nil }
                guard worker.authorizer.holds(condition, inputs) else { return false }
            }
            // Asked last: a reply that is not passed on costs a try.
            guard worker.budgets.spend(upstream) else { return false }
            if let health = backend.traffic?.health {
                worker.health.note(upstream, health.policy, failed: head.status >= 500, at: worker.loop.now)
            }
            return true
        }
    }

    /// The whole body where it can be had; nil: it streams, and only what fails before it is begun is tried again.
    private func replayable(_ exchange: Exchange, holds: Bool) async throws(UpstreamError) -> ByteView? {
        if let whole = exchange.takeBufferedBody() { return whole }
        guard holds, case .length(let count) = exchange.request.framing, count <= RetryingForwarder.bodyLimit else {
            return nil
        }
        do throws(ExchangeError) {
            return try await exchange.hold(atMost: count) ? exchange.held : nil
        } catch { throw .client(error) }
    }

    /// Doubles from try to try, half of it at random, so that what failed together does not come back together.
    private func pause(
        before attempt: Int, _ policy: RetryPolicy, _ exchange: Exchange, until total: MonotonicTime,
        else error: UpstreamError
    ) async throws(UpstreamError) {
        if let backoff = policy.backoff {
            let doubled = min(RetryingForwarder.longestPause, backoff * (1 << min(attempt - 1, 16)))
            let pause = doubled * Double.random(in: 0.5...1, using: &worker.random)
            guard MonotonicTime.now + pause < total else { throw error }
            await exchange.loop.sleep(for: pause)
        }
        if exchange.isClientGone { throw .client(.io(.reset)) }
    }
}
