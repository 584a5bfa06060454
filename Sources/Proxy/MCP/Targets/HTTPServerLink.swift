// An MCP server over streamable HTTP: one POST for each message, its answer as JSON or as a stream of events; GET for
// the server's own stream, DELETE for the end of the session.

import Auth
import JSON

/// What a message is sent along with.
struct HTTPMessageContext {
    var session: String?
    /// nil before it has been negotiated.
    var version: MCPVersion?
    /// From the client's request: fields that may travel (`traceparent`, `accept-language`).
    var travelling = Travelling()
    var deadline: MonotonicTime
    /// Ends the wait.
    var cancellation: CallCancellation?
    var isRepeatable = false
    /// Modern era: mirrored fields.
    var mirrored: [(name: String, value: String)] = []
}

struct HTTPServerLink {
    let core: LoopCore
    let target: CompiledTarget
    let upstream: Upstream
    let path: String

    enum Verb { case get, post, delete }

    /// Sends one message, or opens a stream.
    func open(_ verb: Verb, _ message: [UInt8], _ context: HTTPMessageContext) async throws(TargetFailure) -> HTTPReply
    {
        let method: StaticString =
            switch verb {
            case .get: "GET"
            case .post: "POST"
            case .delete: "DELETE"
            }
        return try await exchange("\(method)", verb == .post ? message : nil, fields(verb, context), context)
    }

    /// Sends the request of a call to a service that does not speak MCP.
    func send(_ call: OpenAPIServer.Call, _ context: HTTPMessageContext) async throws(TargetFailure) -> HTTPReply {
        let headers = HeaderBlock()
        if call.body != nil { headers.append(.contentType, ByteView("application/json")) }
        headers.append(.accept, ByteView("application/json, text/*;q=0.5"))
        headers.append(.userAgent, ByteView("agentgw"))
        for (name, value) in context.travelling.fields + call.fields { headers.append(name, value) }
        show(headers, context)
        return try await exchange(call.method, call.body, headers, context)
    }

    private func exchange(
        _ method: String, _ message: [UInt8]?, _ headers: HeaderBlock, _ context: HTTPMessageContext
    ) async throws(TargetFailure) -> HTTPReply {
        let body = IOBuffer(capacity: max(1, message?.count ?? 0))
        if let message { body.append(message) }
        let name = IOBuffer(capacity: 16)
        name.append(method)
        let path = IOBuffer(capacity: 64)
        path.append(self.path)
        let authority = IOBuffer(capacity: 64)
        authority.append(upstream.authority)
        var fresh = false
        while true {
            let call: UpstreamCall
            do throws(UpstreamError) {
                call = try await UpstreamCall(core, upstream, fresh: fresh, deadline: context.deadline)
            } catch { throw HTTPServerLink.failure(error) }
            call.writeHead(
                method: name.view, target: path.view, authority: authority.view, headers: headers,
                framing: message.map { .length($0.count) } ?? .none)
            guard context.cancellation?.attach(call.connection.socket) ?? true else {
                call.abandon()
                throw .cancelled
            }
            let head = ResponseHead()
            do throws(UpstreamError) {
                try await call.send(message == nil ? .empty : body.view)
                try await call.readHead(into: head, toHead: false) { _ in }
            } catch {
                let goesOn = context.cancellation?.attach(nil) ?? true
                call.abandon()
                guard goesOn else { throw .cancelled }
                if case .broken = error, call.isReused, context.isRepeatable {
                    fresh = true
                    continue
                }
                throw HTTPServerLink.failure(error)
            }
            return HTTPReply(call: call, head: head, context.cancellation)
        }
    }

    private func fields(_ verb: Verb, _ context: HTTPMessageContext) -> HeaderBlock {
        let headers = HeaderBlock()
        switch verb {
        case .post:
            headers.append(.contentType, ByteView("application/json"))
            headers.append(.accept, ByteView("application/json, text/event-stream"))
        case .get: headers.append(.accept, ByteView("text/event-stream"))
        case .delete: break
        }
        headers.append(.userAgent, ByteView("agentgw"))
        if let session = context.session { headers.append(.mcpSessionID, session) }
        if let version = context.version { headers.append(.mcpProtocolVersion, version.rawValue) }
        for (name, value) in context.travelling.fields + context.mirrored { headers.append(name, value) }
        show(headers, context)
        return headers
    }

    /// What the target's policies add.
    private func show(_ headers: HeaderBlock, _ context: HTTPMessageContext) {
        target.policies.requestHeaders?.apply(to: headers)
        UpstreamCredentials.apply(
            target.policies.backendAuthentication, passing: context.travelling.credential, to: headers)
    }

