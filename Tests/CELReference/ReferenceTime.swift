// The reference's clock: timestamps as nanoseconds in 128 bits, dates by counting years and months.

import CEL

enum ReferenceTime {
    typealias Failure = ReferenceEvaluator.Failure

    static func nanoseconds(_ seconds: Int64, _ nanoseconds: UInt32) -> Int128 {
        Int128(seconds) * 1_000_000_000 + Int128(nanoseconds)
    }

    /// From 0001-01-01T00:00:00Z to the last nanosecond of 9999.
    static func timestamp(_ nanoseconds: Int128) throws -> CELValue {
        var seconds = nanoseconds / 1_000_000_000
        var rest = nanoseconds % 1_000_000_000
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1_000_000_000) }
        guard seconds >= -62_135_596_800, seconds <= 253_402_300_799 else { throw Failure() }
        return .timestamp(seconds: Int64(seconds), nanoseconds: UInt32(rest))
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && year % 100 != 0 || year % 400 == 0 }

    private static func days(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to the first of January of a year.
    private static func days(toYear year: Int64) -> Int64 {
        // Counted from the year -399, so that nothing is negative.
        let before = year - 1 + 400
        return before * 365 + before / 4 - before / 100 + before / 400 - 719_162 - 146_097
    }

    struct Parts {
        var year: Int64
        var month: Int64
        var day: Int64
        var dayOfYear: Int64
        var dayOfWeek: Int64
        /// Of the day.
        var seconds: Int64
    }

    /// The parts of a moment, on a clock that is `offset` seconds ahead of UTC.
    static func parts(_ seconds: Int64, offset: Int64 = 0) -> Parts {
        let local = seconds + offset + 62_135_596_800 + 86_400 * 366 * 400
        // Counted from a year divisible by 400, long before the first.
        var day = local / 86_400 - 366 * 400 - 719_162
        let weekday = ((day + 4) % 7 + 7) % 7
        var year = 1970 + day / (day < 0 ? 365 : 366) - 1
        while days(toYear: year + 1) <= day { year += 1 }
        day -= days(toYear: year)
        let dayOfYear = day
        var month: Int64 = 1
        while day >= days(month, year) {
            day -= days(month, year)
            month += 1
        }
        return Parts(
            year: year, month: month, day: day + 1, dayOfYear: dayOfYear, dayOfWeek: weekday, seconds: local % 86_400)
    }

    /// RFC 3339, section 5.6.
    static func parse(_ text: String) throws -> CELValue {
        var rest = Array(text.unicodeScalars.map(\.value))[...]
        func number(_ digits: Int) throws -> Int64 {
            guard rest.count >= digits else { throw Failure() }
            var value: Int64 = 0
            for scalar in rest.prefix(digits) {
                guard (0x30...0x39).contains(scalar) else { throw Failure() }
                value = value * 10 + Int64(scalar - 0x30)
            }
            rest = rest.dropFirst(digits)
            return value
        }
        func take(_ characters: String) throws {
            guard let first = rest.first, characters.unicodeScalars.contains(where: { $0.value == first }) else {
                throw Failure()
            }
            rest = rest.dropFirst()
        }
        let year = try number(4)
        try take("-")
        let month = try number(2)
        try take("-")
        let day = try number(2)
        try take("Tt")
        let hour = try number(2)
        try take(":")
        let minute = try number(2)
        try take(":")
        let second = try number(2)
        guard (1...12).contains(month), year >= 0, day >= 1, day <= days(month, year), hour < 24, minute < 60,
            second < 60
        else { throw Failure() }
        var fraction: Int128 = 0
        if rest.first == 0x2e {
            rest = rest.dropFirst()
            var unit: Int128 = 100_000_000
            guard let first = rest.first, (0x30...0x39).contains(first) else { throw Failure() }
            while let digit = rest.first, (0x30...0x39).contains(digit) {
                fraction += Int128(digit - 0x30) * unit
                unit /= 10
                rest = rest.dropFirst()
            }
        }
        var offset: Int64 = 0
        if rest.first != 0x5a && rest.first != 0x7a {
            let sign: Int64 = rest.first == 0x2d ? -1 : 1
            try take("+-")
            let hours = try number(2)
            try take(":")
            let minutes = try number(2)
            guard hours < 24, minutes < 60 else { throw Failure() }
            offset = sign * (hours * 3600 + minutes * 60)
        } else {
            rest = rest.dropFirst()
        }
        guard rest.isEmpty else { throw Failure() }
        var total = days(toYear: year) + day - 1
        for earlier in 1..<max(1, month) { total += days(earlier, year) }
        let seconds = total * 86_400 + hour * 3600 + minute * 60 + second - offset
        return try timestamp(Int128(seconds) * 1_000_000_000 + fraction)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    private static func fraction(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "" }
        var digits = padded(nanoseconds, 9)
        while digits.hasSuffix("0") { digits.removeLast() }
        return "." + digits
    }

    static func text(_ seconds: Int64, _ nanoseconds: UInt32) -> String {
        let p = parts(seconds)
        let date = "\(padded(p.year, 4))-\(padded(p.month, 2))-\(padded(p.day, 2))"
        let time = "\(padded(p.seconds / 3600, 2)):\(padded(p.seconds / 60 % 60, 2)):\(padded(p.seconds % 60, 2))"
        return "\(date)T\(time)\(fraction(Int64(nanoseconds)))Z"
    }

    static func text(duration: Int64) -> String {
        let size = duration.magnitude
        return (duration < 0 ? "-" : "") + "\(size / 1_000_000_000)\(fraction(Int64(size % 1_000_000_000)))s"
    }

    /// As Go's time.ParseDuration: a sign, then decimal numbers, each with a unit.
    static func duration(_ text: String) throws -> CELValue {
        var rest = text.unicodeScalars[...]
        var sign: Int128 = 1
        if rest.first == "-" || rest.first == "+" { sign = rest.removeFirst() == "-" ? -1 : 1 }
        if rest.elementsEqual("0".unicodeScalars) { return .duration(0) }
        guard !rest.isEmpty else { throw Failure() }
        let units: [(String, Int128)] = [
            ("ns", 1), ("us", 1000), ("µs", 1000), ("μs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
            ("m", 60_000_000_000), ("h", 3_600_000_000_000),
        ]
        var total: Int128 = 0
        while !rest.isEmpty {
            var digits: Int128 = 0
            var scale: Int128 = 1
            var count = 0
            var isFraction = false
            while let next = rest.first, ("0"..."9").contains(next) || next == "." && !isFraction {
                rest = rest.dropFirst()
                if next == "." {
                    isFraction = true
                    continue
                }
                count += 1
                // Finer than a nanosecond of an hour, and longer than what fits.
                if isFraction, scale >= 1_000_000_000_000_000 { continue }
                guard digits < 1_000_000_000_000_000_000_000 else { throw Failure() }
                digits = digits * 10 + Int128(next.value - 0x30)
                if isFraction { scale *= 10 }
            }
            let name = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            guard count > 0, let unit = units.first(where: { $0.0.unicodeScalars.elementsEqual(name) }) else {
                throw Failure()
            }
            rest = rest.dropFirst(name.count)
            total += digits * unit.1 / scale
        }
        guard let fits = Int64(exactly: sign * total) else { throw Failure() }
        return .duration(fits)
    }

    /// Nil for zones that have names.
    static func offset(_ zone: String) throws -> Int64? {
        if zone == "UTC" { return 0 }
        var rest = zone.unicodeScalars[...]
        var sign: Int64 = 1
        if rest.first == "-" || rest.first == "+" { sign = rest.removeFirst() == "-" ? -1 : 1 }
        let digits = rest.map { Int64($0.value) - 0x30 }
        guard digits.count == 5, digits[2] == 0x3a - 0x30 else { return nil }
        guard [0, 1, 3, 4].allSatisfy({ (0...9).contains(digits[$0]) }) else { return nil }
        let (hours, minutes) = (digits[0] * 10 + digits[1], digits[3] * 10 + digits[4])
        guard hours < 24, minutes < 60 else { throw Failure() }
        return sign * (hours * 3600 + minutes * 60)
    }
}
