// What the linter proves about rules holds when the engine evaluates them: on generated rules, for generated requests.

import CEL
import Testing

@testable import agentgw

@Suite struct ProverTests {
    /// SplitMix64, so that a failure names the seed that shows it again.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }

        mutating func pick<Element>(_ elements: [Element]) -> Element {
            elements[Int.random(in: elements.indices, using: &self)]
        }

        // Few words and numbers, so that rules often have to do with each other.
        private static let texts = ["", "a", "ab", "abc", "b"]
        private static let numbers = ["0", "1", "2", "1.5", "2.0"]

        mutating func test() -> String {
            let value = pick(["jwt.x", "jwt.y", "jwt.x.y", "request.path", #"request.headers["h"]"#, #"jwt["x"]"#])
            let text = "\"\(pick(Self.texts))\""
            let number = pick(Self.numbers)
            let isPath = value == "request.path"
            switch Int.random(in: 0..<(isPath ? 6 : 15), using: &self) {
            case 0: return "\(value) == \(text)"
            case 1: return "\(value) != \(text)"
            case 2: return "\(value).startsWith(\(text))"
            case 3: return "\(value) in [\(text), \"b\"]"
            case 4: return "\(value).\(pick(["endsWith", "contains"]))(\(text))"
            case 5: return "\(value).matches(\"^a|b$\")"
            case 6: return "\(value) == \(number)"
            case 7: return "\(value) \(pick(["<", "<=", ">", ">="])) \(number)"
            case 8: return "\(text) in \(value)"
            case 9: return value.hasSuffix("]") ? "\"h\" in request.headers" : "has(\(value))"
            case 10: return "\(value).exists(e, e == \(text))"
            case 11:
                return pick([
                    "true", "false", "jwt.x == jwt.x", "jwt.x == jwt.y", "\"x\" in jwt", "\"a\" in jwt.scopes",
                ])
            case 12: return "\(value) in [\(number), \(text)]"
            case 13: return "\(value) == \(pick(["true", "false", "null"]))"
            default: return "\(value)"
            }
        }

        mutating func condition(_ depth: Int) -> String {
            guard depth > 0 else { return test() }
            switch Int.random(in: 0..<7, using: &self) {
            case 0, 1: return "(\(condition(depth - 1)) && \(condition(depth - 1)))"
            case 2, 3: return "(\(condition(depth - 1)) || \(condition(depth - 1)))"
            case 4: return "!(\(condition(depth - 1)))"
            case 5: return "(\(condition(depth - 1)) ? \(condition(depth - 1)) : \(condition(depth - 1)))"
            default: return test()
            }
        }

        private mutating func value(_ depth: Int) -> CELValue {
            switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &self) {
            case 0, 1, 2: return .string(pick(Self.texts))
            case 3: return .int(Int64.random(in: -1...3, using: &self))
            case 4: return .double(pick([0, 1.5, 1.75, 2]))
            case 5: return pick([.bool(true), .bool(false), .null])
            case 6: return .list((0..<Int.random(in: 0...2, using: &self)).map { _ in value(0) })
            default: return map(depth - 1)
            }
        }

        private mutating func map(_ depth: Int) -> CELValue {
            var entries: [(key: CELValue, value: CELValue)] = []
            for name in ["x", "y", "a"] where Bool.random(using: &self) {
                entries.append((.string(name), value(depth)))
            }
            return .map(entries)
        }

        mutating func request() -> [String: CELValue] {
            var claims: [(key: CELValue, value: CELValue)] = [(.string("scopes"), .list(pick([[], [.string("a")]])))]
            for name in ["x", "y"] where Int.random(in: 0..<4, using: &self) > 0 {
                claims.append((.string(name), value(2)))
            }
            let texts: [CELValue] = Self.texts.map { .string($0) }
            var headers: [(key: CELValue, value: CELValue)] = []
            switch Int.random(in: 0..<4, using: &self) {
            case 0: break
            case 1: headers.append((.string("h"), .list([pick(texts), pick(texts)])))
            default: headers.append((.string("h"), pick(texts)))
            }
            return [
                "jwt": .map(claims),
                "request": .map([(.string("path"), pick(texts)), (.string("headers"), .map(headers))]),
            ]
        }
    }

