// "Did you mean": the nearest of the names that would have been right.

enum Suggestion {
    /// The candidate nearest to `word`, when it is near enough to be a slip: another letter case, or one edit in three
    /// letters (insert, delete, replace, swap neighbours).
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let plain = normalised(word)
        if let same = candidates.first(where: { normalised($0) == plain }) { return same }
        let limit = max(1, plain.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let other = normalised(candidate)
            guard abs(other.count - plain.count) <= limit else { continue }
            let distance = editDistance(plain, other)
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// `; did you mean "x"?` or nothing.
    static func hint(for word: String, among candidates: [String]) -> String {
        // Quadratic in the length: a word longer than any name is no slip.
        guard word.utf8.count <= 64, let name = nearest(to: word, among: candidates) else { return "" }
        return "; did you mean \"\(name)\"?"
    }

    private static func normalised(_ word: String) -> [UInt8] {
        word.utf8.compactMap { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            case UInt8(ascii: "_"), UInt8(ascii: "-"): nil
            default: byte
            }
        }
    }

    /// Optimal string alignment distance.
    private static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var before: [Int] = []
        var previous = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            (before, previous) = (previous, row)
        }
        return previous[b.count]
    }
}
