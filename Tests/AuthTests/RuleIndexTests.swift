import CEL
import JSON
import Testing

@testable import Auth

/// The index leaves rules out; what is decided must be what asking every rule decides.
struct RuleIndexTests {
    private static func expression(_ generator: inout SeededGenerator) -> String {
        func pick(_ choices: [String]) -> String { choices.randomElement(using: &generator)! }
        let texts = ["\"a\"", "\"b\"", "\"c\"", "\"write\"", "\"\"", "\"Ä\""]
        let attribute = pick([
            "mcp.tool.name", "mcp.tool.name", "mcp.tool.name", "mcp.tool.name", "mcp.method", "jwt.role",
            "jwt[\"role\"]",
        ])
        let comparison =
            switch Int.random(in: 0...6, using: &generator) {
            case 0: "\(pick(texts)) == \(attribute)"
            case 1: "\(attribute) in [\(pick(texts)), \(pick(texts)), \(pick(texts))]"
            case 2: "\(attribute) in []"
            default: "\(attribute) == \(pick(texts))"
            }
        let rest = pick([
            "", "", " && mcp.tool.arguments.n > 1", " && jwt.missing == 1", " && mcp.method == \"tools/call\"",
            " && 1 / 0 == 1", " && \(attribute) == \(pick(texts))", " || jwt.role == \"a\"", " && jwt.level > 2",
            " && [1, 2, 3].all(x, [1, 2, 3].exists(y, y == x))",
        ])
        let front = pick([
            "", "", "", "", "", "", "mcp.method == \"tools/call\" && ", "jwt.missing == \"x\" && ", "jwt.level > 2 && ",
            "!",
        ])
        return front == "!" ? "!(\(comparison))\(rest)" : "\(front)\(comparison)\(rest)"
    }

    private static func attributes(_ generator: inout SeededGenerator) throws -> MCPAttributes {
        let names = ["a", "b", "c", "write", "", "Ä", "other"]
        var attributes = MCPAttributes(method: Bool.random(using: &generator) ? "tools/call" : "a")
        guard Int.random(in: 0...7, using: &generator) > 0 else { return attributes }
        let arguments: RuleValue =
            switch Int.random(in: 0...3, using: &generator) {
            case 0: .unknown
            case 1: .absent
            default: .json(try JSONDocument(parsing: "{\"n\":\(Int.random(in: 0...3, using: &generator))}").root)
            }
        attributes.tool = MCPAttributes.Tool(name: names.randomElement(using: &generator)!, arguments: arguments)
        return attributes
    }

    @Test func anIndexedSetDecidesLikeAskingEveryRule() throws {
        let seed: UInt64 = 0x5EED_0011
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let claims = [nil, "{\"role\":\"a\",\"level\":3}", "{\"role\":\"b\"}", "{\"role\":7}", "{\"role\":null}"]
        let evaluator = try RuleEvaluator(env: [:])
        var narrowed = 0
        for _ in 0..<200 {
            let rules = (0..<Int.random(in: 8...80, using: &generator)).map { _ in
                AuthorizationTests.rule(
                    [.allow, .allow, .allow, .deny, .deny, .deny, .require].randomElement(using: &generator)!,
                    Self.expression(&generator), shadow: Int.random(in: 0...9, using: &generator) == 0)
            }
            let set = try AuthorizationTests.set(rules, kind: .mcp)
            for _ in 0..<25 {
                let inputs = try AuthorizationTests.inputs(
                    claims: claims.randomElement(using: &generator)!, mcp: try Self.attributes(&generator))
                evaluator.begin(inputs)
                defer { evaluator.end() }
                let context = evaluator.context(for: set.environment)
                for steps in [set.enforced, set.hypothetical ?? set.enforced] {
                    var cost = 0
                    var asked = 0
                    var askedOfAll = 0
                    let every = TruthTable.decide(steps) { rule in
                        askedOfAll += 1
                        return set.outcome(rule, context, &cost)
                    }
                    let some = TruthTable.decide(steps, value: { $0.value(in: context) }) { rule in
                        asked += 1
                        return set.outcome(rule, context, &cost)
                    }
                    if asked < askedOfAll { narrowed += 1 }
                    if every != some {
                        Issue.record("\(every) with every rule, \(some) with the index: \(rules.map(\.expression))")
                    }
                }
            }
        }
        #expect(narrowed > 1000, "the index is used: \(narrowed)")
    }

    @Test(arguments: [
        ("mcp.tool.name == \"a\"", ["mcp.tool.name"]), ("\"a\" == mcp.tool.name && jwt.x > 1", ["mcp.tool.name"]),
        ("mcp.method == \"m\" && mcp.tool.name in [\"a\"] && true", ["mcp.method", "mcp.tool.name"]),
        // What may run out of budget, or decide by itself, stands before it.
        ("jwt.x > 1 && mcp.tool.name == \"a\"", []), ("mcp.tool.name == \"a\" || jwt.x > 1", []),
        ("!(mcp.tool.name == \"a\")", []), ("mcp.tool.name != \"a\"", []), ("mcp.tool.name == jwt.tool", []),
        ("mcp.tool.name in [\"a\", jwt.tool]", []), ("jwt.?role == optional.of(\"a\")", []),
        ("mcp.tool.name in jwt.tools", []), ("has(mcp.tool) && mcp.tool.name == \"a\"", []),
    ])
    func comparisonsThatMustHoldAreFound(_ expression: String, _ attributes: [String]) throws {
        let set = try AuthorizationTests.set(.mcp, [AuthorizationTests.rule(.allow, expression)])
        let found = set.rules[0].program.checked.leadingComparisons
        #expect(found.keys.map(\.description).sorted() == attributes)
    }

    @Test func fewRulesHaveNoIndex() throws {
        func set(_ count: Int) throws -> RuleSet {
            try AuthorizationTests.set(
                .mcp, (0..<count).map { AuthorizationTests.rule(.allow, "mcp.tool.name == \"t\($0)\"") })
        }
        #expect(try set(RuleIndex.minimumRules - 1).enforced.allow.index == nil)
        #expect(try set(RuleIndex.minimumRules).enforced.allow.index != nil)
    }

    @Test func theDecidingRuleOfAThousandIsTheFirstThatHolds() throws {
        let rules = (0..<1000).map { AuthorizationTests.rule(.deny, "mcp.tool.name == \"t\($0 % 500)\"", id: "\($0)") }
        let set = try AuthorizationTests.set(.mcp, rules)
        for name in ["t0", "t499", "t250"] {
            let inputs = try AuthorizationTests.inputs(
                mcp: MCPAttributes(method: "tools/call", tool: MCPAttributes.Tool(name: name)))
            let decision = try AuthorizationTests.decide([set], inputs, phase: .mcpCall)
            #expect(decision.rule?.id == String(name.dropFirst()))
        }
    }
}
