// `tasks/list` (2025-11-25): the tasks of all servers, under ids that say whose each is. Nothing of it is kept, since tasks
// come and go.

import JSON

struct TaskList {
    let request: MCPClientRequest
    let link: SessionLink

    func serve(_ message: RPCRequest, _ params: ClientParams) async throws(RPCError) {
        try request.judge(
            MCPCall(method: message.method, session: link.token.idText, client: link.token.client))
        let start = try ListCursor.start(params, TaskList.cursor, request)
        let link = link
        let targets = link.liveTargets.filter { !link.isModern($0) }
        let lists = await FanOut.run(link.runtime.loop, targets) { target in
            await TaskList.fetch(link, target)
        }
        var tasks: [(target: Int, value: JSONValue)] = []
        for (target, list) in zip(targets, lists) {
            let name = link.backend.targets[target].name
            switch list {
            case .success(let values): tasks += values.map { (target, $0) }
            case .failure(.sessionLost): throw .unknownSession
            case .failure(let failure):
                guard link.backend.failsOpen else { throw .target(name, failure) }
                link.runtime.log(.warning, "mcp target '\(name)' is left out of tasks/list: \(failure.detail)")
            }
        }
        let page = tasks.dropFirst(start).prefix(MCPLimits.pageSize)
        let next =
            start + page.count < tasks.count ? ListCursor.next(start + page.count, TaskList.cursor, request) : nil
        let names = request.names
        await request.reply.finish(
            RPCWriter.result(message.id) { writer in
                writer.object { writer in
                    writer.name("tasks")
                    writer.array { writer in
                        for (target, task) in page { ResultRewriter(names: names, target: target).task(task, &writer) }
                    }
                    if let next {
                        writer.name("nextCursor")
                        writer.value(next)
                    }
                }
            })
    }

    private static let cursor = "tasks"

    private static func fetch(
        _ link: SessionLink, _ target: Int
    ) async -> Result<[JSONValue], TargetFailure> {
        do throws(TargetFailure) {
            return .success(try await ListFetch.pages(link, .tasksList, "tasks", target).items)
        } catch { return .failure(error) }
    }
}
