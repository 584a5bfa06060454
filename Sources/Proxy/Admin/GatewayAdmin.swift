// What the gateway lets the admin page see and do. All of it on the first loop, where the page is served.

import Auth

extension Gateway {
    /// Serves the admin port with `handler`; the port being taken is an error only when somebody asked for it.
    package func serve(admin handler: any RequestHandler) throws(SnapshotError) {
        let address = process.adminAddress
        let isUsual = address == ProcessConfiguration().adminAddress
        guard let socket = try Gateway.listen(address, "adminAddr", isOptional: isUsual, log) else { return }
        for worker in workers { worker.loop.spawn { worker.decisions.isEnabled = true } }
        let first = workers[0]
        first.loop.spawn { first.serve(socket, handler, whileDraining: true) }
        log.info("admin page on http://\(address)/ui")
    }

    /// In force on the first loop.
    package var activeConfiguration: GatewayConfiguration { workers[0].active.snapshot.configuration }

    package var loopCount: Int { workers.count }

    /// Nanoseconds since the epoch.
    package var startTime: Int64 { startedAt }

    package func metricsText() async -> String { await metrics().text }

    /// State of an issuer's keys.
    package struct KeySetState: Sendable {
        package var issuer: String
        package var isAvailable: Bool
        package var ageSeconds: Double?
        package var failure: String?
    }

    package func keySetStates() -> [KeySetState] { keySets.states() }

    /// The decisions that have come since `positions`, a count for each loop; lines of JSON, by loop.
    package func decisions(since positions: [Int]) async -> (lines: [[UInt8]], positions: [Int]) {
        var lines: [[UInt8]] = []
        var reached: [Int] = []
        for (worker, position) in zip(workers, positions) {
            let (new, count) = await worker.loop.perform {
                (worker.decisions.since(position), worker.decisions.count)
            }
            lines += new
            reached.append(count)
        }
        return (lines, reached)
    }

    /// Sends a request of the page's on to one of the gateway's own ports, as any client would: it is judged like one.
    package func forward(
        _ exchange: Exchange, toPort port: UInt16, target: String, authority: String, method: String
    ) async {
        let worker = workers[0]
        let snapshot = worker.active.snapshot
        guard let bind = snapshot.binds[port] else {
            return await Reply.error(
                exchange, status: 400, message: "the gateway has no port \(port)", code: "bad_port")
        }
        guard bind.certificates == nil else {
            return await Reply.error(
                exchange, status: 501, message: "requests to TLS ports are not supported here", code: "not_supported")
        }
        let headers = exchange.request.headers
        for name in [
            "origin", "referer", "cookie", "authorization", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest",
        ] {
            headers.remove(named: name)
        }
        if let shown = GatewayAdmin.take("x-forward-authorization", headers) { headers.append("authorization", shown) }
        let text = IOBuffer(capacity: 256)
        text.append(method)
        let methodEnd = text.writer
        text.append(target)
        let targetEnd = text.writer
        text.append(authority)
        do {
            let key = Upstream.Key(endpoint: .tcp(host: "127.0.0.1", port: port), maximumIdle: 4)
            let outgoing = OutgoingRequest(
                upstream: try snapshot.upstreams.upstream(key), method: text.view.slice(0, methodEnd),
                target: text.view.slice(methodEnd, targetEnd), authority: text.view.slice(targetEnd, text.writer))
            try await Forwarder.forward(exchange, outgoing, core: worker.core)
        } catch {
            await Reply.error(exchange, status: 502, message: "\(error)", code: "forward")
        }
    }
}

private enum GatewayAdmin {
    static func take(_ name: String, _ headers: HeaderBlock) -> String? {
        var copy = name
        let value = copy.withUTF8 { headers.first(named: ByteView($0))?.text }
        headers.remove(named: name)
        return value
    }
}
