// A call to a legacy server on behalf of a modern client. It runs in a task of its own, so that it can wait for input that
// the client sends with another request, through any loop.

import JSON

/// Confined to the loop that runs the call.
final class SuspendedCall: @unchecked Sendable {
    /// For the client to come back with its input.
    static let patience = Duration.seconds(300)

    let id = Seal.randomBytes(16)
    let runtime: MCPRuntime
    let link: SessionLink
    let target: Int
    let request: TargetRequest
    private let mailbox: Mailbox
    /// The server's request that the client is to answer.
    var question: RPCRequest?

    init(_ runtime: MCPRuntime, _ link: SessionLink, _ target: Int, _ request: TargetRequest) {
        self.runtime = runtime
        self.link = link
        self.target = target
        self.request = request
        mailbox = Mailbox(loop: runtime.loop)
        let mailbox = mailbox
        link.pooledStream?.begin(self)
        runtime.loop.spawn { [weak self] in
            do throws(TargetFailure) {
                let response = try await link.call(target, request, watchesClient: false) { message in
                    mailbox.post(.message(message, target: target))
                }
                mailbox.post(.message(.response(response), target: target))
            } catch {
                mailbox.post(.failed(error))
            }
            if let self { link.pooledStream?.end(self) }
        }
    }

    /// What the server asks on its own stream while this call is under way.
    func hear(_ message: RPCMessage) { mailbox.post(.message(message, target: target)) }

    /// What the server says next. From any loop.
    func next() async -> Mailbox.Event? {
        let mailbox = mailbox
        return await runtime.loop.perform { await mailbox.next() }
    }

    /// Sends a message to the server. From any loop.
    func send(_ message: [UInt8]) async {
        await runtime.loop.perform { await self.link.send(message, to: self.target) }
    }

    /// Waits in its loop's table for the client to come back.
    func suspend() async {
        await runtime.loop.perform {
            self.runtime.suspended[self.id] = self
            self.runtime.loop.spawn {
                await self.runtime.loop.sleep(for: SuspendedCall.patience)
                if self.runtime.suspended.removeValue(forKey: self.id) != nil { await self.giveUp() }
            }
        }
    }

    /// Takes a waiting call out of the table: once only.
    static func resume(_ id: [UInt8], _ runtime: MCPRuntime) async -> SuspendedCall? {
        await runtime.loop.perform { runtime.suspended.removeValue(forKey: id) }
    }

    /// Nobody waits for the answer any longer.
    func giveUp() async {
        await runtime.loop.perform {
            self.mailbox.close()
            self.link.cancel(self.request.id, reason: ClientPresence.reason)
        }
    }
}