    private static func outcome(_ program: Program, _ request: [String: CELValue]) -> Truth {
        do throws(EvaluationError) {
            guard case .bool(let value) = try program.evaluate(request) else { return .fails }
            return Truth(value)
        } catch { return .fails }
    }

    @Test(arguments: 1...6)
    func whatIsProvedIsSo(seed: UInt64) throws {
        var random = Random(state: seed)
        let count = 36
        var expressions: [String] = []
        var policy: LoadedPolicy?
        // Rules that the checker refuses prove nothing.
        while expressions.count < count {
            let expression = random.condition(2)
            let text = "rules:\n" + (expressions + [expression]).map { "- allow: '\($0)'\n" }.joined()
            guard let loaded = PolicyLoader(environment: .none).load(file: "p.yaml", bytes: Array(text.utf8)).policy
            else {
                continue
            }
            expressions.append(expression)
            policy = loaded
        }
        let rules = try #require(policy).rules
        let space = ConditionSpace()
        let conditions = rules.map { ConditionReader.read($0, in: space) }
        let requests = (0..<250).map { _ in random.request() }
        let outcomes = try rules.map { rule in
            let program = try rule.program.checked.environment.compile(rule.expression)
            return requests.map { Self.outcome(program, $0) }
        }
        let questions: [(Truth, Truth)] = [
            (.yes, .yes), ([.yes, .fails], [.yes, .fails]), ([.no, .fails], [.no, .fails]), (.yes, [.no, .fails]),
            (.anything, [.no, .fails]), (.anything, [.yes, .fails]),
        ]
        var proved = 0
        for a in rules.indices {
            let prover = Prover(space)
            for b in rules.indices where a != b {
                for (first, second) in questions {
                    guard prover.follows(conditions[a], first, conditions[b], second) else { continue }
                    proved += 1
                    let counter = requests.indices.first {
                        first.contains(outcomes[a][$0]) && !second.contains(outcomes[b][$0])
                    }
                    #expect(
                        counter == nil,
                        "seed \(seed): \(expressions[a]) \(first) ⇒ \(expressions[b]) \(second), but \(counter.map { requests[$0] } ?? [:])"
                    )
                }
            }
        }
        #expect(proved > 20, "seed \(seed): \(proved)")
    }

    /// Chains that programs write: nothing is said of them, and that does not take long.
    @Test func longChainsAreLeftAlone() throws {
        var names: [String] = []
        for number in 0..<3000 { names.append("\"u\(number)\"") }
        let equalities: [String] = names.map { name in "jwt.sub == \(name)" }
        let list: String = names.joined(separator: ", ")
        let chains: [String] = [equalities.joined(separator: " || "), "jwt.sub in [\(list)]"]
        for chain in chains {
            let text = "rules:\n- allow: '\(chain)'\n- allow: 'jwt.sub == \"u7\" && request.path == \"/x\"'\n"
            let outcome = PolicyLoader(environment: .none).load(file: "p.yaml", bytes: Array(text.utf8))
            let policy = try #require(outcome.policy)
            #expect(PolicyLinter().lint(policy).allSatisfy { $0.rule == LintRule.costBudget.id })
        }
    }

    @Test func rulesOfManyValuesAreLeftAlone() throws {
        // 2^30 cases: the search gives up, and nothing is claimed.
        let terms = (0..<30).map { "jwt.c\($0) == \"a\"" }
        let text = """
            rules:
            - allow: '\(terms.map { "(\($0) || jwt.d == \"\($0.utf8.count)\")" }.joined(separator: " && "))'
            - allow: '\(terms.joined(separator: " || "))'
            """
        let policy = try #require(PolicyLoader(environment: .none).load(file: "p.yaml", bytes: Array(text.utf8)).policy)
        #expect(PolicyLinter().lint(policy).allSatisfy { $0.rule != "shadowed-rule" && $0.rule != "duplicate-rule" })
    }
}
