import CELReference
import Testing

@testable import CEL

@Suite struct PlannedAgainstReferenceTests {
    static let inputs: [String: CELValue] = [
        "i": .int(3), "s": .string("héllo"), "b": .bool(true), "l": .list([.int(1), .string("a"), .int(3)]),
        "m": .map([("a", .int(1)), ("b", .map([("c", .string("x"))]))]),
    ]

    /// Expressions of all shapes, most of them well-typed and some not.
    private struct Generator {
        var random: SeededGenerator
        var names: [String] = []

        mutating func pick(_ choices: [String]) -> String { choices.randomElement(using: &random) ?? "null" }

        mutating func any(_ depth: Int) -> String {
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<4: bool(depth)
            case 4..<7: int(depth)
            case 7..<9: string(depth)
            case 9: list(depth)
            case 10: pick(["null", "m", "{'a': \(depth > 0 ? int(depth - 1) : "1")}", "m.b", "m['b'].c", "m.nope"])
            default: names.isEmpty ? "l" : pick(names)
            }
        }

        mutating func bool(_ depth: Int) -> String {
            if depth == 0 { return pick(["true", "false", "b", "has(m.a)", "has(m.b.d)", "'a' in m"]) }
            let d = depth - 1
            switch Int.random(in: 0..<12, using: &random) {
            case 0, 1: return "(\(bool(d)) && \(any(d)))"
            case 2, 3: return "(\(bool(d)) || \(any(d)))"
            case 4: return "!\(bool(d))"
            case 5: return "(\(any(d)) \(pick(["==", "!="])) \(any(d)))"
            case 6: return "(\(int(d)) \(pick(["<", "<=", ">", ">="])) \(int(d)))"
            case 7: return "(\(any(d)) in \(list(d)))"
            case 8: return "\(string(d)).\(pick(["startsWith", "contains"]))(\(string(d)))"
            case 9, 10:
                let name = pick(["x", "y"])
                let range = list(d)
                names.append(name)
                defer { names.removeLast() }
                return "\(range).\(pick(["all", "exists", "exists_one"]))(\(name), \(bool(d)))"
            default: return "(\(any(d)) ? \(bool(d)) : \(bool(d)))"
            }
        }

        mutating func int(_ depth: Int) -> String {
            if depth == 0 { return pick(["0", "1", "3", "i", "-5", "m.a", "9223372036854775807"]) }
            let d = depth - 1
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: return "(\(int(d)) \(pick(["+", "-", "*", "/", "%"])) \(int(d)))"
            case 2: return "size(\(any(d)))"
            case 3: return "\(list(d))[\(int(d))]"
            default: return "(\(bool(d)) ? \(int(d)) : \(any(d)))"
            }
        }

        mutating func string(_ depth: Int) -> String {
            depth == 0 ? pick(["''", "'a'", "s", "'hé'", "m.b.c"]) : "(\(string(depth - 1)) + \(string(depth - 1)))"
        }

        mutating func list(_ depth: Int) -> String {
            if depth == 0 { return pick(["[]", "[1, 2, 3]", "['a', 'b']", "l", "m", "[1, 1.0, 'x', [2]]"]) }
            let d = depth - 1
            switch Int.random(in: 0..<3, using: &random) {
            case 0: return "[\(any(d)), \(any(d))]"
            default:
                let name = pick(["x", "y"])
                let range = list(d)
                names.append(name)
                defer { names.removeLast() }
                return Bool.random(using: &random)
                    ? "\(range).map(\(name), \(any(d)))" : "\(range).filter(\(name), \(bool(d)))"
            }
        }
    }

    @Test func plannedProgramsAgreeWithTheReference() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Generator(random: SeededGenerator(state: seed))
        let environment = Environment(variables: Self.inputs.mapValues { _ in .dyn })
        var values = 0
        for _ in 0..<8000 {
            let source = generator.any(4)
            let checked = try environment.resolve(try ParsedExpression.parse(source))
            let expected = ReferenceEvaluator(checked, Self.inputs).evaluate()
            for isInstrumented in [false, true] {
                let program = try Program(checked, isInstrumented: isInstrumented)
                let got: ReferenceResult
                do { got = .value(try program.evaluate(Self.inputs)) } catch { got = .error }
                #expect(got == expected, "seed \(seed), probes \(isInstrumented): \(source)")
            }
            if expected != .error { values += 1 }
        }
        #expect(values > 1000, "seed \(seed)")
    }
}
