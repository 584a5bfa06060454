// Where agents may send push notifications: an agent calls whatever URL a client gives it, so a URL passes only when the
// configuration names it. Without a list none does.

import Auth
import JSON

/// One entry of the allow-list: scheme, host, port and the beginning of the path.
package struct PushTarget: Hashable, Sendable {
    let scheme: FetchURL.Scheme
    /// Lowercase; with `isWildcard`, one or more labels come before it.
    let host: String
    let isWildcard: Bool
    let port: UInt16
    /// Canonical, without a slash at its end.
    let path: String

    /// `https://hooks.example.com`, `https://*.example.com:8443/agents`
    /// - Throws: `.configuration` with what is wrong.
    package init(_ text: String) throws(AuthError) {
        var text = text
        var isWildcard = false
        for scheme in ["https://*.", "http://*."] where text.lowercased().hasPrefix(scheme) {
            isWildcard = true
            text = String(scheme.dropLast(2)) + text.dropFirst(scheme.count)
        }
        let url = try FetchURL(text)
        guard let path = PushTarget.path(url) else {
            throw .configuration("'\(text)' has a query, or a path that is read in different ways", .none)
        }
        scheme = url.scheme
        host = url.host
        self.isWildcard = isWildcard
        port = url.port
        self.path = path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// nil: a path that servers read in different ways, or a query in an entry.
    private static func path(_ url: FetchURL) -> String? {
        guard !url.target.contains("?") else { return nil }
        return try? CanonicalPath.canonical(url.target)
    }

    func admits(_ url: FetchURL) -> Bool {
        guard url.scheme == scheme, url.port == port else { return false }
        guard isWildcard ? url.host.hasSuffix("." + host) && url.host.utf8.first != 0x2e : url.host == host else {
            return false
        }
        let end = url.target.firstIndex(of: "?") ?? url.target.endIndex
        guard let canonical = try? CanonicalPath.canonical(String(url.target[..<end])) else { return false }
        return canonical == path || canonical.hasPrefix(path + "/")
    }
}

package struct PushTargets: Sendable {
    private let entries: [PushTarget]

    package init(_ entries: [PushTarget]) { self.entries = entries }

    /// Nesting of an object that is searched; real configurations nest three deep.
    private static let maximumDepth = 16

    /// Checks every member of the object, at any depth, that a reader could take for a URL to be called.
    /// - Throws: for one that is not on the list.
    func checkAll(in value: JSONValue, depth: Int = 0) throws(A2AError) {
        guard depth < PushTargets.maximumDepth else { throw .invalidParams("nested too deep") }
        for element in value.elements { try checkAll(in: element, depth: depth + 1) }
        for (name, member) in value.members {
            if A2AParams.folded(name.string ?? "") == "url" {
                guard name.equals("url" as StaticString) else { throw .invalidParams("this member is not 'url'") }
                guard let text = member.string else { throw .invalidParams("'url' must be a string") }
                try check(text)
            } else {
                try checkAll(in: member, depth: depth + 1)
            }
        }
    }

    func check(_ text: String) throws(A2AError) {
        if entries.isEmpty { throw .pushTarget("push notifications are not allowed here") }
        guard let url = try? FetchURL(text), entries.contains(where: { $0.admits(url) }) else {
            throw .pushTarget("push notifications may not be sent to this URL")
        }
    }
}
