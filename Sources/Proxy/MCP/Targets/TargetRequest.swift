// One request on its way to a target, encoded anew from what was judged; and the bounds of talking to targets.

import JSON

struct TargetRequest: Sendable {
    /// As the client asked it. Targets over HTTP see it; children get ids of our own.
    var id: RPCID
    var method: String
    /// Encoded JSON, an object; nil without params.
    var params: [UInt8]?
    /// Of `params._meta.progressToken`.
    var progressToken: RPCID?
    /// Header fields that mirror it, for a server of the modern era.
    var mirrored: [(name: String, value: String)] = []
    /// May be sent again when the connection breaks before an answer.
    var isRepeatable: Bool

    init(
        id: RPCID, method: String, params: [UInt8]?, progressToken: RPCID? = nil,
        isRepeatable: Bool = false
    ) {
        self.id = id
        self.method = method
        self.params = params
        self.progressToken = progressToken
        self.isRepeatable = isRepeatable
    }

    func message(id: RPCID) -> [UInt8] {
        RPCWriter.request(id, method, params: params.map { params in { $0.raw(params) } })
    }

    /// With another progress token in place of the client's, when it sent one.
    func message(id: RPCID, progressToken token: RPCID) -> [UInt8] {
        guard progressToken != nil, let params, let document = try? JSONDocument(parsing: params) else {
            return message(id: id)
        }
        return RPCWriter.request(id, method) { writer in
            writer.object { writer in
                for (name, value) in document.root.members {
                    guard name.equals("_meta" as StaticString) else {
                        writer.member(name, value)
                        continue
                    }
                    writer.name("_meta")
                    writer.object { writer in
                        writer.copyMembers(of: value, except: ["progressToken"])
                        writer.name("progressToken")
                        token.write(&writer)
                    }
                }
            }
        }
    }
}

enum MCPLimits {
    /// Bytes of one message of a target: images and files travel base64-coded in results.
    static let targetMessage = 16 << 20
    /// For an answer, when the target's policies do not say. Tools may work for minutes.
    static let callTimeout = Duration.seconds(300)
    /// For a target over HTTP to take a message that has no answer.
    static let messageTimeout = Duration.seconds(30)
    /// For a target to start and say hello: `npx` may have to fetch its package first.
    static let handshakeTimeout = Duration.seconds(60)
    /// Pages of one list that are fetched from one target, and items in total: a server must not keep us busy for ever.
    static let listPages = 1000
    static let listItems = 10_000
    /// Items of one page that a client gets.
    static let pageSize = 1000
    /// Sessions with children, and children, of one loop.
    static let sessions = 1024
    static let children = 512
    /// Messages that wait for a client's stream to be opened.
    static let backlog = 64
    /// A session's absolute lifetime; its idle limit is configured.
    static let sessionSeconds: Int64 = 24 * 3600
    /// A client's stream says that it lives.
    static let keepAlive = Duration.seconds(25)
}
