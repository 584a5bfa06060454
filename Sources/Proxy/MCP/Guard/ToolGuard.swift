// Holds what targets list against the lock file: a tool that is no longer what was reviewed is hidden, reported or let
// through, by the class of its change.

import JSON

/// The tools that were reviewed, by target.
package struct ToolLock: Sendable {
    package var targets: [String: [ToolDefinition]]

    package init(targets: [String: [ToolDefinition]] = [:]) { self.targets = targets }
}

/// What is done about a change.
package enum ToolChangeAction: String, CaseIterable, Comparable, Sendable {
    case allow, alert, hide

    package static func < (a: ToolChangeAction, b: ToolChangeAction) -> Bool { a.rank < b.rank }

    private var rank: Int { ToolChangeAction.allCases.firstIndex(of: self) ?? 0 }
}

/// `mcpGuard`, as configured.
package struct MCPGuard: Sendable {
    /// The path of the lock file, as written.
    package var pin: String
    /// For classes that `changes` does not name.
    package var onChange: ToolChangeAction
    package var changes: [ToolChange: ToolChangeAction]
    /// nil: the file has not been read.
    package var lock: ToolLock?

    package init(
        pin: String, onChange: ToolChangeAction = .hide, changes: [ToolChange: ToolChangeAction] = [:],
        lock: ToolLock? = nil
    ) {
        self.pin = pin
        self.onChange = onChange
        self.changes = changes
        self.lock = lock
    }
}

/// What was found about one listed tool.
struct ToolVerdict: Sendable {
    var isPinned: Bool
    var action: ToolChangeAction
    var changes: Set<ToolChange>

    static let unguarded = ToolVerdict(isPinned: true, action: .allow, changes: [])
}

/// The difference between a lock and what a target offers, for people.
package struct ToolDifference: Sendable {
    package var target: String
    package var tool: String
    package var changes: [ToolChange]
    /// For a renamed tool.
    package var formerName: String?
}

struct ToolGuard: Sendable {
    private let locked: [String: [String: ToolDefinition]]
    private let onChange: ToolChangeAction
    private let actions: [ToolChange: ToolChangeAction]

    init(_ lock: ToolLock, _ guarding: MCPGuard) {
        locked = lock.targets.mapValues { tools in
            Dictionary(tools.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
        onChange = guarding.onChange
        actions = guarding.changes
    }

    private func action(_ change: ToolChange) -> ToolChangeAction { actions[change] ?? onChange }

    /// Judges all tools of a target; in their order.
    func judge(_ tools: [JSONValue], of target: String) -> [ToolVerdict] {
        let known = locked[target] ?? [:]
        let offered = Set(tools.compactMap { $0["name" as StaticString]?.string })
        // Only a locked tool that is gone can have been renamed.
        let gone = Set(known.values.filter { !offered.contains($0.name) }.map(\.nameless))
        return tools.map { tool in
            guard let definition = ToolDefinition(tool) else {
                return ToolVerdict(isPinned: false, action: .hide, changes: [.new])
            }
            let changes: Set<ToolChange>
            // By bytes: a name that merely looks the same is another one.
            if let locked = known[definition.name], locked.name.utf8.elementsEqual(definition.name.utf8) {
                changes = ToolChange.between(locked, definition)
            } else {
                changes = gone.contains(definition.nameless) ? [.renamed] : [.new]
            }
            return ToolVerdict(
                isPinned: changes.isEmpty, action: changes.map(action).max() ?? .allow, changes: changes)
        }
    }

    /// The locked tools that a target no longer offers, when that is to be reported.
    func missing(_ tools: [JSONValue], of target: String) -> [String] {
        guard action(.removed) != .allow else { return [] }
        let offered = Set(tools.compactMap { $0["name" as StaticString]?.string })
        return (locked[target] ?? [:]).keys.filter { !offered.contains($0) }.sorted()
    }
}

extension ToolLock {
    /// Everything that is different, in the order of names.
    package func differences(from tools: [ToolDefinition], of target: String) -> [ToolDifference] {
        let known = targets[target] ?? []
        var found: [ToolDifference] = []
        let offered = Set(tools.map(\.name))
        var gone = known.filter { !offered.contains($0.name) }
        for tool in tools {
            if let locked = known.first(where: { $0.name == tool.name }) {
                let changes = ToolChange.between(locked, tool)
                if !changes.isEmpty {
                    let order = ToolChange.allCases.filter(changes.contains)
                    found.append(ToolDifference(target: target, tool: tool.name, changes: order))
                }
            } else if let former = gone.firstIndex(where: { $0.nameless == tool.nameless }) {
                let name = gone.remove(at: former).name
                found.append(
                    ToolDifference(target: target, tool: tool.name, changes: [.renamed], formerName: name))
            } else {
                found.append(ToolDifference(target: target, tool: tool.name, changes: [.new]))
            }
        }
        for tool in gone { found.append(ToolDifference(target: target, tool: tool.name, changes: [.removed])) }
        return found.sorted { $0.tool < $1.tool }
    }
}
