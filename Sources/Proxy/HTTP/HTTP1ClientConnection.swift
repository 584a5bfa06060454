// A connection to an upstream, speaking HTTP/1.1: one request at a time, its reply read piece by piece.

final class HTTP1ClientConnection {
    let transport: Transport
    let input: HTTP1Input
    let out = IOBuffer(capacity: 2048)
    /// Requests served so far; above zero the connection may have gone stale while it waited.
    private(set) var uses = 0
    /// While it waits in the pool: when it is closed.
    var idleUntil = MonotonicTime.never
    private var limits = HeadLimits()

    init(transport: Transport) {
        self.transport = transport
        input = HTTP1Input(transport: transport)
        // Upstreams are chosen by the operator, but their replies are not: fields are bounded, more generously.
        limits.fields = 200
    }

    var socket: Socket { transport.socket }

    func beginRequest() {
        uses += 1
        out.clear()
    }

    /// Reads the head of the reply; interim replies included.
    /// - Returns: false when the upstream closed the connection before the first byte.
    func readHead(into head: ResponseHead, toHead: Bool) async throws(ExchangeError) -> Bool {
        try await input.waitForHead()
        guard let (bytes, length) = try await input.readHead(limit: limits.headBytes) else { return false }
        head.reset()
        do {
            try HeadParser.parse(bytes, length, into: head, toHead: toHead, limits: limits)
        } catch { throw .message(error) }
        if head.status < 200 {
            input.beginBody(.none)
        } else {
            input.beginBody(head.framing)
        }
        return true
    }

    func close() {
        input.release()
        transport.close()
    }
}
