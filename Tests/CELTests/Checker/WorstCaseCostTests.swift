// The order of magnitude of static estimates: what grows with the input, and how.

import Testing

@testable import CEL

@Suite struct WorstCaseCostTests {
    private static func cost(_ source: String, elements: UInt64) throws -> UInt64 {
        let environment = Environment(variables: ["l": .list(.int), "s": .string])
        return try environment.check(source).worstCaseCost(InputSizes(elements: elements, bytes: 100))
    }

    @Test func constantsDoNotGrowWithTheInput() throws {
        #expect(try Self.cost("1 + 2 == 3", elements: 10) == Self.cost("1 + 2 == 3", elements: 1_000_000))
    }

    @Test(arguments: [
        ("l.exists(x, x > 1)", 10.0), ("l.exists(x, l.exists(y, x == y))", 100.0),
        ("l.all(x, l.all(y, l.all(z, x == y + z)))", 1000.0),
    ])
    func nestedMacrosMultiply(_ source: String, _ factor: Double) throws {
        let ratio = Double(try Self.cost(source, elements: 10_000)) / Double(try Self.cost(source, elements: 1_000))
        #expect(abs(ratio / factor - 1) < 0.05)
    }

    @Test func whatIsBeyondCountingSaturates() throws {
        #expect(try Self.cost("l.map(a, l.map(b, l.map(c, a + b + c)))", elements: 1 << 40) == .max)
    }
}
