// The reference's extension functions: strings, math, lists, sets, optionals, base64. Texts are arrays of code points.

import CEL

extension Reference {
    private typealias Text = [Unicode.Scalar]

    private static func scalars(_ value: CELValue) throws -> Text {
        guard case .string(let x) = value else { throw Failure() }
        return Array(x.unicodeScalars)
    }

    private static func string(_ scalars: some Sequence<Unicode.Scalar>) -> CELValue {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return .string(String(view))
    }

    private static func number(_ value: CELValue) throws -> Int {
        guard case .int(let x) = value else { throw Failure() }
        return Int(x)
    }

    /// The first place of `part` from `start` on.
    private static func find(_ part: Text, in text: Text, from start: Int = 0) -> Int? {
        var position = start
        while position + part.count <= text.count {
            if text[position...].starts(with: part) { return position }
            position += 1
        }
        return nil
    }

    static func text(_ name: String, _ a: [CELValue]) throws -> CELValue? {
        if name == "contains", case .string = a[0] {} else if name == "contains" { return nil }
        switch (name, a.count) {
        case ("contains", 2): return .bool(find(try scalars(a[1]), in: try scalars(a[0])) != nil)
        case ("startsWith", 2): return .bool(try scalars(a[0]).starts(with: try scalars(a[1])))
        case ("endsWith", 2): return .bool(try scalars(a[0]).reversed().starts(with: try scalars(a[1]).reversed()))
        case ("charAt", 2):
            let (text, index) = (try scalars(a[0]), try number(a[1]))
            guard index >= 0, index <= text.count else { throw Failure() }
            return string(text[index...].prefix(1))
        case ("indexOf", 2...3):
            let (text, part) = (try scalars(a[0]), try scalars(a[1]))
            let start = a.count == 3 ? try number(a[2]) : 0
            guard start >= 0, start <= text.count else { throw Failure() }
            return .int(Int64(find(part, in: text, from: start) ?? -1))
        case ("lastIndexOf", 2...3):
            let (text, part) = (try scalars(a[0]), try scalars(a[1]))
            let start = a.count == 3 ? try number(a[2]) : text.count
            guard start >= 0, start <= text.count else { throw Failure() }
            let last = (0...start).last { text[$0...].starts(with: part) && $0 + part.count <= text.count }
            return .int(Int64(last ?? -1))
        case ("substring", 2...3):
            let text = try scalars(a[0])
            let (from, to) = (try number(a[1]), a.count == 3 ? try number(a[2]) : text.count)
            guard from >= 0, from <= to, to <= text.count else { throw Failure() }
            return string(text[from..<to])
        case ("lowerAscii", 1):
            return string(try scalars(a[0]).map { ("A"..."Z").contains($0) ? Unicode.Scalar($0.value + 32)! : $0 })
        case ("upperAscii", 1):
            return string(try scalars(a[0]).map { ("a"..."z").contains($0) ? Unicode.Scalar($0.value - 32)! : $0 })
        case ("trim", 1):
            let text = try scalars(a[0])
            let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
            let rest = Array(text.drop(while: isSpace).reversed())
            return string(rest.drop(while: isSpace).reversed())
        case ("reverse", 1):
            if case .list(let elements) = a[0] { return .list(elements.reversed()) }
            return string(try scalars(a[0]).reversed())
        case ("replace", 3...4):
            let limit = a.count == 4 ? try number(a[3]) : -1
            return string(try replaced(try scalars(a[0]), try scalars(a[1]), try scalars(a[2]), limit))
        case ("split", 2...3):
            return try split(try scalars(a[0]), try scalars(a[1]), limit: a.count == 3 ? try number(a[2]) : -1)
        case ("join", 1...2):
            guard case .list(let parts) = a[0] else { throw Failure() }
            let separator = a.count == 2 ? try scalars(a[1]) : []
            return string(try parts.map { try scalars($0) }.joined(separator: separator))
        default: return nil
        }
    }

    private static func replaced(_ text: Text, _ old: Text, _ new: Text, _ limit: Int) throws -> Text {
        var out: Text = []
        var done = 0
        var position = 0
        while position <= text.count {
            let isHere = position + old.count <= text.count && text[position...].starts(with: old)
            if isHere, limit < 0 || done < limit {
                out += new
                done += 1
                position += old.count
                if !old.isEmpty { continue }
            }
            if position < text.count { out.append(text[position]) }
            position += 1
        }
        return out
    }

    private static func split(_ text: Text, _ separator: Text, limit: Int) throws -> CELValue {
        if limit == 0 { return .list([]) }
        var parts: [CELValue] = []
        var rest = text
        while limit < 0 || parts.count < limit - 1 {
            if separator.isEmpty {
                guard rest.count > 1 else { break }
                parts.append(string(rest.prefix(1)))
                rest = Array(rest.dropFirst())
            } else {
                guard let found = find(separator, in: rest) else { break }
                parts.append(string(rest[..<found]))
                rest = Array(rest[(found + separator.count)...])
            }
        }
        // Nothing is left of an empty text that was cut everywhere.
        if !separator.isEmpty || !rest.isEmpty || limit == 1 { parts.append(string(rest)) }
        return .list(parts)
    }

