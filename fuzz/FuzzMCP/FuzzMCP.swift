// Fuzzes what reads MCP from the network: JSON-RPC messages, event streams, mirrored headers, sealed strings, schemas.
// The first byte of the input chooses which; what is accepted must be the same when it is written and read again.

import JSON

@testable import Proxy

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
    switch data[0] % 6 {
    case 0: message(bytes)
    case 1: events(bytes)
    case 2: mirrored(bytes)
    case 3: token(bytes)
    case 4: schema(bytes)
    default: endpoint(bytes)
    }
    return 0
}

/// A message that was taken is written from its parts; read again it must have the same parts.
private func message(_ bytes: [UInt8]) {
    guard let message = try? RPCMessage.parse(bytes, limit: 1 << 20) else { return }
    switch message {
    case .request(let request):
        precondition(!request.method.hasPrefix("notifications/"), "a notification with an id")
        guard let params = try? ClientParams(request.params) else { return }
        let encoded = params.encoded()
        let written = RPCWriter.request(request.id, request.method, params: encoded.map { raw in { $0.raw(raw) } })
        guard case .request(let again)? = try? RPCMessage.parse(written, limit: 2 << 20) else {
            fatalError("a request that cannot be read again")
        }
        precondition(again.id == request.id && again.method == request.method, "another request")
        precondition(CanonicalJSON.bytes(again.params) == CanonicalJSON.bytes(request.params), "other params")
    case .notification(let notification):
        precondition(notification.method.hasPrefix("notifications/"), "a request without an id")
    case .response(let response):
        guard let id = response.id else { return }
        guard
            case .response(let again)? = try? RPCMessage.parse(RPCWriter.response(id, response.outcome), limit: 2 << 20)
        else { fatalError("a response that cannot be read again") }
        precondition(again.id == id, "another response")
    }
}

/// Events are the same however the stream is cut.
private func events(_ bytes: [UInt8]) {
    var whole = EventStreamDecoder(limit: 4096)
    var pieces = EventStreamDecoder(limit: 4096)
    let atOnce = bytes.withUnsafeBufferPointer { buffer in try? whole.feed(ByteView(buffer)) }
    var cut: [EventStreamDecoder.Event]? = []
    for byte in bytes {
        guard cut != nil else { break }
        let more = withUnsafePointer(to: byte) { pointer in
            try? pieces.feed(ByteView(UnsafeBufferPointer(start: pointer, count: 1)))
        }
        if let more { cut?.append(contentsOf: more) } else { cut = nil }
    }
    if let atOnce, let cut { precondition(atOnce == cut, "events depend on how the stream is cut") }
}

private func mirrored(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    guard let decoded = MirroredValue.decode(MirroredValue.encode(text)) else { fatalError("cannot be decoded") }
    precondition(decoded.utf8.elementsEqual(text.utf8), "a header says something else than its value")
    _ = MirroredValue.decode(text)
}

private func token(_ bytes: [UInt8]) {
    guard let token = SessionToken(bytes) else { return }
    guard let again = SessionToken(token.encoded) else { fatalError("a token that cannot be read again") }
    precondition(again.id == token.id && again.backend == token.backend && again.targets == token.targets)
}

/// Arguments and a schema, one after the other.
private func schema(_ bytes: [UInt8]) {
    guard let document = try? JSONDocument(parsing: bytes), document.root.count == 2 else { return }
    let parts = document.root.elements.map { $0 }
    guard parts.count == 2 else { return }
    try? ArgumentSchema.check(parts[0], against: parts[1])
    if let mirrored = MirroredArguments(schema: parts[1]) {
        let fields = mirrored.fields(parts[0])
        // What is sent on must pass the check that the next server makes.
        do throws(RPCError) {
            try mirrored.check(parts[0]) { name in fields.filter { $0.name == name }.map(\.value) }
        } catch { fatalError("fields that do not say what the arguments say") }
    }
    precondition(SchemaComparison.narrows(from: parts[1], to: parts[1]), "wider than itself")
    if SchemaComparison.isSame(parts[0], parts[1]) {
        precondition(SchemaComparison.narrows(from: parts[0], to: parts[1]), "the same, and wider")
    }
}

private func endpoint(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    guard let path = EventWire.path(text, scheme: "https", authority: "server.example:8443") else { return }
    precondition(path.hasPrefix("/") && !path.contains("\r") && !path.contains("\n") && !path.contains(" "))
    precondition(!path.hasPrefix("//"), "another server")
}
