// Finds a credential at its configured places. What is found in two places, or twice in one, is refused: a gateway and
// a backend that choose differently between two tokens judge two different callers.

/// Looks for one kind of credential (token, API key, user and password) in a request.
struct CredentialFinder: Sendable {
    enum Result {
        case absent
        /// Lent to the caller, see `RequestAttributes`, or held in the scratch buffer until the next search. May be
        /// empty: `Authorization: Bearer` alone is a malformed credential, not an absent one.
        case found(ByteRun)
        case several
    }

    private enum Place: Sendable {
        case header(HeaderKey, prefix: [UInt8])
        case query(name: [UInt8])
        case cookie(name: [UInt8])
    }

    private let places: [Place]
    let locations: [CredentialLocation]

    init(_ locations: [CredentialLocation]) {
        self.locations = locations
        places = locations.map {
            switch $0 {
            case .header(let name, let prefix): .header(HeaderKey(name), prefix: Array(prefix.utf8))
            case .queryParameter(let name): .query(name: Array(name.utf8))
            case .cookie(let name): .cookie(name: Array(name.utf8))
            }
        }
    }

    func find(in request: some RequestAttributes, scratch: CredentialScratch) -> Result {
        var result = Result.absent
        func note(_ value: ByteRun) {
            if case .absent = result { result = .found(value) } else { result = .several }
        }
        scratch.reset()
        for place in places {
            switch place {
            case .header(let key, let prefix):
                var matched = false
                var fields = 0
                var next = request.header(key, from: 0)
                while let (index, value) = next {
                    fields += 1
                    if let rest = Self.removing(prefix, from: value) {
                        note(rest)
                        matched = true
                    }
                    next = request.header(key, from: index + 1)
                }
                // `Authorization` is a single field (RFC 9110 §11.6.2), so two of them with different schemes are as
                // ambiguous as two tokens.
                if matched, fields > 1 { result = .several }
            case .query(let name):
                guard let query = request.query else { continue }
                QueryParameters.forEach(in: query) { parameter in
                    if QueryParameters.decodes(parameter.name, to: name) { note(scratch.decode(parameter.value)) }
                }
            case .cookie(let name):
                var next = request.header(.cookie, from: 0)
                while let (index, value) = next {
                    Cookies.forEach(in: value) { pair in
                        if pair.name.elementsEqual(name) { note(Cookies.unquoted(pair.value)) }
                    }
                    next = request.header(.cookie, from: index + 1)
                }
            }
        }
        return result
    }

    /// The value after `prefix`, nil when it does not begin so. A prefix that ends in a space is an authentication
    /// scheme: any letter case, one or more spaces (RFC 9110 §11.4), or nothing after it at all.
    private static func removing(_ prefix: [UInt8], from value: ByteRun) -> ByteRun? {
        guard prefix.last == 0x20 else {
            guard value.count >= prefix.count, value.prefix(prefix.count).elementsEqual(prefix) else { return nil }
            return ByteRun(rebasing: value.dropFirst(prefix.count))
        }
        let scheme = prefix.count - 1
        guard value.count >= scheme else { return nil }
        for index in 0..<scheme {
            guard lowercase(value[index]) == lowercase(prefix[index]) else { return nil }
        }
        if value.count == scheme { return ByteRun(rebasing: value.dropFirst(scheme)) }
        // A tab is no separator, but a recipient behind us may think so: count it as a malformed credential.
        guard value[scheme] == 0x20 || value[scheme] == 0x09 else { return nil }
        return ByteRun(rebasing: value[scheme...].drop { $0 == 0x20 })
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}

/// Where percent-decoded query values are kept while a request is judged. One per event loop; keeps its memory.
/// Invariant: `blocks` are freed in `deinit`; a returned run is valid until the next `reset`.
final class CredentialScratch {
    private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []

    func reset() {
        for block in blocks { block.deallocate() }
        blocks.removeAll(keepingCapacity: true)
    }

    deinit { for block in blocks { block.deallocate() } }

    /// Percent-decoded, `+` as a space (application/x-www-form-urlencoded). Bytes that are not valid escapes stay.
    func decode(_ text: ByteRun) -> ByteRun {
        guard !text.isEmpty else { return ByteRun(start: nil, count: 0) }
        let block = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
        var count = 0
        QueryParameters.decode(text) {
            block[count] = $0
            count += 1
        }
        blocks.append(block)
        return ByteRun(rebasing: ByteRun(block)[..<count])
    }
}

enum QueryParameters {
    /// The parameters of a query in order; a name without `=` has an empty value.
    static func forEach(in query: ByteRun, _ body: ((name: ByteRun, value: ByteRun, whole: Range<Int>)) -> Void) {
        var start = 0
        while start <= query.count {
            let end = query[start...].firstIndex(of: UInt8(ascii: "&")) ?? query.count
            if end > start {
                let equals = query[start..<end].firstIndex(of: UInt8(ascii: "=")) ?? end
                let value = ByteRun(rebasing: query[min(equals + 1, end)..<end])
                body((ByteRun(rebasing: query[start..<equals]), value, start..<end))
            }
            start = end + 1
        }
    }

    static func decodes(_ text: ByteRun, to name: [UInt8]) -> Bool {
        var index = 0
        var equal = true
        decode(text) {
            if index >= name.count || name[index] != $0 { equal = false }
            index += 1
        }
        return equal && index == name.count
    }

    static func decode(_ text: ByteRun, _ put: (UInt8) -> Void) {
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "%"), index + 2 < text.count, let high = hex(text[index + 1]),
                let low = hex(text[index + 2])
            {
                put(high << 4 | low)
                index += 3
            } else {
                put(byte == UInt8(ascii: "+") ? 0x20 : byte)
                index += 1
            }
        }
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}

enum Cookies {
    /// The pairs of one `Cookie` field (RFC 6265 §4.2.1), names and values without surrounding white space.
    static func forEach(in field: ByteRun, _ body: ((name: ByteRun, value: ByteRun, whole: Range<Int>)) -> Void) {
        var start = 0
        while start < field.count {
            let end = field[start...].firstIndex(of: UInt8(ascii: ";")) ?? field.count
            let equals = field[start..<end].firstIndex(of: UInt8(ascii: "=")) ?? end
            body((trim(field, start, equals), trim(field, min(equals + 1, end), end), start..<end))
            start = end + 1
        }
    }

    static func unquoted(_ value: ByteRun) -> ByteRun {
        guard value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") else {
            return value
        }
        return ByteRun(rebasing: value[1..<(value.count - 1)])
    }

    private static func trim(_ field: ByteRun, _ from: Int, _ to: Int) -> ByteRun {
        var start = from
        var end = to
        while start < end, field[start] == 0x20 || field[start] == 0x09 { start += 1 }
        while end > start, field[end - 1] == 0x20 || field[end - 1] == 0x09 { end -= 1 }
        return ByteRun(rebasing: field[start..<end])
    }
}
