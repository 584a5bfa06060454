// `/metrics` on the statistics port, for Prometheus.

final class StatsHandler: RequestHandler, @unchecked Sendable {
    private unowned let gateway: Gateway
    let limits = ServerLimits()

    init(gateway: Gateway) { self.gateway = gateway }

    /// The last numbers are worth having too.
    var isDraining: Bool { false }

    func handle(_ exchange: Exchange) async {
        let path = exchange.request.path
        guard exchange.request.method == .get || exchange.request.method == .head else {
            return await Reply.error(
                exchange, status: 405, message: "only GET and HEAD", code: "method", headers: [("allow", "GET, HEAD")])
        }
        guard path == "/metrics" || path == "/stats/prometheus" else {
            return await Reply.error(exchange, status: 404, message: "not found", code: "not_found")
        }
        let report = await gateway.metrics()
        await Reply.send(
            exchange, status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: Array(report.text.utf8), headers: [("cache-control", "no-store")])
    }
}
