// A LiteLLM configuration as one of ours: an `llm:` section with the same model names. What has no counterpart goes into
// the report.

import Auth

struct LiteLLMConversion {
    private(set) var report = ImportReport()
    private(set) var text = ""
    /// Names that clients can ask for.
    private(set) var modelCount = 0

    private let source: YAMLSource
    private var deployments: [LiteLLMDeployment] = []
    /// Of a name for several deployments, or another name for one: the names of `models`, with weights.
    private var groups: [(name: String, targets: [(model: String, weight: Int)])] = []
    private var policies: [String] = []

    init(_ root: YAMLNode, _ source: YAMLSource) {
        self.source = source
        guard let file = LiteLLMObject(root, "", source) else {
            report.add(.unsupported, source.position(at: root.offset), "file", "expected a mapping")
            return
        }
        for (node, path) in file.list("model_list", &report) { read(node, path) }
        if !file.isThere("model_list") {
            report.add(.unsupported, file.position(), "model_list", "is missing: there is no model to carry over")
        }
        group()
        if let general = file.object("general_settings", &report) {
            readGeneral(general)
        } else {
            noKey(file.position())
        }
        let router = file.object("router_settings", &report)
        let settings = file.object("litellm_settings", &report)
        readTimes(router, settings)
        if let router { readRouter(router) }
        if let settings { readSettings(settings) }
        file.finish(&report, known: LiteLLMNotes.sections)
        modelCount = deployments.count { $0.isPublic } + groups.count
        text = written()
    }

    // MARK: Models

    private mutating func read(_ node: YAMLNode, _ path: String) {
        guard let entry = LiteLLMObject(node, path, source) else {
            report.add(.unsupported, source.position(at: node.offset), path, "expected a mapping")
            return
        }
        entry.note(
            "model_info", .unsupported, "costs, limits and other facts about the model are not carried over", &report)
        let name = entry.text("model_name", &report) ?? ""
        if let params = entry.object("litellm_params", &report) {
            if let deployment = LiteLLMDeployment(name, params, entry.position(), &report) {
                deployments.append(deployment)
            }
        } else {
            report.add(.unsupported, entry.position(), path, "has no litellm_params")
        }
        entry.finish(&report)
    }

    /// Several deployments of one name become models of their own, behind a name for all of them.
    private mutating func group() {
        var names: [String] = []
        for deployment in deployments where !names.contains(deployment.name) { names.append(deployment.name) }
        for name in names {
            let indices = deployments.indices.filter { deployments[$0].name == name }
            guard indices.count > 1 else { continue }
            if name.contains("*") {
                for index in indices.dropFirst().reversed() {
                    report.add(
                        .unsupported, deployments[index].position, name,
                        "several deployments of a pattern are not supported; the first one is carried over")
                    deployments.remove(at: index)
                }
                continue
            }
            var targets: [(String, Int)] = []
            for (number, index) in indices.enumerated() {
                deployments[index].name = "\(name)#\(number + 1)"
                deployments[index].isPublic = false
                targets.append((deployments[index].name, deployments[index].weight))
            }
            groups.append((name, targets))
        }
    }

    private mutating func alias(_ name: String, for target: String, _ position: FilePosition, _ path: String) {
        if deployments.contains(where: { $0.name == name }) || groups.contains(where: { $0.name == name }) {
            return report.add(
                .unsupported, position, path, "'\(name)' is a model already; the alias is not carried over")
        }
        guard !name.contains("*") else {
            return report.add(.unsupported, position, path, "an alias with a pattern is not carried over")
        }
        if let group = groups.first(where: { $0.name == target }) {
            groups.append((name, group.targets))
        } else if deployments.contains(where: { $0.isPublic && LiteLLMConversion.takes($0.name, target) }) {
            groups.append((name, [(target, 1)]))
        } else {
            report.add(.unsupported, position, path, "there is no model '\(target)'; the alias is not carried over")
        }
    }

    private static func takes(_ pattern: String, _ name: String) -> Bool {
        if pattern == name { return true }
        if pattern.hasSuffix("*") { return name.hasPrefix(pattern.dropLast()) }
        return pattern.hasPrefix("*") && name.hasSuffix(pattern.dropFirst())
    }

    private mutating func aliases(_ object: LiteLLMObject) {
        for entry in object.node.entries ?? [] {
            let position = source.position(at: entry.keyOffset)
            let path = object.path(of: entry.key)
            if let scalar = object.node(entry.key)?.scalar {
                alias(entry.key, for: scalar.text, position, path)
            } else if let inner = object.object(entry.key, &report) {
                inner.note("hidden", .approximate, "the alias is in the list of models all the same", &report)
                if let target = inner.text("model", &report) { alias(entry.key, for: target, position, path) }
                inner.finish(&report)
            }
        }
    }

    // MARK: Settings

    private mutating func noKey(_ position: FilePosition) {
        report.add(
            .manual, position, "general_settings.master_key",
            "there is none, so the endpoint asks nobody for a key: add llm.policies.apiKey or jwtAuth")
    }

