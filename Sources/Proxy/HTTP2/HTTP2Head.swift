// The fields of one HTTP/2 message as HPACK gives them, gathered into one buffer that the message's head points into.
// nghttp2 has checked names, order of pseudo-fields and connection-specific fields (RFC 9113 §8.2, §8.3); what
// implementations could still read differently is refused here.
// Invariant: the buffer does not change once `finish…` has pointed a `HeaderBlock` at it.

import Glibc

final class HTTP2Head {
    private struct Field {
        var name: Range<Int>
        var value: Range<Int>
        var known: KnownHeader
    }

    private let bytes = IOBuffer(capacity: 1024)
    private var fields: [Field] = []
    private var method: Range<Int>?
    private var scheme: Range<Int>?
    private var authority: Range<Int>?
    private var path: Range<Int>?
    private var status = 0
    private var cookies = 0
    /// The first thing that is wrong with the head; what follows it is not kept.
    private(set) var problem: ProtocolError?

    func reset() {
        bytes.clear()
        fields.removeAll(keepingCapacity: true)
        method = nil
        scheme = nil
        authority = nil
        path = nil
        status = 0
        cookies = 0
        problem = nil
    }

    private func keep(_ view: ByteView) -> Range<Int> {
        let start = bytes.writer
        bytes.append(view)
        return start..<bytes.writer
    }

    private func view(_ range: Range<Int>) -> ByteView {
        ByteView(UnsafePointer(bytes.base) + range.lowerBound, range.count)
    }

    func add(_ name: ByteView, _ value: ByteView, _ limits: HeadLimits) {
        guard problem == nil else { return }
        // RFC 9113 §6.5.2: each field counts with 32 bytes of overhead.
        guard bytes.writer + name.count + value.count + 32 * (fields.count + 1) <= limits.headBytes + 32 * limits.fields
        else {
            problem = .headTooLarge
            return
        }
        if name.count > 0, name[0] == UInt8(ascii: ":") {
            let range = keep(value)
            switch true {
            case name == ":method": method = range
            case name == ":scheme": scheme = range
            case name == ":authority": authority = range
            case name == ":path": path = range
            case name == ":status": status = value.count == 3 ? value.reduce(0) { $0 * 10 + Int($1) - 0x30 } : 0
            default: problem = .fieldName
            }
            return
        }
        guard fields.count < limits.fields else {
            problem = .tooManyFields
            return
        }
        guard HeaderBlock.isValidName(name) else {
            problem = .fieldName
            return
        }
        guard HeaderBlock.isValidValue(value) else {
            problem = .fieldValue
            return
        }
        let known = KnownHeader.find(name)
        switch known {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade:
            problem = .connectionField
            return
        case .te:
            guard value.equalsIgnoringCase("trailers") else {
                problem = .connectionField
                return
            }
            return
        case .cookie: cookies += 1
        default: break
        }
        fields.append(Field(name: keep(name), value: keep(value), known: known))
    }

    // MARK: Requests

    /// Makes a request of the fields. `endsHere`: no body follows.
    func finish(_ request: RequestHead, endsHere: Bool) throws(ProtocolError) {
        if let problem { throw problem }
        if let method, view(method) == "CONNECT" { throw .connect }
        guard let method, let scheme, let path, path.count > 0 else { throw .requestLine }
        request.version = .http2
        request.keepAlive = true
        request.method = HTTPMethod(view(method))
        request.methodRange = method
        guard view(method).allSatisfy({ ASCII.isToken($0) }) else { throw .method }
        guard view(scheme).equalsIgnoringCase("https") || view(scheme).equalsIgnoringCase("http") else { throw .target }
        let hosts = fields.filter { $0.known == .host }
        guard hosts.count <= 1 else { throw .duplicateHost }
        guard let host = authority ?? hosts.first?.value, host.count > 0 else { throw .missingHost }
        guard HeadParser.isValidAuthority(view(host)) else { throw .malformedHost }
        if let named = hosts.first, !view(named.value).equalsIgnoringCase(view(host)) { throw .hostMismatch }
        if hosts.isEmpty {
            // Rules and routes see the field that an HTTP/1.1 request would have.
            fields.append(Field(name: keep(ByteView("host")), value: host, known: .host))
        }
        if cookies > 1 { joinCookies() }
        point(request.headers)
        request.hostRange = host
        try HeadParser.parsePath(UnsafePointer(bytes.base), path, into: request)
        request.framing =
            try HeadParser.contentLength(request.headers).map { .length($0) } ?? (endsHere ? .none : .chunked)
        if endsHere {
            if case .length(let count) = request.framing, count > 0 { throw .truncatedBody }
            request.framing = .none
        }
        if let expect = request.headers.first(.expect) {
            guard expect.equalsIgnoringCase("100-continue"), request.headers.occurrences(.expect) == 1 else {
                throw .expectation
            }
            request.expectsContinue = !endsHere
        }
    }

    /// RFC 9113 §8.2.3: crumbs become one field before anybody who does not speak HTTP/2 reads them.
    private func joinCookies() {
        let crumbs = fields.filter { $0.known == .cookie }
        bytes.reserve(crumbs.reduce(0) { $0 + $1.value.count + 2 })
        let start = bytes.writer
        for (index, crumb) in crumbs.enumerated() {
            if index > 0 { bytes.append("; ") }
            bytes.append(view(crumb.value))
        }
        fields.removeAll { $0.known == .cookie }
        fields.append(Field(name: crumbs[0].name, value: start..<bytes.writer, known: .cookie))
    }

    // MARK: Responses

    /// Makes a reply's head of the fields; its body, if any, ends with the stream.
    func finish(_ response: ResponseHead, endsHere: Bool, toHead: Bool) throws(ProtocolError) {
        if let problem { throw problem }
        response.reset()
        guard (100...599).contains(status), status != 101 else { throw .statusLine }
        response.version = .http2
        response.status = status
        point(response.headers)
        let length = try HeadParser.contentLength(response.headers)
        if toHead || !endsHere {
            response.framing = length.map { .length($0) } ?? (endsHere ? .none : .chunked)
        } else {
            response.framing = .length(0)
        }
    }

    /// For a trailer section: fields that would change what has been judged have no place there (RFC 9110 §6.5.1).
    func finish(trailers block: HeaderBlock) throws(ProtocolError) {
        if let problem { throw problem }
        guard method == nil, scheme == nil, authority == nil, path == nil, status == 0 else { throw .trailers }
        fields.removeAll { Trailers.isForbidden($0.known, view($0.name)) }
        point(block)
    }

    private func point(_ block: HeaderBlock) {
        block.reset()
        block.base = UnsafePointer(bytes.base)
        for field in fields {
            block.appendParsed(
                nameStart: field.name.lowerBound, nameLength: field.name.count, valueStart: field.value.lowerBound,
                valueLength: field.value.count, known: field.known)
        }
    }
}
