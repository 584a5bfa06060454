// The footer of a TZif file: a POSIX TZ string with the rule for all time after the last listed change (RFC 9636 §3.3).

struct PosixTimeZone: Sendable {
    private enum Day: Sendable {
        /// Month, week (5 is the last), weekday.
        case weekday(Int64, Int64, Int64)
        /// 1…365, never the leap day.
        case julian(Int64)
        /// 0…365
        case zeroBased(Int64)
    }

    private let standard: Int64
    private var saving: Int64?
    private var start: (day: Day, time: Int64)?
    private var end: (day: Day, time: Int64)?

    init?(_ text: ArraySlice<UInt8>) {
        var rest = text
        func name() -> Bool {
            if rest.first == UInt8(ascii: "<") {
                guard let close = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
                rest = rest[(close + 1)...]
                return true
            }
            let count = rest.prefix { ($0 | 0x20) &- 0x61 < 26 }.count
            rest = rest.dropFirst(count)
            return count >= 3
        }
        func number() -> Int64? {
            let digits = rest.prefix { $0 &- 0x30 < 10 }
            guard (1...3).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
            return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        func time() -> Int64? {
            var sign: Int64 = 1
            if let first = rest.first, first == 0x2b || first == 0x2d {
                sign = first == 0x2d ? -1 : 1
                rest = rest.dropFirst()
            }
            guard var total = number().map({ $0 * 3600 }) else { return nil }
            for unit: Int64 in [60, 1] where rest.first == 0x3a {
                rest = rest.dropFirst()
                guard let value = number() else { return nil }
                total += value * unit
            }
            return sign * total
        }
        func rule() -> (Day, Int64)? {
            let day: Day
            switch rest.first {
            case UInt8(ascii: "M"):
                rest = rest.dropFirst()
                guard let month = number(), rest.popFirst() == 0x2e, let week = number(), rest.popFirst() == 0x2e,
                    let weekday = number(), (1...12).contains(month), (1...5).contains(week), weekday < 7
                else { return nil }
                day = .weekday(month, week, weekday)
            case UInt8(ascii: "J"):
                rest = rest.dropFirst()
                guard let value = number(), (1...365).contains(value) else { return nil }
                day = .julian(value)
            default:
                guard let value = number(), value <= 365 else { return nil }
                day = .zeroBased(value)
            }
            guard rest.first == 0x2f else { return (day, 7200) }
            rest = rest.dropFirst()
            guard let at = time() else { return nil }
            return (day, at)
        }
        guard name(), let offset = time() else { return nil }
        // POSIX counts westwards.
        standard = -offset
        guard !rest.isEmpty else { return }
        guard name() else { return nil }
        var shifted = standard + 3600
        if rest.first != UInt8(ascii: ",") {
            guard let offset = time() else { return nil }
            shifted = -offset
        }
        guard rest.popFirst() == UInt8(ascii: ","), let start = rule(), rest.popFirst() == UInt8(ascii: ","),
            let end = rule()
        else { return nil }
        saving = shifted
        self.start = start
        self.end = end
    }

    func offset(at seconds: Int64) -> Int64 {
        guard let saving, let start, let end else { return standard }
        let year = Calendar.date(days: Calendar.floorDivide(seconds + standard, 86_400)).year
        let begins = PosixTimeZone.day(start.day, of: year) * 86_400 + start.time - standard
        let ends = PosixTimeZone.day(end.day, of: year) * 86_400 + end.time - saving
        let isSaving = begins < ends ? seconds >= begins && seconds < ends : !(seconds >= ends && seconds < begins)
        return isSaving ? saving : standard
    }

    private static func day(_ day: Day, of year: Int64) -> Int64 {
        let first = Calendar.days(year: year, month: 1, day: 1)
        switch day {
        case .zeroBased(let n): return first + n
        case .julian(let n): return first + n - 1 + (Calendar.isLeap(year) && n >= 60 ? 1 : 0)
        case .weekday(let month, let week, let weekday):
            let begin = Calendar.days(year: year, month: month, day: 1)
            let shift = (weekday - weekdayOf(begin) + 7) % 7
            var result = begin + shift + (week - 1) * 7
            if result >= begin + Calendar.daysIn(month: month, of: year) { result -= 7 }
            return result
        }
    }

    /// 0 is Sunday.
    static func weekdayOf(_ days: Int64) -> Int64 { ((days + 4) % 7 + 7) % 7 }
}
