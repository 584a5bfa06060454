// Looks for a request that a policy and a mutant of it decide differently: near the requests of the tests, with values that
// occur in the rules.

import Auth
import CEL
import Proxy

struct WitnessSearch {
    /// Requests tried for one mutant. A search that takes longer than writing the test is no help.
    static let maximumAttempts = 1500
    private static let maximumBases = 8
    private static let maximumValues = 48

    private let policy: LoadedPolicy
    private let observed: [(bench: PolicyRun.Bench, observed: ObservedCase)]

    init(_ policy: LoadedPolicy, _ observed: [(PolicyRun.Bench, ObservedCase)]) {
        self.policy = policy
        self.observed = observed
    }

    /// One changed attribute; nil takes it away.
    struct Edit {
        var path: AttributePath
        var value: MetadataValue?
    }

    func witness(for mutant: Mutant, _ changed: PolicyBench) -> MutationReport.Witness? {
        let bases = bases(for: mutant)
        guard let bench = bases.first?.bench else { return nil }
        let values = values(for: mutant)
        let singles = paths(mutant).flatMap { path in
            Self.plausible(values, for: path).map { Edit(path: path, value: $0) }
        }
        // Near the shortest cases first: what is found there is the easiest to read.
        let cases = bases.map(\.observed.judged.testCase)
        let starts = cases.prefix(Self.seededBases) + seeds(for: mutant, cases) + cases.dropFirst(Self.seededBases)
        var attempts = 0
        var fallback: MutationReport.Witness?
        func attempt(_ testCase: TestCase) -> MutationReport.Witness? {
            attempts += 1
            guard let before = try? CaseRunner(bench.table, bench.bench).judged(testCase),
                let after = try? CaseRunner(bench.table, changed).judged(testCase),
                let difference = Self.difference(before, after)
            else { return nil }
            let witness = MutationReport.Witness(
                yaml: CaseText.yaml(before, name: "notices: \(mutant.kind) in \(mutant.rule.id)"),
                difference: difference)
            if before.outcome.verdict != after.outcome.verdict || Self.shown(before) != Self.shown(after) {
                return witness
            }
            if fallback == nil { fallback = witness }
            return nil
        }
        // As they are, with one change, with two.
        for start in starts { if let found = attempt(start) { return found } }
        for start in starts {
            for edit in singles {
                guard attempts < Self.maximumAttempts else { return fallback }
                guard let changed = Self.apply(edit, to: start, policy) else { continue }
                if let found = attempt(changed) { return found }
            }
        }
        guard let start = starts.first else { return fallback }
        for first in singles {
            guard let once = Self.apply(first, to: start, policy) else { continue }
            for second in singles where second.path != first.path {
                guard attempts < Self.maximumAttempts else { return fallback }
                guard let twice = Self.apply(second, to: once, policy) else { continue }
                if let found = attempt(twice) { return found }
            }
        }
        return fallback
    }

    /// The shortest cases that the mutant's rule set was asked about.
    private func bases(for mutant: Mutant) -> [(bench: PolicyRun.Bench, observed: ObservedCase)] {
        let asked = observed.filter { item in
            let testCase = item.observed.judged.testCase
            guard case .fields = testCase.request, testCase.token == nil else { return false }
            return item.observed.asks.contains { $0.sets.contains { $0.set == mutant.set } }
        }
        return Array(
            asked.sorted { CaseText.size($0.observed.judged.testCase) < CaseText.size($1.observed.judged.testCase) }
                .prefix(Self.maximumBases))
    }

    // MARK: What to change

    /// What the rule reads, then what those beside it read: they may have to let the request through.
    private func paths(_ mutant: Mutant) -> [AttributePath] {
        var paths = mutant.rule.program.checked.attributePaths
        let programs = [mutant.program].compactMap { $0 } + policy.ruleSets[mutant.set].rules.map(\.program)
        for path in programs.flatMap(\.checked.attributePaths) where !paths.contains(path) { paths.append(path) }
        return paths
    }

    /// The shortest cases with all that makes the rule, or the mutant, true.
    private func seeds(for mutant: Mutant, _ bases: [TestCase]) -> [TestCase] {
        let programs = [mutant.rule.program] + [mutant.program].compactMap { $0 }
        return programs.flatMap { program in
            let edits = SatisfyingEdits.of(program)
            return bases.prefix(Self.seededBases).map { base in
                edits.reduce(base) { Self.apply($1, to: $0, policy) ?? $0 }
            }
        }
    }

