// Prints every expression of the suite and reads it again.

import Testing

@testable import CEL

@Suite struct RoundTripTests {
    @Test func everyExpressionOfTheSuitePrintsToAnEqualTree() throws {
        guard ConformanceSuite.isPresent else {
            return print("ROUND TRIPS OF THE CONFORMANCE SUITE ARE SKIPPED: no data in \(ConformanceSuite.directory)")
        }
        var count = 0
        for file in ConformanceSuite.files {
            for test in try ConformanceSuite.tests(in: file) {
                // Expressions that must not parse are among those that expect an error.
                guard let parsed = try? ParsedExpression.parse(test.expression) else { continue }
                let text = parsed.ast.unparsed()
                let again = try ParsedExpression.parse(text)
                #expect(again.ast.isEquivalent(to: parsed.ast), "\(test.title): \(test.expression) became \(text)")
                count += 1
            }
        }
        #expect(count > 2_400)
    }
}
