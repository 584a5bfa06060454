// A request of the modern era (2026-07-28): it says its version and its client's capabilities itself.

struct ModernRequest {
    static let versionKey: StaticString = "io.modelcontextprotocol/protocolVersion"

    let request: MCPClientRequest

    /// The header or the body speaks of a version that is not legacy.
    static func isModern(header: String?, _ params: ClientParams) -> Bool {
        if params.value?["_meta" as StaticString]?[versionKey] != nil { return true }
        guard let header else { return false }
        return MCPVersion(rawValue: header)?.isModern ?? true
    }

    func serve(_ message: RPCRequest, _ params: ClientParams, header: String?) async throws(RPCError) {
        throw .unsupportedVersion(header ?? "")
    }
}
