// Finds the end of an HTTP/1 head as its bytes arrive, then takes it apart into offsets, strictly (RFC 9112): whatever
// two implementations could read differently is refused, so that what is judged is what the upstream sees.
// Invariant: every pointer read lies in bytes[0..<length], which the caller keeps unchanged until the head is reset.

import Glibc

package struct HeadLimits: Sendable {
    /// Bytes of start line and fields. 64 KiB carry the largest tokens and cookies seen in practice.
    package var headBytes = 64 * 1024
    /// Fields of one message. Clients send 10–40; each costs a comparison in every header rule.
    package var fields = 100
    /// Bytes of the method. The longest registered one has 17.
    package var methodBytes = 64
    /// Bytes of the request target, the limit of most servers (RFC 9110 §4.1 asks for at least 8,000).
    package var targetBytes = 16 * 1024

    package init() {}
}

/// Looks for the empty line that ends a head, never at the same byte twice.
struct HeadScanner {
    private var scanned = 0
    private var lineStart = 0

    /// The length of the head with its empty line, or nil when more bytes are needed.
    mutating func end(of bytes: UnsafePointer<UInt8>, _ count: Int) throws(ProtocolError) -> Int? {
        while scanned < count, let found = memchr(bytes + scanned, 0x0a, count - scanned) {
            let lineFeed = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - bytes
            guard lineFeed > lineStart, bytes[lineFeed - 1] == 0x0d else { throw .bareLineFeed }
            scanned = lineFeed + 1
            if lineFeed - 1 == lineStart, lineStart > 0 { return scanned }
            // One empty line before the start line is tolerated (RFC 9112 §2.2); the caller has removed it.
            lineStart = scanned
        }
        scanned = count
        return nil
    }

    mutating func reset() { self = HeadScanner() }
}

enum HeadParser {
    /// Parses `bytes[0..<length]`, which ends with the empty line, into `head`.
    static func parse(
        _ bytes: UnsafePointer<UInt8>, _ length: Int, into head: RequestHead, limits: HeadLimits
    ) throws(ProtocolError) {
        head.headers.base = bytes
        var position = 0
        // method SP
        while ASCII.isToken(bytes[position]) { position += 1 }  // stops at CR at the latest
        guard position > 0, position <= limits.methodBytes else { throw .method }
        guard bytes[position] == 0x20 else { throw bytes[position] == 0x0d ? .requestLine : .method }
        head.methodRange = 0..<position
        head.method = HTTPMethod(ByteView(bytes, position))
        position += 1
        // request-target SP
        let targetStart = position
        while bytes[position] > 0x20, bytes[position] < 0x7f { position += 1 }
        guard position > targetStart else { throw .target }
        guard bytes[position] == 0x20 else { throw bytes[position] == 0x0d ? .requestLine : .target }
        guard position - targetStart <= limits.targetBytes else { throw .targetTooLong }
        let targetEnd = position
        position += 1
        head.version = try version(bytes + position, remaining: length - position)
        position += 8
        guard bytes[position] == 0x0d, bytes[position + 1] == 0x0a else { throw .requestLine }
        try parseTarget(bytes, targetStart, targetEnd, head)
        try parseFields(bytes, position + 2, length, head.headers, limits)
        try interpret(head)
    }

    /// Parses a status line and fields. `toHead`: the request was a HEAD, so that no body follows.
    static func parse(
        _ bytes: UnsafePointer<UInt8>, _ length: Int, into head: ResponseHead, toHead: Bool, limits: HeadLimits
    ) throws(ProtocolError) {
        head.headers.base = bytes
        guard length >= 14 else { throw .statusLine }
        head.version = try version(bytes, remaining: length)
        guard bytes[8] == 0x20, ASCII.isDigit(bytes[9]), ASCII.isDigit(bytes[10]), ASCII.isDigit(bytes[11]) else {
            throw .statusLine
        }
        head.status = Int(bytes[9] - 0x30) * 100 + Int(bytes[10] - 0x30) * 10 + Int(bytes[11] - 0x30)
        guard head.status >= 100, head.status < 600 else { throw .statusLine }
        var position = 12
        // Some servers leave out the space before an empty reason phrase.
        guard bytes[position] == 0x20 || bytes[position] == 0x0d else { throw .statusLine }
        while bytes[position] != 0x0d {
            guard bytes[position] >= 0x20 || bytes[position] == 0x09, bytes[position] != 0x7f else { throw .statusLine }
            position += 1
        }
        guard bytes[position + 1] == 0x0a else { throw .bareCarriageReturn }
        try parseFields(bytes, position + 2, length, head.headers, limits)
        let framing = try framing(head.headers, version: head.version)
        if toHead || head.statusForbidsBody {
            head.framing = .none
        } else {
            head.framing = framing ?? .untilClose
        }
        let persistent = try connection(head.headers, default: head.version == .http11)
        head.keepAlive = persistent && head.framing != .untilClose
    }

