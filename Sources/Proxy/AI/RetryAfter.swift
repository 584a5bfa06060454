// How long a provider wants to be left alone (RFC 9110 §10.2.3), which one of them also says in milliseconds.

final class RetryAfter {
    private(set) var duration: Duration?

    /// Takes what a reply's head says; an unreadable value says nothing.
    func read(_ headers: HeaderBlock) {
        if let value = headers.first(named: ByteView("retry-after-ms")), let milliseconds = Int64(value.text) {
            duration = .milliseconds(RetryAfter.bounded(milliseconds))
        } else if let value = headers.first(.retryAfter) {
            duration = RetryAfter.parse(value, now: WallClock.nanoseconds / 1_000_000_000)
        }
    }

    /// A day is more than anybody waits, and far from any overflow.
    private static func bounded(_ value: Int64) -> Int64 { max(0, min(value, 86_400_000)) }

    /// - Parameter now: seconds since the epoch.
    static func parse(_ value: ByteView, now: Int64) -> Duration? {
        if let seconds = Int64(value.text) { return .seconds(bounded(seconds)) }
        guard let date = date(value) else { return nil }
        return .seconds(bounded(date - now))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, in seconds since the epoch; nil for the obsolete formats.
    private static func date(_ value: ByteView) -> Int64? {
        let parts = value.text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT", let day = Int64(parts[1]),
            let month = [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ].firstIndex(of: String(parts[2])), let year = Int64(parts[3]), (1970...9999).contains(year),
            (1...31).contains(day)
        else { return nil }
        let time = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, (0...23).contains(time[0]), (0...59).contains(time[1]), (0...60).contains(time[2]) else {
            return nil
        }
        // Howard Hinnant's days_from_civil.
        let y = month < 2 ? year - 1 : year
        let era = y / 400
        let yoe = y - era * 400
        let mp = Int64((month + 10) % 12)
        let doy = (153 * mp + 2) / 5 + day - 1
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy
        let days = era * 146097 + doe - 719468
        return days * 86400 + time[0] * 3600 + time[1] * 60 + time[2]
    }
}
