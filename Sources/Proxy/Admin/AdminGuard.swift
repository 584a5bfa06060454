// Who may talk to the admin port. Pages of other sites must not reach it through the operator's browser (by their own
// requests, or by a name of theirs that resolves to this machine), nor other users of this machine.

import Auth
import Glibc

package struct AdminGuard: Sendable {
    /// The environment variable with the token that opens the port to whoever knows it.
    package static let variable = "AGENTGW_ADMIN_TOKEN"

    private let token: Secret?
    private let port: UInt16

    /// - Parameter token: nil: only this process's own user, and root, on this machine.
    package init(token: Secret?, port: UInt16) {
        self.token = token
        self.port = port
    }

    package struct Refusal: Sendable {
        package let status: Int
        package let message: String
    }

    /// nil: the request may pass. `isPage`: what is asked for tells nothing and changes nothing.
    package func check(_ exchange: Exchange, isPage: Bool) -> Refusal? {
        let request = exchange.request
        let host = request.authority.text.lowercased()
        // A name that an attacker's DNS points here is none of these.
        guard token != nil || admits(host) else {
            return Refusal(status: 421, message: "the admin port is reached by localhost or 127.0.0.1")
        }
        for field in ["origin", "sec-fetch-site"] {
            guard let value = header(field, request)?.lowercased() else { continue }
            if field == "origin", value != "http://\(host)" {
                return Refusal(status: 403, message: "a page of another origin")
            }
            if field == "sec-fetch-site", value != "same-origin", value != "none" {
                // A link to the page is harmless; anything else from another site is not.
                guard isPage, request.method == .get else {
                    return Refusal(status: 403, message: "a request of another site")
                }
            }
        }
        if request.method != .get, request.method != .head,
            request.headers.first(.contentType)?.starts(with: "application/json") != true
        {
            return Refusal(status: 415, message: "application/json is expected")
        }
        if isPage { return nil }
        if let token {
            let expected = "Bearer "
            guard let shown = header("authorization", request), shown.hasPrefix(expected),
                Secret(String(shown.dropFirst(expected.count))).constantTimeEquals(token)
            else { return Refusal(status: 401, message: "the token of \(AdminGuard.variable) is needed") }
            return nil
        }
        guard let owner = PeerOwner.user(peer: exchange.connection.peer, local: exchange.connection.local),
            owner == 0 || owner == getuid()
        else {
            return Refusal(
                status: 403,
                message: "the connection is another user's; start agentgw with \(AdminGuard.variable) to share the port"
            )
        }
        return nil
    }

    private func admits(_ host: String) -> Bool {
        ["localhost", "127.0.0.1", "[::1]"].contains { name in host == name || host == "\(name):\(port)" }
    }

    private func header(_ name: String, _ request: RequestHead) -> String? {
        var name = name
        return name.withUTF8 { request.headers.first(named: ByteView($0))?.text }
    }
}

/// Which user has the other end of a connection within this machine.
enum PeerOwner {
    /// nil: the kernel's tables do not have it.
    static func user(peer: SocketAddress, local: SocketAddress) -> uid_t? {
        guard peer.isLoopback else { return nil }
        let port = hexadecimal(peer.port)
        let other = hexadecimal(local.port)
        for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let file = fopen(path, "re") else { continue }
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 512)
            while fgets(&line, Int32(line.count), file) != nil {
                // There may be 100,000 connections: only lines that name the port are worth taking apart.
                guard strstr(line, port) != nil else { continue }
                let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                let fields = text.split(separator: " ")
                // sl, local, remote, state, queues, timer, retransmits, uid
                guard fields.count > 7, fields[1].hasSuffix(port), fields[2].hasSuffix(other), fields[3] == "01",
                    isLoopback(fields[1])
                else { continue }
                return uid_t(fields[7])
            }
        }
        return nil
    }

    private static func hexadecimal(_ port: UInt16) -> String {
        let digits = String(port, radix: 16, uppercase: true)
        return ":" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    /// 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, as the kernel prints them on a little-endian machine.
    private static func isLoopback(_ address: Substring) -> Bool {
        let digits = address.prefix { $0 != ":" }
        if digits.count == 8 { return digits.hasSuffix("7F") }
        return digits == "00000000000000000000000001000000"
            || (digits.hasPrefix("0000000000000000FFFF0000") && digits.hasSuffix("7F"))
    }
}