    private mutating func readGeneral(_ general: LiteLLMObject) {
        if let key = general.text("master_key", &report) {
            let value = LiteLLMValue.key(key, general, "master_key", &report)
            policies += [
                "# The master key. Give each client a key of its own, with allowedModels and expires, instead.",
                "apiKey:", "  mode: strict", "  keys:", "    - key: \(value)", "      metadata: {name: master}",
                "  # Where OpenAI's and where Anthropic's clients send it.", "  location:",
                "    - header: {name: authorization, prefix: \"Bearer \"}", "    - header: {name: x-api-key}",
            ]
        } else {
            noKey(general.position())
        }
        general.finish(&report, known: LiteLLMNotes.general)
    }

    private mutating func readTimes(_ router: LiteLLMObject?, _ settings: LiteLLMObject?) {
        for (object, name) in [(router, "timeout"), (settings, "request_timeout")] {
            guard let object, let text = object.text(name, &report) else { continue }
            guard let seconds = Double(text), seconds > 0, !policies.contains("timeout:") else {
                report.add(.unsupported, object.position(of: name), object.path(of: name), "not carried over")
                continue
            }
            let whole = seconds.rounded() == seconds && seconds < 1e9
            policies += ["timeout:", "  requestTimeout: \(whole ? String(Int(seconds)) : String(seconds))s"]
        }
        for object in [router, settings] {
            guard let object, let text = object.text("num_retries", &report) else { continue }
            guard let count = Int(text), count >= 0, !policies.contains("retry:") else {
                report.add(
                    .unsupported, object.position(of: "num_retries"), object.path(of: "num_retries"), "not carried over"
                )
                continue
            }
            guard count > 0 else { continue }
            policies += ["retry:", "  attempts: \(min(count, 10))"]
            report.add(
                .approximate, object.position(of: "num_retries"), object.path(of: "num_retries"),
                "a connection that cannot be made is tried again; a provider's answer is passed on, whatever it says"
                    + (count > 10 ? "; at most 10 times" : ""))
        }
    }

    private mutating func readRouter(_ router: LiteLLMObject) {
        if let strategy = router.text("routing_strategy", &report), strategy != "simple-shuffle" {
            report.add(
                .approximate, router.position(of: "routing_strategy"), router.path(of: "routing_strategy"),
                "deployments of a name are chosen at random, by weight")
        }
        if let aliases = router.object("model_group_alias", &report) { self.aliases(aliases) }
        router.finish(&report, known: LiteLLMNotes.router)
    }

    private mutating func readSettings(_ settings: LiteLLMObject) {
        if let aliases = settings.object("model_alias_map", &report) { self.aliases(aliases) }
        settings.note(
            "drop_params", .approximate, "members that a provider does not know are sent to it as they are", &report)
        settings.finish(&report, known: LiteLLMNotes.settings)
    }

    // MARK: Writing

    private func written() -> String {
        var lines = [
            "# From \(YAMLText.comment(source.file)), a configuration of LiteLLM. Clients keep their model names and change",
            "# their base URL. Keys come from the environment; what could not be carried over is in the import's report.",
            "llm:", "  port: 4000",
        ]
        if !policies.isEmpty {
            lines.append("  policies:")
            lines += policies.map { "    " + $0 }
        }
        lines.append("  models:")
        for deployment in deployments {
            lines.append("    # line \(deployment.position.line)")
            lines += deployment.lines.enumerated().map { ($0 == 0 ? "    - " : "      ") + $1 }
        }
        if !groups.isEmpty {
            lines.append("  virtualModels:")
            for group in groups {
                lines.append("    - name: \(YAMLText.literal(group.name))")
                lines.append("      routing:")
                lines.append("        weighted:")
                lines.append("          targets:")
                for target in group.targets {
                    lines.append("            - {model: \(YAMLText.literal(target.model)), weight: \(target.weight)}")
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// Values of the file, as ours writes them.
enum LiteLLMValue {
    private static let marker = "os.environ/"

    /// `os.environ/NAME` is a variable; anything else stays what it is.
    static func string(_ text: String) -> String {
        variable(text).map { YAMLText.quoted("${\($0)}") } ?? YAMLText.literal(text)
    }

    /// The name of the variable that a value stands for.
    static func variable(_ text: String) -> String? {
        guard text.hasPrefix(marker) else { return nil }
        let name = text.dropFirst(marker.count)
        let isName = name.utf8.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
            default: false
            }
        }
        return !name.isEmpty && isName ? String(name) : nil
    }

    /// A key; one that stands in the file is carried over and noted.
    static func key(
        _ text: String, _ object: LiteLLMObject, _ name: String, _ report: inout ImportReport
    ) -> String {
        if let variable = variable(text) { return YAMLText.quoted("$\(variable)") }
        report.add(
            .manual, object.position(of: name), object.path(of: name),
            "the key itself is in the file, and now in the new one; better take it from the environment")
        return YAMLText.literal(text)
    }
}
