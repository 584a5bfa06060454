// The admin port: the page's files, and the JSON interface behind it. Everything is checked by `AdminGuard` first; work
// that takes longer than a moment is done off the event loop.

import Auth
import JSON
import Proxy

final class AdminHandler: RequestHandler, @unchecked Sendable {
    /// A configuration file at most, with room for its JSON.
    private static let maximumBody = 8 << 20
    /// How often the feed of decisions is looked after.
    private static let feedInterval = Duration.milliseconds(300)

    private unowned let gateway: Gateway
    private let access: AdminGuard
    private let file: AdminFile
    let limits = ServerLimits()
    /// Requests for the page are answered to the last.
    var isDraining: Bool { false }

    init(gateway: Gateway, access: AdminGuard, file: AdminFile) {
        self.gateway = gateway
        self.access = access
        self.file = file
    }

    func handle(_ exchange: Exchange) async {
        let path = exchange.request.path.text
        let asset = AdminAsset(path: path)
        if let refusal = access.check(exchange, isPage: asset != nil || path == "/") {
            return await fail(exchange, refusal.status, refusal.message)
        }
        if let asset {
            guard exchange.request.method == .get || exchange.request.method == .head else {
                return await fail(exchange, 405, "only GET and HEAD")
            }
            return await Reply.send(
                exchange, status: 200, contentType: asset.contentType, body: asset.bytes, headers: AdminAsset.headers)
        }
        switch (exchange.request.methodName.text, path) {
        case ("GET", "/"):
            await Reply.send(exchange, status: 307, contentType: "text/plain", body: [], headers: [("location", "/ui")])
        case ("GET", "/config_dump"):
            await json(exchange, ConfigurationDump.render(gateway.activeConfiguration, status: gateway.status))
        case ("GET", "/api/overview"): await json(exchange, AdminOverview.render(gateway, file))
        case ("GET", "/api/metrics"):
            let text = await gateway.metricsText()
            await Reply.send(
                exchange, status: 200, contentType: "text/plain; charset=utf-8", body: Array(text.utf8),
                headers: Self.fields)
        case ("GET", "/api/decisions"): await recent(exchange)
        case ("GET", "/api/decisions/stream"): await feed(exchange)
        case ("GET", "/api/config"):
            let file = file
            await answer(exchange) { file.read() }
        case ("POST", "/api/config/validate"):
            let file = file
            await withBody(exchange) { body in file.validate(body["text"]?.string ?? "") }
        case ("PUT", "/api/config"):
            let file = file
            let tag = exchange.request.headers.first(named: ByteView("if-match"))?.text ?? ""
            await withBody(exchange) { body in file.save(body["text"]?.string ?? "", ifMatch: tag) }
        case ("POST", "/api/evaluate"):
            let file = file
            await withBody(exchange) { body in AdminWorkbench(file: file).evaluate(body) }
        case ("POST", "/api/explain"):
            let file = file
            await withBody(exchange) { body in AdminWorkbench(file: file).explain(body) }
        case ("POST", "/api/forward"): await forward(exchange)
        default: await fail(exchange, 404, "not found")
        }
    }

    // MARK: Replies

    static let fields = [("cache-control", "no-store"), ("x-content-type-options", "nosniff")]

    private func json(_ exchange: Exchange, _ body: String, status: Int = 200, headers: [(String, String)] = []) async {
        await Reply.send(
            exchange, status: status, contentType: "application/json", body: Array(body.utf8),
            headers: Self.fields + headers)
    }

    private func fail(_ exchange: Exchange, _ status: Int, _ message: String) async {
        await json(exchange, AdminResult.failure(status, message).body, status: status)
    }

    private func answer(_ exchange: Exchange, _ work: @escaping @Sendable () -> AdminResult) async {
        guard let result = await BlockingWork.shared.run(work) else {
            return await fail(exchange, 503, "too much is waiting")
        }
        await json(exchange, result.body, status: result.status, headers: result.headers)
    }