    private static func version(
        _ bytes: UnsafePointer<UInt8>, remaining: Int
    ) throws(ProtocolError) -> HTTPVersion {
        guard remaining >= 10, ByteView(bytes, 5) == "HTTP/", ASCII.isDigit(bytes[5]), bytes[6] == UInt8(ascii: "."),
            ASCII.isDigit(bytes[7])
        else { throw .requestLine }
        guard bytes[5] == UInt8(ascii: "1") else { throw .version }
        switch bytes[7] {
        case UInt8(ascii: "1"): return .http11
        case UInt8(ascii: "0"): return .http10
        default: throw .version
        }
    }

    // MARK: Target

    static func parseTarget(
        _ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ head: RequestHead
    ) throws(ProtocolError) {
        if head.method == .connect { throw .connect }
        var pathStart = start
        if bytes[start] != UInt8(ascii: "/") {
            let target = ByteView(bytes + start, end - start)
            if target == "*", head.method == .options {
                head.pathRange = start..<end
                return
            }
            // absolute-form (RFC 9112 §3.2.2): the authority decides, and must agree with Host.
            let scheme: Int
            if target.count > 7, target.slice(0, 7).equalsIgnoringCase("http://") {
                scheme = 7
            } else if target.count > 8, target.slice(0, 8).equalsIgnoringCase("https://") {
                scheme = 8
            } else {
                throw .target
            }
            pathStart = start + scheme
            while pathStart < end, bytes[pathStart] != UInt8(ascii: "/"), bytes[pathStart] != UInt8(ascii: "?") {
                pathStart += 1
            }
            head.hostRange = (start + scheme)..<pathStart
            guard isValidAuthority(ByteView(bytes + start + scheme, pathStart - start - scheme)) else { throw .target }
            // "http://host" without a path would be judged by one that was never sent; it is not worth the doubt.
            guard pathStart < end, bytes[pathStart] == UInt8(ascii: "/") else { throw .target }
        }
        var pathEnd = pathStart
        while pathEnd < end, bytes[pathEnd] != UInt8(ascii: "?") {
            if bytes[pathEnd] == UInt8(ascii: "#") { throw .target }
            pathEnd += 1
        }
        head.pathRange = pathStart..<pathEnd
        if pathEnd < end {
            for i in pathEnd..<end where bytes[i] == UInt8(ascii: "#") { throw .target }
            head.queryRange = (pathEnd + 1)..<end
        }
    }

