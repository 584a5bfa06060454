// The MCP layer's questions, asked of the auth layer's rules: one set of rules for the call, with its arguments, and for
// the list, without them.

import Auth
import JSON

/// For one request, on its loop.
package final class RuleAuthorizer: MCPAuthorizer {
    private let authorizer: Authorizer
    private let levels: RuleLevels
    private let inputs: RuleInputs
    private let hidesDenied: Bool
    private let challenge: ([String]) -> String?
    private let record: (Decision, RuleInputs) -> Void
    package let readsAnnotations: Bool

    /// - Parameters:
    ///   - inputs: of the request; its `mcp` is filled in here.
    ///   - hidesDenied: a denied subject is answered as an unknown one.
    ///   - challenge: the `WWW-Authenticate` field that asks for these scopes; nil when the route has none.
    ///   - record: takes every decision, with what it was made from.
    package init(
        _ authorizer: Authorizer, _ levels: RuleLevels, _ inputs: RuleInputs, hidesDenied: Bool = false,
        challenge: @escaping ([String]) -> String? = { _ in nil },
        record: @escaping (Decision, RuleInputs) -> Void = { _, _ in }
    ) {
        self.authorizer = authorizer
        self.levels = levels
        self.inputs = inputs
        self.hidesDenied = hidesDenied
        self.challenge = challenge
        self.record = record
        readsAnnotations = levels.attributePaths.contains { path in
            path.root == "mcp"
                && (path.names.isEmpty || path.names == ["tool"] || path.names.starts(with: ["tool", "annotations"]))
        }
    }

    package func judge(_ call: MCPCall) -> MCPJudgement {
        var attributes = MCPAttributes(
            method: call.method, target: call.target, sessionID: call.session.isEmpty ? nil : call.session,
            client: call.client.map { MCPAttributes.Client(name: $0.name, version: $0.version) })
        switch call.subject {
        case .tool(let name, let arguments, let annotations)?:
            attributes.tool = MCPAttributes.Tool(
                name: name, target: call.target, arguments: arguments.map { .json($0) } ?? .absent,
                annotations: annotations)
        case .prompt(let name, let arguments)?:
            attributes.prompt = MCPAttributes.Prompt(
                name: name, target: call.target, arguments: arguments.map { .json($0) } ?? .absent)
        case .resource(let uri)?:
            attributes.resource = MCPAttributes.Resource(uri: uri, target: call.target)
        case nil: break
        }
        inputs.mcp = attributes
        let decision = authorizer.authorize(levels, inputs, phase: .mcpCall)
        if decision.isAllowed || (call.subject == nil && !RuleAuthorizer.isAboutTheMessage(decision)) {
            if call.subject != nil { record(decision, inputs) }
            return .allow
        }
        record(decision, inputs)
        let scopes = hidesDenied ? [] : authorizer.challengedScopes(levels, inputs, phase: .mcpCall)
        return .deny(
            MCPDenial(
                decision: "\(decision.id)", challenge: scopes.isEmpty ? nil : challenge(scopes), hides: hidesDenied))
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
                annotations: item.definition["annotations" as StaticString])
        case .prompts:
            attributes.prompt = MCPAttributes.Prompt(name: item.name, target: item.target, arguments: .unknown)
        case .resources:
            attributes.resource = MCPAttributes.Resource(uri: item.name, target: item.target)
        case .resourceTemplates:
            // What a template expands to is judged when it is read.
            return true
        }
        inputs.mcp = attributes
        return authorizer.visibility(levels, inputs) != .denied
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
