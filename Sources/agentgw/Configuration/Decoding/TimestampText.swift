// Points in time as a configuration writes them (RFC 3339).

enum TimestampText {
    /// Seconds since 1970 of `2027-01-31T12:00:00Z`, with an offset in place of `Z` or without a time of day (midnight
    /// UTC). Fractions are cut off. nil: not such a time.
    static func seconds(_ text: String) -> Int64? {
        var rest = text.utf8[...]
        func digits(_ count: Int) -> Int64? {
            let part = rest.prefix(count)
            guard part.count == count, part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(count)
            return Int64(String(decoding: part, as: UTF8.self))
        }
        func take(_ character: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: character) else { return false }
            rest = rest.dropFirst()
            return true
        }
        guard let year = digits(4), take("-"), let month = digits(2), take("-"), let day = digits(2),
            year >= 1, (1...12).contains(month), (1...daysIn(month: month, year: year)).contains(day)
        else { return nil }
        let midnight = days(year: year, month: month, day: day) * 86400
        if rest.isEmpty { return midnight }
        guard take("T") || take("t") || take(" "), let hour = digits(2), take(":"), let minute = digits(2), take(":"),
            let second = digits(2), hour < 24, minute < 60, second < 60
        else { return nil }
        if take(".") {
            let fraction = rest.prefix { (0x30...0x39).contains($0) }
            guard !fraction.isEmpty else { return nil }
            rest = rest.dropFirst(fraction.count)
        }
        let time = midnight + hour * 3600 + minute * 60 + second
        if take("Z") || take("z") { return rest.isEmpty ? time : nil }
        let sign: Int64 = take("+") ? 1 : take("-") ? -1 : 0
        guard sign != 0, let hours = digits(2), take(":"), let minutes = digits(2), hours < 24, minutes < 60,
            rest.isEmpty
        else { return nil }
        return time - sign * (hours * 3600 + minutes * 60)
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 in the Gregorian calendar.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        // Years that begin in March put the leap day at the end.
        let y = month <= 2 ? year - 1 : year
        let m = month <= 2 ? month + 9 : month - 3
        return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468
    }
}
