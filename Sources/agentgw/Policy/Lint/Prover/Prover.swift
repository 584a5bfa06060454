// Decides whether some request makes conditions come out in a given way: a search over the cases of the values that they
// ask about, one value after the other, leaving a branch as soon as it cannot lead there.

/// Confined to one lint.
final class Prover {
    /// Cases that one question may try. Rules that people write take some dozen.
    static let maximumSteps = 4_000
    /// And all questions of one policy together, so that a generated policy of thousands of rules is linted in time.
    static let maximumTotalSteps = 100_000

    /// Tests in one question. A generated chain of thousands is left alone.
    static let maximumTests = 64

    let space: ConditionSpace
    private var totalSteps = 0

    /// By test: what it may come to where the search stands.
    private var values: [Truth] = []

    init(_ space: ConditionSpace) { self.space = space }

    struct Requirement {
        var condition: Condition
        /// One of these it must come to.
        var truth: Truth
    }

    private struct Group {
        var subject: Int
        var tests: [Int]
        var rows: [[Truth]]
    }

    /// Whether the requirements can be met together. nil: not known; nothing follows.
    func canBe(_ requirements: [Requirement]) -> Bool? {
        guard totalSteps < Self.maximumTotalSteps, let groups = groups(of: requirements) else { return nil }
        if values.count < space.tests.count {
            values = Array(repeating: .anything, count: space.tests.count)
        }
        for group in groups { forget(group) }
        var steps = 0
        let result = search(requirements, groups[...], &steps)
        totalSteps += steps
        return result
    }

    /// Whether a condition comes to one of `truth` in every case. Not known is no.
    func isAlways(_ condition: Condition, _ truth: Truth) -> Bool {
        canBe([Requirement(condition: condition, truth: .anything.subtracting(truth))]) == false
    }

    /// Whether, whenever `a` comes to one of `first`, `b` comes to one of `second`. Not known is no.
    func follows(_ a: Condition, _ first: Truth, _ b: Condition, _ second: Truth) -> Bool {
        canBe([
            Requirement(condition: a, truth: first), Requirement(condition: b, truth: .anything.subtracting(second)),
        ]) == false
    }

    private func groups(of requirements: [Requirement]) -> [Group]? {
        var order: [Int] = []
        var tests: [Int: [Int]] = [:]
        var count = 0
        for requirement in requirements {
            requirement.condition.visitTests { test in
                guard count <= Self.maximumTests else { return }
                let subject = space.tests[test].subject
                if tests[subject] == nil { order.append(subject) }
                if tests[subject]?.contains(test) == true { return }
                tests[subject, default: []].append(test)
                count += 1
            }
        }
        guard count <= Self.maximumTests else { return nil }
        var groups: [Group] = []
        for subject in order {
            let tests = tests[subject] ?? []
            guard let rows = SubjectStates.rows(space.subjects[subject], tests.map { space.tests[$0].kind }) else {
                return nil
            }
            groups.append(Group(subject: subject, tests: tests, rows: rows))
        }
        return groups
    }

    private func forget(_ group: Group) {
        for (column, test) in group.tests.enumerated() {
            values[test] = group.rows.reduce(into: []) { $0.formUnion($1[column]) }
        }
    }

    private func search(_ requirements: [Requirement], _ groups: ArraySlice<Group>, _ steps: inout Int) -> Bool? {
        steps += 1
        guard steps <= Self.maximumSteps else { return nil }
        var isCertain = true
        for requirement in requirements {
            let truth = requirement.condition.truth { values[$0] }
            if truth.isDisjoint(with: requirement.truth) { return false }
            if !requirement.truth.isSuperset(of: truth) { isCertain = false }
        }
        if isCertain { return true }
        guard let group = groups.first else { return true }
        defer { forget(group) }
        for row in group.rows {
            for (column, test) in group.tests.enumerated() { values[test] = row[column] }
            switch search(requirements, groups.dropFirst(), &steps) {
            case false?: continue
            case let answer: return answer
            }
        }
        return false
    }
}
