// Timestamps: RFC 3339 in and out, the years 1 to 9999, arithmetic that refuses to leave them.

enum Timestamps {
    /// 0001-01-01T00:00:00Z
    static let earliest: Int64 = -62_135_596_800
    /// 9999-12-31T23:59:59Z
    static let latest: Int64 = 253_402_300_799

    static func make(seconds: Int64, nanoseconds: Int64) -> Value {
        let (carried, over) = seconds.addingReportingOverflow(Calendar.floorDivide(nanoseconds, 1_000_000_000))
        let rest = nanoseconds - Calendar.floorDivide(nanoseconds, 1_000_000_000) * 1_000_000_000
        guard !over, carried >= earliest, carried <= latest else {
            return .error(.overflow, "timestamp out of range")
        }
        return .timestamp(seconds: carried, nanoseconds: UInt32(rest))
    }

    static func add(_ timestamp: Value, _ nanoseconds: Int64) -> Value {
        let whole = Calendar.floorDivide(nanoseconds / 1_000_000_000, 1)
        let (seconds, over) = timestamp.asInt.addingReportingOverflow(whole)
        if over { return .error(.overflow, "timestamp out of range") }
        return make(seconds: seconds, nanoseconds: Int64(timestamp.length) + nanoseconds % 1_000_000_000)
    }

    static func difference(_ a: Value, _ b: Value) -> Value {
        let (scaled, over) = (a.asInt - b.asInt).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = scaled.addingReportingOverflow(Int64(a.length) - Int64(b.length))
        return over || carry ? .error(.overflow, "duration out of range") : .duration(sum)
    }

    /// Strict RFC 3339 §5.6, seconds up to 59 and up to nine digits of fraction.
    static func parse(_ text: Bytes) -> Value {
        let failure = Value.error(.invalidArgument, "not an RFC 3339 timestamp")
        var position = 0
        func number(_ digits: Int) -> Int64? {
            guard text.count - position >= digits else { return nil }
            var value: Int64 = 0
            for _ in 0..<digits {
                let digit = text[position] &- 0x30
                guard digit < 10 else { return nil }
                value = value * 10 + Int64(digit)
                position += 1
            }
            return value
        }
        func accept(_ character: UInt8) -> Bool {
            guard position < text.count, text[position] == character else { return false }
            position += 1
            return true
        }
        guard let year = number(4), accept(0x2d), let month = number(2), accept(0x2d), let day = number(2),
            accept(0x54) || accept(0x74), let hour = number(2), accept(0x3a), let minute = number(2), accept(0x3a),
            let second = number(2), (1...12).contains(month), day >= 1, day <= Calendar.daysIn(month: month, of: year),
            hour < 24, minute < 60, second < 60
        else { return failure }
        var nanoseconds: Int64 = 0
        if accept(0x2e) {
            var digits = 0
            while position < text.count, text[position] &- 0x30 < 10 {
                if digits < 9 { nanoseconds = nanoseconds * 10 + Int64(text[position] - 0x30) }
                digits += 1
                position += 1
            }
            guard digits > 0 else { return failure }
            for _ in min(digits, 9)..<9 { nanoseconds *= 10 }
        }
        var offset: Int64 = 0
        if !accept(0x5a) && !accept(0x7a) {
            let negative = accept(0x2d)
            guard negative || accept(0x2b), let hours = number(2), accept(0x3a), let minutes = number(2), hours < 24,
                minutes < 60
            else { return failure }
            offset = (hours * 60 + minutes) * 60 * (negative ? -1 : 1)
        }
        guard position == text.count else { return failure }
        let seconds =
            Calendar.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return make(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// In UTC, with as many digits of fraction as needed.
    static func text(seconds: Int64, nanoseconds: UInt32) -> String {
        let days = Calendar.floorDivide(seconds, 86_400)
        let date = Calendar.date(days: days)
        let rest = seconds - days * 86_400
        func pad(_ value: Int64, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return pad(date.year, 4) + "-" + pad(date.month, 2) + "-" + pad(date.day, 2) + "T" + pad(rest / 3600, 2) + ":"
            + pad(rest / 60 % 60, 2) + ":" + pad(rest % 60, 2) + Durations.fraction(Int64(nanoseconds)) + "Z"
    }
}
