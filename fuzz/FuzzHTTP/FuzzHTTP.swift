// Fuzzes what reads bytes from the network before anybody has been authenticated: heads and the chunked coding.
// The first byte of the input chooses which; what is accepted must keep the promises that the layers above rely on.

@testable import Proxy

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    // A copy of its own, so that the address sanitizer sees a read beyond the end.
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: size - 1)
    bytes.initialize(from: data + 1, count: size - 1)
    defer { bytes.deallocate() }
    switch data[0] % 4 {
    case 0: requestHead(bytes, size - 1)
    case 1: responseHead(bytes, size - 1, toHead: false)
    case 2: responseHead(bytes, size - 1, toHead: true)
    default: chunks(bytes, size - 1)
    }
    return 0
}

/// The end of the head, which must be the same however the bytes are cut; nil when it is incomplete or refused.
private func headLength(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int? {
    var whole = HeadScanner()
    let atOnce = Result { () throws(ProtocolError) in try whole.end(of: bytes, count) }
    var scanner = HeadScanner()
    for length in 0...count {
        switch (Result { () throws(ProtocolError) in try scanner.end(of: bytes, length) }) {
        case .success(nil): continue
        case .success(let found?):
            guard case .success(found) = atOnce else { fatalError("the end of the head depends on how it is cut") }
            return found
        case .failure:
            // Another part of the input may be refused first when all of it is seen at once, but it is refused.
            if case .success(nil) = atOnce { fatalError("refused in pieces, accepted at once") }
            return nil
        }
    }
    guard case .success(nil) = atOnce else { fatalError("complete at once, incomplete in pieces") }
    return nil
}

private func requestHead(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    guard let length = headLength(bytes, count) else { return }
    let head = RequestHead()
    guard (try? HeadParser.parse(bytes, length, into: head, limits: HeadLimits())) != nil else { return }
    check(head.headers)
    precondition(head.framing != .untilClose, "a request body cannot end with the connection")
    precondition(head.headers.occurrences(.host) <= 1, "two hosts")
    precondition(head.hostRange != nil || head.version == .http10, "no host")
    precondition(head.method != .connect, "a tunnel")
    if head.headers.occurrences(.transferEncoding) > 0 {
        precondition(head.framing == .chunked, "an encoding that is not the framing")
        precondition(head.headers.occurrences(.contentLength) == 0, "two framings")
    }
}

private func responseHead(_ bytes: UnsafePointer<UInt8>, _ count: Int, toHead: Bool) {
    guard let length = headLength(bytes, count) else { return }
    let head = ResponseHead()
    guard (try? HeadParser.parse(bytes, length, into: head, toHead: toHead, limits: HeadLimits())) != nil else {
        return
    }
    check(head.headers)
    precondition((100..<600).contains(head.status))
    if toHead { precondition(head.framing == .none, "a body after HEAD") }
    if head.framing == .untilClose { precondition(!head.keepAlive, "reused though only closing ends the body") }
}

/// No name or value can break out of its line when it is written again.
private func check(_ headers: HeaderBlock) {
    for index in 0..<headers.count {
        precondition(HeaderBlock.isValidName(headers.name(index)), "a name that is not a token")
        precondition(HeaderBlock.isValidValue(headers.value(index)), "a value that would split the head")
    }
}

/// What a decoder made of a stream.
private struct Decoded: Equatable {
    var body: [UInt8] = []
    /// Where the trailers begin, when the last chunk was seen.
    var end: Int?
    var isRefused = false
}

/// Feeds the stream in pieces of at most `step` bytes, keeping what the decoder has not consumed.
private func decode(_ bytes: UnsafePointer<UInt8>, _ count: Int, step: Int) -> Decoded {
    var decoder = ChunkedDecoder()
    var result = Decoded()
    var consumed = 0
    var available = 0
    while available < count {
        available = min(count, available + step)
        reading: while true {
            let before = consumed
            do throws(ProtocolError) {
                switch try decoder.next(ByteView(bytes + consumed, available - consumed)) {
                case .data(let skip, let length):
                    precondition(skip >= 0 && length > 0 && consumed + skip + length <= available)
                    for i in 0..<length { result.body.append(bytes[consumed + skip + i]) }
                    consumed += skip + length
                case .trailers(let skip):
                    precondition(skip > 0 && consumed + skip <= available)
                    result.end = consumed + skip
                    return result
                case .needMore(let skip):
                    precondition(skip >= 0 && consumed + skip <= available)
                    consumed += skip
                    break reading
                }
            } catch {
                result.isRefused = true
                return result
            }
            precondition(consumed > before, "no progress")
            if consumed == available { break }
        }
    }
    return result
}

private func chunks(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    let atOnce = decode(bytes, count, step: max(1, count))
    for step in [1, 3] {
        precondition(decode(bytes, count, step: step) == atOnce, "the body depends on how the stream is cut")
    }
}