    static func failure(_ error: UpstreamError) -> TargetFailure {
        switch error {
        case .timedOut, .connect(.timedOut): .timedOut
        case .connect, .broken: .unavailable(error.description)
        case .malformed, .rejected, .unusable: .badAnswer(error.description)
        case .client: .cancelled
        }
    }
}

/// A target's reply, read message by message.
final class HTTPReply: @unchecked Sendable {
    private let call: UpstreamCall
    let head: ResponseHead
    private let cancellation: CallCancellation?
    private var decoder = EventStreamDecoder(limit: MCPLimits.targetMessage)
    private var events: [EventStreamDecoder.Event] = []
    private var isDone = false

    fileprivate init(call: UpstreamCall, head: ResponseHead, _ cancellation: CallCancellation?) {
        self.call = call
        self.head = head
        self.cancellation = cancellation
    }

    var status: Int { head.status }
    /// The session that the server has opened.
    var session: String? { head.headers.first(.mcpSessionID)?.text }

    private var mediaType: ByteView {
        guard let value = head.headers.first(.contentType) else { return .empty }
        let end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
        return value.slice(0, end).trimmed
    }

    var isStream: Bool { mediaType.equalsIgnoringCase("text/event-stream") }
    var isJSON: Bool { mediaType.equalsIgnoringCase("application/json") }

    /// What an error status means; nil for success.
    func failure(hasSession: Bool) -> TargetFailure? {
        switch status {
        case 200...299: nil
        case 401, 403: .unauthorized(status)
        case 404 where hasSession: .sessionLost
        case 502, 503: .unavailable("status \(status)")
        case 504: .timedOut
        default: .badAnswer("status \(status)")
        }
    }

    /// The waits of a stream that has no end of its own have none either.
    func waitForever() {
        call.connection.socket.readDeadline = .never
    }

    /// Ends a `next` that waits.
    func cancel() { call.connection.socket.cancelWaits() }

    /// The next event of a stream; nil at its end.
    func nextEvent() async throws(TargetFailure) -> EventStreamDecoder.Event? {
        while events.isEmpty {
            guard !isDone else { return nil }
            try goOn()
            let piece: ByteView?
            do throws(ExchangeError) {
                piece = try await call.connection.input.nextBody()
            } catch {
                close()
                if cancellation?.isCancelled == true { throw .cancelled }
                throw HTTPServerLink.failure(call.classify(error))
            }
            guard let piece else {
                close(reusable: true)
                return nil
            }
            do { events = try decoder.feed(piece) } catch {
                close()
                throw .badAnswer("an event longer than \(MCPLimits.targetMessage) bytes")
            }
        }
        return events.removeFirst()
    }

    /// The next message; nil at the end of the reply.
    func next() async throws(TargetFailure) -> RPCMessage? {
        if isStream {
            while let event = try await nextEvent() {
                // A priming event (2025-11-25, resumption) has no data.
                guard event.name.isEmpty || event.name == "message", !event.data.isEmpty else { continue }
                return try parse(event.data)
            }
            return nil
        }
        guard !isDone else { return nil }
        let body = try await wholeBody()
        guard isJSON else { throw .badAnswer("status \(status) with content type '\(mediaType.text.prefix(64))'") }
        return try parse(body)
    }

    func wholeBody() async throws(TargetFailure) -> [UInt8] {
        var body: [UInt8] = []
        try goOn()
        do throws(ExchangeError) {
            while let piece = try await call.connection.input.nextBody() {
                guard body.count + piece.count <= MCPLimits.targetMessage else {
                    close()
                    throw .message(.bodyTooLarge)
                }
                body.append(contentsOf: piece.buffer)
            }
        } catch {
            close()
            if cancellation?.isCancelled == true { throw .cancelled }
            if error == .message(.bodyTooLarge) { throw .badAnswer("longer than \(MCPLimits.targetMessage) bytes") }
            throw HTTPServerLink.failure(call.classify(error))
        }
        close(reusable: true)
        return body
    }

    /// A wait that begins after the request was given up would not be ended by that.
    private func goOn() throws(TargetFailure) {
        guard cancellation?.isCancelled == true else { return }
        close()
        throw .cancelled
    }

    private func parse(_ bytes: [UInt8]) throws(TargetFailure) -> RPCMessage {
        do throws(RPCError) {
            return try RPCMessage.parse(bytes, limit: MCPLimits.targetMessage)
        } catch {
            close()
            throw .badAnswer(error.message)
        }
    }

    /// Reads no further. A reply that was read to its end leaves its connection to the pool.
    func close(reusable: Bool = false) {
        guard !isDone else { return }
        isDone = true
        _ = cancellation?.attach(nil)
        if reusable { call.finish(head) } else { call.abandon() }
    }
}
