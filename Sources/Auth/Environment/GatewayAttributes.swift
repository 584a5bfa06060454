// What rules can read, with its types, and from which phase on: one table, from which the type checker's environment,
// the documentation and the "not available here" errors come.

import CEL

/// One record type of the gateway's environment.
package struct RecordDeclaration: Sendable {
    package let name: String
    package let fields: [FieldDeclaration]
}

package struct FieldDeclaration: Sendable {
    package let name: String
    package let type: CELType
    package let documentation: String
    /// The phases that know the field; nil: all in which the record is known.
    package let phases: Set<DecisionPhase>?

    init(_ name: String, _ type: CELType, _ documentation: String, phases: Set<DecisionPhase>? = nil) {
        self.name = name
        self.type = type
        self.documentation = documentation
        self.phases = phases
    }
}

/// A variable at the root of expressions.
package struct RootDeclaration: Sendable {
    package let name: String
    package let type: CELType
    /// Empty: no rules know it, only policies that look at replies.
    package let phases: Set<DecisionPhase>
    package let documentation: String
}

package enum GatewayAttributes {
    /// Names of the record types.
    package enum TypeName {
        package static let request = "request"
        package static let response = "response"
        package static let source = "source"
        package static let destination = "destination"
        package static let jwt = "jwt"
        package static let basicAuth = "basicAuth"
        package static let mcp = "mcp"
        package static let tool = "mcp.tool"
        package static let prompt = "mcp.prompt"
        package static let resource = "mcp.resource"
        package static let client = "mcp.client"
        package static let a2a = "a2a"
        package static let llm = "llm"
        package static let backend = "backend"
    }

    private static let everywhere = Set(DecisionPhase.allCases)
    private static let mcpPhases: Set<DecisionPhase> = [.mcpList, .mcpCall]

    package static let roots: [RootDeclaration] = [
        RootDeclaration(
            name: "request", type: .object(TypeName.request), phases: everywhere, documentation: "The HTTP request."),
        RootDeclaration(
            name: "jwt", type: .jsonMap, phases: everywhere,
            documentation: "The claims of the verified token; without one, it has no fields."),
        RootDeclaration(
            name: "apiKey", type: .jsonMap, phases: everywhere,
            documentation: "The metadata of the API key; without one, it has no fields."),
        RootDeclaration(
            name: "basicAuth", type: .object(TypeName.basicAuth), phases: everywhere,
            documentation: "The user of basic authentication."),
        RootDeclaration(
            name: "source", type: .object(TypeName.source), phases: everywhere,
            documentation: "The client's end of the connection."),
        RootDeclaration(
            name: "destination", type: .object(TypeName.destination), phases: everywhere,
            documentation: "Our end of the connection."),
        RootDeclaration(
            name: "env", type: .map(key: .string, value: .string), phases: everywhere,
            documentation: "What the configuration says about this process."),
        RootDeclaration(
            name: "mcp", type: .object(TypeName.mcp), phases: mcpPhases, documentation: "The MCP message."),
        RootDeclaration(
            name: "a2a", type: .object(TypeName.a2a), phases: [.a2a], documentation: "The A2A message."),
        RootDeclaration(
            name: "llm", type: .object(TypeName.llm), phases: [.llm, .backend], documentation: "The AI request."),
        RootDeclaration(
            name: "backend", type: .object(TypeName.backend), phases: [.backend, .llm, .mcpList, .mcpCall, .a2a],
            documentation: "Where the request goes."),
        RootDeclaration(
            name: "response", type: .object(TypeName.response), phases: [], documentation: "The reply."),
    ]

    package static let records: [RecordDeclaration] = [
        RecordDeclaration(
            name: TypeName.request,
            fields: [
                FieldDeclaration("method", .string, "The method, as sent: GET, POST, …"),
                FieldDeclaration("scheme", .string, "http or https"),
                FieldDeclaration("host", .string, "Host and port, as sent"),
                FieldDeclaration("path", .string, "The path, without the query"),
                FieldDeclaration("query", .string, "What follows the question mark; empty without one"),
                FieldDeclaration("pathAndQuery", .string, "Path and query as forwarded"),
                FieldDeclaration("uri", .string, "The whole URL"),
                FieldDeclaration("version", .string, "HTTP/1.1, HTTP/2"),
                FieldDeclaration(
                    "headers", .jsonMap,
                    "The fields by lowercase name: a string, or a list for a field that occurs several times"),
                FieldDeclaration("startTime", .timestamp, "When the request began"),
            ]),
        RecordDeclaration(
            name: TypeName.response,
            fields: [
                FieldDeclaration("code", .int, "The status"),
                FieldDeclaration(
                    "headers", .jsonMap,
                    "The fields by lowercase name: a string, or a list for a field that occurs several times"),
            ]),
        RecordDeclaration(
            name: TypeName.source,
            fields: [
                FieldDeclaration("address", .string, "The client's IP address"),
                FieldDeclaration("port", .int, "The client's port"),
                FieldDeclaration("tls", .bool, "Whether the connection is encrypted"),
                FieldDeclaration("commonName", .string, "The common name of a verified client certificate"),
                FieldDeclaration("dnsNames", .list(.string), "Its DNS names"),
                FieldDeclaration("uris", .list(.string), "Its URIs"),
                FieldDeclaration("spiffeID", .string, "Its SPIFFE id"),
            ]),
        RecordDeclaration(
            name: TypeName.destination,
            fields: [
                FieldDeclaration("address", .string, "The address that the client connected to"),
                FieldDeclaration("port", .int, "The port that the client connected to"),
            ]),
        RecordDeclaration(
            name: TypeName.basicAuth, fields: [FieldDeclaration("username", .string, "The verified user")]),
        RecordDeclaration(
            name: TypeName.mcp,
            fields: [
                FieldDeclaration("method", .string, "The JSON-RPC method, such as tools/call"),
                FieldDeclaration("methodName", .string, "The same, agentgateway's name for it"),
                FieldDeclaration("target", .string, "The target that the message is for"),
                FieldDeclaration("sessionId", .string, "The client's session"),
                FieldDeclaration("tool", .object(TypeName.tool), "The tool of tools/call, or the listed one"),
                FieldDeclaration("prompt", .object(TypeName.prompt), "The prompt of prompts/get, or the listed one"),
                FieldDeclaration(
                    "resource", .object(TypeName.resource), "The resource of resources/read, or the listed one"),
                FieldDeclaration("client", .object(TypeName.client), "What the client calls itself"),
            ]),
        RecordDeclaration(
            name: TypeName.tool,
            fields: [
                FieldDeclaration("name", .string, "The tool's own name, without a target's prefix"),
                FieldDeclaration("target", .string, "The target that offers it"),
                FieldDeclaration("arguments", .dyn, "The arguments; unknown when a list is filtered"),
                FieldDeclaration("annotations", .jsonMap, "The target's hints about the tool; not to be trusted"),
                FieldDeclaration("pinned", .bool, "Whether the definition is the one in the lock file"),
            ]),
        RecordDeclaration(
            name: TypeName.prompt,
            fields: [
                FieldDeclaration("name", .string, "The prompt's own name"),
                FieldDeclaration("target", .string, "The target that offers it"),
                FieldDeclaration("arguments", .dyn, "The arguments; unknown when a list is filtered"),
            ]),
        RecordDeclaration(
            name: TypeName.resource,
            fields: [
                FieldDeclaration("name", .string, "The resource's URI, agentgateway's name for it"),
                FieldDeclaration("uri", .string, "The resource's URI as its target knows it"),
                FieldDeclaration("target", .string, "The target that offers it"),
            ]),
        RecordDeclaration(
            name: TypeName.client,
            fields: [
                FieldDeclaration("name", .string, "clientInfo.name"),
                FieldDeclaration("version", .string, "clientInfo.version"),
            ]),
        RecordDeclaration(
            name: TypeName.a2a,
            fields: [
                FieldDeclaration(
                    "method", .string, "The method by its name in A2A 0.3, such as message/send, whatever was sent"),
                FieldDeclaration("skill", .string, "The skill that is asked for, when the message names one"),
                FieldDeclaration("taskId", .string, "The task that the message is about"),
                FieldDeclaration("contextId", .string, "The context that the message is about"),
                FieldDeclaration("message", .dyn, "The message of message/send and message/stream"),
                FieldDeclaration("params", .dyn, "The parameters of the request"),
            ]),
        RecordDeclaration(
            name: TypeName.llm,
            fields: [
                FieldDeclaration("provider", .string, "openai, anthropic, gemini, azure or custom"),
                FieldDeclaration("requestModel", .string, "The model that the client asked for, when it named one"),
                FieldDeclaration("model", .string, "The model that the provider is asked for"),
                FieldDeclaration("streaming", .bool, "Whether the client asked for a stream"),
                FieldDeclaration("params", .jsonMap, "temperature, max_tokens, … as sent"),
            ]),
        RecordDeclaration(
            name: TypeName.backend,
            fields: [
                FieldDeclaration(
                    "name", .string,
                    "The name it is defined under, an AI provider's name, or host and port of an HTTP server"),
                FieldDeclaration("type", .string, "http, ai, mcp or a2a"),
            ]),
    ]

    /// The phases in which the rules of a kind run. Rules are compiled against what all of them know.
    package static func phases(of kind: RuleSetKind) -> [DecisionPhase] {
        switch kind {
        case .http: [.request]
        case .backend: [.backend]
        case .mcp: [.mcpList, .mcpCall]
        case .a2a: [.a2a]
        }
    }

    /// Header fields whose values are credentials: shown as `<redacted>` wherever a rule's inputs are shown.
    package static let secretHeaders = HeaderViews.credentials
}
