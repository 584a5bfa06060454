// Durations: signed nanoseconds in 64 bits, written as Go writes them, printed as seconds.

enum Durations {
    /// `1h30m`, `-1.5h`, `10ms`, `0`. Nil for anything else and for what does not fit.
    static func parse(_ text: Bytes) -> Int64? {
        var rest = text[...]
        var negative = false
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            negative = sign == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        if rest.elementsEqual([UInt8(ascii: "0")]) { return 0 }
        guard !rest.isEmpty else { return nil }
        // Summed downwards: the negative range is the larger one.
        var total: Int64 = 0
        while !rest.isEmpty {
            var whole: Int64 = 0
            var digits = 0
            while let byte = rest.first, byte &- 0x30 < 10 {
                let (scaled, over) = whole.multipliedReportingOverflow(by: 10)
                let (sum, carry) = scaled.addingReportingOverflow(Int64(byte - 0x30))
                if over || carry { return nil }
                whole = sum
                digits += 1
                rest = rest.dropFirst()
            }
            var fraction: Int64 = 0
            var scale: Int64 = 1
            if rest.first == UInt8(ascii: ".") {
                rest = rest.dropFirst()
                while let byte = rest.first, byte &- 0x30 < 10 {
                    // Eighteen digits are finer than a nanosecond of an hour.
                    if scale < 1_000_000_000_000_000 {
                        fraction = fraction * 10 + Int64(byte - 0x30)
                        scale *= 10
                    }
                    digits += 1
                    rest = rest.dropFirst()
                }
            }
            guard digits > 0 else { return nil }
            let name = Array(rest.prefix { $0 &- 0x30 >= 10 && $0 != UInt8(ascii: ".") })
            rest = rest.dropFirst(name.count)
            let unit: Int64
            switch String(decoding: name, as: UTF8.self) {
            case "ns": unit = 1
            case "us", "µs", "μs": unit = 1000
            case "ms": unit = 1_000_000
            case "s": unit = 1_000_000_000
            case "m": unit = 60_000_000_000
            case "h": unit = 3_600_000_000_000
            default: return nil
            }
            let (product, over) = whole.multipliedReportingOverflow(by: unit)
            let part = Int64(Double(fraction) / Double(scale) * Double(unit))
            let exact = fraction.multipliedReportingOverflow(by: unit)
            let added = exact.overflow ? part : exact.partialValue / scale
            let (first, carry) = total.subtractingReportingOverflow(product)
            let (second, carry2) = first.subtractingReportingOverflow(added)
            if over || carry || carry2 { return nil }
            total = second
        }
        if negative { return total }
        return total == .min ? nil : -total
    }

    /// `90s`, `1.5s`, `-0.000000001s`
    static func text(_ nanoseconds: Int64) -> String {
        let magnitude = nanoseconds.magnitude
        return (nanoseconds < 0 ? "-" : "") + String(magnitude / 1_000_000_000)
            + fraction(Int64(magnitude % 1_000_000_000)) + "s"
    }

    /// A dot and as many digits as needed; empty for zero.
    static func fraction(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "" }
        var digits = String(nanoseconds)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.last == "0" { digits.removeLast() }
        return "." + digits
    }
}
