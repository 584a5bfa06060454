// An agent's card on its way to a client: what it says about where the agent is becomes what the gateway is reached at. A
// client that followed the agent's own URLs would pass by every rule.

import Auth
import JSON

/// Where the gateway serves an agent, as clients write it.
struct CardBase: Hashable, Sendable {
    /// `https://gateway.example`
    private let origin: String
    /// The same, as URLs of a card are compared.
    fileprivate let comparableOrigin: String?
    /// What a client's path begins with, and what the agent's begins with in its place; without a slash at their end,
    /// both empty when paths go through unchanged.
    private let clientPrefix: String
    private let agentPrefix: String
    /// For what is not below `agentPrefix`: the agent's root for clients, without a slash at its end.
    private let root: String
    /// What every path of the route begins with.
    private let routePrefix: String

    /// - Parameters:
    ///   - client: the path that the client asked for.
    ///   - agent: the path that the agent is asked for.
    ///   - cut: segments at their end that are not of the agent's root.
    ///   - routePrefix: what the route takes; empty: everything, or one path.
    init(origin: String, client: String, agent: String, cut: Int, routePrefix: String = "") {
        self.origin = origin
        comparableOrigin = (try? FetchURL(origin)).map { AgentCard.origin($0) }
        var ours = client.split(separator: "/")
        var theirs = agent.split(separator: "/")
        root = ours.dropLast(cut).map { "/" + $0 }.joined()
        while let last = ours.last, last == theirs.last {
            ours.removeLast()
            theirs.removeLast()
        }
        clientPrefix = ours.map { "/" + $0 }.joined()
        agentPrefix = theirs.map { "/" + $0 }.joined()
        self.routePrefix = routePrefix.hasSuffix("/") ? String(routePrefix.dropLast()) : routePrefix
    }

    /// The URL at which clients reach the agent's `target` (path and query).
    func url(for target: String) -> String {
        let end = target.firstIndex(of: "?") ?? target.endIndex
        let query = target[end...]
        let rest = target[..<end].dropFirst(agentPrefix.count)
        let isBelow = target[..<end].hasPrefix(agentPrefix) && (rest.isEmpty || rest.hasPrefix("/"))
        let path = isBelow ? clientPrefix + rest : root + "/"
        // What is outside of the route would not come back to it.
        let isInside = routePrefix.isEmpty || path == routePrefix || path.hasPrefix(routePrefix + "/")
        return origin + (isInside ? path.isEmpty ? "/" : path : root + "/") + query
    }
}

struct AgentCard {
    enum Problem: Error, CustomStringConvertible {
        case notJSON(JSONError)
        case notACard(String)

        var description: String {
            switch self {
            case .notJSON(let error): "the agent's card is not JSON: \(error)"
            case .notACard(let reason): "the agent's card: \(reason)"
            }
        }
    }

    struct Rewritten {
        var bytes: [UInt8]
        var rewrittenURLs = 0
        var droppedInterfaces = 0
        var droppedSignatures = false

        /// For the log; nil when the card went through as it was.
        var note: String? {
            guard rewrittenURLs > 0 || droppedInterfaces > 0 || droppedSignatures else { return nil }
            var note = "agent card: \(rewrittenURLs) URLs rewritten"
            if droppedInterfaces > 0 {
                note += ", \(droppedInterfaces) interfaces removed that the gateway does not serve"
            }
            if droppedSignatures { note += ", signatures removed because they no longer match" }
            return note
        }
    }

    private let base: CardBase
    /// Where the agent is: those of its interfaces and of the upstream. Other URLs (its provider's, an issuer's) are left.
    private var origins: Set<String>
    private var result = Rewritten(bytes: [])