    private static let seededBases = 2

    /// The literals of the rule sets around, and their neighbours.
    private func values(for mutant: Mutant) -> [MetadataValue] {
        var values: [MetadataValue] = []
        func add(_ value: MetadataValue) { if !values.contains(value) { values.append(value) } }
        let programs =
            [mutant.program, mutant.rule.program].compactMap { $0 }
            + policy.ruleSets[mutant.set].rules.map(\.program)
        for program in programs {
            let ast = program.checked.ast
            for index in 0..<ast.count {
                guard case .literal(let literal) = ast[ExprID(index)] else { continue }
                switch literal {
                case .string(let text):
                    for near in [text, text + "x", "x" + text, String(text.dropLast())] { add(.string(near)) }
                    // Paths begin with a slash, or the request is none.
                    if text.hasPrefix("/") { add(.string("/x" + text)) }
                case .int(let value):
                    for near in [value, value &+ 1, value &- 1] { add(.int(near)) }
                case .uint(let value): if let int = Int64(exactly: value) { add(.int(int)) }
                case .double(let value): add(.double(value))
                case .bool(let value): add(.bool(value))
                case .null, .bytes: break
                }
            }
        }
        add(.bool(true))
        add(.bool(false))
        return Array(values.prefix(Self.maximumValues))
    }

    private static func plausible(_ values: [MetadataValue], for path: AttributePath) -> [MetadataValue?] {
        let texts = values.filter { if case .string = $0 { true } else { false } }
        switch (path.root, path.names.first) {
        case ("request", "startTime"?):
            return [6, 12, 18, 24, 48, 72, 96].map { .int(Int64($0 * 3600)) }
        case ("request", "method"?): return texts + [.string("POST"), .string("GET"), .string("DELETE")]
        case ("request", _), ("source", _), ("mcp", "target"?), ("basicAuth", _): return texts
        case ("mcp", "tool"?) where path.names == ["tool", "name"]: return texts
        case ("mcp", "prompt"?) where path.names == ["prompt", "name"]: return texts
        case ("mcp", "resource"?), ("llm", "model"?), ("llm", "requestModel"?): return texts
        case ("a2a", _): return texts + [nil]
        case ("jwt", "scopes"?): return texts
        default:
            // A claim or argument may be anything, or be absent.
            return values.map { $0 } + [nil] + texts.map { .list([$0]) }
        }
    }

    // MARK: Changing a case

