// `agentgw check-policy rules`: what the linter looks for, and why.

import ArgumentParser
import JSON

struct RulesCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json, markdown
    }

    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "List the rules of the linter, or explain some of them.",
        discussion: "Exit codes: 0 fine, 2 there is no such rule.")

    @Argument(
        help: ArgumentHelp("The id of a rule; without one, all are listed.", valueName: "RULE"),
        completion: .list(LintRule.all.map(\.id)))
    var ids: [String] = []

    @Option(help: "How it is written.")
    var format = Format.text

    func run() throws {
        var rules: [LintRule] = []
        for id in ids {
            guard let rule = LintRule.all.first(where: { $0.id == id }) else {
                let hint = Suggestion.hint(for: id, among: LintRule.all.map(\.id))
                throw PolicyExit.couldNotRun("there is no lint rule \"\(id)\"\(hint)")
            }
            rules.append(rule)
        }
        switch format {
        case .text: print(rules.isEmpty ? Self.list : rules.map(\.section).joined(separator: "\n"), terminator: "")
        case .markdown:
            print(rules.isEmpty ? LintRule.page : rules.map(\.section).joined(separator: "\n"), terminator: "")
        case .json: print(Self.json(rules.isEmpty ? LintRule.all : rules))
        }
    }

    private static var list: String {
        let width = LintRule.all.map(\.id.count).max() ?? 0
        return LintRule.groups.map { group in
            "\(group.title)\n"
                + group.rules.map { rule in
                    let pad = String(repeating: " ", count: width - rule.id.count)
                    return "  \(rule.id)\(pad)  \(rule.fix == nil ? "     " : "--fix")  \(rule.summary)\n"
                }.joined()
        }.joined(separator: "\n")
    }

    private static func json(_ rules: [LintRule]) -> String {
        var writer = JSONWriter()
        writer.array { writer in
            for rule in rules {
                writer.object { writer in
                    for (name, value) in [
                        ("id", rule.id), ("severity", rule.severity.rawValue), ("summary", rule.summary),
                        ("reason", rule.reason), ("bad", rule.bad), ("good", rule.good), ("fix", rule.fix ?? ""),
                    ] where !value.isEmpty {
                        writer.name(name)
                        writer.value(value)
                    }
                }
            }
        }
        return writer.text
    }
}
