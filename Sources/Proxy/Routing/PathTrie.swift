// The routes of one host, by path: a trie of segments for exact paths and prefixes, a list for regular expressions.

struct PathTrie: Sendable {
    private struct Node: Sendable {
        /// Of paths that end here.
        var exact: [RouteCandidate] = []
        /// Of paths that end here or go on.
        var prefix: [RouteCandidate] = []
        var parent: Int32
        /// This node or its nearest ancestor with prefixes; -1: none. The root counts apart.
        var nearestPrefix: Int32 = -1
        /// The bytes from the start of the path to here.
        var length: Int
    }

    private struct RegexCandidate: Sendable {
        let regex: LinearRegex
        let candidate: RouteCandidate
    }

    private static let root = 0

    private var nodes = [Node(parent: -1, length: 0)]
    private var children = ByteTable(ignoresCase: false)
    private var regexes: [RegexCandidate] = []

    mutating func insert(_ path: PathMatch, _ candidate: RouteCandidate) throws(RoutingError) {
        switch path {
        case .exact(let text): nodes[node(for: text)].exact.append(candidate)
        case .prefix("/"): nodes[Self.root].prefix.append(candidate)
        case .prefix(let text): nodes[node(for: text)].prefix.append(candidate)
        case .regex(let pattern):
            regexes.append(RegexCandidate(regex: try LinearRegex.routing(pattern), candidate: candidate))
        }
    }

    /// Called once after the last insertion: puts candidates in their order of precedence.
    mutating func seal() {
        for index in nodes.indices {
            nodes[index].exact.sort(by: RouteCandidate.precedes)
            nodes[index].prefix.sort(by: RouteCandidate.precedes)
            // Parents stand before their children.
            guard index != Self.root else { continue }
            nodes[index].nearestPrefix =
                nodes[index].prefix.isEmpty ? nodes[Int(nodes[index].parent)].nearestPrefix : Int32(index)
        }
        regexes.sort { RouteCandidate.precedes($0.candidate, $1.candidate) }
    }

    /// Segments are what stands after each slash: `/` has one that is empty, `/a/` has `a` and an empty one.
    private mutating func node(for path: String) -> Int {
        var at = Self.root
        for segment in path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let key = Array(segment)
            if let child = children.find(tag: Int32(at), key) {
                at = Int(child)
            } else {
                nodes.append(Node(parent: Int32(at), length: nodes[at].length + 1 + key.count))
                children.insert(tag: Int32(at), key, Int32(nodes.count - 1))
                at = nodes.count - 1
            }
        }
        return at
    }

    /// The candidate that takes the request, and how many bytes of its path a prefix matched (without a trailing slash).
    /// Exact paths first, then prefixes from the longest, then regular expressions, then the prefix `/`.
    func first(_ request: RoutableRequest) -> (candidate: RouteCandidate, prefixLength: Int?)? {
        let path = request.path
        guard path.count > 0, path[0] == UInt8(ascii: "/") else { return nil }
        var at = Self.root
        var start = 1
        var isWhole = false
        while let child = child(of: at, path, &start) {
            at = child
            if start > path.count {
                isWhole = true
                break
            }
        }
        if isWhole, let candidate = nodes[at].exact.first(where: { $0.holds(request) }) { return (candidate, nil) }
        var prefix = nodes[at].nearestPrefix
        while prefix >= 0 {
            let index = Int(prefix)
            if let candidate = nodes[index].prefix.first(where: { $0.holds(request) }) {
                return (candidate, nodes[index].length)
            }
            prefix = nodes[Int(nodes[index].parent)].nearestPrefix
        }
        for entry in regexes where entry.regex.matches(path) && entry.candidate.holds(request) {
            return (entry.candidate, nil)
        }
        return nodes[Self.root].prefix.first { $0.holds(request) }.map { ($0, 0) }
    }

    /// The child for the segment that begins at `start`, which moves behind the next slash, or behind the end of the path
    /// plus one.
    private func child(of node: Int, _ path: ByteView, _ start: inout Int) -> Int? {
        var end = start
        while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
        guard let child = children.find(tag: Int32(node), path.slice(start, end)) else { return nil }
        start = end + 1
        return Int(child)
    }
}
