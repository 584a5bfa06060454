// A call to a modern server on behalf of a legacy client: what the server wants to know comes as a result, is asked of the
// client as requests, and goes back with the call made again (2026-07-28, "Multi Round-Trip Requests").

import JSON

struct InputRounds {
    /// A server that asks more often than this for one call is not getting on.
    static let maximumRounds = 16
    static let maximumQuestions = 16

    let link: SessionLink
    let target: Int

    static func isInputRequired(_ response: RPCResponse) -> Bool {
        guard case .result(let result) = response.outcome else { return false }
        return result["resultType" as StaticString]?.equals("input_required" as StaticString) == true
    }

    /// Asks the client, and gives the call that is to be made next.
    /// - Parameter ask: sends a request to the client.
    func next(
        after response: RPCResponse, of request: TargetRequest, ask: (RPCMessage) async -> Void
    ) async throws(TargetFailure) -> TargetRequest {
        guard case .result(let result) = response.outcome else { return request }
        let questions = result["inputRequests" as StaticString]?.members.map { ($0.name, $0.value) } ?? []
        guard questions.count <= InputRounds.maximumQuestions else { throw .badAnswer("too many questions at once") }
        var answers = JSONWriter()
        answers.beginObject()
        for (key, question) in questions {
            guard let method = question["method" as StaticString]?.string,
                ServerRequest(rawValue: method)?.isInput == true
            else {
                throw .badAnswer("it asks for something that clients do not know")
            }
            let answer = try await self.answer(method, question["params" as StaticString], ask)
            guard case .result(let value) = answer.outcome else {
                throw .refusedInput("the client has not given what the server asks for")
            }
            answers.name(key.string ?? "")
            answers.value(value)
        }
        answers.endObject()
        return repeated(request, answers.bytes, result["requestState" as StaticString])
    }

    private func answer(
        _ method: String, _ params: JSONValue?, _ ask: (RPCMessage) async -> Void
    ) async throws(TargetFailure) -> RPCResponse {
        let runtime = link.runtime
        let id = "\(runtime.loop.index).\(Seal.randomBytes(16).hexadecimal)"
        let mailbox = Mailbox(loop: runtime.loop)
        runtime.inputs[id] = mailbox
        runtime.watch(mailbox, until: runtime.loop.now + link.backend.targets[target].callTimeout)
        let leaving = link.client?.onLeave { mailbox.close() }
        defer {
            link.client?.forget(leaving)
            runtime.unwatch(mailbox)
            mailbox.close()
            runtime.inputs[id] = nil
        }
        await ask(.request(RPCRequest(id: .text(id), method: method, params: params)))
        while let event = await mailbox.next() {
            switch event {
            case .message(.response(let response), _): return response
            case .failed(let failure): throw failure
            default: continue
            }
        }
        throw .cancelled
    }

    /// The same call with the answers, under an id of its own.
    private func repeated(_ request: TargetRequest, _ answers: [UInt8], _ state: JSONValue?) -> TargetRequest {
        var writer = JSONWriter()
        writer.object { writer in
            if let params = request.params.flatMap({ try? JSONDocument(parsing: $0).root }) {
                writer.copyMembers(of: params, except: ["inputResponses", "requestState"])
            }
            writer.name("inputResponses")
            writer.raw(answers)
            if let state {
                writer.name("requestState")
                writer.value(state)
            }
        }
        var next = request
        next.params = writer.bytes
        return next
    }
}

extension MCPService {
    /// Brings a client's answer to the call that waits for it, on whichever loop.
    func deliver(_ response: RPCResponse) {
        guard case .text(let id)? = response.id, let index = id.split(separator: ".").first.flatMap({ Int($0) }),
            let runtime = runtime(ofLoop: index)
        else { return }
        runtime.run { runtime.inputs[id]?.post(.message(.response(response), target: 0)) }
    }
}
