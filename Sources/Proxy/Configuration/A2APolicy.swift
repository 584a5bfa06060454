// `a2a`: the route, or one of its backends, leads to an A2A agent.

package struct A2APolicy: Hashable, Sendable {
    /// The gateway's own origin in agent cards, such as `https://agents.example`; nil: the request's scheme and host.
    package var publicOrigin: String?
    /// JSON-RPC methods of extensions that pass beside those of the protocol.
    package var extensionMethods: [String] = []
    /// Where agents may be told to send push notifications; empty: nowhere.
    package var pushTargets: [PushTarget] = []

    package init() {}
}
