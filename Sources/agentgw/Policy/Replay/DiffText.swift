// A diff of decisions for the terminal and for programs.

import JSON

enum DiffText {
    /// Callers that are named in a group.
    private static let shownPrincipals = 5

    static func render(_ report: DiffReport, _ style: TextStyle) -> String {
        var out = ""
        for change in DiffReport.Change.allCases {
            let count = report.count(change)
            guard count > 0 else { continue }
            out += "\(title(change, style))  \(counted(count, "decision"))\n"
            for (group, members) in sorted(report, change) { out += text(group, members, style) }
            out += "\n"
        }
        for broken in report.broken { out += style.yellow("line \(broken.line): \(broken.message)") + "\n" }
        if report.brokenCount > report.broken.count {
            out += style.yellow("… and \(report.brokenCount - report.broken.count) more lines") + "\n"
        }
        if report.notReplayableCount > 0 {
            out +=
                "\(style.yellow("not replayable"))  \(counted(report.notReplayableCount, "decision")), for want of:\n"
            for (what, count) in report.notReplayable.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                out += "  \(count)  \(what)\n"
            }
            out += "\n"
        }
        var parts = [counted(report.records, "record"), "\(report.unchanged) unchanged"]
        for change in DiffReport.Change.allCases { parts.append("\(report.count(change)) \(name(change))") }
        parts.append("\(report.notReplayableCount) not replayable")
        if report.otherVersions > 0 { parts.append("\(report.otherVersions) of another version of the old policy") }
        return out + parts.joined(separator: " · ") + "\n"
    }

    private static func sorted(
        _ report: DiffReport, _ change: DiffReport.Change
    ) -> [(DiffReport.Group, DiffReport.Members)] {
        report.groups.filter { $0.key.change == change }.sorted {
            (-$0.value.count, $0.key.after, $0.key.route) < (-$1.value.count, $1.key.after, $1.key.route)
        }.map { ($0.key, $0.value) }
    }

    private static func text(_ group: DiffReport.Group, _ members: DiffReport.Members, _ style: TextStyle) -> String {
        let place = group.position.isEmpty ? "" : " \(style.dim("(\(group.position))"))"
        var out = "  \(members.count)  \(group.before) → \(style.bold(group.after))\(place)"
        out += "  \(style.dim("\(group.phase.rawValue) at \(group.route), such as \(members.example)"))\n"
        let principals = members.principals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        for (principal, count) in principals.prefix(shownPrincipals) { out += "       \(count)  \(principal)\n" }
        if principals.count > shownPrincipals {
            out += "       … and \(principals.count - shownPrincipals) more callers\n"
        }
        return out
    }

    private static func title(_ change: DiffReport.Change, _ style: TextStyle) -> String {
        switch change {
        case .newAllow: style.red("DENY → ALLOW")
        case .newDeny: style.yellow("ALLOW → DENY")
        case .otherRule: style.blue("decided by another rule")
        }
    }

    static func name(_ change: DiffReport.Change) -> String {
        switch change {
        case .newAllow: "new allow"
        case .newDeny: "new deny"
        case .otherRule: "by another rule"
        }
    }

    private static func counted(_ number: Int, _ what: String) -> String {
        "\(number) \(what)\(number == 1 ? "" : "s")"
    }

    static func json(_ report: DiffReport) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            for (name, count) in [
                ("records", report.records), ("unchanged", report.unchanged), ("new_allow", report.count(.newAllow)),
                ("new_deny", report.count(.newDeny)), ("other_rule", report.count(.otherRule)),
                ("not_replayable", report.notReplayableCount), ("broken_lines", report.brokenCount),
                ("other_versions", report.otherVersions),
            ] {
                writer.name(name)
                writer.value(count)
            }
            writer.name("changes")
            writer.array { writer in
                for change in DiffReport.Change.allCases {
                    for (group, members) in sorted(report, change) { write(group, members, &writer) }
                }
            }
            writer.name("missing")
            writer.object { writer in
                for (what, count) in report.notReplayable.sorted(by: { $0.key < $1.key }) {
                    writer.name(what)
                    writer.value(count)
                }
            }
        }
        return writer.text + "\n"
    }

    private static func write(
        _ group: DiffReport.Group, _ members: DiffReport.Members, _ writer: inout JSONWriter
    ) {
        writer.object { writer in
            for (name, value) in [
                ("change", name(group.change).replacing(" ", with: "-")), ("route", group.route),
                ("phase", group.phase.rawValue), ("before", group.before), ("after", group.after),
                ("position", group.position), ("example", members.example),
            ] {
                writer.name(name)
                writer.value(value)
            }
            writer.name("count")
            writer.value(members.count)
            writer.name("principals")
            writer.object { writer in
                for (principal, count) in members.principals.sorted(by: { $0.key < $1.key }) {
                    writer.name(principal)
                    writer.value(count)
                }
            }
        }
    }
}
