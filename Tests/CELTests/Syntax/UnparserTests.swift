// What the unparser prints, and that it parses to an equal tree: for chosen and for generated expressions.

import Testing

@testable import CEL

@Suite struct UnparserTests {
    @Test(arguments: [
        ("(a && b) || c", "a && b || c"), ("a && (b || c)", "a && (b || c)"), ("((1 + 2)) * 3", "(1 + 2) * 3"),
        ("1 - (2 - 3)", "1 - (2 - 3)"), ("(1 - 2) - 3", "1 - 2 - 3"), ("!(!a)", "!!a"), ("-(5)", "-(5)"), ("-5", "-5"),
        ("-(5.f())", "-(5.f())"), ("a ? (b ? 1 : 2) : (c ? 3 : 4)", "a ? (b ? 1 : 2) : c ? 3 : 4"),
        ("(a ? b : c) ? 1 : 2", "(a ? b : c) ? 1 : 2"), ("'it\\'s'", "\"it's\""), ("b'\\x00a'", "b\"\\x00a\""),
        ("x.`a-b`.?c[?0]", "x.`a-b`.?c[?0]"), ("[1, ?a, ]", "[1, ?a]"), ("{'a': 1, ?'b': c}", "{\"a\": 1, ?\"b\": c}"),
        ("T{a: 1, ?b: c}", "T{a: 1, ?b: c}"), ("has(a.b)", "has(a.b)"), ("l.exists(x, x > 1)", "l.exists(x, x > 1)"),
        ("m.map(x, x.all(y, y == 1), [x])", "m.map(x, x.all(y, y == 1), [x])"),
        ("cel.bind(x, 1, x + x)", "cel.bind(x, 1, x + x)"),
        ("math.greatest(1, 2, a)", "math.greatest(1, 2, a)"), ("a.optMap(x, x + 1)", "a.optMap(x, x + 1)"),
        (".a.b(.c)", ".a.b(.c)"), ("a && (b && c)", "a && (b && c)"), ("a && b && c && d", "a && b && c && d"),
        ("1u + 2.0 + 1e30", "1u + 2.0 + 1e+30"), ("a in [1] == true", "a in [1] == true"),
        ("m.filterKeys(k, k != '')", "m.filterKeys(k, k != \"\")"),
        ("cel.block([], 1)", "cel.block([], 1)"), ("a.while", "a.while"),
    ])
    func treesPrintWithTheParenthesesTheyNeed(_ source: String, _ text: String) throws {
        let ast = try ParsedExpression.parse(source).ast
        #expect(ast.unparsed() == text)
        #expect(try ParsedExpression.parse(ast.unparsed()).ast.isEquivalent(to: ast))
    }

    @Test func generatedTreesSurviveTheWayToTextAndBack() throws {
        let seed: UInt64 = 0x5eed
        var generator = ExpressionGenerator(seed: seed)
        for round in 0..<5_000 {
            let source = generator.expression(depth: 5)
            let ast = try ParsedExpression.parse(source).ast
            let text = ast.unparsed()
            let again = try ParsedExpression.parse(text).ast
            #expect(again.isEquivalent(to: ast), "seed \(seed), round \(round): \(source) became \(text)")
            #expect(again.unparsed() == text, "seed \(seed), round \(round)")
        }
    }
}

/// Syntactically valid expressions of every form.
struct ExpressionGenerator {
    private var random: Random

    init(seed: UInt64) { random = Random(seed: seed) }

    private mutating func pick<T>(_ choices: [T]) -> T { choices[random.below(choices.count)] }

    mutating func expression(depth: Int) -> String {
        if depth == 0 { return leaf() }
        let a = expression(depth: depth - 1 - random.below(2) % depth)
        let b = expression(depth: depth - 1 - random.below(2) % depth)
        switch random.below(22) {
        case 0: return "(\(a)) ? (\(b)) : (\(expression(depth: depth - 1)))"
        case 1: return "((\(a)) && b) == (c || (\(b)))"
        case 2...4: return "(\(a)) \(pick(["&&", "||"])) (\(b)) \(pick(["&&", "||"])) (\(expression(depth: depth - 1)))"
        case 5...7: return "(\(a)) \(pick(["+", "-", "*", "/", "%", "<", "<=", "==", "!=", "in", ">", ">="])) (\(b))"
        case 8: return "\(pick(["!", "-", "--", "!!", "-!", "!-"]))(\(a))"
        case 9: return "(\(a))\(pick([".f", ".?f", ".`x-y`", ".in_", ".while"]))"
        case 10: return "(\(a))[\(pick(["", "?"]))\(b)]"
        case 11: return "[\(a), ?\(b), \(leaf())]"
        case 12: return "{\(a): \(b), ?\(leaf()): \(leaf())}"
        case 13:
            return
                "(\(a)).\(pick(["all", "exists", "exists_one", "map", "filter", "optMap", "optFlatMap", "sortBy", "with"]))(x, \(b))"
        case 14: return "(\(a)).\(pick(["all", "exists", "existsOne", "transformList", "transformMap"]))(x, y, \(b))"
        case 15: return "cel.bind(v, \(a), \(b))"
        case 16: return "math.\(pick(["least", "greatest"]))(f(\(a)), g(\(b)), 1)"
        case 17: return "has((\(a)).f)"
        case 18: return "a.T{f: \(a), ?`g-h`: \(b)}"
        case 19: return "(\(a)).g(\(b))"
        case 20: return "default(\(a), \(b))"
        default: return "coalesce(\(a), \(b))"
        }
    }

    private mutating func leaf() -> String {
        pick([
            "a", ".b", "a.b.c", "1", "-1", "-9223372036854775808", "2u", "1.5", "-0.0", "1e300", "true", "null", "''",
            "'é\\n\\\"\\u0007'", "b'\\xff\\000'", "r'\\d'", "[]", "{}", "0x1F", "T{}",
        ])
    }
}
