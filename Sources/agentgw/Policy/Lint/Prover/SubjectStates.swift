// The cases that one value can be in, as far as some tests of it can tell them apart. Every case that can happen is among
// them; some that cannot may be, too, which makes the prover silent and never wrong.

import Proxy

enum SubjectStates {
    /// More free tests of one value are not looked at: their combinations double with each.
    static let maximumFreeTests = 8
    /// Nor are more constants than this.
    static let maximumConstants = 2_000

    /// A row for each case: what each test comes to. nil: too many.
    static func rows(_ subject: ConditionSubject, _ kinds: [ConditionTest.Kind]) -> [[Truth]]? {
        if kinds == [.opaque] { return [[.yes], [.no], [.fails]] }
        if kinds == [.same] { return subject.mayBeAbsent ? [[.yes], [.fails]] : [[.yes]] }
        var rows: [[Truth]] = []
        if subject.mayBeAbsent { rows.append(kinds.map { $0 == .present ? .no : .fails }) }
        if subject.mayPresenceFail { rows.append(kinds.map { _ in .fails }) }
        let constants = constants(kinds)
        guard constants.count <= maximumConstants else { return nil }
        if subject.kind == .text || subject.kind == .any {
            for constant in constants {
                if case .text(let bytes) = constant { rows.append(kinds.map { text(bytes, $0) }) }
            }
            guard let others = otherTexts(kinds) else { return nil }
            rows += others
        }
        if subject.kind == .number || subject.kind == .any {
            rows += numbers(kinds, constants).map { value in kinds.map { number(value, $0) } }
        }
        if subject.kind == .bool || subject.kind == .any {
            rows += [true, false].map { value in kinds.map { scalar(.bool(value), $0) } }
        }
        if subject.kind == .any {
            rows.append(kinds.map { scalar(.null, $0) })
            guard let collections = collections(kinds) else { return nil }
            rows += collections
        }
        return rows
    }

    private static func constants(_ kinds: [ConditionTest.Kind]) -> [ConditionTest.Constant] {
        var result: [ConditionTest.Constant] = []
        for kind in kinds {
            switch kind {
            case .equals(let constant): result.append(constant)
            case .oneOf(let constants): result += constants
            case .order(_, let value): result.append(.number(value))
            default: break
            }
        }
        return result.unique
    }

    // MARK: One value

    /// What a test that compares says of a value that it does not have to be text for.
    private static func scalar(_ value: ConditionTest.Constant, _ kind: ConditionTest.Kind) -> Truth {
        switch kind {
        case .present: return .yes
        case .equals(let constant): return Truth(constant == value)
        case .oneOf(let constants): return Truth(constants.contains(value))
        case .isTrue: if case .bool(let value) = value { return Truth(value) } else { return .fails }
        default: return .fails
        }
    }

    private static func number(_ value: Double, _ kind: ConditionTest.Kind) -> Truth {
        if case .order(let order, let bound) = kind { return Truth(order.holds(value, bound)) }
        return scalar(.number(value), kind)
    }

    private static func text(_ value: [UInt8], _ kind: ConditionTest.Kind) -> Truth {
        switch kind {
        case .startsWith(let prefix): return Truth(value.starts(with: prefix.utf8))
        case .endsWith(let suffix): return Truth(value.reversed().starts(with: suffix.utf8.reversed()))
        case .contains(.text(let part)): return Truth(value.contains(part))
        case .matches(let pattern):
            guard let regex = try? LinearRegex("(?s:.*)(?:\(pattern))(?s:.*)") else { return .anything }
            return Truth(regex.matches(value))
        default: return scalar(.text(value), kind)
        }
    }

    /// The numbers that are compared with, and one in each gap between them.
    private static func numbers(_ kinds: [ConditionTest.Kind], _ constants: [ConditionTest.Constant]) -> [Double] {
        let bounds = constants.compactMap { constant -> Double? in
            if case .number(let value) = constant { value } else { nil }
        }.sorted()
        // Without one, all numbers are alike.
        guard let first = bounds.first, let last = bounds.last else { return [0] }
        var result = bounds + [first - 1, last + 1]
        for (a, b) in zip(bounds, bounds.dropFirst()) { result.append(a + (b - a) / 2) }
        return result
    }

    // MARK: Many values at once

    /// Texts that are none of the constants: the tests of their parts in every combination that can be.
    private static func otherTexts(_ kinds: [ConditionTest.Kind]) -> [[Truth]]? {
        let free = kinds.indices.filter { index in
            switch kinds[index] {
            // Another constant is looked for in lists only; in a text that is an error.
            case .startsWith, .endsWith, .contains(.text), .matches: true
            default: false
            }
        }
        guard free.count <= maximumFreeTests else { return nil }
        return (0..<(1 << free.count)).compactMap { combination in
            var row = kinds.map { kind -> Truth in
                switch kind {
                case .present: .yes
                case .equals, .oneOf: .no
                default: .fails
                }
            }
            for (bit, index) in free.enumerated() { row[index] = Truth(combination & (1 << bit) != 0) }
            return isPossible(row, kinds, free) ? row : nil
        }
    }

    private static func isPossible(_ row: [Truth], _ kinds: [ConditionTest.Kind], _ free: [Int]) -> Bool {
        for index in free {
            // Every text has the empty text at its beginning, in it and at its end.
            switch kinds[index] {
            case .startsWith(""), .endsWith(""), .contains(.text([])):
                if row[index] == .no { return false }
            default: break
            }
            guard row[index] == .yes else { continue }
            for other in free where other != index {
                switch (kinds[index], kinds[other]) {
                case (.startsWith(let a), .startsWith(let b)):
                    if a.utf8.starts(with: b.utf8), row[other] == .no { return false }
                    if !a.utf8.starts(with: b.utf8), !b.utf8.starts(with: a.utf8), row[other] == .yes { return false }
                case (.endsWith(let a), .endsWith(let b)):
                    let (a, b) = (Array(a.utf8.reversed()), Array(b.utf8.reversed()))
                    if a.starts(with: b), row[other] == .no { return false }
                    if !a.starts(with: b), !b.starts(with: a), row[other] == .yes { return false }
                case (.startsWith(let a), .contains(.text(let b))), (.endsWith(let a), .contains(.text(let b))):
                    if Array(a.utf8).contains(b), row[other] == .no { return false }
                case (.contains(.text(let a)), .contains(.text(let b))):
                    if a.contains(b), row[other] == .no { return false }
                default: break
                }
            }
        }
        return true
    }

    /// Lists and maps, with any of the members that are asked for.
    private static func collections(_ kinds: [ConditionTest.Kind]) -> [[Truth]]? {
        let members = kinds.compactMap { kind -> ConditionTest.Constant? in
            switch kind {
            case .member(let constant), .contains(let constant): constant
            default: nil
            }
        }.unique
        guard members.count <= maximumFreeTests else { return nil }
        return (0..<(1 << members.count)).map { combination in
            kinds.map { kind in
                switch kind {
                case .present: return .yes
                case .equals, .oneOf: return .no
                case .member(let constant), .contains(let constant):
                    let bit = members.firstIndex(of: constant) ?? 0
                    return Truth(combination & (1 << bit) != 0)
                default: return .fails
                }
            }
        }
    }
}

extension Array where Element == UInt8 {
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        if part.isEmpty { return true }
        guard part.count <= count else { return false }
        return (0...(count - part.count)).contains { self[$0..<($0 + part.count)].elementsEqual(part) }
    }
}
