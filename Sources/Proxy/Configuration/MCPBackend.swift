// `mcp`: one endpoint that federates MCP servers.

import Auth

package struct MCPBackend: Sendable {
    package enum StatefulMode: String, Sendable, CaseIterable {
        case stateful, stateless
    }

    /// Whether tools are shown as `target_tool`.
    package enum PrefixMode: String, Sendable, CaseIterable {
        /// With more than one target.
        case conditional
        case always, never
    }

    package enum FailureMode: String, Sendable, CaseIterable {
        case failClosed, failOpen
    }

    /// Never empty; names are distinct.
    package var targets: [MCPTarget]
    package var statefulMode: StatefulMode
    package var prefixMode: PrefixMode
    package var failureMode: FailureMode
    /// Whether `Host` and `Origin` must be the gateway's own; nil: on loopback binds.
    package var dnsRebindingProtection: Bool?
    /// A tool, prompt or resource that no call may reach is answered as if there were none.
    package var hideDenied = false
    /// `tools/call` is checked against the tool's input schema before the rules.
    package var validateArguments = false
    /// What is done about tools that are not as they were reviewed.
    package var toolGuard: MCPGuard?
    /// Methods beyond the specification that reach the only target.
    package var passthroughMethods: [String] = []
    package var position: FilePosition

    package init(
        targets: [MCPTarget], statefulMode: StatefulMode = .stateful, prefixMode: PrefixMode = .conditional,
        failureMode: FailureMode = .failClosed, dnsRebindingProtection: Bool? = nil, position: FilePosition = .none
    ) {
        self.targets = targets
        self.statefulMode = statefulMode
        self.prefixMode = prefixMode
        self.failureMode = failureMode
        self.dnsRebindingProtection = dnsRebindingProtection
        self.position = position
    }
}

package struct MCPTarget: Sendable {
    package enum Transport: Sendable {
        case stdio(StdioCommand)
        /// Streamable HTTP; the path is `/mcp` unless written.
        case streamableHTTP(UpstreamAddress, path: String)
        /// The older HTTP+SSE transport; the path is `/sse` unless written.
        case sse(UpstreamAddress, path: String)
        /// A REST service; each operation with an `operationId` is a tool.
        case openAPI(UpstreamAddress, pathPrefix: String, schema: DocumentSource)
        /// A small server inside this process, for the demo.
        case builtin(BuiltinServer)
    }

    /// Lowercase letters, digits, `-` and `.`.
    package var name: String
    package var transport: Transport
    package var policies: BackendPolicies
    package var position: FilePosition

    package init(
        name: String, transport: Transport, policies: BackendPolicies = BackendPolicies(),
        position: FilePosition = .none
    ) {
        self.name = name
        self.transport = transport
        self.policies = policies
        self.position = position
    }
}

/// A child process that speaks MCP over its standard input and output.
package struct StdioCommand: Sendable {
    package var command: String
    package var arguments: [String]
    /// Beside the few variables a child inherits (PATH, HOME, LANG, TMPDIR).
    package var environment: [EnvironmentVariable]
    /// Inherits nothing at all.
    package var clearEnvironment: Bool

    package init(
        command: String, arguments: [String] = [], environment: [EnvironmentVariable] = [],
        clearEnvironment: Bool = false
    ) {
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.clearEnvironment = clearEnvironment
    }
}

package struct EnvironmentVariable: Sendable {
    package var name: String
    /// Tokens travel this way.
    package var value: Secret

    package init(name: String, value: Secret) {
        self.name = name
        self.value = value
    }
}

/// A document given in place, by file or by URL.
package enum DocumentSource: Hashable, Sendable {
    case inline(String)
    case file(path: String)
    case url(String)
}