    /// - Parameters:
    ///   - text: the card, or with `isResult` a JSON-RPC response with a card as its result.
    ///   - upstream: the agent's origin as the gateway knows it.
    static func rewrite(
        _ text: UnsafeBufferPointer<UInt8>, base: CardBase, upstream: String, isResult: Bool = false
    ) throws(Problem) -> Rewritten {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: UnsafeRawBufferPointer(text))
        } catch { throw .notJSON(error) }
        let root = document.root
        guard root.kind == .object else { throw .notACard("is no JSON object") }
        guard isResult else { return try AgentCard(base: base, origins: [upstream]).rewritten(root) }
        guard let inner = root["result" as StaticString] else {
            // An error, which has no card.
            var writer = JSONWriter(capacity: text.count)
            writer.value(root)
            return Rewritten(bytes: writer.bytes)
        }
        guard inner.kind == .object else { throw .notACard("is no JSON object") }
        var rewritten = try AgentCard(base: base, origins: [upstream]).rewritten(inner)
        var writer = JSONWriter(capacity: text.count + 256)
        writer.object { writer in
            for (name, value) in root.members {
                if name.equals("result" as StaticString) {
                    writer.name("result")
                    writer.raw(rewritten.bytes)
                } else {
                    writer.member(name, value)
                }
            }
        }
        rewritten.bytes = writer.bytes
        return rewritten
    }

    private init(base: CardBase, origins: Set<String>) {
        self.base = base
        self.origins = origins
    }

    private func rewritten(_ card: JSONValue) throws(Problem) -> Rewritten {
        var pass = self
        let main = try pass.main(of: card)
        let hasSignatures = (AgentCard.member(card, "signatures")?.count ?? 0) > 0
        for keepsSignatures in [false, true] {
            var next = pass
            var writer = JSONWriter()
            next.write(card, main, keepsSignatures: keepsSignatures, &writer)
            next.result.bytes = writer.bytes
            let isUntouched = next.result.rewrittenURLs == 0 && next.result.droppedInterfaces == 0
            // A card in which nothing had to change still is what was signed.
            if keepsSignatures || !hasSignatures || !isUntouched {
                next.result.droppedSignatures = hasSignatures && !keepsSignatures
                return next.result
            }
        }
        return pass.result
    }

    // MARK: Interfaces

    private struct Interface {
        var url: FetchURL
        var transport: String?
    }

    private static func member(_ object: JSONValue, _ folded: String) -> JSONValue? {
        for (name, value) in object.members where A2AParams.folded(name.string ?? "") == folded { return value }
        return nil
    }

    private static func interface(_ object: JSONValue) -> Interface? {
        let transport = (member(object, "transport") ?? member(object, "protocolbinding"))?.string
        guard let url = member(object, "url")?.string else { return nil }
        return interface(url, transport)
    }

    private static func interface(_ url: String, _ transport: String?) -> Interface? {
        guard transport?.uppercased() != "GRPC", let url = try? FetchURL(url) else { return nil }
        return Interface(url: url, transport: transport)
    }

    fileprivate static func origin(_ url: FetchURL) -> String { "\(url.scheme)://\(url.host):\(url.port)" }

    /// Looks at where the card says that the agent is.
    /// - Returns: what the card's own `url` (0.3) is to name; nil when it has none.
    private mutating func main(of card: JSONValue) throws(Problem) -> Interface? {
        var seen: Set<String> = []
        for (name, _) in card.members {
            guard seen.insert(A2AParams.folded(name.string ?? "")).inserted else {
                throw .notACard("has '\((name.string ?? "").prefix(64))' twice, in two spellings")
            }
        }
        var found: [Interface] = []
        var dropped = 0
        for list in ["additionalinterfaces", "supportedinterfaces"] {
            guard let list = AgentCard.member(card, list) else { continue }
            for element in list.elements {
                if let interface = AgentCard.interface(element) { found.append(interface) } else { dropped += 1 }
            }
        }
        var main: Interface?
        if let url = AgentCard.member(card, "url")?.string, !url.isEmpty {
            let transport = AgentCard.member(card, "preferredtransport")?.string
            main = AgentCard.interface(url, transport)
            if main == nil {
                dropped += 1
                main = found.first
            }
            if let main { found.append(main) }
        }
        guard !found.isEmpty else { throw .notACard("names no interface that the gateway can serve") }
        for interface in found { origins.insert(AgentCard.origin(interface.url)) }
        result.droppedInterfaces = dropped
        return main
    }

    // MARK: Writing

    private mutating func write(
        _ card: JSONValue, _ main: Interface?, keepsSignatures: Bool, _ writer: inout JSONWriter
    ) {
        writer.beginObject()
        for (name, value) in card.members {
            switch A2AParams.folded(name.string ?? "") {
            case "signatures":
                if keepsSignatures { writer.member(name, value) }
            case "url":
                guard let main else { break }
                writer.name(name.string ?? "")
                writer.value(rewritten(main.url, "", written: value.string ?? ""))
            case "preferredtransport":
                writer.name(name.string ?? "")
                if let main { writer.value(main.transport ?? "JSONRPC") } else { writer.value(value) }
            case "additionalinterfaces", "supportedinterfaces":
                writer.name(name.string ?? "")
                writer.beginArray()
                for element in value.elements where AgentCard.interface(element) != nil { write(element, &writer) }
                writer.endArray()
            default:
                writer.name(name.string ?? "")
                write(value, &writer)
            }
        }
        writer.endObject()
    }

    /// Any value; URLs of the agent in it become the gateway's.
    private mutating func write(_ value: JSONValue, _ writer: inout JSONWriter) {
        switch value.kind {
        case .object:
            writer.beginObject()
            for (name, member) in value.members {
                writer.name(name.string ?? "")
                write(member, &writer)
            }
            writer.endObject()
        case .array:
            writer.beginArray()
            for element in value.elements { write(element, &writer) }
            writer.endArray()
        case .string:
            guard let text = value.string, text.contains("://") else { return writer.value(value) }
            let mark = text.firstIndex(of: "#") ?? text.endIndex
            guard let url = try? FetchURL(String(text[..<mark])), origins.contains(AgentCard.origin(url)) else {
                return writer.value(value)
            }
            writer.value(rewritten(url, String(text[mark...]), written: text))
        case .null, .bool, .number: writer.value(value)
        }
    }

    private mutating func rewritten(_ url: FetchURL, _ fragment: String, written: String) -> String {
        // An agent that was told what it is reached at says so already.
        if AgentCard.origin(url) == base.comparableOrigin { return written }
        let text = base.url(for: url.target) + fragment
        if text != written { result.rewrittenURLs += 1 }
        return text
    }
}
