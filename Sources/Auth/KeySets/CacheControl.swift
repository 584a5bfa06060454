// How long a fetched key set is fresh, from the reply's header fields (RFC 9111 §5.2.2).

package enum CacheControl {
    /// A set is asked for again no sooner and no later than this, whatever the reply says.
    package static let freshness = Duration.seconds(60)...Duration.seconds(3600)
    /// For replies that say nothing.
    package static let defaultFreshness = Duration.seconds(900)

    /// - Parameters:
    ///   - cacheControl: the `Cache-Control` field, values joined with commas.
    ///   - age: the `Age` field.
    package static func lifetime(cacheControl: String?, age: String?) -> Duration {
        guard let cacheControl else { return defaultFreshness }
        var seconds: Int64?
        for directive in cacheControl.split(separator: ",") {
            let parts = directive.split(separator: "=", maxSplits: 1).map { $0.trimmed.lowercased() }
            switch parts.first {
            case "no-store", "no-cache": return freshness.lowerBound
            case "max-age":
                guard parts.count == 2, let value = deltaSeconds(parts[1]) else { return freshness.lowerBound }
                seconds = min(seconds ?? .max, value)
            default: break
            }
        }
        guard let seconds else { return defaultFreshness }
        let spent = age.flatMap { deltaSeconds($0.trimmed) } ?? 0
        let rest = Duration.seconds(max(0, seconds - min(spent, seconds)))
        return min(max(rest, freshness.lowerBound), freshness.upperBound)
    }

    /// RFC 9111 §1.2.2: digits, possibly quoted; more than fits means very long.
    private static func deltaSeconds(_ text: String) -> Int64? {
        let digits =
            text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
        guard !digits.isEmpty, digits.utf8.allSatisfy({ 48...57 ~= $0 }) else { return nil }
        return min(Int64(digits) ?? .max, 1 << 31)
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmed: String {
        var text = self[...]
        while let first = text.first, first == " " || first == "\t" { text = text.dropFirst() }
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return String(text)
    }
}
