// What a field block of HTTP/2 becomes, and what is refused; the names that a TLS client may ask for.

import Testing

@testable import Proxy

struct HTTP2HeadTests {
    static let get = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example:8443"), (":path", "/p?q=1")]

    private func request(
        _ fields: [(String, String)], endsHere: Bool = true, limits: HeadLimits = HeadLimits()
    ) throws(ProtocolError) -> (RequestHead, HTTP2Head) {
        let head = HTTP2Head()
        for (name, value) in fields {
            head.add(ByteView(Array(name.utf8).leaked), ByteView(Array(value.utf8).leaked), limits)
        }
        let request = RequestHead()
        try head.finish(request, endsHere: endsHere)
        return (request, head)
    }

    @Test func requestHasTheSameHeadAsOverHTTP1() throws {
        let (request, head) = try request(Self.get + [("accept", "*/*"), ("cookie", "a=1"), ("cookie", "b=2")])
        withExtendedLifetime(head) {
            #expect(request.method == .get && request.path == "/p" && request.query.map { $0 == "q=1" } == true)
            #expect(request.authority == "a.example:8443" && request.host == "a.example")
            #expect(request.headers.first(.host).map { $0 == "a.example:8443" } == true)
            #expect(request.headers.first(.cookie).map { $0 == "a=1; b=2" } == true)
            #expect(request.headers.occurrences(.cookie) == 1)
            #expect(request.framing == .none && request.version == .http2)
        }
    }

    @Test func framingFollowsTheEndOfTheStream() throws {
        #expect(try request(Self.get, endsHere: false).0.framing == .chunked)
        #expect(try request(Self.get + [("content-length", "7")], endsHere: false).0.framing == .length(7))
        #expect(throws: ProtocolError.truncatedBody) { _ = try request(Self.get + [("content-length", "7")]) }
        #expect(throws: ProtocolError.contentLength) { _ = try request(Self.get + [("content-length", "-7")]) }
    }

    @Test(arguments: [
        ([("connection", "close")], ProtocolError.connectionField),
        ([("te", "gzip")], .connectionField),
        ([("host", "b.example")], .hostMismatch),
        ([("host", "a.example:8443"), ("host", "a.example:8443")], .duplicateHost),
        ([("bad name", "x")], .fieldName),
        ([("x", "a\r\nb")], .fieldValue),
        ([(":unknown", "x")], .fieldName),
    ])
    func fieldsThatTwoReadersCouldReadDifferentlyAreRefused(_ fields: [(String, String)], _ error: ProtocolError) {
        #expect(throws: error) { _ = try request(Self.get + fields) }
    }

    @Test func limitsHoldForBytesAndFields() {
        var limits = HeadLimits()
        limits.fields = 3
        #expect(throws: ProtocolError.tooManyFields) {
            _ = try request(Self.get + (0..<4).map { ("x-\($0)", "y") }, limits: limits)
        }
        limits.headBytes = 1000
        #expect(throws: ProtocolError.headTooLarge) {
            _ = try request(Self.get + [("x", String(repeating: "y", count: 2000))], limits: limits)
        }
    }

    @Test func aFloodEmptiesItsBudgetAndTimeFillsIt() {
        var budget = FloodBudget(burst: 3, perSecond: 2, now: MonotonicTime(nanoseconds: 0))
        let start = MonotonicTime(nanoseconds: 1)
        #expect(budget.take(start) && budget.take(start) && budget.take(start) && !budget.take(start))
        let later = MonotonicTime(nanoseconds: 1_000_000_001)
        #expect(budget.take(later) && budget.take(later) && !budget.take(later))
        budget.give(10)
        #expect(budget.take(later) && budget.take(later) && budget.take(later) && !budget.take(later))
    }

    @Test func serverNameIsOneWellFormedHostName() {
        func name(_ bytes: [UInt8]) -> String? { TLSServerContext.hostName(ByteView(bytes.leaked))?.text }
        #expect(name([0, 6, 0, 0, 3] + Array("a.b".utf8)) == "a.b")
        #expect(name([0, 7, 0, 0, 3] + Array("a.b".utf8)) == nil)
        #expect(name([0, 6, 1, 0, 3] + Array("a.b".utf8)) == nil)
        #expect(name([0, 6, 0, 0, 4] + Array("a.b".utf8)) == nil)
        #expect(name([0, 6, 0, 0, 3] + Array("a\0b".utf8)) == nil)
        #expect(name([0, 3, 0, 0, 0]) == nil)
        #expect(name([]) == nil)
    }
}

extension [UInt8] {
    /// Bytes that outlive the test, as a view needs them.
    fileprivate var leaked: UnsafeBufferPointer<UInt8> {
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Swift.max(1, count))
        _ = copy.initialize(from: self)
        return UnsafeBufferPointer(rebasing: copy[0..<count])
    }
}
