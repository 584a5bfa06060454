// The attributes of a request as a decision record has them, bound for rules that are asked again. What the record cannot
// tell is unknown: a decision that depends on it is not made.
//
// A record has what the rules of its time read and the request had. So an attribute that those rules read and that the record
// lacks was absent; one that they did not read is unknown, and so is what records redact or cut.

import CEL
import JSON

/// What rules of one environment read, arranged by name: made once, used for every record.
struct RecordPlan {
    /// One name on the way to attributes.
    struct Name {
        let name: String
        /// As records write the path up to here.
        let text: String
        /// The rules read the value itself.
        var isRead = false
        /// Below it: names that the rules read.
        var inner: [Name] = []
        /// The rules ask whether something is below it: that it is absent and that what is above it is absent differ.
        var isProbed = false
        /// A part of a message that is there as a whole or not at all: presence is recorded, the rest of it is not.
        var isSubject: Bool { ["mcp.tool", "mcp.prompt", "mcp.resource", "mcp.client"].contains(text) }
        /// The request always has it.
        var isAlwaysThere: Bool { ["request.headers"].contains(text) }
    }

    /// Roots.
    private(set) var roots: [Name] = []

    init(_ programs: [Program]) {
        for program in programs {
            for path in program.checked.attributePaths {
                RecordPlan.insert([path.root] + path.names, at: 0, into: &roots, path.root)
            }
            for path in RecordPlan.probes(program.checked) {
                RecordPlan.probe([path.root] + path.names, at: 0, in: &roots)
            }
        }
    }

    private static func insert(_ names: [String], at depth: Int, into list: inout [Name], _ root: String) {
        let index: Int
        if let known = list.firstIndex(where: { $0.name == names[depth] }) {
            index = known
        } else {
            let path = AttributePath(root: root, names: Array(names[1..<max(1, depth + 1)]))
            list.append(Name(name: names[depth], text: path.description))
            index = list.count - 1
        }
        if depth + 1 == names.count {
            list[index].isRead = true
        } else {
            insert(names, at: depth + 1, into: &list[index].inner, root)
        }
    }

    private static func probe(_ names: [String], at depth: Int, in list: inout [Name]) {
        guard let index = list.firstIndex(where: { $0.name == names[depth] }) else { return }
        if depth + 1 == names.count {
            list[index].isProbed = true
        } else {
            probe(names, at: depth + 1, in: &list[index].inner)
        }
    }

    /// The operands of `has()`, `.?` and `[?]`.
    private static func probes(_ checked: CheckedExpression) -> [AttributePath] {
        var result: [AttributePath] = []
        for index in 0..<checked.ast.count {
            let operand: ExprID
            switch checked.ast[ExprID(index)] {
            case .select(let inner, _, let testOnly, let optional) where testOnly || optional: operand = inner
            case .call("_[?_]", nil, let arguments): operand = arguments[0]
            case .call("@in", nil, let arguments): operand = arguments[1]
            default: continue
            }
            if let path = checked.attributePath(of: operand) { result.append(path) }
        }
        return result
    }
}

/// Builds the roots' values for one record. Borrowed: the record's document must outlive the evaluation.
struct RecordedReads {
    let reads: JSONValue?
    /// Whether the rules that the record was made by read a path: then a lack of it is absence.
    let wasRead: (String) -> Bool
    /// What is unknown and was asked for, for people.
    private(set) var missing: [String] = []

    init(_ reads: JSONValue?, wasRead: @escaping (String) -> Bool) {
        self.reads = reads
        self.wasRead = wasRead
    }

    mutating func root(_ name: RecordPlan.Name, _ arena: Arena) -> Value {
        // Nothing of it is ever recorded, and nothing of it is configured.
        if name.name == "env" { return arena.map([] as [(key: Value, value: Value)]) }
        let value = self.value(name, ambient: nil, arena)
        guard value.tag == .absent else { return value }
        // A root is there without any of its members; `jwt` of a request without a token has no scopes.
        let members = name.name == "jwt" ? [(key: arena.string("scopes"), value: arena.list([] as [Value]))] : []
        return arena.map(members)
    }

    /// - Parameter ambient: the recorded value above, when that is known as a whole.
    private mutating func value(_ name: RecordPlan.Name, ambient: JSONValue?, _ arena: Arena) -> Value {
        if let ambient { return ambient[name.name].map { converted($0, name, arena) } ?? .absent }
        if let recorded = reads?[name.text] {
            return name.isSubject ? subject(recorded, name, arena) : converted(recorded, name, arena)
        }
        if wasRead(name.text), !isNeverRecorded(name.text) {
            // The rules of the time asked for it, and it was not there.
            return name.text == "jwt.scopes" ? arena.list([] as [Value]) : .absent
        }
        // What is below may be recorded, but not that it is all there is.
        if name.isRead { return unknown(name) }
        var members: [(key: Value, value: Value)] = []
        for inner in name.inner {
            let value = self.value(inner, ambient: nil, arena)
            if value.tag != .absent { members.append((arena.string(inner.name), value)) }
        }
        if members.isEmpty, !name.isAlwaysThere, name.text != name.name {
            // Absent altogether, or there without what was asked for: only a question about presence tells.
            return name.isProbed && !isWhole(name) ? unknown(name) : .absent
        }
        return arena.map(members)
    }

    /// What is below is always there when it is: no member, no subject.
    private func isWhole(_ name: RecordPlan.Name) -> Bool { name.isSubject }

    private mutating func unknown(_ name: RecordPlan.Name) -> Value {
        if !missing.contains(name.text) { missing.append(name.text) }
        return .unknown
    }

    private func isNeverRecorded(_ text: String) -> Bool {
        ["jwt.rawToken", "request", "source", "destination", "mcp", "llm", "a2a", "backend", "apiKey"].contains(text)
    }

    private mutating func converted(_ json: JSONValue, _ name: RecordPlan.Name, _ arena: Arena) -> Value {
        if json.kind == .string {
            let bytes = json.rawBytes
            if json.equals(Secret.placeholder) { return unknown(name) }
            // Cut, as the last character says; a value that ends with it by itself is shorter.
            if bytes.count > RuleInputs.maximumRenderedBytes, json.string?.hasSuffix("…") == true {
                return unknown(name)
            }
        }
        if name.text == "request.startTime", let milliseconds = json.int64 {
            let time = UnixTime(milliseconds: milliseconds)
            return .timestamp(
                seconds: time.seconds, nanoseconds: UInt32(milliseconds - time.seconds * 1000) * 1_000_000)
        }
        return ValueTree.value(json, in: arena)
    }

    /// A message has it; of its members those that are recorded one by one are known.
    private mutating func subject(_ json: JSONValue, _ name: RecordPlan.Name, _ arena: Arena) -> Value {
        var members: [(key: Value, value: Value)] = []
        var known: Set<String> = []
        for inner in name.inner {
            known.insert(inner.name)
            var value = self.value(inner, ambient: nil, arena)
            if value.tag == .unknown, let recorded = json[inner.name] { value = ValueTree.value(recorded, in: arena) }
            if value.tag != .absent { members.append((arena.string(inner.name), value)) }
        }
        for member in json.members {
            guard let text = member.name.string, !known.contains(text) else { continue }
            members.append((arena.string(text), ValueTree.value(member.value, in: arena)))
        }
        return arena.map(members)
    }
}
