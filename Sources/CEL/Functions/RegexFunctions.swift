// The regex extension, and agentgateway's `regexReplace`.

/// What a function does with a pattern that has been compiled. The arguments include the pattern's text, second.
typealias PatternBody = @Sendable (UnsafePointer<Value>, Int, EvaluationScope, Regex) -> Value

extension FunctionLibrary {
    static let regex: [Function] = [
        function("regex.replace", .global, 3...4), function("regexReplace", .receiver, 3...3),
        function("regex.extract", .global, 2...2), function("regex.extractAll", .global, 2...2),
    ]

    /// With the pattern of each evaluation.
    private static func function(_ name: String, _ style: Function.Style, _ arity: ClosedRange<Int>) -> Function {
        let body = patternBodies[name] ?? { _, _, _, _ in noOverload }
        return Function(name, style, arity) { a, n, scope in
            guard a[0].tag == .string, a[1].tag == .string else { return noOverload }
            guard scope.spend(a[1].run.count) else { return EvaluationScope.overBudget }
            return withRegex(a[1], scope) { withPattern($0, a, n, scope, body) }
        }
    }

    /// With a pattern that was compiled when the program was planned.
    static func withPattern(
        _ regex: Regex, _ a: UnsafePointer<Value>, _ n: Int, _ scope: EvaluationScope, _ body: PatternBody
    ) -> Value {
        guard a[0].tag == .string else { return noOverload }
        guard scope.spend(a[0].run.count >> 2) else { return EvaluationScope.overBudget }
        return body(a, n, scope, regex)
    }

    /// By the name of the function.
    static let patternBodies: [String: PatternBody] = [
        "regex.replace": { a, n, scope, regex in
            guard a[2].tag == .string, n == 3 || a[3].tag == .int else { return noOverload }
            return replace(a, limit: n == 4 ? a[3].asInt : -1, escape: UInt8(ascii: "\\"), regex, scope)
        },
        "regexReplace": { a, _, scope, regex in
            guard a[2].tag == .string else { return noOverload }
            return replace(a, limit: 1, escape: UInt8(ascii: "$"), regex, scope)
        },
        "regex.extract": { a, _, scope, regex in
            guard regex.groupCount <= 1 else {
                return invalid("regex.extract() takes a pattern with one group at most")
            }
            guard let match = regex.firstMatch(in: a[0].run, from: 0), let part = match[regex.groupCount] else {
                return .none
            }
            return scope.arena.optional(.string(Text.slice(a[0].run, part.lowerBound, part.upperBound)))
        },
        "regex.extractAll": { a, _, scope, regex in
            guard regex.groupCount <= 1 else {
                return invalid("regex.extractAll() takes a pattern with one group at most")
            }
            var out = ListBuilder(arena: scope.arena)
            let paid = eachMatch(regex, a[0].run, scope) { match in
                if let part = match[regex.groupCount] {
                    out.append(.string(Text.slice(a[0].run, part.lowerBound, part.upperBound)))
                }
                return true
            }
            return paid ? out.finish() : EvaluationScope.overBudget
        },
    ]

    /// What is wrong with the constant arguments of a call; nil when nothing is.
    static func misuse(of name: String, _ regex: Regex, replacement: Value?) -> String? {
        switch name {
        case "regex.extract", "regex.extractAll":
            return regex.groupCount <= 1 ? nil : "\(name)() takes a pattern with one group at most"
        case "regex.replace", "regexReplace":
            guard let replacement, replacement.tag == .string else { return nil }
            let escape = UInt8(ascii: name == "regexReplace" ? "$" : "\\")
            return Rewrite(replacement.run, escape: escape, groups: regex.groupCount) == nil
                ? "the replacement names a group that the pattern does not have" : nil
        default: return nil
        }
    }

    /// False when the budget ran out: a pattern may read all the rest of the text at every match.
    private static func eachMatch(
        _ regex: Regex, _ text: Bytes, _ scope: EvaluationScope, _ body: ([Range<Int>?]) -> Bool
    ) -> Bool {
        var position = 0
        while position <= text.count {
            guard scope.spend(1 + (text.count - position) >> 6) else { return false }
            guard let match = regex.firstMatch(in: text, from: position), let whole = match[0] else { return true }
            if !body(match) { return true }
            if whole.isEmpty {
                position = whole.upperBound + 1
                while position < text.count, !Text.isStart(text[position]) { position += 1 }
            } else {
                position = whole.upperBound
            }
        }
        return true
    }

    private static func replace(
        _ a: UnsafePointer<Value>, limit: Int64, escape: UInt8, _ regex: Regex, _ scope: EvaluationScope
    ) -> Value {
        if limit == 0 { return a[0] }
        guard let parts = Rewrite(a[2].run, escape: escape, groups: regex.groupCount) else {
            return invalid("the replacement names a group that the pattern does not have")
        }
        let bytes = a[0].run
        var out: [UInt8] = []
        var copied = 0
        var done: Int64 = 0
        let paid = eachMatch(regex, bytes, scope) { match in
            guard let whole = match[0] else { return false }
            out.append(contentsOf: bytes[copied..<whole.lowerBound])
            parts.write(match, bytes, &out)
            copied = whole.upperBound
            done += 1
            return (limit < 0 || done < limit) && scope.spend(out.count >> 12)
        }
        guard paid else { return EvaluationScope.overBudget }
        out.append(contentsOf: bytes[copied...])
        return scope.arena.string(utf8: out)
    }

    /// A replacement text: literal bytes and numbers of groups.
    private struct Rewrite {
        private var parts: [(literal: [UInt8], group: Int?)] = []

        /// Nil when it names a group beyond `groups`, or escapes something else.
        init?(_ text: Bytes, escape: UInt8, groups: Int) {
            var literal: [UInt8] = []
            var i = 0
            while i < text.count {
                let byte = text[i]
                i += 1
                guard byte == escape else {
                    literal.append(byte)
                    continue
                }
                guard i < text.count else {
                    if escape == UInt8(ascii: "\\") { return nil }
                    literal.append(byte)
                    break
                }
                let next = text[i]
                if next == escape {
                    literal.append(escape)
                } else if next &- 0x30 < 10 {
                    guard Int(next - 0x30) <= groups else { return nil }
                    parts.append((literal, Int(next - 0x30)))
                    literal = []
                } else if escape == UInt8(ascii: "\\") {
                    return nil
                } else {
                    literal += [byte, next]
                }
                i += 1
            }
            parts.append((literal, nil))
        }

        func write(_ match: [Range<Int>?], _ text: Bytes, _ out: inout [UInt8]) {
            for part in parts {
                out.append(contentsOf: part.literal)
                if let group = part.group, group < match.count, let range = match[group] {
                    out.append(contentsOf: text[range])
                }
            }
        }
    }
}
