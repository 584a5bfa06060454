// Generated expressions by the planned evaluator, with and without probes, and by the reference.

import CELReference
import Testing

@testable import CEL

@Suite struct PlannedAgainstReferenceTests {
    @Test func plannedProgramsAgreeWithTheReference() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SourceGenerator(SeededGenerator(state: seed))
        let inputs = SourceGenerator<SeededGenerator>.inputs
        let environment = Environment(variables: inputs.mapValues { _ in .dyn })
        var values = 0
        var errors = 0
        for _ in 0..<6000 {
            let source = generator.any(4)
            let checked = try environment.resolve(try ParsedExpression.parse(source))
            for isInstrumented in [false, true] {
                let program = try Program(checked, isInstrumented: isInstrumented)
                let got: ReferenceResult
                do throws(EvaluationError) { got = .value(try program.evaluate(inputs, budget: 50_000)) } catch {
                    // The reference has no bounds.
                    if error.kind == .cost { break }
                    got = .error
                }
                let expected = ReferenceEvaluator(checked, inputs).evaluate()
                if case .unsupported = expected { break }
                #expect(got == expected, "seed \(seed), probes \(isInstrumented): \(source)")
                if got == .error { errors += 1 } else { values += 1 }
            }
        }
        #expect(values > 1500 && errors > 1500, "seed \(seed): \(values) values, \(errors) errors")
    }
}