    private func withBody(
        _ exchange: Exchange, _ work: @escaping @Sendable (JSONValue) -> AdminResult
    ) async {
        let buffer = IOBuffer(capacity: 16 * 1024)
        do throws(ExchangeError) {
            try await exchange.collectBody(limit: Self.maximumBody, into: buffer)
        } catch { return await fail(exchange, 413, "the body is too large or broke off") }
        let bytes = buffer.view.bytes
        await answer(exchange) {
            do throws(JSONError) {
                return work(try JSONDocument(parsing: bytes).root)
            } catch { return .failure(400, "not JSON: \(error)") }
        }
    }

    // MARK: Decisions

    private func recent(_ exchange: Exchange) async {
        let start = Array(repeating: 0, count: gateway.loopCount)
        let (lines, _) = await gateway.decisions(since: start)
        var body = "["
        for (index, line) in lines.enumerated() {
            if index > 0 { body += ",\n" }
            body += String(decoding: line, as: UTF8.self)
        }
        await json(exchange, body + "]")
    }

    /// Server-sent events, a decision each, until the page leaves.
    private func feed(_ exchange: Exchange) async {
        let head = exchange.response
        head.reset()
        head.status = 200
        head.headers.append("content-type", "text/event-stream")
        for (name, value) in Self.fields { head.headers.append(name, value) }
        head.framing = .chunked
        var hasLeft = false
        exchange.onDeparture { hasLeft = true }
        defer { exchange.onDeparture(nil) }
        do throws(ExchangeError) {
            try await exchange.start(head)
            var (lines, positions) = await gateway.decisions(since: Array(repeating: 0, count: gateway.loopCount))
            var quiet = -1
            while !hasLeft {
                let out = IOBuffer(capacity: 4096)
                for line in lines {
                    out.append("data: ")
                    out.append(line)
                    out.append("\n\n")
                }
                quiet = lines.isEmpty ? quiet + 1 : 1
                // A comment at first and now and then, so that the head goes out and a page that left is noticed.
                if quiet % 50 == 0 { out.append(": \n\n") }
                if out.readableBytes > 0 {
                    try await exchange.write(out.view)
                    try await exchange.flush()
                }
                await exchange.loop.sleep(for: Self.feedInterval)
                (lines, positions) = await gateway.decisions(since: positions)
            }
            try await exchange.finish(trailers: nil)
        } catch { exchange.abort() }
    }

    // MARK: Requests to the gateway's own ports

    private func forward(_ exchange: Exchange) async {
        let query = AdminQuery(exchange.request.query?.text ?? "")
        guard let port = query["port"].flatMap({ UInt16($0) }), let target = query["target"], target.hasPrefix("/"),
            target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { return await fail(exchange, 400, "port and target are needed") }
        let host = query["host"] ?? "127.0.0.1:\(port)"
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return await fail(exchange, 400, "host is malformed")
        }
        let method = query["method"] ?? "POST"
        guard ["GET", "POST", "DELETE"].contains(method) else { return await fail(exchange, 400, "method") }
        await gateway.forward(exchange, toPort: port, target: target, authority: host, method: method)
    }
}

/// What a piece of work came to.
struct AdminResult: Sendable {
    var status = 200
    var body: String
    var headers: [(String, String)] = []

    static func failure(_ status: Int, _ message: String) -> AdminResult {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("error")
            writer.value(message)
        }
        return AdminResult(status: status, body: writer.text)
    }
}

/// `a=b&c=d`, percent-decoded.
struct AdminQuery {
    private var values: [String: String] = [:]

    init(_ text: String) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            values[Self.decode(parts[0])] = parts.count > 1 ? Self.decode(parts[1]) : ""
        }
    }

    subscript(name: String) -> String? { values[name] }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let high = ASCII.hexValue(rest[rest.startIndex]),
                let low = ASCII.hexValue(rest[rest.startIndex + 1])
            {
                bytes.append(UInt8(high << 4 | low))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
