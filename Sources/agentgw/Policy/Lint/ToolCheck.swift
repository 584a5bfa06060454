// Rules about MCP tools beside what is known of the tools: names, arguments and the values that their schemas allow.

import Auth
import CEL
import Proxy

struct ToolCheck: PolicyCheck {
    func findings(in subject: LintSubject) -> [Finding] {
        subject.sets.filter { $0.set.kind == .mcp }.flatMap { rules -> [Finding] in
            let known = KnownTools(of: rules.set, in: subject.policy)
            return rules.views.flatMap { names($0, known) + arguments($0, known) }
        }
    }

    // MARK: Names

    private func names(_ view: RuleView, _ known: KnownTools) -> [Finding] {
        view.nodes(view.ast.root).flatMap { id -> [Finding] in
            guard let (function, value, texts) = comparison(view, id), let path = view.path(value) else { return [] }
            switch path.description {
            case "mcp.tool.name":
                return texts.compactMap { exposed(view, $0, "tool", known) ?? tool(view, function, $0, known) }
            case "mcp.prompt.name": return texts.compactMap { exposed(view, $0, "prompt", known) }
            case "mcp.tool.target", "mcp.target", "mcp.prompt.target", "mcp.resource.target":
                guard !known.targets.isEmpty, function == "_==_" || function == "_!=_" || function == "@in" else {
                    return []
                }
                return texts.filter { !known.targets.contains($0.text) }.map { text in
                    view.finding(
                        .unknownTarget, at: text.id,
                        "no target is called \"\(text.text)\"" + Suggestion.hint(for: text.text, among: known.targets),
                        hint:
                            "there \(known.targets.count == 1 ? "is" : "are") \(known.targets.joined(separator: ", "))")
                }
            default: return []
            }
        }
    }

    private func comparison(
        _ view: RuleView, _ id: ExprID
    ) -> (function: String, value: ExprID, texts: [(id: ExprID, text: String)])? {
        switch view.ast[id] {
        case .call(let function, nil, let operands) where ["_==_", "_!=_", "@in"].contains(function):
            if view.macro(id) != nil { return nil }
            let texts = view.texts(operands[1])
            if !texts.isEmpty { return (function, operands[0], texts) }
            return function == "@in" ? nil : view.text(operands[0]).map { (function, operands[1], [(operands[0], $0)]) }
        case .call(let function, let target?, let arguments) where arguments.count == 1:
            guard ["startsWith", "endsWith", "contains"].contains(function), let text = view.text(arguments[0]) else {
                return nil
            }
            return (function, target, [(arguments[0], text)])
        default: return nil
        }
    }

    private func tool(
        _ view: RuleView, _ function: String, _ text: (id: ExprID, text: String), _ known: KnownTools
    ) -> Finding? {
        guard let tools = known.tools else { return nil }
        let names = tools.map(\.name)
        let (fits, what): (Bool, String) =
            switch function {
            case "startsWith": (names.contains { $0.hasPrefix(text.text) }, "begins with")
            case "endsWith": (names.contains { $0.hasSuffix(text.text) }, "ends in")
            case "contains": (names.contains { $0.contains(text.text) }, "has")
            default: (names.contains(text.text), "is called")
            }
        guard !fits else { return nil }
        return view.finding(
            .unknownTool, at: text.id,
            "no tool \(what) \"\(text.text)\""
                + (what == "is called" ? Suggestion.hint(for: text.text, among: names) : ""))
    }

    private func exposed(
        _ view: RuleView, _ text: (id: ExprID, text: String), _ what: String, _ known: KnownTools
    ) -> Finding? {
        guard known.isPrefixed, let target = known.targets.first(where: { text.text.hasPrefix("\($0)_") }),
            known.tools?.contains(where: { $0.name == text.text }) != true
        else { return nil }
        let own = text.text.dropFirst(target.utf8.count + 1)
        return view.finding(
            .exposedToolName, at: text.id, "mcp.\(what).name has no target in it: this is never \"\(text.text)\"",
            hint: "write mcp.\(what).target == \"\(target)\" && mcp.\(what).name == \"\(own)\"")
    }

    // MARK: Arguments

