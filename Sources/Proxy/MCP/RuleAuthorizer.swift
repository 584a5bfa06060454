// The MCP layer's questions, asked of the auth layer's rules: one set of rules for the call, with its arguments, and for
// the list, without them.

import Auth
import JSON

/// For one request, on its loop.
package final class RuleAuthorizer: MCPAuthorizer {
    private let authorizer: Authorizer
    private let common: RuleLevels
    private let byTarget: [String: RuleLevels]
    private let inputs: RuleInputs
    private let hidesDenied: Bool
    private let challenge: ([String]) -> String?
    private let record: (Decision, RuleInputs, RuleLevels) -> Void
    package let readsAnnotations: Bool

    /// - Parameters:
    ///   - inputs: of the request; its `mcp` is filled in here.
    ///   - levels: the rules for all messages.
    ///   - byTarget: for messages to targets that have rules of their own; these include `levels`.
    ///   - hidesDenied: a subject that no call may reach is answered as an unknown one.
    ///   - challenge: the `WWW-Authenticate` field that asks for these scopes; nil when the route has none.
    ///   - record: takes every decision, with what it was made from.
    package init(
        _ authorizer: Authorizer, _ levels: RuleLevels, _ inputs: RuleInputs,
        byTarget: [String: RuleLevels] = [:], hidesDenied: Bool = false,
        challenge: @escaping ([String]) -> String? = { _ in nil },
        record: @escaping (Decision, RuleInputs, RuleLevels) -> Void = { _, _, _ in }
    ) {
        self.authorizer = authorizer
        common = levels
        self.byTarget = byTarget
        self.inputs = inputs
        self.hidesDenied = hidesDenied
        self.challenge = challenge
        self.record = record
        readsAnnotations = ([levels] + byTarget.values).contains { levels in
            levels.attributePaths.contains { path in
                path.root == "mcp"
                    && (path.names.isEmpty || path.names == ["tool"]
                        || path.names.starts(with: ["tool", "annotations"]))
            }
        }
    }

    private func levels(_ target: String?) -> RuleLevels { target.flatMap { byTarget[$0] } ?? common }

    private static func attributes(_ call: MCPCall) -> MCPAttributes {
        var attributes = MCPAttributes(
            method: call.method, target: call.target, sessionID: call.session.isEmpty ? nil : call.session,
            client: call.client.map { MCPAttributes.Client(name: $0.name, version: $0.version) })
        switch call.subject {
        case .tool(let name, let arguments, let annotations, let isPinned)?:
            attributes.tool = MCPAttributes.Tool(
                name: name, target: call.target, arguments: arguments.map { .json($0) } ?? .absent,
                annotations: annotations, pinned: isPinned)
        case .prompt(let name, let arguments)?:
            attributes.prompt = MCPAttributes.Prompt(
                name: name, target: call.target, arguments: arguments.map { .json($0) } ?? .absent)
        case .resource(let uri)?:
            attributes.resource = MCPAttributes.Resource(uri: uri, target: call.target)
        case nil: break
        }
        return attributes
    }

    package func mayKnow(_ call: MCPCall) -> Bool {
        call.subject == nil || isReachable(RuleAuthorizer.attributes(call), levels(call.target))
    }

    package func judge(_ call: MCPCall) -> MCPJudgement {
        let attributes = RuleAuthorizer.attributes(call)
        inputs.mcp = attributes
        let levels = levels(call.target)
        let decision = authorizer.authorize(levels, inputs, phase: .mcpCall)
        let isLenient = call.subject == nil && !call.isOpaque
        if decision.isAllowed || (isLenient && !RuleAuthorizer.isAboutTheMessage(decision)) {
            if !isLenient { record(decision, inputs, levels) }
            return .allow
        }
        record(decision, inputs, levels)
        let hides = hidesDenied && call.subject != nil && !isReachable(attributes, levels)
        let scopes = hides ? [] : authorizer.challengedScopes(levels, inputs, phase: .mcpCall)
        return .deny(
            MCPDenial(decision: "\(decision.id)", challenge: scopes.isEmpty ? nil : challenge(scopes), hides: hides))
    }

    /// Whether a list would show the subject: then its existence is no secret, whatever was wrong with the arguments.
    private func isReachable(_ attributes: MCPAttributes, _ levels: RuleLevels) -> Bool {
        var attributes = attributes
        attributes.tool?.arguments = .unknown
        attributes.prompt?.arguments = .unknown
        if attributes.tool != nil { attributes.method = ListKind.tools.callMethod }
        if attributes.prompt != nil { attributes.method = ListKind.prompts.callMethod }
        if attributes.resource != nil { attributes.method = ListKind.resources.callMethod }
        let actual = inputs.mcp
        defer { inputs.mcp = actual }
        inputs.mcp = attributes
        return authorizer.isShown(levels, inputs)
    }

    /// A message that names no tool, prompt or resource (`initialize`, a list, a ping) is held up only by a rule that
    /// could be answered without one: allow rules say which subjects are granted, and there is none here.
    private static func isAboutTheMessage(_ decision: Decision) -> Bool {
        switch decision.reason {
        case .matched, .requirementNotMet: true
        default: false
        }
    }

    package func shows(_ item: MCPItem) -> Bool {
        var attributes = MCPAttributes(
            method: item.kind.callMethod, target: item.target,
            sessionID: item.session.isEmpty ? nil : item.session,
            client: item.client.map { MCPAttributes.Client(name: $0.name, version: $0.version) })
        switch item.kind {
        case .tools:
            attributes.tool = MCPAttributes.Tool(
                name: item.name, target: item.target, arguments: .unknown,
                annotations: item.definition["annotations" as StaticString], pinned: item.isPinned)
        case .prompts:
            attributes.prompt = MCPAttributes.Prompt(name: item.name, target: item.target, arguments: .unknown)
        case .resources:
            attributes.resource = MCPAttributes.Resource(uri: item.name, target: item.target)
        case .resourceTemplates:
            // What a template expands to is judged when it is read.
            return true
        }
        inputs.mcp = attributes
        return authorizer.isShown(levels(item.target), inputs)
    }
}

extension ListKind {
    /// The method with which a listed item is used: rules about the call see the same method in both phases.
    var callMethod: String {
        switch self {
        case .tools: MCPMethod.toolsCall.rawValue
        case .prompts: MCPMethod.promptsGet.rawValue
        case .resources, .resourceTemplates: MCPMethod.resourcesRead.rawValue
        }
    }
}