    // MARK: Lists and optionals

    static func list(_ name: String, _ a: [CELValue]) throws -> CELValue? {
        if case .optional(let wrapped) = a[0], a.count == 1 {
            if name == "hasValue" { return .bool(wrapped != nil) }
            if name == "value" {
                guard let wrapped else { throw Failure() }
                return wrapped
            }
        }
        if name == "hasValue" || name == "value" { throw Failure() }
        guard case .list(let elements) = a[0] else {
            return ["first", "last", "sort", "slice", "distinct", "flatten", "unwrapOpt", "@sortByAssociatedKeys"]
                .contains(name) ? try { throw Failure() }() : nil
        }
        switch (name, a.count) {
        case ("first", 1): return .optional(elements.first)
        case ("last", 1): return .optional(elements.last)
        case ("slice", 3):
            let (from, to) = (try number(a[1]), try number(a[2]))
            guard from >= 0, from <= to, to <= elements.count else { throw Failure() }
            return .list(Array(elements[from..<to]))
        case ("distinct", 1):
            return .list(
                elements.reduce(into: []) { out, element in
                    if !out.contains(where: { equal($0, element) }) { out.append(element) }
                })
        case ("flatten", 1...2):
            let depth = a.count == 2 ? try number(a[1]) : 1
            guard depth >= 0 else { throw Failure() }
            return .list(flattened(elements, depth))
        case ("sort", 1): return .list(try sorted(elements, by: elements))
        case ("@sortByAssociatedKeys", 2):
            guard case .list(let keys) = a[1], keys.count == elements.count else { throw Failure() }
            return .list(try sorted(elements, by: keys))
        case ("unwrapOpt", 1): return .list(try unwrapped(elements))
        default: return nil
        }
    }

    private static func flattened(_ elements: [CELValue], _ depth: Int) -> [CELValue] {
        elements.flatMap { element in
            if depth > 0, case .list(let inner) = element { return flattened(inner, depth - 1) }
            return [element]
        }
    }

    private static func unwrapped(_ elements: [CELValue]) throws -> [CELValue] {
        try elements.compactMap { element in
            guard case .optional(let wrapped) = element else { throw Failure() }
            return wrapped
        }
    }

    private static func sorted(_ elements: [CELValue], by keys: [CELValue]) throws -> [CELValue] {
        var out: [(key: CELValue, value: CELValue)] = []
        for (key, value) in zip(keys, elements) {
            // Elements of one type that has an order.
            guard typeOf(key) == typeOf(keys[0]) else { throw Failure() }
            _ = try less(key, key)
            let place = try out.firstIndex { try less(key, $0.key) } ?? out.count
            out.insert((key, value), at: place)
        }
        return out.map(\.value)
    }

    private static func typeOf(_ value: CELValue) -> CELValue? {
        (try? call("type", [value], isMember: false)).flatMap { $0 }
    }

    // MARK: Functions with a namespace

    static func namespaced(_ name: String, _ a: [CELValue]) throws -> CELValue? {
        switch (name, a.count) {
        case ("optional.of", 1): return .optional(a[0])
        case ("optional.none", 0): return .optional(nil)
        case ("optional.ofNonZeroValue", 1): return isZero(a[0]) ? .optional(nil) : .optional(a[0])
        case ("optional.unwrap", 1):
            guard case .list(let elements) = a[0] else { throw Failure() }
            return .list(try unwrapped(elements))
        case ("sets.contains", 2), ("sets.equivalent", 2), ("sets.intersects", 2):
            guard case .list(let x) = a[0], case .list(let y) = a[1] else { throw Failure() }
            func holds(_ list: [CELValue], _ element: CELValue) -> Bool { list.contains { equal($0, element) } }
            switch name {
            case "sets.contains": return .bool(y.allSatisfy { holds(x, $0) })
            case "sets.equivalent": return .bool(y.allSatisfy { holds(x, $0) } && x.allSatisfy { holds(y, $0) })
            default: return .bool(x.contains { holds(y, $0) })
            }
        case ("base64.encode", 1):
            guard case .bytes(let x) = a[0] else { return nil }
            return .string(base64(x))
        case ("strings.quote", 1):
            let escapes: [UInt32: String] = [
                7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 0x5c: "\\\\", 0x22: "\\\"",
            ]
            let quoted = try scalars(a[0]).map { escapes[$0.value] ?? String($0) }.joined()
            return .string("\"\(quoted)\"")
        case ("lists.range", 1):
            let count = try number(a[0])
            guard count <= 10_000 else { return nil }
            return .list((0..<max(0, count)).map { .int(Int64($0)) })
        default: return name.hasPrefix("math.") ? try math(name, a) : nil
        }
    }

