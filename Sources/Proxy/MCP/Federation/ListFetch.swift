// One list of all targets: fetched page by page from all at the same time, put together in the targets' order, named for
// clients. Filtering is the caller's.

import JSON

struct ListedItem: Sendable {
    let target: Int
    /// As the target knows it.
    let name: String
    let exposed: String
    let value: JSONValue
    /// Whether the lock file has this very definition; nil without one.
    var isPinned: Bool?
}

/// What is known of a called tool, prompt or resource.
struct KnownItem: Sendable {
    let value: JSONValue
    let isPinned: Bool?
}

struct ListFetch {
    let link: SessionLink
    let names: ExposedNames

    /// - Throws: the first failure of a target, unless the backend fails open.
    func all(_ kind: ListKind) async throws(RPCError) -> [ListedItem] {
        try await some(kind, link.liveTargets)
    }

    func some(_ kind: ListKind, _ targets: [Int]) async throws(RPCError) -> [ListedItem] {
        let link = link
        let lists = await FanOut.run(link.runtime.loop, targets) { target in
            await ListFetch.list(link, kind, target)
        }
        var items: [ListedItem] = []
        var seen: Set<String> = []
        for (target, list) in zip(targets, lists) {
            switch list {
            case .success(let list):
                for (index, value) in list.values.enumerated() {
                    let verdict = list.verdict(index)
                    if verdict?.action == .hide { continue }
                    guard let name = value[kind.key]?.string else { continue }
                    let exposed =
                        kind == .tools || kind == .prompts ? names.name(name, of: target) : names.uri(name, of: target)
                    guard seen.insert(exposed).inserted else {
                        link.runtime.log(
                            .warning,
                            "mcp: a second \(kind.rawValue) item '\(exposed)', of target "
                                + "'\(link.backend.targets[target].name)', is hidden")
                        continue
                    }
                    items.append(
                        ListedItem(
                            target: target, name: name, exposed: exposed, value: value, isPinned: verdict?.isPinned))
                }
            case .failure(let failure):
                let name = link.backend.targets[target].name
                if case .sessionLost = failure { throw .unknownSession }
                guard link.backend.failsOpen else { throw .target(name, failure) }
                link.runtime.log(
                    .warning, "mcp target '\(name)' is left out of \(kind.method.rawValue): \(failure.detail)")
            }
        }
        return items
    }

    /// What the target says about the tool, prompt or resource that a call names: from its latest list. nil for what is
    /// not there, and for what the lock file hides.
    func definition(_ kind: ListKind, _ name: String, _ target: Int) async throws(RPCError) -> KnownItem? {
        guard let found = try await item(kind, name, target), found.verdict?.action != .hide else { return nil }
        return KnownItem(value: found.value, isPinned: found.verdict?.isPinned)
    }

    /// All tools of a target, whatever the lock file says.
    func offered(_ target: Int) async throws(RPCError) -> [JSONValue] {
        switch await ListFetch.fetch(link, .tools, target) {
        case .success(let list): return list.values
        case .failure(let failure): throw .target(link.backend.targets[target].name, failure)
        }
    }

    private func item(
        _ kind: ListKind, _ name: String, _ target: Int
    ) async throws(RPCError) -> (value: JSONValue, verdict: ToolVerdict?)? {
        let now = link.runtime.loop.now
        if let known = link.runtime.lists[ListFetch.key(link, kind, target)] {
            let item = known.item(name)
            let age = now.since(known.fetchedAt)
            let life = item == nil ? ListCache.absenceLife : ListCache.definitionLife
            if known.freshUntil > now || age < life { return item }
        }
        switch await ListFetch.fetch(link, kind, target) {
        case .success(let list): return list.item(name)
        case .failure(.sessionLost): throw .unknownSession
        case .failure(let failure): throw .target(link.backend.targets[target].name, failure)
        }
    }