    private static func apply(_ edit: Edit, to testCase: TestCase, _ policy: LoadedPolicy) -> TestCase? {
        var result = testCase
        var text: String?
        if case .string(let value)? = edit.value { text = value }
        var fields = RequestFields()
        if case .fields(let own) = testCase.request { fields = own }
        defer { _ = fields }
        switch (edit.path.root, edit.path.names.first) {
        case ("jwt", "scopes"?):
            guard let text, !text.isEmpty, !text.contains(" ") else { return nil }
            result.claims = set(["scope"], .string(text), in: testCase.claims ?? [])
            return result
        case ("jwt", _?):
            result.claims = set(edit.path.names, edit.value, in: testCase.claims ?? [])
            return result
        case ("apiKey", _?):
            guard policy.form == .rules else { return nil }
            var metadata: [MetadataMember] = []
            if case .metadata(let own)? = testCase.apiKey { metadata = own }
            result.apiKey = .metadata(set(edit.path.names, edit.value, in: metadata))
            return result
        case ("basicAuth", _):
            guard policy.form == .rules, let text else { return nil }
            result.basic = CaseUser(user: text)
            return result
        case ("source", "address"?):
            guard let text, text.utf8.allSatisfy({ "0123456789abcdefABCDEF.:".utf8.contains($0) }), text.count > 2
            else { return nil }
            result.source.address = text
            return result
        case ("request", "startTime"?):
            guard case .int(let seconds)? = edit.value else { return nil }
            result.now = (testCase.now ?? TestTable.defaultTime).advanced(by: seconds * 1000)
            return result
        case ("request", let name?):
            guard let text, apply(name, edit.path.names.dropFirst().first, text, to: &fields) else { return nil }
            result.request = .fields(fields)
            return result
        case ("a2a", let name?):
            guard var message = testCase.a2a else { return nil }
            switch name {
            case "method":
                guard let text else { return nil }
                message.method = text
            case "skill": message.skill = text
            case "taskId": message.taskID = text
            case "contextId": message.contextID = text
            default: return nil
            }
            result.a2a = message
            return result
        case ("llm", "model"?), ("llm", "requestModel"?):
            guard var llm = testCase.llm, let text else { return nil }
            llm.model = text
            result.llm = llm
            return result
        case ("mcp", let name?):
            guard var mcp = testCase.mcp else { return nil }
            switch (name, edit.path.names.dropFirst().first) {
            case ("target", _), (_, "target"?): mcp.target = text
            case ("tool", "name"?), ("prompt", "name"?), ("resource", "uri"?), ("resource", "name"?):
                guard let text else { return nil }
                // A message is about one of them.
                if mcp.method?.hasSuffix("/list") == true { mcp.method = nil }
                if name != "tool" { mcp.annotations = nil }
                if name == "resource" { mcp.arguments = nil }
                mcp.tool = name == "tool" ? text : nil
                mcp.prompt = name == "prompt" ? text : nil
                mcp.resource = name == "resource" ? text : nil
            case ("tool", "annotations"?) where mcp.tool != nil:
                let names = Array(edit.path.names.dropFirst(2))
                guard !names.isEmpty else { return nil }
                var hints: [MetadataMember] = []
                if case .object(let own)? = mcp.annotations { hints = own }
                mcp.annotations = .object(set(names, edit.value, in: hints))
            case ("tool", "arguments"?) where mcp.tool != nil, ("prompt", "arguments"?) where mcp.prompt != nil:
                var arguments: [MetadataMember] = []
                if case .object(let own)? = mcp.arguments { arguments = own }
                let names = Array(edit.path.names.dropFirst(2))
                guard !names.isEmpty else { return nil }
                mcp.arguments = .object(set(names, edit.value, in: arguments))
            default: return nil
            }
            result.mcp = mcp
            return result
        default: return nil
        }
    }

    private static func apply(_ name: String, _ inner: String?, _ text: String, to fields: inout RequestFields) -> Bool
    {
        switch name {
        case "method":
            guard HeaderSyntax.isName(text) else { return false }
            fields.method = text
        case "path", "pathAndQuery", "uri":
            guard text.hasPrefix("/") else { return false }
            fields.path = text
        case "host":
            guard !text.isEmpty else { return false }
            fields.host = text
        case "headers":
            guard let inner, HeaderSyntax.isName(inner), HeaderSyntax.problem(inValue: text) == nil else {
                return false
            }
            fields.headers.removeAll { $0.name.asciiLowercased == inner.asciiLowercased }
            fields.headers.append((inner, text))
        default: return false
        }
        return true
    }

    private static func set(
        _ names: [String], _ value: MetadataValue?, in members: [MetadataMember]
    ) -> [MetadataMember] {
        guard let name = names.first else { return members }
        var members = members
        let index = members.firstIndex { $0.name == name }
        if names.count > 1 {
            var inner: [MetadataMember] = []
            if let index, case .object(let own) = members[index].value { inner = own }
            let changed = MetadataValue.object(set(Array(names.dropFirst()), value, in: inner))
            if let index { members[index].value = changed } else { members.append(MetadataMember(name, changed)) }
        } else if let value {
            if let index { members[index].value = value } else { members.append(MetadataMember(name, value)) }
        } else if let index {
            members.remove(at: index)
        }
        return members
    }

    // MARK: Comparing

    private static func shown(_ judged: JudgedCase) -> [Bool] { judged.outcome.listed.map(\.isShown) }

    private static func difference(_ before: JudgedCase, _ after: JudgedCase) -> String? {
        func text(_ judged: JudgedCase) -> String {
            let outcome = judged.outcome
            if !outcome.listed.isEmpty {
                let names = zip(judged.items, outcome.listed).filter(\.1.isShown).map(\.0)
                return "\(outcome.verdict.rawValue) and shows [\(names.joined(separator: ", "))]"
            }
            let decision = outcome.deciding?.decision
            let reason = decision?.reason.code ?? outcome.code
            return "\(outcome.verdict.rawValue) (\(decision?.rule?.id ?? reason))"
        }
        let (first, second) = (text(before), text(after))
        return first == second ? nil : "the policy says \(first), the mutant \(second)"
    }
}
