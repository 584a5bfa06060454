// Spaces between tokens: one way of writing, and nothing but spaces changes.

import Testing

@testable import CEL

@Suite struct SpacingTests {
    private func formatted(_ source: String) -> String {
        var bytes = Array(source.utf8)
        for gap in Spacing.corrections(source).reversed() {
            bytes.replaceSubrange(Int(gap.range.start)..<Int(gap.range.end), with: Array(gap.text.utf8))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ("a==b&&c  ||!  d", "a == b && c || !d"),
        ("f ( a,b )[ 0 ] . c", "f(a, b)[0].c"),
        ("- 1-- 2", "-1 - -2"),
        ("a?b:c", "a ? b : c"),
        ("{'a' :1,\"b\":x?y:z}", "{'a': 1, \"b\": x ? y : z}"),
        ("x in[ 1,2 ]", "x in [1, 2]"),
        ("a . ?b[? \"c\" ]", "a.?b[?\"c\"]"),
        ("l.exists( g,g .startsWith( \"x  y\" ) )", "l.exists(g, g.startsWith(\"x  y\"))"),
        ("a  // b  c\n  &&d", "a  // b  c\n  && d"),
        ("a &&\n   b", "a &&\n   b"),
        ("(a)&&( b)", "(a) && (b)"),
        ("T{ a :1 }", "T{a: 1}"),
        ("a [", "a["),
        ("\"unfinished", "\"unfinished"),
    ])
    func gapsAreWrittenOneWay(_ source: String, _ expected: String) {
        #expect(formatted(source) == expected)
        #expect(formatted(expected) == expected)
    }
}
