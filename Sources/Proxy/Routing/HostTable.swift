// Host names to values, most specific first: the exact name, then the longest wildcard, then whatever takes any host.
// Chooses the listener of a port, and the bucket of routes inside a listener.

package struct HostTable: Sendable {
    private var exact = ByteTable(ignoresCase: true)
    private var suffixes = ByteTable(ignoresCase: true)
    private var any: Int?
    /// Wildcards are looked up label by label; none: not at all.
    private var hasSuffixes = false

    package init() {}

    /// The value of a pattern; nil when it is not there.
    package func value(of pattern: HostPattern) -> Int? {
        switch pattern {
        case .any: any
        case .exact(let name): exact.find(Array(name.utf8)).map { Int($0) }
        case .suffix(let suffix): suffixes.find(Array(suffix.utf8)).map { Int($0) }
        }
    }

    /// The pattern must not be there yet.
    package mutating func insert(_ pattern: HostPattern, _ value: Int) {
        switch pattern {
        case .any: any = value
        case .exact(let name): exact.insert(Array(name.utf8), Int32(value))
        case .suffix(let suffix):
            suffixes.insert(Array(suffix.utf8), Int32(value))
            hasSuffixes = true
        }
    }

    /// Calls `body` with the values that take `host`, the most specific first, until it returns something.
    /// - Parameter host: without the port, in any letter case; one trailing dot does not count.
    package func first<Result>(for host: ByteView, _ body: (Int) -> Result?) -> Result? {
        let host = host.count > 1 && host[host.count - 1] == UInt8(ascii: ".") ? host.slice(0, host.count - 1) : host
        if let value = exact.find(host), let result = body(Int(value)) { return result }
        if hasSuffixes, host.count > 0 {
            // From left to right suffixes get shorter. A label must stand before the dot.
            for at in 1..<max(host.count, 1) where host[at] == UInt8(ascii: ".") {
                if let value = suffixes.find(host.slice(at, host.count)), let result = body(Int(value)) {
                    return result
                }
            }
        }
        return any.flatMap(body)
    }
}
