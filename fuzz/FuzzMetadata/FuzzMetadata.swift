// Fuzzes what OAuth clients and authorization servers send to the metadata endpoints: the server's document, registrations,
// forms and queries, well-known paths. What goes on must be well-formed, and a configured secret goes to nobody but the
// server. The first byte chooses which.

import JSON

@testable import Auth

private let issuer = "https://auth.test/realm"
private let secret = "s3cr3t-of-the-configured-client"

private func resource(_ provider: AuthorizationProvider?, fixed: Bool) -> ProtectedResource {
    do {
        return try ProtectedResource(
            MCPAuthentication(
                issuer: issuer, audiences: ["https://mcp.test/mcp"], provider: provider,
                clientID: fixed ? "configured" : nil, clientSecret: fixed ? Secret(secret) : nil))
    } catch { fatalError("\(error)") }
}

private let resources: [ProtectedResource] =
    ([nil] + AuthorizationProvider.allCases).flatMap { [resource($0, fixed: false), resource($0, fixed: true)] }

private func proxy(_ resource: ProtectedResource, _ document: [UInt8]) -> AuthorizationServerProxy? {
    try? AuthorizationServerProxy(resource, response: KeySetResponse(status: 200, body: document))
}

private let ordinary = Array(
    """
    {"issuer":"\(issuer)","authorization_endpoint":"https://auth.test/authorize?x=1","token_endpoint":"https://auth.test/token",
    "registration_endpoint":"https://auth.test/register","jwks_uri":"https://auth.test/keys"}
    """.utf8)

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 2 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: data + 2, count: size - 2))
    let resource = resources[Int(data[1]) % resources.count]
    switch data[0] % 5 {
    case 0: document(bytes, resource)
    case 1: registration(bytes, resource)
    case 2: form(bytes, resource)
    case 3: query(bytes, resource)
    default: path(bytes)
    }
    return 0
}

private func check(_ reply: MetadataReply) {
    for (name, value) in reply.headers {
        precondition(value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in \(name)")
        precondition(!value.contains(secret), "a secret in \(name)")
    }
    guard !reply.body.isEmpty else { return }
    guard (try? JSONDocument(parsing: reply.body)) != nil else { fatalError("a reply that is not JSON") }
    precondition(!String(decoding: reply.body, as: UTF8.self).contains(secret), "a secret in a reply")
}

private func document(_ bytes: [UInt8], _ resource: ProtectedResource) {
    guard let metadata = try? AuthorizationServerMetadata(json: bytes, issuer: issuer) else { return }
    precondition(metadata.document["issuer"]?.string == issuer, "the metadata of another issuer")
    guard let proxy = proxy(resource, bytes) else { fatalError("metadata that is and is not") }
    let reply = proxy.document(for: Head(), path: "/mcp", base: "https://gateway.test")
    check(reply)
    guard let published = try? JSONDocument(parsing: reply.body).root, published["issuer"]?.string != nil else {
        fatalError("a document without issuer")
    }
}

private func registration(_ bytes: [UInt8], _ resource: ProtectedResource) {
    let result = bytes.withUnsafeBufferPointer { try? proxy(resource, ordinary)?.register(body: $0) }
    switch result {
    case .reply(let reply)?: check(reply)
    case .forward(let url, let body)?:
        precondition(url.host == "auth.test" && (try? JSONDocument(parsing: body)) != nil, "not JSON, or elsewhere")
    case nil: break
    }
}

private func form(_ bytes: [UInt8], _ resource: ProtectedResource) {
    guard let sent = bytes.withUnsafeBufferPointer({ try? proxy(resource, ordinary)?.token(form: $0) }) else { return }
    precondition(sent.url.host == "auth.test", "a token request to somewhere else")
    let names = sent.body.withBytes { body -> [String] in
        var names: [String] = []
        let run = body.bindMemory(to: UInt8.self)
        QueryParameters.forEach(in: run) { parameter in
            var name: [UInt8] = []
            QueryParameters.decode(parameter.name) { name.append($0) }
            names.append(String(decoding: name, as: UTF8.self))
        }
        return names
    }
    precondition(names.count { $0 == "client_secret" } <= (resource.addsClientSecret ? 1 : .max), "two secrets")
    if resource.rewritesResource { precondition(!names.contains("resource"), "a resource that should be gone") }
}

private func query(_ bytes: [UInt8], _ resource: ProtectedResource) {
    // As the parser of request lines lets it through.
    let query = bytes.filter { $0 > 0x20 && $0 < 0x7F }
    guard let reply = query.withUnsafeBufferPointer({ try? proxy(resource, ordinary)?.authorize(query: $0) }) else {
        return
    }
    check(reply)
    let location = reply.headers.first { $0.name == "location" }?.value ?? ""
    precondition(location.hasPrefix("https://auth.test/authorize?x=1&"), "a redirect to somewhere else")
}

private func path(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self), let endpoint = MetadataEndpoint(path: text) else {
        return
    }
    precondition(text.hasPrefix("/.well-known/") && endpoint.resourcePath.hasPrefix("/"), "no well-known path")
}

private struct Head: RequestAttributes {
    private static var nothing: ByteRun { ByteRun(start: nil, count: 0) }
    var method: ByteRun { Self.nothing }
    var path: ByteRun { Self.nothing }
    var query: ByteRun? { nil }
    var scheme: ByteRun { Self.nothing }
    var authority: ByteRun { Self.nothing }
    var protocolVersion: ByteRun { Self.nothing }
    var headerCount: Int { 0 }
    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? { nil }
    var sourceAddress: ByteRun { Self.nothing }
    var sourcePort: Int { 0 }
    var destinationAddress: ByteRun { Self.nothing }
    var destinationPort: Int { 0 }
    var tls: TLSAttributes? { nil }
}
