// Which rules can be true of a request, by the value of one attribute. Rules that compare a tool's name with constants are
// the most common generated ones; of a thousand of them a request needs to ask only those that name its tool.
//
// A rule that is left out would have been false: a conjunction with a false term is false, whatever the other terms are,
// errors and unknowns among them. So the verdict, the deciding rule and the reason are those of asking every rule; a test
// compares the two on generated sets. Where the attribute has no text (absent, unknown, of another type), every rule is
// asked. `require` rules have no index: a false one decides.

import CEL
import Glibc

/// The rules of one step of the truth table.
struct RuleList: Sendable {
    /// In the order of the file.
    let all: [Int]
    let index: RuleIndex?

    init(_ rules: [Int], index: RuleIndex? = nil) {
        all = rules
        self.index = index
    }

    var isEmpty: Bool { all.isEmpty }

    /// A place in two ascending runs of rules, which are read as one.
    struct Cursor {
        fileprivate var member: Int
        fileprivate let memberEnd: Int
        fileprivate var other: Int
        fileprivate let isNarrowed: Bool
    }

    /// - Parameter value: what the index asks of the request; nil: no text.
    @inline(__always)
    func begin(_ value: (RuleIndex) -> ByteRun?) -> Cursor {
        guard let index, let value = value(index) else {
            return Cursor(member: 0, memberEnd: all.count, other: 0, isNarrowed: false)
        }
        let members = index.members(of: value)
        return Cursor(member: members.lowerBound, memberEnd: members.upperBound, other: 0, isNarrowed: true)
    }

    @inline(__always)
    func next(_ cursor: inout Cursor) -> Int? {
        guard cursor.isNarrowed, let index else {
            guard cursor.member < cursor.memberEnd else { return nil }
            defer { cursor.member += 1 }
            return all[cursor.member]
        }
        let member = cursor.member < cursor.memberEnd ? index.members[cursor.member] : Int.max
        let other = cursor.other < index.others.count ? index.others[cursor.other] : Int.max
        if member < other {
            cursor.member += 1
            return member
        }
        guard other != Int.max else { return nil }
        cursor.other += 1
        return other
    }
}

final class RuleIndex: Sendable {
    /// With fewer rules, asking them all is as fast as looking one up.
    static let minimumRules = 8

    private let attribute: Program
    /// Rules by value: runs of ascending numbers.
    fileprivate let members: [Int]
    /// Rules that do not compare the attribute.
    fileprivate let others: [Int]
    /// Open addressing: a group's number, or -1. Twice as many places as groups at least.
    private let places: [Int32]
    private let groups: [(text: Range<Int>, members: Range<Int>)]
    private let texts: [UInt8]

    /// nil when no attribute is compared by enough of the rules.
    /// - Parameters:
    ///   - rules: numbers, ascending.
    ///   - program: of a rule.
    init?(_ rules: [Int], in environment: Environment, program: (Int) -> Program) {
        guard rules.count >= Self.minimumRules else { return nil }
        var found: [AttributePath: [(rule: Int, values: [String])]] = [:]
        for rule in rules {
            for (path, values) in program(rule).checked.leadingComparisons {
                found[path, default: []].append((rule, values))
            }
        }
        // The more rules one value leaves out, the better; the name makes the choice the same every time.
        let best = found.max { a, b in
            (a.value.count, a.key.description) < (b.value.count, b.key.description)
        }
        guard let best, best.value.count >= Self.minimumRules,
            let attribute = try? environment.check(best.key.description).plan(layouts: GatewayRecords.layouts)
        else { return nil }
        self.attribute = attribute
        let indexed = Set(best.value.map(\.rule))
        others = rules.filter { !indexed.contains($0) }
        var byValue: [[UInt8]: [Int]] = [:]
        for (rule, values) in best.value {
            for value in Set(values.map { Array($0.utf8) }) { byValue[value, default: []].append(rule) }
        }
        var places = [Int32](repeating: -1, count: Self.placeCount(byValue.count))
        var members: [Int] = []
        var groups: [(text: Range<Int>, members: Range<Int>)] = []
        var texts: [UInt8] = []
        for (value, rules) in byValue {
            var place = Self.hash(value.span) & (places.count - 1)
            while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
            places[place] = Int32(groups.count)
            groups.append((texts.count..<texts.count + value.count, members.count..<members.count + rules.count))
            texts += value
            members += rules.sorted()
        }
        self.places = places
        self.members = members
        self.groups = groups
        self.texts = texts
    }

