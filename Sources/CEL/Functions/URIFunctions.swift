// `uri.query("…")`, `.addQuery("…", "…")`, `.setQuery("…", "…")`: the parameters in a URI's query, read as the URL Standard
// reads application/x-www-form-urlencoded, so that every spelling of a name is found. What is not changed stays as it was
// written, byte for byte.

extension FunctionLibrary {
    static let uris: [Function] = [
        Function("query", .receiver, 2) { a, _, scope in
            guard a[0].tag == .string, a[1].tag == .string else { return noOverload }
            return paid(a[0].run.count, scope) { parameters(named: a[1], in: a[0].run, scope) }
        },
        Function("addQuery", .receiver, 3) { a, _, scope in rewritten(a, scope, replacing: false) },
        Function("setQuery", .receiver, 3) { a, _, scope in rewritten(a, scope, replacing: true) },
    ]

    /// A URI's parts around and in its query: `before?pairs#fragment`.
    private struct QueryParts {
        let before: Slice<Bytes>
        let pairs: [Slice<Bytes>]
        /// With its `#`.
        let fragment: Slice<Bytes>

        init(_ uri: Bytes) {
            let end = uri.firstIndex(of: UInt8(ascii: "#")) ?? uri.endIndex
            fragment = uri[end...]
            let mark = uri[..<end].firstIndex(of: UInt8(ascii: "?")) ?? end
            before = uri[..<mark]
            pairs = mark < end ? uri[(mark + 1)..<end].split(separator: UInt8(ascii: "&")) : []
        }
    }

    private static func isNamed(_ name: Bytes, _ pair: Slice<Bytes>) -> Bool {
        let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
        return decodedLeniently(pair[..<equals]).elementsEqual(name)
    }

    private static func parameters(named name: Value, in uri: Bytes, _ scope: EvaluationScope) -> Value {
        var values = ListBuilder(arena: scope.arena)
        for pair in QueryParts(uri).pairs where isNamed(name.run, pair) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = equals < pair.endIndex ? pair[(equals + 1)...] : pair[pair.endIndex...]
            values.append(scope.arena.string(utf8: decodedLeniently(value)))
        }
        return values.count == 0 ? scope.arena.noSuchKey(name) : values.finish()
    }

    private static func rewritten(_ a: UnsafePointer<Value>, _ scope: EvaluationScope, replacing: Bool) -> Value {
        guard a[0].tag == .string, a[1].tag == .string, a[2].tag == .string else { return noOverload }
        return paid(a[0].run.count + a[1].run.count + a[2].run.count, scope) {
            let parts = QueryParts(a[0].run)
            var out = Array(parts.before)
            var mark = UInt8(ascii: "?")
            for pair in parts.pairs where !(replacing && isNamed(a[1].run, pair)) {
                out.append(mark)
                out += pair
                mark = UInt8(ascii: "&")
            }
            out.append(mark)
            percentEncode(a[1].run, spaceAsPlus: true, &out)
            out.append(UInt8(ascii: "="))
            percentEncode(a[2].run, spaceAsPlus: true, &out)
            return scope.arena.string(utf8: out + parts.fragment)
        }
    }

    /// As the URL Standard decodes: a broken escape stands for itself, what is no UTF-8 for U+FFFD.
    private static func decodedLeniently(_ bytes: Slice<Bytes>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var isASCII = true
        var i = bytes.startIndex
        while i < bytes.endIndex {
            var byte = bytes[i]
            if byte == UInt8(ascii: "%"), i + 2 < bytes.endIndex, let high = hexDigit(bytes[i + 1]),
                let low = hexDigit(bytes[i + 2])
            {
                byte = high << 4 | low
                i += 2
            } else if byte == UInt8(ascii: "+") {
                byte = 0x20
            }
            if byte >= 0x80 { isASCII = false }
            out.append(byte)
            i += 1
        }
        return isASCII ? out : Array(String(decoding: out, as: UTF8.self).utf8)
    }
}