    private func arguments(_ view: RuleView, _ known: KnownTools) -> [Finding] {
        guard let tools = known.tools else { return [] }
        var result: [Finding] = []
        /// - Parameter tools: those that a call can be about when this part counts.
        func walk(_ id: ExprID, _ tools: [PolicyTool]) {
            var narrowed = tools
            for (function, negated) in [("_&&_", false), ("_||_", true)] {
                let operands = view.operands(function, id)
                guard operands.count > 1 else { continue }
                for operand in operands { narrowed = narrow(view, operand, negated, narrowed) }
                for operand in operands { walk(operand, narrowed) }
                return
            }
            if let finding = value(view, id, tools) ?? argument(view, id, tools) { return result.append(finding) }
            for child in view.children(id) { walk(child, tools) }
        }
        walk(view.ast.root, tools)
        return result
    }

    /// `mcp.tool.name == "x"` beside other conditions; `!=` beside alternatives.
    private func narrow(_ view: RuleView, _ id: ExprID, _ negated: Bool, _ tools: [PolicyTool]) -> [PolicyTool] {
        guard let (function, value, texts) = comparison(view, id), view.path(value)?.description == "mcp.tool.name"
        else {
            return tools
        }
        let names = Set(texts.map(\.text))
        switch (function, negated) {
        case ("_==_", false), ("@in", false), ("_!=_", true): return tools.filter { names.contains($0.name) }
        case ("_!=_", false), ("_==_", true), ("@in", true): return tools.filter { !names.contains($0.name) }
        case ("startsWith", false): return tools.filter { $0.name.hasPrefix(texts[0].text) }
        default: return tools
        }
    }

    private func argument(_ view: RuleView, _ id: ExprID, _ tools: [PolicyTool]) -> Finding? {
        guard let path = view.path(id), let names = path.argumentNames, !names.isEmpty, !tools.isEmpty else {
            return nil
        }
        var candidates: [String] = []
        for tool in tools {
            // One tool that has it, or of which it is not known, is enough.
            guard case .none(let names) = ArgumentFacts.find(names, in: tool) else { return nil }
            candidates += names
        }
        let wanted = names.last ?? ""
        let whose = tools.count == 1 ? tools[0].name : "none of the tools"
        return view.finding(
            .unknownArgument, at: id,
            "\(whose) has \(tools.count == 1 ? "no" : "an") argument \"\(wanted)\""
                + Suggestion.hint(for: wanted, among: candidates.unique))
    }

    private func value(_ view: RuleView, _ id: ExprID, _ tools: [PolicyTool]) -> Finding? {
        guard case .call(let function, nil, let operands) = view.ast[id], operands.count == 2, view.macro(id) == nil,
            ["_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"].contains(function)
        else { return nil }
        let pairs =
            function == "@in"
            ? [(operands[0], operands[1])]
            : [
                (operands[0], operands[1]), (operands[1], operands[0]),
            ]
        for (argument, other) in pairs {
            guard let names = view.path(argument)?.argumentNames, !names.isEmpty, !tools.isEmpty else { continue }
            for literal in literals(view, other) {
                guard case .literal(let value) = view.ast[literal] else { continue }
                var refusals: [String] = []
                for tool in tools {
                    guard case .schema(let schema) = ArgumentFacts.find(names, in: tool),
                        let refusal = ArgumentFacts.refusal(of: value, by: schema)
                    else { break }
                    refusals.append(refusal)
                }
                guard refusals.count == tools.count, let refusal = refusals.first else { continue }
                return view.finding(.argumentValue, at: literal, "\(names.joined(separator: ".")) \(refusal)")
            }
        }
        return nil
    }

    private func literals(_ view: RuleView, _ id: ExprID) -> [ExprID] {
        if case .list(let elements, _) = view.ast[id] { return elements }
        return [id]
    }
}

extension AttributePath {
    /// The names below `mcp.tool.arguments`.
    fileprivate var argumentNames: [String]? {
        guard root == "mcp", names.starts(with: ["tool", "arguments"]) else { return nil }
        return Array(names.dropFirst(2))
    }
}

/// What of an MCP backend the rules are about.
struct KnownTools {
    /// nil: not known.
    var tools: [PolicyTool]?
    /// Empty: not known.
    var targets: [String] = []
    var isPrefixed = false

