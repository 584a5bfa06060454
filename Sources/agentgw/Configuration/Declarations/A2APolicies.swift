// `a2a`: what makes a route or a backend one that leads to an A2A agent.

import Auth
import Proxy

extension Declarations {
    static let a2a = ValueDecoder<A2APolicy>.object(
        "A2A", "The requests go to an A2A agent: cards are rewritten, messages are read and judged.",
        make: { _, _ in A2APolicy() },
        fields: [
            .optional(
                "publicUrl", \.publicOrigin, publicOrigin, default: "scheme and host of the request",
                "Scheme, host and port that clients reach the gateway at, as agent cards will say."),
            .value(
                "pushNotificationUrls", \.pushTargets, .list(pushTarget, of: "URL"), default: "[]: none",
                "Where clients may have an agent send push notifications: URLs with a host or `*.suffix`, and a path "
                    + "below which all is allowed."),
            .value(
                "extensionMethods", \.extensionMethods, .list(extensionMethod, of: "method"), default: "[]",
                "JSON-RPC methods that the protocol does not have and that pass nevertheless, after the rules."),
        ])

    private static let publicOrigin = ValueDecoder<String>.nonEmptyString("a URL").then {
        (text, node, context) -> String? in
        guard let url = try? FetchURL(text), url.target == "/" else {
            return context.fail(
                "\(NodeKind.written(node)) is no origin; write scheme, host and port, such as https://agents.example.com",
                at: node)
        }
        var origin = text
        while origin.hasSuffix("/") { origin.removeLast() }
        return origin
    }

    private static let pushTarget = ValueDecoder<String>.nonEmptyString("a URL").then {
        (text, node, context) -> PushTarget? in
        do throws(AuthError) {
            return try PushTarget(text)
        } catch {
            return context.fail("\(error.text)", at: node)
        }
    }

    private static let extensionMethod = ValueDecoder<String>.nonEmptyString("a method").then {
        (text, node, context) -> String? in
        guard A2AOperation.named(text) == nil else {
            return context.fail(
                "\(NodeKind.written(node)) is a method of the protocol and passes without this", at: node)
        }
        return text
    }
}
