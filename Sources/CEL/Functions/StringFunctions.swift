// The strings extension: positions count code points.

extension FunctionLibrary {
    /// The string arguments from `from` on, or nil.
    private static func allStrings(_ a: UnsafePointer<Value>, _ count: Int, from: Int = 0) -> Bool {
        for i in from..<count where a[i].tag != .string { return false }
        return true
    }

    private static func index(_ byteOffset: Int, in text: Bytes) -> Value {
        .int(Text.count(Text.slice(text, 0, byteOffset)))
    }

    static let strings: [Function] = [
        Function("contains", .receiver, 2) { a, _, scope in
            if a[0].tag == .string, a[1].tag == .string {
                return paid(Text.findCost(a[1].run, in: a[0].run), scope) {
                    .bool(Text.find(a[1].run, in: a[0].run) != nil)
                }
            }
            return scope.containsAny(a[0], a[1])
        },
        Function("startsWith", .receiver, 2) { a, n, _ in
            allStrings(a, n) ? .bool(Text.hasPrefix(a[0].run, a[1].run)) : noOverload
        },
        Function("endsWith", .receiver, 2) { a, n, _ in
            allStrings(a, n) ? .bool(Text.hasSuffix(a[0].run, a[1].run)) : noOverload
        },
        Function("charAt", .receiver, 2) { a, _, _ in
            guard a[0].tag == .string, a[1].tag == .int else { return noOverload }
            let text = a[0].run
            guard let start = Text.offset(of: Int(a[1].asInt), in: text) else {
                return .error(.outOfRange, "index out of range")
            }
            if start == text.count { return .string("") }
            var end = start + 1
            while end < text.count, !Text.isStart(text[end]) { end += 1 }
            return .string(Text.slice(text, start, end))
        },
        Function("indexOf", .receiver, 2...3) { a, n, _ in
            guard allStrings(a, 2), n == 2 || a[2].tag == .int else { return noOverload }
            let text = a[0].run
            var start = 0
            if n == 3 {
                guard let offset = Text.offset(of: Int(a[2].asInt), in: text) else {
                    return .error(.outOfRange, "index out of range")
                }
                start = offset
            }
            guard let found = Text.find(a[1].run, in: text, from: start) else { return .int(Int64(-1)) }
            return index(found, in: text)
        },
        Function("lastIndexOf", .receiver, 2...3) { a, n, _ in
            guard allStrings(a, 2), n == 2 || a[2].tag == .int else { return noOverload }
            let text = a[0].run
            var start = text.count
            if n == 3 {
                guard let offset = Text.offset(of: Int(a[2].asInt), in: text) else {
                    return .error(.outOfRange, "index out of range")
                }
                start = offset
            }
            guard let found = Text.findLast(a[1].run, in: text, from: start) else { return .int(Int64(-1)) }
            return index(found, in: text)
        },
        Function("substring", .receiver, 2...3) { a, n, _ in
            guard a[0].tag == .string, a[1].tag == .int, n == 2 || a[2].tag == .int else { return noOverload }
            let text = a[0].run
            guard let start = Text.offset(of: Int(a[1].asInt), in: text) else {
                return .error(.outOfRange, "index out of range")
            }
            guard n == 3 else { return .string(Text.slice(text, start, text.count)) }
            guard let end = Text.offset(of: Int(a[2].asInt), in: text), start <= end else {
                return .error(.outOfRange, "index out of range")
            }
            return .string(Text.slice(text, start, end))
        },
        Function("lowerAscii", .receiver, 1) { a, _, scope in
            mapBytes(a[0], scope) { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        },
        Function("upperAscii", .receiver, 1) { a, _, scope in
            mapBytes(a[0], scope) { $0 &- 0x61 < 26 ? $0 & 0xdf : $0 }
        },
        Function("trim", .receiver, 1) { a, _, _ in
            guard a[0].tag == .string else { return noOverload }
            let text = a[0].run
            var (first, last) = (0, text.count)
            while first < last {
                var end = first + 1
                while end < last, !Text.isStart(text[end]) { end += 1 }
                guard Text.isSpace(Text.scalar(text[first..<end])) else { break }
                first = end
            }
            while first < last {
                var start = last - 1
                while start > first, !Text.isStart(text[start]) { start -= 1 }
                guard Text.isSpace(Text.scalar(text[start..<last])) else { break }
                last = start
            }
            return .string(Text.slice(text, first, last))
        },
        Function("replace", .receiver, 3...4) { a, n, scope in
            guard allStrings(a, 3), n == 3 || a[3].tag == .int else { return noOverload }
            return replace(a[0].run, a[1].run, a[2].run, limit: n == 4 ? a[3].asInt : -1, scope)
        },
        Function("split", .receiver, 2...3) { a, n, scope in
            guard allStrings(a, 2), n == 2 || a[2].tag == .int else { return noOverload }
            return split(a[0].run, a[1].run, limit: n == 3 ? a[2].asInt : -1, scope)
        },
        Function("join", .receiver, 1...2) { a, n, scope in
            if n == 1, let view = HeaderViews.view(of: a[0], form: .joined, redacting: false, scope) { return view }
            guard a[0].tag == .list, n == 1 || a[1].tag == .string else { return noOverload }
            var out: [UInt8] = []
            for (position, element) in a[0].elements.enumerated() {
                guard element.tag == .string else { return noOverload }
                if position > 0, n == 2 { out.append(contentsOf: a[1].run) }
                out.append(contentsOf: element.run)
                guard scope.spend(1 + element.run.count >> 3) else { return EvaluationScope.overBudget }
            }
            return scope.arena.string(utf8: out)
        },
        Function("reverse", .receiver, 1) { a, _, scope in
            switch a[0].tag {
            case .list:
                return paid(Int(a[0].length), scope) { scope.arena.list(Array(a[0].elements.reversed())) }
            case .string:
                return paid(a[0].run.count, scope) {
                    var view = String.UnicodeScalarView()
                    view.append(contentsOf: a[0].text.unicodeScalars.reversed())
                    return scope.arena.string(String(view))
                }
            default: return noOverload
            }
        },
        Function("strings.quote", .global, 1) { a, _, scope in
            guard a[0].tag == .string else { return noOverload }
            return paid(a[0].run.count, scope) { scope.arena.string(quoted(a[0].text)) }
        },
        Function("format", .receiver, 2) { a, _, scope in
            guard a[0].tag == .string, a[1].tag == .list else { return noOverload }
            return paid(a[0].run.count, scope) { Formatter.format(a[0].text, a[1].elements, scope) }
        },
        Function("stripPrefix", .receiver, 2) { a, n, _ in
            guard allStrings(a, n) else { return noOverload }
            let text = a[0].run
            return .string(Text.hasPrefix(text, a[1].run) ? Text.slice(text, a[1].run.count, text.count) : text)
        },
        Function("stripSuffix", .receiver, 2) { a, n, _ in
            guard allStrings(a, n) else { return noOverload }
            let text = a[0].run
            return .string(Text.hasSuffix(text, a[1].run) ? Text.slice(text, 0, text.count - a[1].run.count) : text)
        },
    ]

    private static func mapBytes(_ value: Value, _ scope: EvaluationScope, _ change: (UInt8) -> UInt8) -> Value {
        guard value.tag == .string else { return noOverload }
        return paid(value.run.count >> 3, scope) {
            let out = scope.arena.bytes(value.run.count)
            for (i, byte) in value.run.enumerated() { out[i] = change(byte) }
            return .string(Bytes(start: out, count: value.run.count))
        }
    }

    private static func replace(
        _ text: Bytes, _ old: Bytes, _ new: Bytes, limit: Int64, _ scope: EvaluationScope
    ) -> Value {
        if limit == 0 { return .string(text) }
        var out: [UInt8] = []
        var position = 0
        var done: Int64 = 0
        while limit < 0 || done < limit {
            if old.isEmpty {
                // Before each code point and at the end.
                out.append(contentsOf: new)
                done += 1
                if position >= text.count { break }
                repeat {
                    out.append(text[position])
                    position += 1
                } while position < text.count && !Text.isStart(text[position])
            } else {
                guard let found = Text.find(old, in: text, from: position) else { break }
                out.append(contentsOf: text[position..<found])
                out.append(contentsOf: new)
                position = found + old.count
                done += 1
            }
            guard scope.spend(1 + new.count >> 3) else { return EvaluationScope.overBudget }
        }
        if position < text.count { out.append(contentsOf: text[position...]) }
        return scope.arena.string(utf8: out)
    }

    private static func split(_ text: Bytes, _ separator: Bytes, limit: Int64, _ scope: EvaluationScope) -> Value {
        if limit == 0 { return .emptyList }
        if limit == 1 { return scope.arena.list([.string(text)]) }
        var builder = ListBuilder(arena: scope.arena)
        var position = 0
        while limit < 0 || builder.count < Int(limit) - 1 {
            guard scope.spend(1) else { return EvaluationScope.overBudget }
            if separator.isEmpty {
                guard position < text.count else { break }
                var end = position + 1
                while end < text.count, !Text.isStart(text[end]) { end += 1 }
                if end == text.count { break }
                builder.append(.string(Text.slice(text, position, end)))
                position = end
            } else {
                guard let found = Text.find(separator, in: text, from: position) else { break }
                builder.append(.string(Text.slice(text, position, found)))
                position = found + separator.count
            }
        }
        if !separator.isEmpty || position < text.count {
            builder.append(.string(Text.slice(text, position, text.count)))
        }
        return builder.finish()
    }

    /// As a string literal of the language; whatever is not printable stays as it is.
    private static func quoted(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        out.append("\"")
        for scalar in text.unicodeScalars {
            let escape: Unicode.Scalar? =
                switch scalar.value {
                case 7: "a"
                case 8: "b"
                case 9: "t"
                case 10: "n"
                case 11: "v"
                case 12: "f"
                case 13: "r"
                case 0x5c: "\\"
                case 0x22: "\""
                default: nil
                }
            if let escape {
                out.append("\\")
                out.append(escape)
            } else {
                out.append(scalar)
            }
        }
        out.append("\"")
        return String(out)
    }
}
