// A request that came from a file and not from a socket: the same bytes, taken apart by the same parser.
// Invariant: `bytes` is owned and never changes after `init`; every view of the head points into it.

import Auth
import JSON

/// What a connection would have told.
package struct TrialConnection: Hashable, Sendable {
    /// Address literals without port.
    package var source: String
    package var sourcePort: Int
    package var destination: String
    package var isSecure: Bool
    /// A verified client certificate; needs `isSecure`.
    package var certificate: ClientCertificate?

    package init(
        source: String = "192.0.2.1", sourcePort: Int = 40_000, destination: String = "192.0.2.254",
        isSecure: Bool = false, certificate: ClientCertificate? = nil
    ) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.isSecure = isSecure
        self.certificate = certificate
    }
}

package final class TrialRequest: RequestAttributes {
    let head: RequestHead
    /// Where it arrived.
    package let port: UInt16
    package let isSecure: Bool
    package let tls: TLSAttributes?
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private let addresses: UnsafeMutableBufferPointer<UInt8>
    private let sourceLength: Int
    package let sourcePort: Int

    /// - Parameter text: a head with its empty line; what follows is the body, which nothing here looks at.
    /// - Throws: what the gateway would refuse such a head for.
    package init(_ text: [UInt8], port: UInt16, connection: TrialConnection) throws(ProtocolError) {
        self.port = port
        isSecure = connection.isSecure
        tls =
            connection.isSecure
            ? TLSAttributes(version: "TLSv1.3", clientCertificate: connection.certificate) : nil
        sourcePort = connection.sourcePort
        sourceLength = connection.source.utf8.count
        bytes = .allocate(capacity: text.count)
        _ = bytes.initialize(from: text)
        let both = Array(connection.source.utf8) + Array(connection.destination.utf8)
        addresses = .allocate(capacity: both.count)
        _ = addresses.initialize(from: both)
        head = RequestHead()
        var scanner = HeadScanner()
        guard let base = bytes.baseAddress, let length = try scanner.end(of: base, text.count) else {
            throw .truncatedHead
        }
        guard length <= HeadLimits().headBytes else { throw .headTooLarge }
        try HeadParser.parse(base, length, into: head, limits: HeadLimits())
    }

    deinit {
        bytes.deallocate()
        addresses.deallocate()
    }

    package var method: ByteRun { head.methodName.buffer }
    package var path: ByteRun { head.path.buffer }
    package var query: ByteRun? { head.query?.buffer }
    package var scheme: ByteRun { (isSecure ? ByteView("https") : ByteView("http")).buffer }
    package var authority: ByteRun { head.authority.buffer }
    package var protocolVersion: ByteRun { ByteView(head.version == .http10 ? "HTTP/1.0" : "HTTP/1.1").buffer }

    package var headerCount: Int { head.headers.count }

    package func header(at index: Int) -> (name: ByteRun, value: ByteRun)? {
        guard head.headers.isPresent(index) else { return nil }
        return (head.headers.name(index).buffer, head.headers.value(index).buffer)
    }

    package var sourceAddress: ByteRun { ByteRun(rebasing: addresses[..<sourceLength]) }
    package var destinationAddress: ByteRun { ByteRun(rebasing: addresses[sourceLength...]) }
    package var destinationPort: Int { Int(port) }
}

/// What the body of an AI request says, as far as rules read it.
package struct TrialModelRequest: Sendable {
    /// nil: none is named.
    package var model: String?
    package var isStreaming: Bool
    /// An object: the body.
    package var params: JSONValue?

    package init(model: String? = nil, isStreaming: Bool = false, params: JSONValue? = nil) {
        self.model = model
        self.isStreaming = isStreaming
        self.params = params
    }

    func attributes(at provider: CompiledProvider) -> LLMAttributes {
        let configuration = provider.configuration
        let alias = model.flatMap { name in configuration.modelAliases.lazy.compactMap { $0.resolve(name) }.first }
        return LLMAttributes(
            provider: configuration.provider.kind.name, requestModel: model,
            model: alias ?? model ?? configuration.provider.model, streaming: isStreaming, params: params)
    }
}