    private static func isZero(_ value: CELValue) -> Bool {
        switch value {
        case .null, .bool(false), .int(0), .uint(0), .duration(0), .string(""), .optional(nil): true
        case .double(let x): x == 0
        case .bytes(let x): x.isEmpty
        case .list(let x): x.isEmpty
        case .map(let x): x.isEmpty
        case .timestamp(let seconds, let nanoseconds): seconds == 0 && nanoseconds == 0
        default: false
        }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let bits = bytes.map {
            String(repeating: "0", count: $0.leadingZeroBitCount) + ($0 == 0 ? "" : String($0, radix: 2))
        }
        var rest = Substring(bits.joined())
        var out = ""
        while !rest.isEmpty {
            let six = String(rest.prefix(6))
            out.append(digits[Int(six + String(repeating: "0", count: 6 - six.count), radix: 2)!])
            rest = rest.dropFirst(6)
        }
        return out + String(repeating: "=", count: (4 - out.count % 4) % 4)
    }

    private static func math(_ name: String, _ a: [CELValue]) throws -> CELValue? {
        switch (name, a.count) {
        case ("math.@max", 1...), ("math.@min", 1...):
            var numbers = a
            if a.count == 1, case .list(let elements) = a[0] { numbers = elements }
            guard var best = numbers.first else { throw Failure() }
            _ = try arithmetic("_+_", best, zero(best))
            for number in numbers.dropFirst() {
                if name == "math.@max" ? try isLess(best, number) : try isLess(number, best) { best = number }
            }
            return best
        case ("math.ceil", 1), ("math.floor", 1), ("math.round", 1), ("math.trunc", 1):
            guard case .double(let x) = a[0] else { throw Failure() }
            let rule: FloatingPointRoundingRule =
                switch name {
                case "math.ceil": .up
                case "math.floor": .down
                case "math.round": .toNearestOrAwayFromZero
                default: .towardZero
                }
            return .double(x.rounded(rule))
        case ("math.isNaN", 1), ("math.isInf", 1), ("math.isFinite", 1):
            guard case .double(let x) = a[0] else { throw Failure() }
            return .bool(name == "math.isNaN" ? x.isNaN : name == "math.isInf" ? x.isInfinite : x.isFinite)
        case ("math.abs", 1):
            switch a[0] {
            case .int(let x): return .int(x < 0 ? try checked(Int64(0).subtractingReportingOverflow(x)) : x)
            case .uint: return a[0]
            case .double(let x): return .double(x.magnitude)
            default: throw Failure()
            }
        case ("math.sign", 1):
            switch a[0] {
            case .int(let x): return .int(x.signum())
            case .uint(let x): return .uint(x == 0 ? 0 : 1)
            case .double(let x): return .double(x > 0 ? 1 : x < 0 ? -1 : x.isNaN ? x : 0)
            default: throw Failure()
            }
        case ("math.sqrt", 1):
            switch a[0] {
            case .int(let x): return .double(Double(x).squareRoot())
            case .uint(let x): return .double(Double(x).squareRoot())
            case .double(let x): return .double(x.squareRoot())
            default: throw Failure()
            }
        case ("math.bitNot", 1), ("math.bitAnd", 2), ("math.bitOr", 2), ("math.bitXor", 2), ("math.bitShiftLeft", 2),
            ("math.bitShiftRight", 2):
            return try bits(name, a)
        default: return nil
        }
    }

    private static func zero(_ value: CELValue) -> CELValue {
        switch value {
        case .uint: .uint(0)
        case .double: .double(0)
        default: .int(0)
        }
    }

    private static func isLess(_ a: CELValue, _ b: CELValue) throws -> Bool {
        switch (a, b) {
        case (.int, .int), (.int, .uint), (.int, .double), (.uint, .int), (.uint, .uint), (.uint, .double),
            (.double, .int), (.double, .uint), (.double, .double):
            return try less(a, b)
        default: throw Failure()
        }
    }

    /// Nil for bytes, which agentgateway's functions take too.
    private static func bits(_ name: String, _ a: [CELValue]) throws -> CELValue? {
        if case .bytes = a[0] { return nil }
        var words: [UInt64] = []
        for value in a {
            switch value {
            case .int(let x): words.append(UInt64(bitPattern: x))
            case .uint(let x): words.append(x)
            default: throw Failure()
            }
        }
        let result: UInt64
        if name.hasPrefix("math.bitShift") {
            guard case .int(let count) = a[1], count >= 0 else { throw Failure() }
            result =
                count >= 64 ? 0 : name == "math.bitShiftLeft" ? words[0] << UInt64(count) : words[0] >> UInt64(count)
        } else {
            if a.count == 2 {
                switch (a[0], a[1]) {
                case (.int, .int), (.uint, .uint): break
                default: throw Failure()
                }
            }
            switch name {
            case "math.bitNot": result = ~words[0]
            case "math.bitAnd": result = words[0] & words[1]
            case "math.bitOr": result = words[0] | words[1]
            default: result = words[0] ^ words[1]
            }
        }
        if case .int = a[0] { return .int(Int64(bitPattern: result)) }
        return .uint(result)
    }
}
