// Sends the spans of one loop to the collector, in batches, behind the requests: a request only puts its span into a
// bounded queue, and a collector that is slow or away costs spans, never requests. Confined to its loop.

final class TraceExporter: @unchecked Sendable {
    /// Spans that wait. A collector that is away for a few seconds of a busy gateway loses the rest.
    static let maximumQueue = 2048
    private static let maximumBatch = 512
    private static let interval = Duration.seconds(1)
    private static let timeout = Duration.seconds(10)

    private let core: LoopCore
    private let log: ProcessLog
    private var queue: [[UInt8]] = []
    private var destination: (upstream: Upstream, path: String)?
    private var isRunning = false
    private var lastFailure = ""
    private(set) var exported: UInt64 = 0
    private(set) var dropped: UInt64 = 0

    init(_ core: LoopCore, _ log: ProcessLog) {
        self.core = core
        self.log = log
    }

    func add(_ span: [UInt8], to upstream: Upstream, path: String) {
        destination = (upstream, path)
        guard queue.count < TraceExporter.maximumQueue else {
            dropped += 1
            return
        }
        queue.append(span)
        guard !isRunning else { return }
        isRunning = true
        core.loop.spawn { await self.run() }
    }

    /// Ends when nothing has come for a while.
    private func run() async {
        while !queue.isEmpty {
            if queue.count < TraceExporter.maximumBatch { await core.loop.sleep(for: TraceExporter.interval) }
            await flush()
        }
        isRunning = false
    }

    /// Sends one batch; one that cannot be delivered is lost.
    private func flush() async {
        guard let destination, !queue.isEmpty else { return }
        let batch = Array(queue.prefix(TraceExporter.maximumBatch))
        queue.removeFirst(batch.count)
        do throws(UpstreamError) {
            let status = try await send(OTLPSpan.request(batch), destination)
            guard (200..<300).contains(status) else { return lost(batch.count, "the collector answered \(status)") }
            exported += UInt64(batch.count)
            lastFailure = ""
        } catch { lost(batch.count, "\(error)") }
    }

    private func lost(_ count: Int, _ reason: String) {
        dropped += UInt64(count)
        // Said once for as long as it stays the same.
        if lastFailure != reason { log.warn("traces: \(count) spans were not delivered: \(reason)") }
        lastFailure = reason
    }

    private func send(
        _ body: [UInt8], _ destination: (upstream: Upstream, path: String)
    ) async throws(UpstreamError) -> Int {
        let call = try await UpstreamCall(
            core, destination.upstream, fresh: true, deadline: .now + TraceExporter.timeout)
        let text = IOBuffer(capacity: body.count + 256)
        text.append("POST")
        text.append(destination.path)
        let pathEnd = text.writer
        text.append(destination.upstream.authorityBytes)
        let authorityEnd = text.writer
        text.append(body)
        let headers = HeaderBlock()
        headers.append("content-type", "application/x-protobuf")
        let view = text.view
        call.writeHead(
            method: view.slice(0, 4), target: view.slice(4, pathEnd), authority: view.slice(pathEnd, authorityEnd),
            headers: headers, framing: .length(body.count))
        let head = ResponseHead()
        do throws(UpstreamError) {
            try await call.send(view.slice(authorityEnd, view.count))
            try await call.readHead(into: head, toHead: false) { _ throws(ExchangeError) in }
            do throws(ExchangeError) {
                while try await call.connection.input.nextBody() != nil {}
            } catch { throw call.classify(error) }
        } catch {
            call.abandon()
            throw error
        }
        // One connection a batch: a batch is not repeatable, and a kept connection may be gone by the next.
        call.abandon()
        return head.status
    }
}
