// Holds the reference evaluator against the specification's suite: an oracle that is wrong proves nothing.

import CELReference
import Testing

@testable import CEL

@Suite struct ReferenceConformanceTests {
    /// Tests that the reference has all functions for; the others are about addresses, formats, patterns and named zones.
    static let fewestCompared = 1_200

    @Test func theReferenceGivesWhatTheSuiteExpects() throws {
        guard ConformanceSuite.isPresent else {
            return print("THE REFERENCE IS NOT HELD AGAINST THE SUITE: no data in \(ConformanceSuite.directory)")
        }
        var compared = 0
        var unsupported: [String: Int] = [:]
        for file in ConformanceSuite.files {
            for test in try ConformanceSuite.tests(in: file) where !test.needsMessages && !test.checkOnly {
                guard let environment = try? test.environment(),
                    let parsed = try? ParsedExpression.parse(test.expression),
                    let checked = try? (test.disableCheck ? environment.resolve(parsed) : environment.check(parsed))
                else { continue }
                let inputs = Dictionary(
                    uniqueKeysWithValues: test.bindings.compactMap { name, proto in CELValue(proto).map { (name, $0) } }
                )
                let wanted: ReferenceResult
                switch test.expectation {
                case .value(let proto), .type(_, value: let proto?):
                    wanted = .value(try #require(CELValue(proto), "\(test.title)"))
                case .anyError: wanted = .error
                case .type(_, value: nil): continue
                }
                switch ReferenceEvaluator(checked, inputs).evaluate() {
                case .unsupported(let function): unsupported[function, default: 0] += 1
                case let result:
                    compared += 1
                    #expect(result == wanted, "\(test.title): \(test.expression)")
                }
            }
        }
        print(
            "the reference agrees with \(compared) tests; it has no", unsupported.keys.sorted().joined(separator: ", "))
        #expect(compared >= ReferenceConformanceTests.fewestCompared)
    }
}
