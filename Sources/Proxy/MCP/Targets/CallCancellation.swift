// How a request to a target over HTTP is given up while it is under way: by its client, or because the client has left.

/// Confined to its loop.
final class CallCancellation {
    private var socket: Socket?
    /// Why it was given up.
    private(set) var reason: String?
    var isCancelled: Bool { reason != nil }
    /// What is given up is the whole session.
    private(set) var endsSession = false

    /// The connection that the request has gone out on; nil when it waits for none. False when it has been given up.
    func attach(_ socket: Socket?) -> Bool {
        self.socket = socket
        return !isCancelled
    }

    func cancel(_ reason: String, endsSession: Bool = false) {
        guard !isCancelled else { return }
        self.endsSession = endsSession
        self.reason = reason
        socket?.cancelWaits()
    }
}

/// Names a call of a session.
struct CallKey: Hashable {
    var session: [UInt8]
    var target: String
    var id: RPCID
}
