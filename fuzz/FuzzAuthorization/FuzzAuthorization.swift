// Fuzzes the search for credentials: `Authorization` and other fields, query parameters, cookies. A credential that was found
// must not be found again once it was stripped, or the upstream would get what was meant for the gateway.
//
// A line for the query, then fields as `name: value`.

@testable import Auth

private let places: [CredentialLocation] = [
    .bearer, .header(name: "x-key", prefix: ""), .header(name: "x-token", prefix: "Key-"),
    .queryParameter(name: "token"), .cookie(name: "session"),
]
private let stripping = CredentialStripping(places)
nonisolated(unsafe) private let scratch = CredentialScratch()
nonisolated(unsafe) private let digest: Digest = {
    do { return try Digest(.sha256) } catch { fatalError("\(error)") }
}()

private final class Request: RequestAttributes {
    private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []
    private(set) var query: ByteRun?
    private var fields: [(name: ByteRun, value: ByteRun)] = []

    init(query: [UInt8]?, fields: [(name: [UInt8], value: [UInt8])]) {
        self.query = query.map(keep)
        self.fields = fields.map { (keep($0.name), keep($0.value)) }
    }

    deinit { for block in blocks { block.deallocate() } }

    private func keep(_ bytes: [UInt8]) -> ByteRun {
        let block = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = block.initialize(from: bytes)
        blocks.append(block)
        return ByteRun(block)
    }

    private var empty: ByteRun { ByteRun(start: nil, count: 0) }
    var method: ByteRun { empty }
    var path: ByteRun { empty }
    var scheme: ByteRun { empty }
    var authority: ByteRun { empty }
    var protocolVersion: ByteRun { empty }
    var sourceAddress: ByteRun { empty }
    var sourcePort: Int { 0 }
    var destinationAddress: ByteRun { empty }
    var destinationPort: Int { 0 }
    var tls: TLSAttributes? { nil }
    var headerCount: Int { fields.count }
    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? { fields[index] }

    /// As `RequestPipeline` does it.
    func stripped() -> Request {
        let kept = fields.filter { field in !stripping.headers.contains { $0.matches(field.name) } }
        let rest = kept.compactMap { field -> (name: [UInt8], value: [UInt8])? in
            guard HeaderKey.cookie.matches(field.name), let rest = stripping.strippedCookies(field.value) else {
                return (Array(field.name), Array(field.value))
            }
            return rest.isEmpty ? nil : (Array(field.name), rest)
        }
        return Request(query: query.map { stripping.strippedQuery($0) ?? Array($0) }, fields: rest)
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
    let query = lines.removeFirst()
    let fields = lines.compactMap { line -> (name: [UInt8], value: [UInt8])? in
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        // As the parser of heads hands them on: without white space around the value.
        let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
        let end = value.lastIndex { $0 != 0x20 && $0 != 0x09 }.map { $0 + 1 } ?? value.startIndex
        return (Array(line[..<colon]), Array(value[..<end]))
    }
    let request = Request(query: query, fields: fields)
    let rest = request.stripped()
    for place in places + [.basic] {
        let finder = CredentialFinder([place])
        if case .found(let run) = finder.find(in: request, scratch: scratch) {
            _ = BasicCredentials(run, salt: [], digest: digest)
        }
        guard case .absent = finder.find(in: rest, scratch: scratch) else {
            fatalError("a credential in \(place) is left after stripping")
        }
    }
    _ = CredentialFinder(places).find(in: request, scratch: scratch)
    return 0
}
