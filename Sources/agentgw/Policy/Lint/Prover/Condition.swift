// What a rule says, as the prover sees it: and, or, not over tests of single values, each of which is true, false or an
// error. The linter claims that one rule covers another only when it is so in every case; text is never compared.

/// Values that a condition may come to; a set of them while not everything is known.
struct Truth: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let no = Truth(rawValue: 1)
    static let yes = Truth(rawValue: 2)
    /// An error, which a deny takes for true and an allow for false.
    static let fails = Truth(rawValue: 4)
    static let anything: Truth = [.no, .yes, .fails]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(_ value: Bool) { self = value ? .yes : .no }

    /// `!`: an error stays one.
    var negated: Truth {
        var result: Truth = intersection(.fails)
        if contains(.no) { result.insert(.yes) }
        if contains(.yes) { result.insert(.no) }
        return result
    }
}

indirect enum Condition: Sendable {
    case constant(Truth)
    /// Index in `ConditionSpace.tests`.
    case test(Int)
    case not(Condition)
    /// `&&`: false when one is, whatever else fails.
    case all([Condition])
    /// `||`: true when one is.
    case any([Condition])
    /// `?:`
    case choice(Condition, Condition, Condition)

    /// The tests in it, each time that one is there.
    func visitTests(_ body: (Int) -> Void) {
        switch self {
        case .constant: break
        case .test(let test): body(test)
        case .not(let inner): inner.visitTests(body)
        case .all(let parts), .any(let parts): for part in parts { part.visitTests(body) }
        case .choice(let condition, let a, let b): for part in [condition, a, b] { part.visitTests(body) }
        }
    }

    /// Tests that are true whenever it is; not all of them.
    var required: [Int] {
        switch self {
        case .test(let test): [test]
        case .all(let parts): parts.flatMap(\.required)
        default: []
        }
    }

    var hasConstants: Bool {
        switch self {
        case .constant: true
        case .test: false
        case .not(let inner): inner.hasConstants
        case .all(let parts), .any(let parts): parts.contains(where: \.hasConstants)
        case .choice(let condition, let a, let b): condition.hasConstants || a.hasConstants || b.hasConstants
        }
    }

    /// What it may come to when the tests may come to `value`.
    func truth(_ value: (Int) -> Truth) -> Truth {
        switch self {
        case .constant(let truth): return truth
        case .test(let test): return value(test)
        case .not(let inner): return inner.truth(value).negated
        case .all(let parts): return Condition.all(parts, value, yes: .yes, no: .no)
        case .any(let parts): return Condition.all(parts, value, yes: .no, no: .yes)
        case .choice(let condition, let a, let b):
            let chosen = condition.truth(value)
            var result = chosen.intersection(.fails)
            if chosen.contains(.yes) { result.formUnion(a.truth(value)) }
            if chosen.contains(.no) { result.formUnion(b.truth(value)) }
            return result
        }
    }

    /// A conjunction, or with `yes` and `no` swapped a disjunction: `no` when one part is, else an error when one is.
    private static func all(_ parts: [Condition], _ value: (Int) -> Truth, yes: Truth, no: Truth) -> Truth {
        var mayDecide = false
        var mayAllBeYes = true
        var mayFail = false
        // Without a part that decides, every part must be able to be something else.
        var mayNoneDecide = true
        for part in parts {
            let truth = part.truth(value)
            if truth.contains(no) { mayDecide = true }
            if !truth.contains(yes) { mayAllBeYes = false }
            if truth.contains(.fails) { mayFail = true }
            if truth == no { mayNoneDecide = false }
            if !mayNoneDecide { return no }
        }
        var result: Truth = []
        if mayDecide { result.insert(no) }
        if mayAllBeYes { result.insert(yes) }
        if mayFail, mayNoneDecide { result.insert(.fails) }
        return result
    }
}

/// A question about one value.
struct ConditionTest: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// It is there: `has(…)`, or `"x" in headers`.
        case present
        case equals(Constant)
        case oneOf([Constant])
        case startsWith(String)
        case endsWith(String)
        case contains(Constant)
        case matches(String)
        case order(Order, Double)
        /// `constant in value`
        case member(Constant)
        /// The value itself is the condition.
        case isTrue
        /// A condition that nothing is known about.
        case opaque
        /// `x == x`: true, or an error.
        case same
    }

    enum Order: Hashable, Sendable {
        case below, atMost, above, atLeast

        func holds(_ a: Double, _ b: Double) -> Bool {
            switch self {
            case .below: a < b
            case .atMost: a <= b
            case .above: a > b
            case .atLeast: a >= b
            }
        }
    }

    /// A literal as it is compared: CEL's numbers are equal across their types.
    enum Constant: Hashable, Sendable {
        case text([UInt8])
        case number(Double)
        case bool(Bool)
        case null
    }

    /// Index in `ConditionSpace.subjects`.
    var subject: Int
    var kind: Kind
}

extension ConditionTest {
    /// Whether the test can come out either way by itself.
    var isFree: Bool {
        switch kind {
        case .same, .startsWith(""), .endsWith(""), .contains(.text([])): false
        default: true
        }
    }

    /// Whether the truth of another test of the same value can have to do with that of this one. Only where it is plain that
    /// it does not, it is false: then nothing is said of the two rules.
    func mayFollow(from other: ConditionTest) -> Bool {
        switch (kind, other.kind) {
        case (.equals(let a), .equals(let b)): a == b
        case (.startsWith(let a), .startsWith(let b)): b.utf8.starts(with: a.utf8)
        case (.startsWith(let prefix), .equals(.text(let text))): text.starts(with: prefix.utf8)
        case (.member(let a), .member(let b)): a == b
        case (.equals, .startsWith), (.equals, .member), (.member, .equals), (.member, .startsWith): false
        default: true
        }
    }
}

/// A value that rules ask about: an attribute, or something computed from some.
struct ConditionSubject: Sendable {
    enum Kind: Sendable {
        case text, number, bool
        /// Of any kind, also a list or a map.
        case any
    }

    /// Equal keys are equal values.
    var key: String
    var kind: Kind
    /// Reading it may be an error.
    var mayBeAbsent: Bool
    /// Asking whether it is there may be an error: what it is a part of may be absent.
    var mayPresenceFail: Bool
}

/// The subjects and tests of rules that are compared with each other. Confined to one lint.
final class ConditionSpace {
    private(set) var subjects: [ConditionSubject] = []
    private(set) var tests: [ConditionTest] = []
    private var subjectsByKey: [String: Int] = [:]
    private var testIndices: [ConditionTest: Int] = [:]

    func subject(_ key: String, _ make: () -> ConditionSubject) -> Int {
        if let index = subjectsByKey[key] { return index }
        subjects.append(make())
        subjectsByKey[key] = subjects.count - 1
        return subjects.count - 1
    }

    func test(_ subject: Int, _ kind: ConditionTest.Kind) -> Condition {
        let test = ConditionTest(subject: subject, kind: kind)
        if let index = testIndices[test] { return .test(index) }
        tests.append(test)
        testIndices[test] = tests.count - 1
        return .test(tests.count - 1)
    }
}
