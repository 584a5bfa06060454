// Fuzzes what reads A2A from the network: JSON-RPC requests, paths, queries and bodies of HTTP+JSON, cards, push URLs. The
// first byte of the input chooses which; what is accepted must be the same when it is written and read again.

import JSON

@testable import Proxy

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
    switch data[0] % 4 {
    case 0: message(bytes)
    case 1: rest(bytes)
    case 2: card(bytes)
    default: pushTarget(bytes)
    }
    return 0
}

private let push = PushTargets((try? [PushTarget("https://hooks.example/agents")]) ?? [])

private func parse(_ bytes: [UInt8]) -> A2AMessage? {
    bytes.withUnsafeBufferPointer { bytes in
        var id: RPCID?
        return try? A2AMessage.parse(bytes, limit: 1 << 20, extensionMethods: ["x/y"], push: push, id: &id)
    }
}

private func same(_ a: A2ACall, _ b: A2ACall) -> Bool {
    a.method == b.method && a.taskID == b.taskID && a.contextID == b.contextID && a.skill == b.skill
}

private func message(_ bytes: [UInt8]) {
    guard let message = parse(bytes) else { return }
    guard let again = parse(message.encoded) else { fatalError("a request that cannot be read again") }
    precondition(again.id == message.id && again.method == message.method, "another request")
    precondition(same(again.call, message.call), "another call")
}

/// Path, query and body, one line each.
private func rest(_ bytes: [UInt8]) {
    let lines = bytes.split(separator: 0x0a, maxSplits: 2, omittingEmptySubsequences: false).map { Array($0) }
    guard lines.count == 3, let first = lines[0].first else { return }
    let methods: [HTTPMethod] = [.get, .post, .delete]
    let method = methods[Int(first) % 3]
    var path: [UInt8] = []
    let raw = Array(lines[0].dropFirst())
    let isCanonical = raw.withUnsafeBufferPointer { raw in
        (try? CanonicalPath.canonicalise(ByteView(raw), into: &path)).map { !$0 }
    }
    guard let isCanonical else { return }
    let place = (isCanonical ? raw : path).withUnsafeBufferPointer { path in
        try? A2APlace.parse(ByteView(path), method, stated: nil)
    }
    guard case .rest(let operation)? = place else { return }
    func call(_ body: [UInt8]) -> (call: A2ACall, body: [UInt8]?)? {
        body.withUnsafeBufferPointer { body in
            lines[1].withUnsafeBufferPointer { query in
                try? RESTBinding(place: operation).call(
                    body: body, query: ByteView(query), limit: 1 << 20, push: push)
            }
        }
    }
    guard let (judged, sent) = call(lines[2]) else { return }
    if let task = operation.taskID { precondition(judged.taskID == task, "another task than the path's") }
    guard let (again, _) = call(sent ?? []) else { fatalError("a request that cannot be read again") }
    precondition(same(judged, again), "another call")
}

private func card(_ bytes: [UInt8]) {
    let base = CardBase(
        origin: "https://gateway.example", client: "/a/.well-known/agent-card.json",
        agent: "/.well-known/agent-card.json", cut: 2, routePrefix: "/a")
    func rewrite(_ bytes: [UInt8]) -> AgentCard.Rewritten? {
        bytes.withUnsafeBufferPointer { try? AgentCard.rewrite($0, base: base, upstream: "http://agent:80") }
    }
    guard let card = rewrite(bytes) else { return }
    guard let again = rewrite(card.bytes) else { fatalError("a card that cannot be read again") }
    precondition(again.rewrittenURLs == 0 && again.droppedInterfaces == 0, "something was left")
}

private func pushTarget(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self), (try? push.check(text)) != nil else { return }
    precondition(text.lowercased().hasPrefix("https://hooks.example"), "another place: \(text)")
}
