// Values whose parts are shared: they take little memory and are large by a power of their depth to whoever walks them.
// Comparing, copying out and printing stop at the budget. Without that these tests do not end.

import Testing

@testable import CEL

@Suite struct SharedPartsTests {
    /// `use` of a value of 2⁴⁵ parts, each level holding the one below twice.
    private static func doubled(_ level: (String) -> String, _ use: String) -> String {
        let depth = 45
        let bindings = (0..<depth).map { "cel.bind(v\($0), \(level($0 == 0 ? "dyn(1)" : "v\($0 - 1)")), " }
        return bindings.joined() + use.replacing("TOP", with: "v\(depth - 1)") + String(repeating: ")", count: depth)
    }

    private static let uses = [
        "TOP == TOP", "TOP != TOP", "TOP in [TOP]", "[TOP, TOP].distinct()", "sets.contains([TOP], [TOP])",
        "optional.of(TOP) == optional.of(TOP)", "toJson(TOP)", "'%s'.format([[TOP]])", "TOP", "[TOP, 1].flatten()",
    ]

    @Test(arguments: uses, ["[PART, PART]", "{'a': PART, 'b': PART}"])
    func largeByMultiplicityIsOverTheBudget(_ use: String, _ shape: String) throws {
        let source = Self.doubled({ shape.replacing("PART", with: $0) }, use)
        let program = try Environment().compileUnchecked(source)
        let error = #expect(throws: EvaluationError.self) { try program.evaluate(budget: 50_000) }
        #expect(error?.kind == .cost)
    }

    @Test func optionalsCountToo() throws {
        let source = Self.doubled({ "[optional.of(\($0)), optional.of(\($0))]" }, "TOP == TOP")
        let error = #expect(throws: EvaluationError.self) {
            try Environment().compileUnchecked(source).evaluate(budget: 50_000)
        }
        #expect(error?.kind == .cost)
    }

    @Test func explanationsSayThatAPartIsTooLarge() throws {
        let program = try Environment().compileUnchecked(Self.doubled({ "[\($0), \($0)]" }, "size(TOP) == 2"))
            .instrumented()
        let explanation = try program.explain([:])
        guard case .value(.bool(true)) = explanation.result else {
            Issue.record("\(explanation.result)")
            return
        }
        #expect(
            explanation.parts.contains {
                if case .failed(let error) = $0.outcome { error.kind == .cost } else { false }
            })
    }

    @Test func residualsKeepTheExpressionOfALargePart() throws {
        let environment = Environment(variables: ["x": .dyn])
        let program = try environment.compile(Self.doubled({ "[\($0), \($0)]" }, "size(TOP) == x"))
        guard case .residual(let ast) = try program.partiallyEvaluate(["x": .unknown]) else {
            Issue.record("the value of x is not known")
            return
        }
        #expect(ast.unparsed().contains("x"))
    }

    @Test func equalValuesThatShareNothingStillCompare() throws {
        let environment = Environment(variables: ["a": .dyn, "b": .dyn])
        let value = CELValue.list((0..<1000).map { .map([("k", .list([.int(Int64($0)), .double(1), .null]))]) })
        let program = try environment.compile("a == b && !(a != b) && a in [b] && [a, b].distinct().size() == 1")
        #expect(try program.evaluate(["a": value, "b": value]) == .bool(true))
    }
}