    private static func key(_ link: SessionLink, _ kind: ListKind, _ target: Int) -> ListCache.Key {
        ListCache.Key(session: link.token.id, target: link.backend.targets[target].name, kind: kind)
    }

    /// From the cache when the target's own words allow it, else asked for.
    private static func list(
        _ link: SessionLink, _ kind: ListKind, _ target: Int
    ) async -> Result<TargetList, TargetFailure> {
        if let known = link.runtime.lists[key(link, kind, target)], known.freshUntil > link.runtime.loop.now {
            return .success(known)
        }
        let list = await fetch(link, kind, target)
        // What a client has been shown now must hold for its next call, whichever loop that comes to.
        link.runtime.othersForget(key(link, kind, target))
        return list
    }

    private static func fetch(
        _ link: SessionLink, _ kind: ListKind, _ target: Int
    ) async -> Result<TargetList, TargetFailure> {
        let runtime = link.runtime
        let epoch = runtime.lists.epoch
        let asked = runtime.loop.now
        do throws(TargetFailure) {
            let (values, life) = try await pages(link, kind.method, kind.member, target)
            var freshUntil = asked + (life ?? .zero)
            // Whatever a child says is heard; it tells of changes when it has promised to.
            if life == nil, link.backend.targets[target].isHomed,
                link.token.state(of: link.backend.targets[target].name)?.announces.contains(kind) == true
            {
                freshUntil = asked + ListCache.longestLife
            }
            let name = link.backend.targets[target].name
            var verdicts: [ToolVerdict] = []
            if kind == .tools, let toolGuard = link.backend.toolGuard {
                verdicts = toolGuard.judge(values, of: name)
                let missing = toolGuard.missing(values, of: name)
                runtime.report(values, verdicts, missing: missing, of: name, in: link.backend.label)
            }
            let list = TargetList(values, kind, verdicts: verdicts, fetchedAt: asked, freshUntil: freshUntil)
            runtime.lists.keep(list, for: key(link, kind, target), askedIn: epoch)
            return .success(list)
        } catch { return .failure(error) }
    }

    /// All pages of one list of one target.
    /// - Parameter member: of the result, the list.
    static func pages(
        _ link: SessionLink, _ method: MCPMethod, _ member: String, _ target: Int
    ) async throws(TargetFailure) -> (items: [JSONValue], life: Duration?) {
        var items: [JSONValue] = []
        var cursor: String?
        // The shortest of the pages' lives.
        var life: Duration?
        for _ in 0..<MCPLimits.listPages {
            var writer = JSONWriter()
            writer.object { writer in
                guard let cursor else { return }
                writer.name("cursor")
                writer.value(cursor)
            }
            let request = TargetRequest(id: .own(), method: method.rawValue, params: writer.bytes, isRepeatable: true)
            let response = try await link.call(target, request)
            switch response.outcome {
            case .error(let error):
                // A server without such things need not know the method.
                if error["code" as StaticString]?.int64 == -32601 { return ([], life: nil) }
                throw .badAnswer("error \(error["code" as StaticString]?.int64 ?? 0) to \(method.rawValue)")
            case .result(let result):
                guard let list = result[member], list.kind == .array else {
                    throw .badAnswer("no '\(member)' in its answer to \(method.rawValue)")
                }
                items.append(contentsOf: list.elements.filter { $0.kind == .object })
                guard items.count <= MCPLimits.listItems else {
                    throw .badAnswer("more than \(MCPLimits.listItems) \(member)")
                }
                if let milliseconds = result["ttlMs" as StaticString]?.int64 {
                    let stated = min(Duration.milliseconds(max(0, milliseconds)), ListCache.longestLife)
                    life = min(life ?? stated, stated)
                }
                guard let next = result["nextCursor" as StaticString]?.string else { return (items, life: life) }
                guard next != cursor else { throw .badAnswer("the same page of \(member) again and again") }
                cursor = next
            }
        }
        throw .badAnswer("more than \(MCPLimits.listPages) pages of \(member)")
    }
}
