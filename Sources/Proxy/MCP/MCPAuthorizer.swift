// What the MCP layer asks the auth layer: may this message pass, and is this item shown. The gateway connects it to the
// rules of the route.

import JSON

/// One message of a client, as far as rules can read it.
package struct MCPCall: Sendable {
    package var method: String
    /// nil: the message is for all targets, or for the gateway itself.
    package var target: String?
    package var subject: Subject?
    /// Of the sealed session; empty without one.
    package var session: String
    package var client: MCPClientInfo?
    /// A method whose meaning the gateway does not know: only an allow that is really granted lets it pass.
    package var isOpaque = false

    package init(
        method: String, target: String?, subject: Subject?, session: String, client: MCPClientInfo?
    ) {
        self.method = method
        self.target = target
        self.subject = subject
        self.session = session
        self.client = client
    }

    package enum Subject: Sendable {
        /// `annotations` are the target's own words, when a list has shown them; `isPinned` is nil without a lock file.
        case tool(name: String, arguments: JSONValue?, annotations: JSONValue?, isPinned: Bool? = nil)
        case prompt(name: String, arguments: JSONValue?)
        /// The URI as the target knows it.
        case resource(uri: String)
    }
}

/// One item of a list.
package struct MCPItem: Sendable {
    package var kind: ListKind
    package var target: String
    /// As the target knows it: a name, a URI, or a URI template.
    package var name: String
    /// The whole item.
    package var definition: JSONValue
    /// nil without a lock file.
    package var isPinned: Bool?
    package var session: String
    package var client: MCPClientInfo?

    package init(
        kind: ListKind, target: String, name: String, definition: JSONValue, isPinned: Bool? = nil, session: String,
        client: MCPClientInfo?
    ) {
        self.kind = kind
        self.target = target
        self.name = name
        self.definition = definition
        self.isPinned = isPinned
        self.session = session
        self.client = client
    }
}

package struct MCPClientInfo: Sendable {
    package var name: String
    package var version: String

    package init(name: String, version: String) {
        self.name = name
        self.version = version
    }
}

package enum MCPJudgement: Sendable {
    case allow
    case deny(MCPDenial)
}

package struct MCPDenial: Sendable {
    /// Names the decision in our records.
    package var decision: String
    /// The value of `WWW-Authenticate`, when the caller could do something about it.
    package var challenge: String?
    /// Answer as if there were no such thing.
    package var hides: Bool

    package init(decision: String, challenge: String? = nil, hides: Bool = false) {
        self.decision = decision
        self.challenge = challenge
        self.hides = hides
    }
}

/// Made by the gateway for one request; confined to its loop.
package protocol MCPAuthorizer {
    func judge(_ call: MCPCall) -> MCPJudgement
    /// The same rules with the arguments unknown: false only when every call would be denied.
    func shows(_ item: MCPItem) -> Bool
    /// Whether a list shows the subject of a call.
    func mayKnow(_ call: MCPCall) -> Bool
    /// Some rule reads `mcp.tool.annotations`: they are looked up before a call is judged.
    var readsAnnotations: Bool { get }
}

/// A route without rules.
package struct AllowAll: MCPAuthorizer {
    package init() {}
    package func judge(_ call: MCPCall) -> MCPJudgement { .allow }
    package func shows(_ item: MCPItem) -> Bool { true }
    package func mayKnow(_ call: MCPCall) -> Bool { true }
    package var readsAnnotations: Bool { false }
}