    init(of set: PolicyRuleSet, in policy: LoadedPolicy) {
        guard policy.form == .configuration else {
            tools = policy.tools.isEmpty ? nil : policy.tools
            return
        }
        let place = set.placed.place
        let backends = policy.configuration.binds.filter { $0.port == place.port }.flatMap(\.listeners)
            .filter { $0.name == place.listener }.flatMap(\.routes).filter { $0.name == place.route }
            .flatMap { route in route.backends.indices.filter { place.backend ?? $0 == $0 }.map { route.backends[$0] } }
        var locked: [PolicyTool]? = []
        for backend in backends {
            guard case .mcp(let mcp) = backend.kind else { continue }
            targets += mcp.targets.map(\.name)
            let prefixes = mcp.prefixMode == .always || (mcp.prefixMode == .conditional && mcp.targets.count > 1)
            if prefixes { isPrefixed = true }
            for target in mcp.targets where place.target ?? target.name == target.name {
                guard let definitions = mcp.toolGuard?.lock?.targets[target.name] else {
                    locked = nil
                    continue
                }
                locked? += definitions.map { definition in
                    PolicyTool(
                        name: definition.name,
                        inputSchema: definition.value["inputSchema" as StaticString].map(MetadataValue.init))
                }
            }
        }
        tools = locked?.isEmpty == false ? locked : nil
    }
}

/// What a tool's input schema says of one argument, as far as this needs no more than `properties`, `type` and `enum`.
enum ArgumentFacts {
    case schema([MetadataMember])
    /// There is none, but these.
    case none([String])
    case unknown

    static func find(_ names: [String], in tool: PolicyTool) -> ArgumentFacts {
        guard case .object(var schema)? = tool.inputSchema else { return .unknown }
        for name in names {
            let keys = Set(schema.map(\.name))
            guard keys.isDisjoint(with: ["$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if"]),
                case .object(let properties)? = schema.value("properties")
            else { return .unknown }
            switch schema.value("additionalProperties") {
            case nil, .bool(false)?: break
            default: if properties.value(name) == nil { return .unknown }
            }
            guard let property = properties.value(name) else { return .none(properties.map(\.name)) }
            guard case .object(let inner) = property else { return .unknown }
            schema = inner
        }
        return .schema(schema)
    }

    /// Why a value is none that the schema allows; nil: it may be one.
    static func refusal(of value: Literal, by schema: [MetadataMember]) -> String? {
        if !Set(schema.map(\.name)).isDisjoint(with: ["$ref", "allOf", "anyOf", "oneOf"]) { return nil }
        if case .list(let allowed)? = schema.value("enum") {
            guard !allowed.contains(where: { equals($0, value) }) else { return nil }
            return "is one of \(allowed.map(spelling).joined(separator: ", "))"
        }
        guard case .string(let type)? = schema.value("type") else { return nil }
        let fits =
            switch (type, value) {
            case ("string", .string), ("boolean", .bool), ("null", .null): true
            case ("integer", .int), ("integer", .uint), ("integer", .double): true
            case ("number", .int), ("number", .uint), ("number", .double): true
            case ("string", _), ("boolean", _), ("integer", _), ("number", _), ("null", _): false
            default: true
            }
        let article = "aeiou".contains(type.first ?? "x") ? "an" : "a"
        return fits ? nil : "is \(article) \(type)"
    }

    private static func equals(_ value: MetadataValue, _ literal: Literal) -> Bool {
        switch (value, literal) {
        case (.string(let a), .string(let b)): a == b
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.int(let a), .double(let b)): Double(a) == b
        case (.double(let a), .double(let b)): a == b
        case (.null, .null): true
        // uint and the like: not looked at.
        case (.int, .uint), (.double, .int): true
        default: false
        }
    }

    private static func spelling(_ value: MetadataValue) -> String {
        switch value {
        case .string(let text): LiteralSpelling.quoted(text)
        case .int(let number): "\(number)"
        case .bool(let value): "\(value)"
        case .double(let number): "\(number)"
        default: "…"
        }
    }
}

extension [MetadataMember] {
    fileprivate func value(_ name: String) -> MetadataValue? { first { $0.name == name }?.value }
}
