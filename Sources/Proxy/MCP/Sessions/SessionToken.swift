// What a legacy session is, as the client carries it in `Mcp-Session-Id`: sealed, so that a session over HTTP targets
// needs no memory of ours and works on every loop, replica and restart.

package struct SessionToken: Sendable {
    /// One target of the session.
    struct TargetState: Sendable, Equatable {
        var name: String
        var version: MCPVersion
        /// The target's own session id; nil when it has none, or lives on the home loop.
        var session: String?
        /// The lists that it has promised to tell changes of.
        var announces: Set<ListKind> = []
    }

    /// Names the session in tables, rules and logs.
    var id: [UInt8]
    /// The backend that it was begun with, `CompiledMCP.signature`: after a reload that changes targets it is no more.
    var backend: [UInt8] = []
    /// Seconds since the epoch.
    var expires: Int64
    /// The loop that has the session's children; nil when there are none.
    var home: Int?
    var version: MCPVersion
    /// Of `sampling`, `elicitation`, `roots`, `tasks`: what the client has declared.
    var capabilities: [String]
    var client: MCPClientInfo?
    var targets: [TargetState]

    var idText: String { id.hexadecimal }

    func state(of target: String) -> TargetState? { targets.first { $0.name == target } }

    // MARK: Encoding

    private static let format: UInt8 = 2

    private static func bits(_ kinds: Set<ListKind>) -> UInt8 {
        ListKind.allCases.enumerated().reduce(0) { $0 | (kinds.contains($1.element) ? 1 << UInt8($1.offset) : 0) }
    }

    private static func kinds(_ bits: UInt8) -> Set<ListKind> {
        Set(ListKind.allCases.enumerated().filter { bits & 1 << UInt8($0.offset) != 0 }.map(\.element))
    }

    var encoded: [UInt8] {
        var out: [UInt8] = [SessionToken.format]
        func add(_ text: String?) {
            let bytes = Array((text ?? "").utf8.prefix(0xfffe))
            let length = text == nil ? 0xffff : bytes.count
            out.append(UInt8(length >> 8))
            out.append(UInt8(length & 0xff))
            out.append(contentsOf: bytes)
        }
        out.append(contentsOf: id)
        out.append(UInt8(truncatingIfNeeded: backend.count))
        out.append(contentsOf: backend)
        for shift in stride(from: 56, through: 0, by: -8) {
            out.append(UInt8(truncatingIfNeeded: expires >> Int64(shift)))
        }
        let loop = home ?? 0xffff
        out.append(UInt8(truncatingIfNeeded: loop >> 8))
        out.append(UInt8(truncatingIfNeeded: loop))
        out.append(version.ordinal)
        add(capabilities.joined(separator: ","))
        add(client?.name)
        add(client?.version)
        out.append(UInt8(truncatingIfNeeded: targets.count))
        for target in targets {
            add(target.name)
            out.append(target.version.ordinal)
            add(target.session)
            out.append(SessionToken.bits(target.announces))
        }
        return out
    }

    init(
        id: [UInt8], backend: [UInt8] = [], expires: Int64, home: Int?, version: MCPVersion, capabilities: [String],
        client: MCPClientInfo?, targets: [TargetState]
    ) {
        self.id = id
        self.backend = backend
        self.expires = expires
        self.home = home
        self.version = version
        self.capabilities = capabilities
        self.client = client
        self.targets = targets
    }

    /// nil for bytes of another format.
    init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        func number(_ count: Int) -> UInt64? { take(count)?.reduce(0) { $0 << 8 | UInt64($1) } }
        func text() -> String?? {
            guard let length = number(2) else { return nil }
            if length == 0xffff { return .some(nil) }
            return take(Int(length)).map { String(decoding: $0, as: UTF8.self) }
        }
        guard number(1) == UInt64(SessionToken.format), let id = take(16),
            let backend = number(1).flatMap({ take(Int($0)) }), let expires = number(8),
            let home = number(2), let version = number(1).flatMap({ MCPVersion(ordinal: UInt8($0)) }),
            let capabilities = text(), let clientName = text(), let clientVersion = text(), let count = number(1)
        else { return nil }
        var targets: [TargetState] = []
        for _ in 0..<count {
            guard let name = text() ?? nil, let version = number(1).flatMap({ MCPVersion(ordinal: UInt8($0)) }),
                let session = text(), let announces = number(1)
            else { return nil }
            targets.append(
                TargetState(
                    name: name, version: version, session: session, announces: SessionToken.kinds(UInt8(announces))))
        }
        guard rest.isEmpty else { return nil }
        self.id = Array(id)
        self.backend = Array(backend)
        self.expires = Int64(bitPattern: expires)
        self.home = home == 0xffff ? nil : Int(home)
        self.version = version
        self.capabilities = (capabilities ?? "").split(separator: ",").map(String.init)
        client = clientName.map { MCPClientInfo(name: $0, version: clientVersion ?? "") }
        self.targets = targets
    }
}
