// A request made of strings, for the tests: owns the memory that the layer borrows.

import Auth

final class TestRequest: RequestAttributes {
    private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []
    let method: ByteRun
    let path: ByteRun
    let query: ByteRun?
    let scheme: ByteRun
    let authority: ByteRun
    let protocolVersion: ByteRun
    let sourceAddress: ByteRun
    let sourcePort = 40_000
    let destinationAddress: ByteRun
    let destinationPort = 3000
    let tls: TLSAttributes?
    private var fields: [(name: ByteRun, value: ByteRun)] = []

    init(
        _ method: String = "GET", _ path: String = "/", query: String? = nil, headers: [(String, String)] = [],
        authority: String = "gateway.test", scheme: String = "http", source: String = "192.0.2.7",
        tls: TLSAttributes? = nil
    ) {
        var kept: [UnsafeMutableBufferPointer<UInt8>] = []
        func keep(_ text: String) -> ByteRun {
            let block = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
            _ = block.initialize(from: text.utf8)
            kept.append(block)
            return ByteRun(block)
        }
        self.method = keep(method)
        self.path = keep(path)
        self.query = query.map(keep)
        self.scheme = keep(scheme)
        self.authority = keep(authority)
        protocolVersion = keep("HTTP/1.1")
        sourceAddress = keep(source)
        destinationAddress = keep("192.0.2.1")
        self.tls = tls
        fields = headers.map { (keep($0.0), keep($0.1)) }
        blocks = kept
    }

    deinit { for block in blocks { block.deallocate() } }

    var headerCount: Int { fields.count }
    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? { fields[index] }
}

/// A reproducible generator (SplitMix64); tests print the seed they use.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension Span where Element == UInt8 {
    var array: [UInt8] { (0..<count).map { self[$0] } }
}
