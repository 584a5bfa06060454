// The URLs from which keys and metadata may be fetched. The check is made on the parsed parts, once, and the fetcher is
// handed those parts, so that nothing is parsed twice with two results.

/// An absolute http(s) URL without user info or fragment.
package struct FetchURL: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Sendable { case http, https }

    package let scheme: Scheme
    /// Lowercase; an IPv6 address without its brackets.
    package let host: String
    package let port: UInt16
    /// Path and query, beginning with `/`.
    package let target: String
    private let explicitPort: Bool

    static let maximumLength = 2048

    /// - Throws: `.configuration` (without position) that says what is wrong with the text.
    package init(_ text: String) throws(AuthError) {
        func refuse(_ reason: String) -> AuthError { .configuration("'\(text)' \(reason)", .none) }
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.maximumLength else {
            throw .configuration("a URL of more than \(Self.maximumLength) bytes", .none)
        }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x5C }) else {
            throw .configuration("a URL with white space, a backslash or characters outside ASCII", .none)
        }
        guard let colon = text.range(of: "://") else { throw refuse("is not an absolute URL") }
        switch text[..<colon.lowerBound].lowercased() {
        case "https": scheme = .https
        case "http": scheme = .http
        default: throw refuse("is neither an https nor an http URL")
        }
        let rest = text[colon.upperBound...]
        guard !rest.contains("#") else { throw refuse("has a fragment") }
        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        guard !authority.contains("@") else { throw .configuration("a URL with user information", .none) }
        let path = rest[authorityEnd...]
        target = path.hasPrefix("/") ? String(path) : "/" + path

        var hostText = authority
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { throw refuse("has an IPv6 address without its ']'") }
            hostText = authority[authority.index(after: authority.startIndex)..<close]
            let after = authority[authority.index(after: close)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw refuse("has text after its IPv6 address") }
            portText = after.isEmpty ? nil : after.dropFirst()
            guard hostText.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
                throw refuse("has an IPv6 address with other characters")
            }
        } else if let separator = authority.firstIndex(of: ":") {
            hostText = authority[..<separator]
            portText = authority[authority.index(after: separator)...]
        }
        guard !hostText.isEmpty else { throw refuse("has no host") }
        guard authority.hasPrefix("[") || hostText.utf8.allSatisfy(Self.isHostCharacter) else {
            throw refuse("has a host with characters that no host name has")
        }
        host = hostText.lowercased()
        if let portText {
            guard !portText.isEmpty, portText.utf8.allSatisfy({ 48...57 ~= $0 }), let number = UInt16(portText),
                number > 0
            else { throw refuse("has a port that is not a number from 1 to 65535") }
            port = number
            explicitPort = true
        } else {
            port = scheme == .https ? 443 : 80
            explicitPort = false
        }
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Scheme, host and port, as in `Origin`.
    package var origin: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return explicitPort ? "\(scheme.rawValue)://\(name):\(port)" : "\(scheme.rawValue)://\(name)"
    }

    package var description: String { origin + target }

    /// The path without the query; `/` when there is none.
    package var path: String { String(target.prefix { $0 != "?" }) }

    /// Whether the host is written as the machine itself. Only then may its address be a loopback one.
    package var isLoopback: Bool {
        if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// - Throws: when the scheme is not one that `rules` allow for this host.
    package func check(_ rules: KeySetFetchRules) throws(AuthError) {
        guard scheme == .https || isLoopback || rules.allowInsecure else {
            throw .configuration("'\(self)' is not https; plain http needs 'allowInsecure: true'", .none)
        }
    }

    /// For a URL that `source`, fetched from elsewhere, names: as `check`, and only a server that is this machine itself may
    /// point to this machine. Loopback is allowed to those who write it into the configuration.
    package func check(_ rules: KeySetFetchRules, namedBy source: FetchURL) throws(AuthError) {
        try check(rules)
        guard !isLoopback || source.isLoopback || rules.allowPrivateAddresses else {
            throw .configuration("'\(self)', named by \(source.origin), is on this machine", .none)
        }
    }

    /// A redirect is followed only to the same scheme, host and port.
    package func allowsRedirect(to other: FetchURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? { firstRange(of: text) }
}
