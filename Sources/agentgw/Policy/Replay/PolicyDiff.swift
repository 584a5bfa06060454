// What a changed policy would have decided about requests that the gateway has recorded.

import Auth
import JSON
import Proxy

struct DiffReport {
    enum Change: Int, CaseIterable, Comparable {
        /// The dangerous one is first.
        case newAllow, newDeny, otherRule

        static func < (a: Change, b: Change) -> Bool { a.rawValue < b.rawValue }
    }

    /// Changes that have the same cause.
    struct Group: Hashable {
        var change: Change
        var route: String
        var phase: DecisionPhase
        /// `payments-2`, or why no rule decided.
        var before: String
        var after: String
        /// Of the new rule; empty when none decided.
        var position: String
    }

    struct Members {
        var count = 0
        /// By who asked.
        var principals: [String: Int] = [:]
        /// The id of one of the records.
        var example = ""
    }

    var records = 0
    var unchanged = 0
    var groups: [Group: Members] = [:]
    /// By what the records lack.
    var notReplayable: [String: Int] = [:]
    var broken: [(line: Int, message: String)] = []
    var brokenCount = 0
    /// Records of another version of the old policy.
    var otherVersions = 0

    func count(_ change: Change) -> Int { groups.reduce(0) { $0 + ($1.key.change == change ? $1.value.count : 0) } }
    var notReplayableCount: Int { notReplayable.values.reduce(0, +) }
}

/// Confined to one thread.
final class PolicyDiff {
    private let old: LoadedPolicy
    private let new: LoadedPolicy
    private(set) var report = DiffReport()
    private var pairs: [Key: Pair] = [:]

    private struct Key: Hashable {
        var route: String
        var phase: DecisionPhase
        var target: String?
        /// Whether the old policy made the record, as its digest says.
        var isCurrent: Bool
    }

    private enum Side {
        case rules(RecordReplay)
        case open
        case lacking(String)
    }

    private struct Pair {
        var old: Side
        var new: Side
        var isSame: Bool
    }

    /// Broken lines that are told one by one.
    private static let shownBroken = 10

    init(_ old: LoadedPolicy, _ new: LoadedPolicy) {
        self.old = old
        self.new = new
    }

    func take(_ line: UnsafeRawBufferPointer, _ number: Int) {
        switch DecisionLine.read(line) {
        case .other: break
        case .broken(let message):
            report.brokenCount += 1
            if report.broken.count < Self.shownBroken { report.broken.append((number, message)) }
        case .decision(let record): take(record)
        }
    }

    private func take(_ record: DecisionLine) {
        report.records += 1
        let pair = pair(for: record)
        let isCurrent = isCurrent(record)
        if !isCurrent { report.otherVersions += 1 }
        if isCurrent, pair.isSame {
            report.unchanged += 1
            return
        }
        let before: (isAllowed: Bool, who: String)
        if isCurrent {
            before = (record.isAllowed, record.rule ?? "no rule")
        } else {
            guard let answer = answer(pair.old, record, wasDenied: !record.isAllowed) else { return }
            before = (answer.isAllowed, answer.who)
        }
        guard let after = answer(pair.new, record, wasDenied: !before.isAllowed) else { return }
        let change: DiffReport.Change
        switch (before.isAllowed, after.isAllowed) {
        case (false, true): change = .newAllow
        case (true, false): change = .newDeny
        default:
            guard before.who != after.who else {
                report.unchanged += 1
                return
            }
            change = .otherRule
        }
        let group = DiffReport.Group(
            change: change, route: record.route, phase: record.phase, before: before.who, after: after.who,
            position: after.position)
        report.groups[group, default: DiffReport.Members()].count += 1
        report.groups[group]?.principals[record.principal, default: 0] += 1
        if report.groups[group]?.example.isEmpty == true { report.groups[group]?.example = record.id }
    }

    private func isCurrent(_ record: DecisionLine) -> Bool {
        if case .found(let levels) = old.snapshot.place(route: record.route, phase: record.phase, target: record.target)
        {
            return levels.digest.description == record.policy
        }
        return false
    }

    private func pair(for record: DecisionLine) -> Pair {
        let key = Key(
            route: record.route, phase: record.phase, target: record.phase == .mcpCall ? record.target : nil,
            isCurrent: isCurrent(record))
        if let known = pairs[key] { return known }
        let before = old.snapshot.place(route: key.route, phase: key.phase, target: key.target)
        let after = new.snapshot.place(route: key.route, phase: key.phase, target: key.target)
        var recordedBy: RuleLevels?
        if key.isCurrent, case .found(let levels) = before { recordedBy = levels }
        var isSame = false
        switch (before, after) {
        case (.found(let a), .found(let b)): isSame = a.digest == b.digest
        case (.noRules, .noRules): isSame = true
        default: break
        }
        let pair = Pair(
            old: Self.side(before, recordedBy: recordedBy), new: Self.side(after, recordedBy: recordedBy),
            isSame: isSame)
        pairs[key] = pair
        return pair
    }

    private static func side(_ place: RecordedPlace, recordedBy old: RuleLevels?) -> Side {
        switch place {
        case .found(let levels): .rules(RecordReplay(levels, recordedBy: old))
        case .noRules: .open
        case .noRoute: .lacking("the route, which the policy no longer has")
        case .ambiguous(let what): .lacking(what)
        }
    }

    /// nil: noted as not replayable.
    private func answer(
        _ side: Side, _ record: DecisionLine, wasDenied: Bool
    ) -> (isAllowed: Bool, who: String, position: String)? {
        switch side {
        case .open: return (true, "no rules", "")
        case .lacking(let what):
            report.notReplayable[what, default: 0] += 1
            return nil
        case .rules(let replay):
            let answer = replay.decide(record.reads)
            let position = answer.rule.map { "\($0.position)" } ?? ""
            switch answer.visibility {
            case .allowed: return (true, answer.rule?.id ?? "no rule", position)
            case .denied:
                // Without a subject, such a message passes where nothing is granted.
                let isAboutSubject = [.nothingGranted, .defaultAction].contains(answer.reason) || answer.reason.isError
                if record.phase == .mcpCall, wasDenied, isAboutSubject, !record.hasSubject {
                    report.notReplayable["whether the message has a subject", default: 0] += 1
                    return nil
                }
                return (false, answer.rule?.id ?? "no rule", position)
            case .possible:
                let what =
                    answer.missing.isEmpty ? "what a rule reads" : answer.missing.sorted().joined(separator: ", ")
                report.notReplayable[what, default: 0] += 1
                return nil
            }
        }
    }
}

extension DecisionReason {
    fileprivate var isError: Bool {
        switch self {
        case .error, .cost: true
        default: false
        }
    }
}
