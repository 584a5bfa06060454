// The wire to a server of the older HTTP+SSE transport (2024-11-05): what it says comes on one stream, what it is told goes
// to the endpoint that the stream has named first.

import JSON

final class EventWire: ServerWire, @unchecked Sendable {
    private let link: HTTPServerLink
    private let stream: HTTPReply
    private let endpoint: String
    private let travelling: Travelling
    private let runtime: MCPRuntime

    /// Opens the stream and waits for the endpoint.
    static func open(
        _ link: HTTPServerLink, _ runtime: MCPRuntime, _ travelling: Travelling
    ) async throws(TargetFailure) -> EventWire {
        let context = HTTPMessageContext(
            travelling: travelling, deadline: runtime.loop.now + MCPLimits.handshakeTimeout)
        let stream = try await link.open(.get, [], context)
        if let failure = stream.failure(hasSession: false) {
            stream.close()
            throw failure
        }
        guard stream.isStream else {
            stream.close()
            throw .badAnswer("no event stream")
        }
        while let event = try await stream.nextEvent() {
            guard event.name == "endpoint" else { continue }
            guard let path = path(String(decoding: event.data, as: UTF8.self), of: link) else {
                stream.close()
                throw .badAnswer("an endpoint that is not its own")
            }
            stream.waitForever()
            return EventWire(link, stream, path, travelling, runtime)
        }
        throw .badAnswer("a stream without an endpoint")
    }

    private init(
        _ link: HTTPServerLink, _ stream: HTTPReply, _ endpoint: String, _ travelling: Travelling, _ runtime: MCPRuntime
    ) {
        self.link = HTTPServerLink(core: link.core, target: link.target, upstream: link.upstream, path: endpoint)
        self.stream = stream
        self.endpoint = endpoint
        self.travelling = travelling
        self.runtime = runtime
    }

    /// Path and query of an endpoint. nil for one on another server: credentials and messages stay where they were
    /// configured to go.
    static func path(_ endpoint: String, of link: HTTPServerLink) -> String? {
        path(endpoint, scheme: link.upstream.key.tls == nil ? "http" : "https", authority: link.upstream.authority)
    }

    static func path(_ endpoint: String, scheme: String, authority: String) -> String? {
        guard !endpoint.isEmpty, endpoint.utf8.count <= 4096, endpoint.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
            !endpoint.contains("#"), !endpoint.contains("\\")
        else { return nil }
        let origin = "\(scheme)://\(authority)"
        let isWhole = endpoint.lowercased().hasPrefix(origin.lowercased() + "/")
        let path = isWhole ? String(endpoint.dropFirst(origin.count)) : endpoint
        // Whoever reads a path that begins with two slashes as a reference finds a host in it.
        return path.hasPrefix("/") && !path.hasPrefix("//") ? path : nil
    }

    var description: String { "stream" }

    func write(_ message: [UInt8]) async throws(TargetFailure) {
        let reply = try await link.open(
            .post, message,
            HTTPMessageContext(travelling: travelling, deadline: runtime.loop.now + .seconds(30)))
        defer { reply.close() }
        if let failure = reply.failure(hasSession: false) { throw failure }
        _ = try await reply.wholeBody()
    }

    func read(_ take: ([UInt8]) -> Void) async -> String {
        do throws(TargetFailure) {
            while let event = try await stream.nextEvent() {
                if event.name.isEmpty || event.name == "message", !event.data.isEmpty { take(event.data) }
            }
            return "its stream has ended"
        } catch { return error.detail }
    }

    func close() async { stream.cancel() }
}
