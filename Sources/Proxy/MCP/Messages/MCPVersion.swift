// The revisions of the protocol that are spoken, and the two eras they fall into.

package enum MCPVersion: String, CaseIterable, Comparable, Sendable {
    case v2024_11_05 = "2024-11-05"
    case v2025_03_26 = "2025-03-26"
    case v2025_06_18 = "2025-06-18"
    case v2025_11_25 = "2025-11-25"
    /// Stateless: every request says its version and capabilities itself.
    case v2026_07_28 = "2026-07-28"

    var isModern: Bool { self == .v2026_07_28 }

    static let latestLegacy = MCPVersion.v2025_11_25
    static let latestModern = MCPVersion.v2026_07_28
    /// What a request over streamable HTTP speaks that does not say (2025-06-18, "Protocol Version Header").
    static let unstated = MCPVersion.v2025_03_26

    /// Newest first.
    static let allNames = allCases.reversed().map(\.rawValue)

    package static func < (a: MCPVersion, b: MCPVersion) -> Bool { a.rawValue < b.rawValue }

    /// What `initialize` is answered with: the version asked for, or the newest of its era.
    static func negotiated(_ requested: String) -> MCPVersion {
        guard let version = MCPVersion(rawValue: requested), !version.isModern else { return latestLegacy }
        return version
    }

    /// A number of one byte, for sealed identifiers.
    var ordinal: UInt8 { UInt8(MCPVersion.allCases.firstIndex(of: self) ?? 0) }
    init?(ordinal: UInt8) {
        guard Int(ordinal) < MCPVersion.allCases.count else { return nil }
        self = MCPVersion.allCases[Int(ordinal)]
    }
}