    /// A power of two.
    private static func placeCount(_ groups: Int) -> Int {
        var count = 16
        while count < groups * 2 { count *= 2 }
        return count
    }

    /// FNV-1a. The operator's constants are what is in the table, so a stranger cannot fill it.
    private static func hash(_ bytes: borrowing Span<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<bytes.count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ (hash >> 32)) & 0x7FFF_FFFF)
    }

    /// The attribute's text; nil when it has none. Valid until the context is reset.
    @inline(__always)
    func value(in context: EvaluationContext) -> ByteRun? {
        let value = attribute.run(in: context)
        return value.tag == .string ? value.run : nil
    }

    /// The rules that compare the attribute with this text, as a range of `members`.
    func members(of value: ByteRun) -> Range<Int> {
        var place = Self.hash(value.span) & (places.count - 1)
        while places[place] >= 0 {
            let group = groups[Int(places[place])]
            if group.text.count == value.count, isSame(group.text, value) { return group.members }
            place = (place + 1) & (places.count - 1)
        }
        return 0..<0
    }

    private func isSame(_ range: Range<Int>, _ value: ByteRun) -> Bool {
        guard let base = value.baseAddress, value.count > 0 else { return true }
        return texts.withUnsafeBufferPointer { texts in
            texts.baseAddress.map { memcmp($0 + range.lowerBound, base, value.count) == 0 } ?? false
        }
    }
}

extension CheckedExpression {
    /// The comparisons of an attribute with constants that the expression begins with: each must hold for it to be true.
    /// Those after another kind of term do not count: what stands before them may use up the budget, which is an error.
    var leadingComparisons: [AttributePath: [String]] {
        var result: [AttributePath: [String]] = [:]
        for term in conjuncts(of: ast.root) {
            guard let (path, values) = comparison(term) else { break }
            // A second comparison of the same attribute only narrows what the first lets through.
            if result[path] == nil { result[path] = values }
        }
        return result
    }

    private func conjuncts(of id: ExprID) -> [ExprID] {
        guard case .call("_&&_", nil, let arguments) = ast[id] else { return [id] }
        return arguments.flatMap(conjuncts)
    }

    private func comparison(_ id: ExprID) -> (AttributePath, [String])? {
        switch ast[id] {
        case .call("_==_", nil, let sides) where sides.count == 2:
            for (attribute, constant) in [(sides[0], sides[1]), (sides[1], sides[0])] {
                if let path = plainPath(attribute), case .literal(.string(let text)) = ast[constant] {
                    return (path, [text])
                }
            }
            return nil
        case .call("@in", nil, let arguments) where arguments.count == 2:
            guard let path = plainPath(arguments[0]), case .list(let elements, let optional) = ast[arguments[1]],
                optional.isEmpty
            else { return nil }
            var values: [String] = []
            for element in elements {
                guard case .literal(.string(let text)) = ast[element] else { return nil }
                values.append(text)
            }
            return (path, values)
        default: return nil
        }
    }

    /// A path whose every step is an ordinary selection: no `has()`, no optional.
    private func plainPath(_ id: ExprID) -> AttributePath? {
        var step = id
        while true {
            switch ast[step] {
            case .select(let operand, _, false, false): step = operand
            case .call("_[_]", nil, let arguments) where arguments.count == 2: step = arguments[0]
            case .ident: return attributePath(of: id)
            default: return nil
            }
        }
    }
}