    /// host [":" port] in the characters of RFC 3986 §3.2; no userinfo.
    static func isValidAuthority(_ authority: ByteView) -> Bool {
        guard authority.count > 0 else { return false }
        var index = 0
        if authority[0] == UInt8(ascii: "[") {
            index = 1
            while index < authority.count, authority[index] != UInt8(ascii: "]") {
                guard
                    ASCII.hexValue(authority[index]) != nil || authority[index] == UInt8(ascii: ":")
                        || authority[index] == UInt8(ascii: ".")
                else { return false }
                index += 1
            }
            guard index > 1, index < authority.count else { return false }
            index += 1
        } else {
            while index < authority.count, authority[index] != UInt8(ascii: ":") {
                let byte = authority[index]
                guard
                    ASCII.isToken(byte) || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
                        || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "=")
                else { return false }
                index += 1
            }
            guard index > 0 else { return false }
        }
        if index == authority.count { return true }
        guard authority[index] == UInt8(ascii: ":"), authority.count - index <= 6 else { return false }
        var port = 0
        for i in (index + 1)..<authority.count {
            guard ASCII.isDigit(authority[i]) else { return false }
            port = port * 10 + Int(authority[i] - 0x30)
        }
        return port <= 65535
    }

    // MARK: Fields

    static func parseFields(
        _ bytes: UnsafePointer<UInt8>, _ start: Int, _ length: Int, _ headers: HeaderBlock, _ limits: HeadLimits
    ) throws(ProtocolError) {
        var position = start
        while bytes[position] != 0x0d {
            guard headers.count < limits.fields else { throw .tooManyFields }
            if bytes[position] == 0x20 || bytes[position] == 0x09 { throw .folding }
            let nameStart = position
            while ASCII.isToken(bytes[position]) { position += 1 }
            let nameLength = position - nameStart
            guard nameLength > 0, bytes[position] == UInt8(ascii: ":") else { throw .fieldName }
            position += 1
            while bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
            let valueStart = position
            position = valueEnd(bytes, position, length)
            guard position < length, bytes[position] == 0x0d else { throw .fieldValue }
            guard bytes[position + 1] == 0x0a else { throw .bareCarriageReturn }
            var valueEnd = position
            while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 { valueEnd -= 1 }
            position += 2
            headers.appendParsed(
                nameStart: nameStart, nameLength: nameLength, valueStart: valueStart,
                valueLength: valueEnd - valueStart, known: KnownHeader.find(ByteView(bytes + nameStart, nameLength)))
        }
        guard position + 2 == length, bytes[position + 1] == 0x0a else { throw .bareCarriageReturn }
    }

    /// The first byte from `start` that has no place in a field value (RFC 9110 §5.5): a control character but HTAB; or
    /// `end`. Eight bytes at a time; loads begin only where eight are left.
    @inline(__always)
    static func valueEnd(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var position = start
        while true {
            while end - position >= 8 {
                let word = UInt64(littleEndian: UnsafeRawPointer(bytes + position).loadUnaligned(as: UInt64.self))
                let delete = word ^ (ones &* 0x7f)
                let found =
                    (((word &- (ones &* 0x20)) & ~word) | ((delete &- ones) & ~delete)) & (ones &* 0x80)
                if found != 0 {
                    position += found.trailingZeroBitCount >> 3
                    break
                }
                position += 8
            }
            while position < end, bytes[position] >= 0x20, bytes[position] != 0x7f { position += 1 }
            guard position < end, bytes[position] == 0x09 else { return position }
            position += 1
        }
    }

    private static func interpret(_ head: RequestHead) throws(ProtocolError) {
        let headers = head.headers
        // Host (RFC 9112 §3.2)
        var host: Int?
        for i in 0..<headers.count where headers.known(i) == .host {
            if host != nil { throw .duplicateHost }
            host = i
        }
        if let host {
            let value = headers.value(host)
            guard isValidAuthority(value) else { throw .malformedHost }
            if let absolute = head.hostRange {
                guard ByteView(headers.base! + absolute.lowerBound, absolute.count).equalsIgnoringCase(value) else {
                    throw .hostMismatch
                }
            } else {
                let start = value.base! - headers.base!
                head.hostRange = start..<(start + value.count)
            }
        } else if head.version == .http11 {
            throw .missingHost
        }
        head.framing = try framing(headers, version: head.version) ?? .none
        if let protocols = headers.first(.upgrade), head.version == .http11, protocols.equalsIgnoringCase("websocket"),
            headers.occurrences(.upgrade) == 1, asksToUpgrade(headers)
        {
            head.upgrade = .webSocket
        }
        head.keepAlive = try connection(headers, default: head.version == .http11)
        if let expect = headers.first(.expect) {
            guard expect.equalsIgnoringCase("100-continue"), headers.occurrences(.expect) == 1 else {
                throw .expectation
            }
            head.expectsContinue = head.version == .http11
        }
    }

    /// The path of an HTTP/2 request: origin-form or an asterisk, nothing else.
    static func parsePath(
        _ bytes: UnsafePointer<UInt8>, _ range: Range<Int>, into head: RequestHead
    ) throws(ProtocolError) {
        guard range.count <= HeadLimits().targetBytes else { throw .targetTooLong }
        let path = ByteView(bytes + range.lowerBound, range.count)
        guard path[0] == UInt8(ascii: "/") || path == "*", path.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw .target
        }
        try parseTarget(bytes, range.lowerBound, range.upperBound, head)
    }

    /// The length that a message of HTTP/2 declares.
    static func contentLength(_ headers: HeaderBlock) throws(ProtocolError) -> Int? {
        guard case .length(let count)? = try framing(headers, version: .http11) else { return nil }
        return count
    }

    /// RFC 9112 §6.3, without the cases that let two readers disagree.
    private static func framing(
        _ headers: HeaderBlock, version: HTTPVersion
    ) throws(ProtocolError) -> BodyFraming? {
        var length: Int?
        var chunked = false
        for i in 0..<headers.count {
            switch headers.known(i) {
            case .contentLength:
                guard length == nil else { throw .duplicateContentLength }
                let value = headers.value(i)
                // 18 digits are below 2^63; more is no length but an attempt to overflow one.
                guard value.count > 0, value.count <= 18, value.allSatisfy({ ASCII.isDigit($0) }) else {
                    throw .contentLength
                }
                length = value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
            case .transferEncoding:
                guard !chunked else { throw .duplicateTransferEncoding }
                guard version == .http11 else { throw .transferEncodingVersion }
                guard headers.value(i).equalsIgnoringCase("chunked") else { throw .transferEncoding }
                chunked = true
            default: break
            }
        }
        if chunked {
            guard length == nil else { throw .conflictingFraming }
            return .chunked
        }
        return length.map { .length($0) }
    }

    private static func asksToUpgrade(_ headers: HeaderBlock) -> Bool {
        for i in 0..<headers.count where headers.known(i) == .connection {
            for option in headers.value(i).listElements() where option.equalsIgnoringCase("upgrade") { return true }
        }
        return false
    }

    /// Reads `Connection` and drops the fields that end at this hop. Returns whether the connection persists.
    private static func connection(
        _ headers: HeaderBlock, default persistent: Bool
    ) throws(ProtocolError) -> Bool {
        var keepAlive = persistent
        for i in 0..<headers.count where headers.known(i) == .connection {
            for option in headers.value(i).listElements() {
                if option.equalsIgnoringCase("close") {
                    keepAlive = false
                } else if option.equalsIgnoringCase("keep-alive") {
                    if !persistent { keepAlive = true }
                } else {
                    guard HeaderBlock.isValidName(option), KnownHeader.find(option).mayBeNominated else {
                        throw .nomination
                    }
                    headers.remove(named: option)
                }
            }
        }
        for i in 0..<headers.count where headers.known(i).isHopByHop { headers.remove(at: i) }
        return keepAlive
    }
}
