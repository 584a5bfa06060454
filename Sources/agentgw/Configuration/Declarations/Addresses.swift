// Hosts, ports and URLs as the format writes them.

import Proxy

/// All declarations of the configuration format, a table per object. What is not declared here does not load.
enum Declarations {}

/// `scheme://host[:port][/path][?query]`, taken apart.
struct AbsoluteURL: Hashable {
    var scheme: String
    /// Lowercase; an address literal without brackets.
    var host: String
    var port: UInt16?
    /// Empty, or begins with `/`.
    var path: String
    /// Without the `?`; nil: none.
    var query: String?

    /// nil: not such a URL. User information and fragments are refused as well: neither belongs in a configuration.
    init?(_ text: String) {
        guard let colon = text.firstRange(of: "://") else { return nil }
        let scheme = String(text[..<colon.lowerBound]).asciiLowercased
        guard let first = scheme.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first),
            scheme.utf8.allSatisfy({ HeaderSyntax.isTokenByte($0) }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), !text.contains("#"), !text.contains("\\")
        else { return nil }
        let rest = text[colon.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let place = HostPort(String(authority)) else { return nil }
        let target = rest[authority.endIndex...]
        let question = target.firstIndex(of: "?")
        self.scheme = scheme
        host = place.host
        port = place.port
        path = String(target[..<(question ?? target.endIndex)])
        query = question.map { String(target[target.index(after: $0)...]) }
    }

    var isLoopback: Bool {
        host == "localhost" || host.hasSuffix(".localhost") || host == "::1"
            || (host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) })
    }
}

/// `host[:port]`
struct HostPort: Hashable {
    /// Lowercase; an address literal without brackets.
    var host: String
    var port: UInt16?

    init?(_ text: String) {
        let portText: Substring?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            let literal = text[text.index(after: text.startIndex)..<close]
            guard literal.contains(":"), literal.utf8.allSatisfy(Self.isAddressByte) else { return nil }
            host = String(literal).asciiLowercased
            let rest = text[text.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else {
            let colon = text.firstIndex(of: ":")
            host = String(text[..<(colon ?? text.endIndex)]).asciiLowercased
            guard HostName.isSound(host) else { return nil }
            portText = colon.map { text[text.index(after: $0)...] }
        }
        guard let portText else { return }
        guard !portText.isEmpty, portText.utf8.count <= 5, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = UInt16(portText), number > 0
        else { return nil }
        port = number
    }

    /// Of an IPv6 literal: hex digits, colons, and dots of an embedded IPv4 address. Zones are refused.
    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

enum HostName {
    /// Letters, digits, `-` and `_` in labels of 1 to 63, at most 253 in all; an IPv4 literal is one as well.
    static func isSound(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 253 else { return false }
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
                && label.utf8.last != UInt8(ascii: "-")
                && label.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
        }
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

/// An upstream with the path its URL had, if any.
struct UpstreamText {
    var address: UpstreamAddress
    /// Canonical; nil: none was written.
    var path: String?
}

extension Declarations {
    static let hostPattern = ValueDecoder<HostPattern>(
        .text("a host name, or *.suffix", pattern: #"^(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)$"#)
    ) { node, context in
        guard let scalar = Scalars.text("a host name", node, context) else { return nil }
        let text = scalar.text.text.asciiLowercased
        if text == "*" { return .any }
        if text.hasPrefix("*."), HostName.isSound(String(text.dropFirst(2))) {
            return .suffix(String(text.dropFirst()))
        }
        if HostName.isSound(text) { return .exact(text) }
        if text.hasPrefix("["), let place = HostPort(text), place.port == nil { return .exact(text) }
        if HostPort(text)?.port != nil {
            return context.fail("\"\(scalar.written)\" has a port; host names are compared without it", at: node)
        }
        return context.fail(
            "\"\(scalar.written)\" is not a host name; a wildcard is written *.example.com", at: node)
    }

    /// `ip:port`, `localhost:port`, `unix:/path`, `off`.
    static let listenAddress = ValueDecoder<ListenAddress>(
        .text("ip:port, localhost:port, unix:/path or off")
    ) { node, context in
        guard let scalar = Scalars.text("an address", node, context) else { return nil }
        let text = scalar.text.text
        if text == "off" { return .off }
        if text.hasPrefix("unix:/") { return .unix(path: String(text.dropFirst(5))) }
        guard let place = HostPort(text), let port = place.port else {
            return context.fail(
                "\"\(scalar.written)\" is not an address; write ip:port, localhost:port, unix:/path or off", at: node)
        }
        let isLiteral =
            place.host.contains(":") || place.host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
        guard isLiteral || place.host == "localhost" else {
            return context.fail("\"\(scalar.written)\" does not begin with an IP address", at: node)
        }
        return .tcp(host: place.host == "localhost" ? "127.0.0.1" : place.host, port: port)
    }

    /// `name:port`, `unix:/path`, `http://…` or `https://…`.
    static func upstream(allowsPath: Bool) -> ValueDecoder<UpstreamText> {
        let what = allowsPath ? "host:port or a URL" : "host:port, unix:/path or a URL without a path"
        return ValueDecoder<UpstreamText>(.text(what)) { node, context in
            guard let scalar = Scalars.text(what, node, context) else { return nil }
            let text = scalar.text.text
            if text.hasPrefix("unix:/") {
                return UpstreamText(address: UpstreamAddress(.unix(path: String(text.dropFirst(5)))))
            }
            guard text.contains("://") else {
                guard let place = HostPort(text) else {
                    return context.fail("\"\(scalar.written)\" is not \(what)", at: node)
                }
                guard let port = place.port else {
                    return context.fail(
                        "\"\(scalar.written)\" has no port; write \(scalar.written):443 or a URL", at: node)
                }
                return UpstreamText(address: UpstreamAddress(.tcp(host: place.host, port: port)))
            }
            guard let url = AbsoluteURL(text), url.scheme == "http" || url.scheme == "https", url.query == nil else {
                return context.fail(
                    "\"\(scalar.written)\" is not an http or https URL of a host (no user, query or fragment)", at: node
                )
            }
            let hasPath = !url.path.isEmpty && url.path != "/"
            if hasPath, !allowsPath {
                return context.fail(
                    "\"\(scalar.written)\" has a path; only scheme, host and port belong here", at: node)
            }
            let path: String?
            do throws(CanonicalPath.Problem) {
                path = hasPath ? try CanonicalPath.canonical(url.path) : nil
            } catch {
                return context.fail("\(error)", at: node)
            }
            let tls = url.scheme == "https"
            return UpstreamText(
                address: UpstreamAddress(.tcp(host: url.host, port: url.port ?? (tls ? 443 : 80)), tls: tls), path: path
            )
        }
    }

    /// A path as the gateway sees it: absolute and in its one spelling.
    static let canonicalPath = ValueDecoder<String>(.text("a path", pattern: "^/")) { node, context in
        guard let scalar = Scalars.text("a path", node, context) else { return nil }
        do throws(CanonicalPath.Problem) {
            return try CanonicalPath.canonical(scalar.text.text)
        } catch {
            return context.fail("\"\(scalar.written)\" can never match: \(error)", at: node)
        }
    }

    /// RE2 syntax.
    static let regex = ValueDecoder<String>(.text("a regular expression in RE2 syntax")) { node, context in
        guard let scalar = Scalars.text("a regular expression", node, context) else { return nil }
        do throws(LinearRegex.SyntaxError) {
            return try LinearRegex(scalar.text.text).pattern
        } catch {
            return context.fail("not a regular expression in RE2 syntax: \(error.message)", at: node)
        }
    }
}
