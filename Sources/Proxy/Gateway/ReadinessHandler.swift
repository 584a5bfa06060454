// `/healthz/ready` and `/healthz/live` on the readiness port, for load balancers and orchestrators.

final class ReadinessHandler: RequestHandler, @unchecked Sendable {
    private unowned let gateway: Gateway
    let limits = ServerLimits()

    init(gateway: Gateway) { self.gateway = gateway }

    /// Probes are answered to the last.
    var isDraining: Bool { false }

    func handle(_ exchange: Exchange) async {
        let path = exchange.request.path
        let (status, text): (Int, String)
        if exchange.request.method != .get, exchange.request.method != .head {
            (status, text) = (405, "only GET and HEAD\n")
        } else if path == "/healthz/live" {
            (status, text) = (200, "live\n")
        } else if path == "/healthz/ready" || path == "/readyz" {
            switch gateway.readiness {
            case .ready: (status, text) = (200, (["ready"] + gateway.problems()).joined(separator: "\n") + "\n")
            case .starting: (status, text) = (503, "starting\n")
            case .draining: (status, text) = (503, "draining\n")
            }
        } else {
            (status, text) = (404, "not found\n")
        }
        await Reply.send(
            exchange, status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8),
            headers: [("cache-control", "no-store")])
    }
}
